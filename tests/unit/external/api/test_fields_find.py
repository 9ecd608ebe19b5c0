"""What stands in `find` and is empty was given all the same; and who converts the names that a search finds."""

from typing import Any

import pytest

from external.api.external_secret import DataFrom
from external.external_secrets.fetch import _request_of
from external.providers.kubernetes.client import Cluster
from external.providers.protocol import ProviderDenied, SearchRequest
from external.providers.vault.client import KeyValue
from tests.builders.external_module import ExternalModule


def request(**find: Any) -> Any:
    return _request_of(DataFrom.model_validate({"find": find}))


@pytest.mark.parametrize(
    ("find", "wanted"),
    [
        ({}, SearchRequest()),
        ({"path": ""}, SearchRequest()),
        ({"name": {}}, SearchRequest(name="")),
        ({"name": {"regexp": ""}}, SearchRequest(name="")),
        ({"name": {"regexp": "a"}}, SearchRequest(name="a")),
        ({"tags": {}}, SearchRequest(tags=())),
        ({"path": "", "tags": {"b": "2", "a": "1"}}, SearchRequest(tags=(("a", "1"), ("b", "2")))),
    ],
)
def test_a_form_that_is_given_is_told_from_one_that_is_not(find: Any, wanted: SearchRequest) -> None:
    assert request(**find) == wanted


class Api:
    def request(self, name: str, method: str, path: str, **options: Any) -> Any:
        del name, method, path
        self.params = options["params"]
        return {"kind": "SecretList", "items": [{"metadata": {"name": each}} for each in "ab"], "metadata": {}}


@pytest.mark.parametrize(
    ("find", "names"),
    [
        ({"tags": {}}, {"a", "b"}),
        ({"name": {}}, {"a", "b"}),
        ({"name": {"regexp": "b"}, "tags": {}}, {"b"}),
        ({}, None),
        ({"path": "x"}, None),
    ],
)
def test_kubernetes_lists_all_for_empty_labels(find: Any, names: set[str] | None) -> None:
    api: Any = Api()
    cluster = Cluster(api, "remote", 5, "x")
    if names is None:
        with pytest.raises(ProviderDenied, match="unexpected find operator"):
            cluster.find(request(**find))
        return

    assert set(cluster.find(request(**find))) == names
    assert "labelSelector" not in api.params


def test_vaults_first_version_refuses_tags_even_without_a_pair() -> None:
    connection: Any = None

    with pytest.raises(ProviderDenied, match="cannot perform find by tag operations with kv version v1"):
        KeyValue(connection, "kv", "v1", 5).find(request(tags={}, name={"regexp": "x"}))


REMOTE = {"app/user": "canary-1", "app/password": "canary-2", "app b": "canary-3"}


@pytest.mark.parametrize(
    ("find", "rewrite", "names"),
    [
        ({"name": {"regexp": "app"}}, None, {"app_user", "app_password", "app_b"}),
        ({"name": {}}, None, {"app_user", "app_password", "app_b"}),
        ({"path": "", "name": {"regexp": "/"}}, None, {"app_user", "app_password"}),
        ({"name": {"regexp": "/"}}, {"source": "app_(.*)", "target": "$1"}, {"user", "password"}),
        (
            {"name": {"regexp": "user"}, "conversionStrategy": "Unicode"},
            {"source": "_U002f_", "target": "-"},
            {"app-user"},
        ),
    ],
)
async def test_the_fake_provider_finds_converted_names(
    bench: ExternalModule, find: Any, rewrite: Any, names: set[str]
) -> None:
    entry = {"find": find} | ({"rewrite": [{"regexp": rewrite}]} if rewrite else {})
    bench.store(values=REMOTE)
    bench.external(data=None, dataFrom=[entry])
    await bench.settle()

    assert set(bench.data() or {}) == names, bench.ready()


async def test_the_fake_provider_needs_a_name_to_look_for(bench: ExternalModule) -> None:
    bench.store(values=REMOTE)
    bench.external(data=None, dataFrom=[{"find": {"tags": {"a": "b"}}}])
    await bench.settle()

    assert "unexpected find operator: name is missing" in bench.ready()[2]


async def test_names_of_an_extract_stay_as_they_are_for_a_rewrite(bench: ExternalModule) -> None:
    bench.store(values={"doc": '{"a/b": "canary"}'})
    entry = {"extract": {"key": "doc"}, "rewrite": [{"regexp": {"source": "a/b", "target": "c"}}]}
    bench.external(data=None, dataFrom=[entry])
    await bench.settle()

    assert set(bench.data() or {}) == {"c"}


async def test_of_other_providers_a_rewrite_sees_the_names_as_they_are(
    bench: ExternalModule, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("external.external_secrets.fetch.converts_names", lambda _client: False)
    bench.store(values={"a/b": "canary"})
    for source, names in (("a/b", {"c"}), ("none", None)):
        rewrite = [{"regexp": {"source": source, "target": "c"}}]
        bench.external(data=None, dataFrom=[{"find": {"name": {"regexp": "a"}}, "rewrite": rewrite}])
        await bench.settle()

        if names is None:
            assert "invalid secret keys" in bench.ready()[2]
        else:
            assert set(bench.data() or {}) == names

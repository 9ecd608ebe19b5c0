"""Reads of custom resources, on a small API server; the table of all providers asks a real one."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from aiohttp import web

from external.api.providers.crd import CustomResources, CustomResourcesResource, ResourceRule
from external.providers.kubernetes.connection import Connection, Server
from external.providers.kubernetes.custom_resources import ResourceReader
from external.providers.kubernetes.whitelist import Whitelist
from external.providers.protocol import DocumentPath, ProviderDenied, ProviderError, SearchRequest, SecretRequest
from external.providers.support.egress import EgressPolicy
from manager.core.errors import NeedsHuman
from manager.core.secret_value import SecretValue
from tests.builders.providers import connected
from tests.cluster.serving import Served

OBJECTS = {"team/a": {"spec": {"v": "1"}}, "team/b": {"spec": {"v": "2"}}, "other/a": {"spec": {"v": "3"}}}


class Api:
    """Serves Things in namespaces, and Globals outside."""

    def __init__(self) -> None:
        self.calls: Counter[str] = Counter()
        self._served = Served(self._handle)
        self.url = self._served.start()

    def stop(self) -> None:
        self._served.stop()

    async def _handle(self, request: web.Request) -> web.Response:
        self.calls[request.path] += 1
        if request.path == "/apis/x.test/v1":
            listed = [
                {"name": "things/status", "kind": "Thing", "namespaced": True},
                {"name": "things", "kind": "Thing", "namespaced": True},
                {"name": "globals", "kind": "Global", "namespaced": False},
            ]
            return web.json_response({"kind": "APIResourceList", "resources": listed})
        if request.path == "/api/v1":
            return web.json_response({"resources": [{"name": "secrets", "kind": "Secret", "namespaced": True}]})
        steps = request.path.strip("/").split("/")[3:]
        if steps == ["globals", "g"]:
            return web.json_response(shown("g", "", {"spec": {"v": "0"}}))
        if steps == ["things"]:
            found_all = [(key.partition("/"), body) for key, body in OBJECTS.items()]
            return web.json_response({"items": [shown(name, place, body) for (place, _, name), body in found_all]})
        found = OBJECTS.get(f"{steps[1]}/{steps[3]}") if len(steps) == 4 else None
        if found is None:
            return web.json_response({"kind": "Status", "reason": "NotFound"}, status=404)
        return web.json_response(shown(steps[3], steps[1], found))


def shown(name: str, namespace: str, body: Mapping[str, Any]) -> dict[str, Any]:
    return {"kind": "Thing", "metadata": {"name": name, **({"namespace": namespace} if namespace else {})}, **body}


@pytest.fixture(scope="module")
def running() -> Iterator[Api]:
    api = Api()
    yield api
    api.stop()


@pytest.fixture
def api(running: Api) -> Api:
    running.calls.clear()
    return running


def reader(api: Api, namespace: str = "", kind: str = "Thing", group: str = "x.test", **rule: Any) -> ResourceReader:
    server = Server(api.url, None, EgressPolicy(everything=True), SecretValue(b"token"))
    whitelist = Whitelist([ResourceRule.model_validate(rule)] if rule else [], "at", cluster=not namespace)
    resource = CustomResourcesResource(group=group, version="v1", kind=kind)
    return ResourceReader(Connection(server, lambda *_: None, 5), resource, whitelist, namespace, "this cluster", 5)


def read(client: ResourceReader, key: str, path: str = "") -> Any:
    request = SecretRequest(key, property=path)
    found = client.read([request])[request]
    if isinstance(found, ProviderError):
        raise found
    return json.loads(found.reveal())


def test_an_object_is_read_once_for_all_its_properties(api: Api) -> None:
    client = reader(api, "team")
    requests = [SecretRequest("a", property=path) for path in ("", "spec.v", "metadata.name")]

    assert len({each.reveal() for each in client.read(requests).values() if isinstance(each, SecretValue)}) == 1
    assert api.calls == {"/apis/x.test/v1": 1, "/apis/x.test/v1/namespaces/team/things/a": 1}
    assert read(client, "b")["spec"] == {"v": "2"}
    assert api.calls["/apis/x.test/v1"] == 1, "the kind is looked up once"


@pytest.mark.parametrize(
    ("namespace", "kind", "key", "said"),
    [
        ("team", "Thing", "team/a", "without a namespace"),
        ("", "Thing", "a", "is namespace/name"),
        ("", "Thing", "a/b/c", "names no object"),
        ("team", "Thing", "..", "names no object"),
        ("", "Thing", "../a", "names no object"),
        ("team", "Thing", "", "names no object"),
        ("team", "None", "a", "has no such kind"),
    ],
)
def test_a_key_that_names_no_object_is_refused(api: Api, namespace: str, kind: str, key: str, said: str) -> None:
    with pytest.raises(ProviderDenied, match=said):
        read(reader(api, namespace, kind), key)


def test_keys_of_a_cluster_store_name_the_namespace(api: Api) -> None:
    assert read(reader(api), "other/a")["spec"] == {"v": "3"}
    assert read(reader(api, kind="Global"), "g")["spec"] == {"v": "0"}
    assert set(reader(api).find(SearchRequest())) == {"team/a", "team/b", "other/a"}
    assert set(reader(api).find(SearchRequest(name="^team/"))) == {"team/a", "team/b"}


def test_the_whitelist_refuses_reads_and_narrows_searches(api: Api) -> None:
    client = reader(api, namespace="", name="^a$", properties=["^spec"])
    assert read(client, "team/a", "spec.v")["spec"] == {"v": "1"}
    for key, path in (("team/a", ""), ("team/a", "metadata"), ("team/b", "spec.v")):
        with pytest.raises(ProviderDenied, match="whitelist"):
            read(client, key, path)
    assert client.find(SearchRequest()) == {}
    assert set(reader(api, name="^b$").find(SearchRequest())) == {"team/b"}


def test_members_are_those_of_an_object_or_one_value(api: Api) -> None:
    client, text = reader(api, "team"), SecretValue(b"text")
    whole = SecretValue(b'{"a": 1}')

    assert client.members(whole) is whole
    assert client.members(text) == {"value": text}
    assert client.property_value(whole, "a") == DocumentPath(whole, "a")
    assert client.property_value(whole, "") is whole


def test_secrets_are_read_by_another_provider(api: Api) -> None:
    with pytest.raises(ProviderDenied, match="Secrets are read by the provider kubernetes"):
        read(reader(api, "team", "Secret", ""), "a")
    given = {"resource": {"group": "", "version": "v1", "kind": "Secret"}, "authRef": {"name": "x", "key": "y"}}
    with pytest.raises(NeedsHuman, match="Secrets are read by the provider kubernetes"):
        connected("crd", CustomResources.model_validate(given).model_dump(by_alias=True))


@pytest.mark.parametrize("search", [SearchRequest(path="x"), SearchRequest(tags=(("a", "b"),))])
def test_a_search_by_what_has_no_effect_is_refused(api: Api, search: SearchRequest) -> None:
    with pytest.raises(ProviderDenied, match="not implemented in the CRD provider"):
        reader(api, "team").find(search)


@pytest.mark.parametrize("changes", [{"version": "1"}, {"metadata": True}])
def test_what_objects_do_not_have_is_refused(api: Api, changes: Any) -> None:
    request = SecretRequest("a", **changes)
    found = reader(api, "team").read([request])[request]
    assert isinstance(found, ProviderDenied)


def test_where_it_looked(api: Api) -> None:
    assert reader(api, "team").location(SecretRequest("a")) == "Thing in namespace team of this cluster"
    assert reader(api).location(SecretRequest("a")) == "Thing in this cluster"

"""Which stores of custom resources are accepted."""

from typing import Any

import pytest

from external.providers.registry import BUILT_IN
from manager.core.errors import NeedsHuman
from manager.kube.resources import CLUSTER_SECRET_STORES, SECRET_STORES, Key
from tests.builders.generators import Desk
from tests.builders.providers import connected, provider_context

TOKEN = {"token": {"bearerToken": {"name": "t", "key": "token"}}}


def fields(**more: Any) -> dict[str, Any]:
    """Return the fields of a store."""
    resource = {"group": "example.com", "version": "v1", "kind": "Widget"}
    return {"server": {"url": "https://remote.example"}, "auth": TOKEN, "resource": resource, **more}


def made(cluster: bool = False, **more: Any) -> Any:
    desk = Desk(t_token="x")
    desk.store = Key(CLUSTER_SECRET_STORES, "", "s") if cluster else Key(SECRET_STORES, "team", "s")
    client = connected("crd", fields(**more), provider_context(desk))
    client.close()
    return client


@pytest.mark.parametrize(
    ("more", "text"),
    [
        (
            {"resource": {"group": "", "version": "v1", "kind": "Secret"}},
            "Secrets are read by spec.provider.kubernetes",
        ),
        ({"resource": {"group": "..", "version": "v1", "kind": "X"}}, "group and version are no names"),
        ({"resource": {"group": "a/b", "version": "v1", "kind": "X"}}, "group and version are no names"),
        ({"whitelist": {"rules": [{}]}}, r"spec\.provider\.crd\.whitelist\.rules\[0\]: it admits everything"),
        ({"whitelist": {"rules": [{"namespace": "a"}]}}, r"rules\[0\]\.namespace"),
        ({"auth": None}, r"spec\.provider\.crd: exactly one of auth and authRef"),
        ({"authRef": {"name": "k", "key": "k"}}, r"spec\.provider\.crd: exactly one of auth and authRef"),
        ({"server": {"url": "http://remote.example"}}, r"spec\.provider\.crd\.server\.url is no https URL"),
    ],
)
def test_a_store_that_cannot_be_meant_is_refused(more: dict[str, Any], text: str) -> None:
    with pytest.raises(NeedsHuman, match=text):
        made(**more)


def test_rules_of_a_cluster_store_may_name_namespaces() -> None:
    assert made(cluster=True, whitelist={"rules": [{"namespace": "^team$"}]}) is not None


def test_a_secret_of_another_group_is_a_kind_like_others() -> None:
    assert made(resource={"group": "example.com", "version": "v1", "kind": "Secret"}) is not None


def test_its_credentials_are_known_as_references() -> None:
    assert [each.name for each in BUILT_IN.references_of({"crd": fields()})] == ["t"]

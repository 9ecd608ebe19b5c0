"""Stores of the smaller providers, with the fields of the original's examples, through the whole controller."""

import json

from tests.builders.manifests import bound_account, canary, external_secret, meta, store, widget_definition
from tests.e2e.world import World


def test_objects_of_any_kind_are_read_by_the_stores_own_rights(world: World) -> None:
    ns, password = world.namespace(), canary()
    group = f"{ns}.example.com"
    world.apply(*widget_definition(group), *bound_account(ns, "reader", group, "widgets"))
    resource = {"group": group, "version": "v1", "kind": "Widget"}
    provider = {
        "server": {"url": "kubernetes.default"},
        "auth": {"serviceAccount": {"name": "reader"}},
        "resource": resource,
        "whitelist": {"rules": [{"name": "^database$", "properties": ["^spec\\.(user|password|login)$"]}]},
    }
    closed = {**provider, "resource": {**resource, "kind": "Gadget"}}
    try:
        world.apply(store(ns, "widgets", {"crd": provider}), store(ns, "gadgets", {"crd": closed}))
        world.await_ready("secretstores", ns, "widgets", timeout=90)
        world.await_condition("secretstores", ns, "gadgets", "False", text="the identity may not get gadgets")
        about = {"apiVersion": f"{group}/v1", "kind": "Widget", "metadata": meta(ns, "database")}
        login = {"user": "app", "password": password}
        path = f"/apis/{group}/v1/namespaces/{ns}/widgets"
        world.kube.request("POST", path, {**about, "spec": {**login, "login": login, "other": "x"}})

        world.apply(
            external_secret(ns, "data", "widgets", {"password": ("database", "spec.password")}),
            external_secret(
                ns, "all", "widgets", {}, dataFrom=[{"extract": {"key": "database", "property": "spec.login"}}]
            ),
            external_secret(ns, "denied", "widgets", {"k": ("database", "spec.other")}),
            external_secret(ns, "absent", "widgets", {"k": ("none", "spec.user")}, target={"deletionPolicy": "Delete"}),
        )

        world.await_data(ns, "data", {"password": password})
        world.await_data(ns, "all", login)
        world.await_condition("externalsecrets", ns, "denied", "False", text="whitelist: no rule")
        world.await_condition("externalsecrets", ns, "absent", "True")
        assert world.data(ns, "absent") is None
    finally:
        for kind in ("widgets", "gadgets"):
            world.kube.delete("customresourcedefinitions", f"{kind}.{group}")
    assert password not in json.dumps(world.kube.list("externalsecrets", ns))

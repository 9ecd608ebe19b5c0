"""Stores of the smaller providers, with the fields of the original's examples, through the whole controller."""

import json
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

from tests.builders.manifests import (
    bound_account,
    canary,
    external_secret,
    meta,
    push_secret,
    secret,
    store,
    widget_definition,
)
from tests.builders.providers import ENVELOPE
from tests.doubles.delinea.devops_vault import DevOpsVault
from tests.doubles.delinea.secret_server import TEMPLATE, SecretServer
from tests.doubles.github.actions import Actions
from tests.doubles.scaleway import Scaleway
from tests.e2e.world import World


@dataclass(frozen=True)
class Row:
    """A vendor: its double, a store with the fields of the original's example, and what is read and pushed."""

    name: str
    provider: dict[str, Any]
    secrets: dict[str, str]
    """Values of the Secret `login` that the store names."""
    keys: dict[str, Any]
    """Key of the target -> remote reference."""
    values: dict[str, str]
    pushed_to: str = ""
    """Remote key of a push."""
    pushed: Callable[[], object] = lambda: None
    """Return what the vendor holds there."""
    push_settings: dict[str, Any] | None = None
    """`metadata.spec` of the push."""


def login(key: str) -> dict[str, str]:
    return {"name": "login", "key": key}


def scaleway(double: Scaleway, value: str) -> Row:
    double.put("database", json.dumps({"password": value}).encode(), "/app")
    double.put("plain", value.encode())
    return Row(
        "scaleway",
        {
            "apiUrl": double.url,
            "region": double.region,
            "projectId": double.project,
            "accessKey": {"secretRef": login("access-key")},
            "secretKey": {"secretRef": login("secret-key")},
        },
        {"access-key": double.access_key, "secret-key": double.secret_key},
        {"password": ("path:/app/database", "password"), "plain": "name:plain"},
        {"password": value, "plain": value},
        "path:/app/pushed",
        lambda: [each.versions[-1].decode() for each in double.found if each.name == "pushed" and each.versions],
    )


def github(double: Actions) -> Row:
    return Row(
        "github",
        {
            "url": double.url,
            "appID": int(double.app),
            "installationID": int(double.installation),
            "organization": double.organization,
            "repository": double.repository,
            "auth": {"privateKey": login("pem")},
        },
        {"pem": double.private_key},
        {},
        {},
        "pushed",
        lambda: [each.value.decode() for name, each in double.of_repository.items() if name == "PUSHED"],
    )


def secret_server(double: SecretServer, value: str) -> Row:
    double.put("database", data=json.dumps({"password": value}), user="app")
    return Row(
        "secretserver",
        {
            "serverURL": double.url,
            "domain": double.domain,
            "username": {"secretRef": login("user")},
            "password": {"secretRef": login("password")},
        },
        {"user": double.user, "password": double.password},
        {"password": ("/app/database", "password"), "user": ("folderId:73/database", "user")},
        {"password": value, "user": "app"},
        "pushed",
        lambda: [each.values["data"] for each in double.secrets if each.name == "pushed"],
        {"folderId": 73, "secretTemplateId": TEMPLATE},
    )


def delinea(double: DevOpsVault, value: str) -> Row:
    double.secrets["app/database"] = {"user": "app", "password": value}
    return Row(
        "delinea",
        {
            "tenant": double.tenant,
            "tld": double.tld,
            "urlTemplate": double.template,
            "clientId": {"secretRef": login("id")},
            "clientSecret": {"secretRef": login("secret")},
        },
        {"id": double.client, "secret": double.secret},
        {"password": ("app:database", "password")},
        {"password": value},
    )


def test_vendors_are_read_and_pushed_to(world: World) -> None:
    ns, value, other = world.namespace(), canary(), canary()
    with ExitStack() as doubles:
        rows = [
            scaleway(doubles.enter_context(Scaleway()), value),
            github(doubles.enter_context(Actions())),
            secret_server(doubles.enter_context(SecretServer()), value),
            delinea(doubles.enter_context(DevOpsVault()), value),
        ]
        world.apply(secret(ns, "source", {"k": other}))
        for row in rows:
            world.apply(secret(ns, f"{row.name}-login", row.secrets), store(ns, row.name, {row.name: _named(row)}))
            if row.keys:
                world.apply(external_secret(ns, f"{row.name}-read", row.name, row.keys))
            if row.pushed_to:
                pushing = push_secret(ns, f"{row.name}-push", row.name, {"k": row.pushed_to})
                if row.push_settings is not None:
                    pushing["spec"]["data"][0]["metadata"] = {**ENVELOPE, "spec": row.push_settings}
                world.apply(pushing)
        for row in rows:
            world.await_ready("secretstores", ns, row.name, timeout=60)
            if row.keys:
                world.await_data(ns, f"{row.name}-read", row.values)
            if row.pushed_to:
                world.await_ready("pushsecrets", ns, f"{row.name}-push")
                assert row.pushed() == [other], row.name


def _named(row: Row) -> Any:
    """Return the provider with the Secret of its row."""
    return json.loads(json.dumps(row.provider).replace('"login"', f'"{row.name}-login"'))


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

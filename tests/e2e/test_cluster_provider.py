"""Secrets of this cluster and webhooks as providers, through the whole controller."""

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from aiohttp import web

from tests.builders.manifests import canary, external_secret, meta, secret, service_account, store
from tests.cluster.kube import Object
from tests.cluster.serving import Served
from tests.e2e.world import World

COMPILING = 40  # seconds to compile the sandbox before a machine's first template
RBAC = "rbac.authorization.k8s.io"


def reader_of(world: World, source: str, ns: str) -> None:
    """Let the ServiceAccount `reader` of a namespace read the Secrets of another."""
    role = {"apiVersion": f"{RBAC}/v1", "kind": "Role", "metadata": meta(source, f"reader-{ns}")}
    rules = [{"apiGroups": [""], "resources": ["secrets"], "verbs": ["get", "list"]}]
    bound = {"apiVersion": f"{RBAC}/v1", "kind": "RoleBinding", "metadata": meta(source, f"reader-{ns}")}
    subjects = [{"kind": "ServiceAccount", "name": "reader", "namespace": ns}]
    reference = {"apiGroup": RBAC, "kind": "Role", "name": f"reader-{ns}"}
    world.apply(service_account(ns, "reader"), role | {"rules": rules})
    world.apply(bound | {"subjects": subjects, "roleRef": reference})


def kubernetes(source: str, **provider: object) -> Object:
    """Return a provider that reads from a namespace of this cluster as the ServiceAccount `reader`."""
    auth = {"auth": {"serviceAccount": {"name": "reader"}}}
    return {"kubernetes": {"remoteNamespace": source, **(provider or auth)}}


def test_values_labels_and_lists_of_another_namespace(world: World) -> None:
    source, ns = world.namespace(), world.namespace()
    plain, nested = canary(), canary()
    data = {"password": plain, "config": json.dumps({"db": {"user": nested}})}
    world.apply(secret(source, "shared", data, labels={"team": "a"}), secret(source, "other", {"x": "y"}))
    reader_of(world, source, ns)
    world.apply(store(ns, "store", kubernetes(source)))
    world.await_ready("secretstores", ns, "store")

    entries: dict[str, Any] = {
        "password": ("shared", "password"),
        "user": ("shared", "config.db.user"),
        "team": {"key": "shared", "metadataPolicy": "Fetch", "property": "labels.team"},
    }
    find = [{"find": {"tags": {"team": "a"}}}]
    world.apply(
        external_secret(ns, "data", "store", entries),
        external_secret(ns, "all", "store", {}, dataFrom=[{"extract": {"key": "shared"}}]),
        external_secret(ns, "found", "store", {}, dataFrom=find),
        external_secret(ns, "absent", "store", {"k": "nothing"}, target={"deletionPolicy": "Delete"}),
    )

    world.await_data(ns, "data", {"password": plain, "user": nested, "team": "a"})
    world.await_data(ns, "all", data)
    world.await_data(ns, "found", {"shared": json.dumps(data, sort_keys=True, separators=(",", ":"))})
    world.await_condition("externalsecrets", ns, "absent", "True")
    assert world.data(ns, "absent") is None


def test_a_denied_read_is_reported(world: World) -> None:
    """Coffer's own rights are not used for the tenant."""
    source, ns = world.namespace(), world.namespace()
    world.apply(secret(source, "shared", {"password": canary()}), service_account(ns, "reader"))
    world.apply(store(ns, "store", kubernetes(source)))

    world.await_condition("secretstores", ns, "store", "False", text="client is not allowed to get secrets")
    world.apply(external_secret(ns, "app", "store", {"k": "shared"}))
    world.await_condition("externalsecrets", ns, "app", "False", text="not ready")


def test_a_kubeconfig_leads_to_a_cluster_by_its_own_token(world: World) -> None:
    source, ns, value = world.namespace(), world.namespace(), canary()
    world.apply(secret(source, "shared", {"password": value}))
    reader_of(world, source, ns)
    given = yaml.safe_load(world.plane.kubeconfig.read_text())
    given["users"][0]["user"] = {"token": world.kube.token("reader", ns)}
    cluster = given["clusters"][0]["cluster"]
    if authority := cluster.pop("certificate-authority", None):
        cluster["certificate-authority-data"] = base64.b64encode(Path(authority).read_bytes()).decode()
    world.apply(secret(ns, "kubeconfig", {"config": yaml.safe_dump(given)}))
    reference = {"name": "kubeconfig", "key": "config"}
    world.apply(store(ns, "store", kubernetes(source, authRef=reference)))
    world.apply(external_secret(ns, "app", "store", {"k": ("shared", "password")}))

    world.await_data(ns, "app", {"k": value})


@pytest.fixture
def site() -> Iterator[tuple[str, list[dict[str, str]]]]:
    """Serve an API with one value per key and namespace; record its requests."""
    asked: list[dict[str, str]] = []

    async def answer(request: web.Request) -> web.StreamResponse:
        asked.append(
            {"path": request.path_qs, "token": request.headers.get("X-Token", ""), "body": await request.text()}
        )
        if request.path.endswith("missing"):
            return web.Response(status=404)
        return web.json_response({"data": {"value": f"{request.path}", "of": request.query.get("ns", "")}})

    served = Served(answer)
    yield served.start(), asked
    served.stop()


def webhook(url: str, place: str = "", **provider: object) -> Object:
    """Return a provider whose templates use the Secret `token`."""
    reference = {"name": "token", **({"namespace": place} if place else {})}
    spec = {
        "url": url + "/{{ .remoteRef.key | lower }}?ns={{ .remoteRef.namespace }}",
        "method": "POST",
        "headers": {"X-Token": "{{ .auth.token | b64enc }}"},
        "body": '{"p":"{{ .remoteRef.property }}"}',
        "result": {"jsonPath": "$.data.{{ .remoteRef.property }}"},
        "secrets": [{"name": "auth", "secretRef": reference}],
    }
    return {"webhook": spec | provider}


def test_a_webhook_is_asked_as_its_templates_say(world: World, site: tuple[str, list[dict[str, str]]]) -> None:
    url, asked = site
    ns, token = world.namespace(), canary()
    world.apply(secret(ns, "token", {"token": token}), store(ns, "store", webhook(url)))
    world.await_condition("secretstores", ns, "store", "False", text="external-secrets.io/type: webhook")
    world.apply(secret(ns, "token", {"token": token}, labels={"external-secrets.io/type": "webhook"}))
    world.await_ready("secretstores", ns, "store")

    world.apply(external_secret(ns, "app", "store", {"value": ("KEY", "value"), "of": ("KEY", "of")}))
    world.apply(external_secret(ns, "absent", "store", {"k": "missing"}, target={"deletionPolicy": "Delete"}))

    world.await_data(ns, "app", {"value": "/key", "of": ns}, timeout=COMPILING)
    world.await_condition("externalsecrets", ns, "absent", "True")
    shown = {"path": f"/key?ns={ns}", "token": base64.b64encode(token.encode()).decode(), "body": '{"p":"value"}'}
    assert shown in asked


def test_a_webhook_with_the_namespace_is_called_per_namespace(
    world: World, site: tuple[str, list[dict[str, str]]]
) -> None:
    """The URL of the cluster store contains the namespace."""
    url, asked = site
    one, two, keys = world.namespace(), world.namespace(), world.namespace()
    label = {"external-secrets.io/type": "webhook"}
    world.apply(secret(keys, "token", {"token": "x"}, labels=label), store("", keys, webhook(url, keys)))
    try:
        for ns in (one, two):
            world.apply(external_secret(ns, "app", f"cluster/{keys}", {"of": ("k", "of")}))
        for ns in (one, two):
            world.await_data(ns, "app", {"of": ns}, timeout=COMPILING)
    finally:
        world.kube.delete("clustersecretstores", keys)
    assert {each["path"] for each in asked} == {f"/k?ns={one}", f"/k?ns={two}"}

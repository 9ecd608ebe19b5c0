"""The whole explanation of one object, from what was read; and how little is read for it."""

import json
import threading
from typing import TYPE_CHECKING, Any, cast

import pytest

from external.api.hashes import field_manager
from manager.chain.explained import explained as whole
from manager.chain.explanation import Explainer
from manager.chain.model import Explanation, Node
from manager.chain.reading import ChainReader
from manager.chain.record import record
from manager.chain.snapshot import PODS, Snapshot
from manager.cli.explain.rendering import lines, names, tree_lines
from manager.core.clock import SystemClock
from manager.core.errors import Forbidden
from manager.kube.auto_mirrors import AUTO_REFLECTS, REFLECTS
from manager.kube.cache import MetadataCache
from manager.kube.resources import (
    EXTERNAL_SECRETS,
    LEASES,
    PUSH_SECRETS,
    SEALED_SECRETS,
    SECRET_STORES,
    SECRETS,
    Body,
    Key,
)
from manager.settings.model import ReflectorSettings, Settings
from manager.tables import plain_lines
from reflector.view import ViewBuilder
from tests.builders.manifests import allowed
from tests.builders.migration_cluster import ClusterStandIn

if TYPE_CHECKING:
    from manager.kube.client import KubeClient

AT, NOW = "2026-01-01T00:00:00Z", 1_767_229_200.0
VALUE = "c2VjcmV0LXZhbHVl"
KEY, ES, STORE = Key(SECRETS, "app", "db"), Key(EXTERNAL_SECRETS, "app", "db"), Key(SECRET_STORES, "app", "aws")


def condition(kind: str = "Ready", status: str = "True", message: str = "fine") -> Body:
    return {"type": kind, "status": status, "reason": "R", "message": message, "lastTransitionTime": AT}


def written(manager: str, *keys: str) -> list[Body]:
    return [{"manager": manager, "time": AT, "fieldsV1": {"f:data": {f"f:{each}": {} for each in keys}}}]


def put_secret(cluster: ClusterStandIn, key: Key, manager: str, *keys: str, owner: str = "", **meta: Any) -> None:
    owners = [{"controller": True, "kind": owner, "name": key.name, "uid": "u"}] if owner else []
    about = {"namespace": key.namespace, "name": key.name, "creationTimestamp": AT, "ownerReferences": owners}
    body = {"metadata": {**about, "managedFields": written(manager, *keys), **meta}}
    cluster.put(SECRETS, {**body, "data": dict.fromkeys(keys, VALUE)})


@pytest.fixture
def cluster() -> ClusterStandIn:
    """A cluster with the whole chain: sealed credentials, a store, an ExternalSecret, a mirror and a Pod."""
    found = ClusterStandIn()
    for name in ("app", "team", "coffer"):
        found.namespace(name)
    spec = {"holderIdentity": "coffer-0", "renewTime": "2026-01-01T00:59:55Z", "leaseDurationSeconds": 15}
    found.put(LEASES, {"metadata": {"namespace": "coffer", "name": "coffer"}, "spec": spec})
    sealed = {"encryptedData": {"id": "AgB"}}
    status = {"conditions": [condition("Synced")], "observedGeneration": 1, "sealingKeys": ["ab12"]}
    found.put(SEALED_SECRETS, {"metadata": {"namespace": "app", "name": "keys"}, "spec": sealed, "status": status})
    put_secret(found, Key(SECRETS, "app", "keys"), "coffer-sealed", "id", owner="SealedSecret")
    ref = {"accessKeyIDSecretRef": {"name": "keys", "key": "id"}}
    provider = {"aws": {"service": "SecretsManager", "region": "eu-west-1", "auth": {"secretRef": ref}}}
    meta = {"namespace": "app", "name": "aws"}
    found.put(
        SECRET_STORES, {"metadata": meta, "spec": {"provider": provider}, "status": {"conditions": [condition()]}}
    )
    entry = {"secretKey": "URL", "remoteRef": {"key": "prod/db", "property": "url"}}
    external = {"secretStoreRef": {"name": "aws"}, "refreshInterval": "1h", "data": [entry]}
    stamps = {"refreshTime": AT, "syncedResourceVersion": "x", "conditions": [condition()]}
    found.put(EXTERNAL_SECRETS, {"metadata": {"namespace": "app", "name": "db"}, "spec": external, "status": stamps})
    annotations = allowed("team", auto="team")
    put_secret(found, KEY, field_manager("db"), "URL", owner="ExternalSecret", annotations=annotations)
    marks = {REFLECTS: "app/db", AUTO_REFLECTS: "true"}
    put_secret(found, Key(SECRETS, "team", "db"), "coffer-reflector", "URL", annotations=marks)
    container = {"name": "web", "envFrom": [{"secretRef": {"name": "db"}}]}
    running = {"name": "web", "state": {"running": {"startedAt": "2025-01-01T00:00:00Z"}}}
    pod = {"metadata": {"namespace": "app", "name": "web"}, "spec": {"containers": [container]}}
    found.put(PODS, {**pod, "status": {"phase": "Running", "containerStatuses": [running]}})
    return found


async def explained(cluster: ClusterStandIn, key: Key = KEY, subject: Key | None = None) -> Explanation:
    snapshot = Snapshot(NOW, "coffer")
    builder = ViewBuilder(snapshot.cache, ReflectorSettings(), "coffer", SystemClock())
    reader = ChainReader(cast("KubeClient", cluster), snapshot, builder, "coffer")
    explainer = Explainer(snapshot, builder)
    if key.resource is SECRET_STORES:
        await reader.store(key, key.namespace)
        return explainer.store(key)
    await reader.secret(key)
    return explainer.secret(key, subject)


def stages(node: Node) -> list[str]:
    return [str(node.stage), *(stage for each in node.children for stage in stages(each))]


async def test_a_secret_is_explained_from_its_beginnings_to_its_pods(cluster: ClusterStandIn) -> None:
    found = await explained(cluster)

    assert found.faults == ()
    (key,) = found.keys
    assert (key.giver, key.store, key.remote_key, key.remote_property) == (ES, STORE, "prod/db", "url")
    assert found.owners == ("ExternalSecret db",)
    assert [(each.key.namespace, "pushed" in each.state) for each in found.mirrors] == [("team", True)]
    assert [each.name for each in found.users] == ["web"]
    assert [each.name for each in found.stale] == ["web"]
    (root,) = found.trees
    assert stages(root) == ["sealed", "secret", "store", "synced", "secret", "mirrored", "running", "running"]


async def test_a_mirror_is_explained_from_its_source(cluster: ClusterStandIn) -> None:
    found = await explained(cluster, Key(SECRETS, "team", "db"))

    assert found.source == KEY
    assert (found.keys[0].giver, found.keys[0].entry) == (KEY, "data[URL]")
    assert stages(found.trees[0])[:5] == ["sealed", "secret", "store", "synced", "secret"]
    assert "a change of it is mirrored at once" in found.next[0].what


async def test_a_store_names_its_provider_credentials_and_users(cluster: ClusterStandIn) -> None:
    found = await explained(cluster, STORE)

    facts = dict(found.facts)
    assert (facts["provider"], facts["region"], facts["credentials"]) == ("aws", "eu-west-1", "Secret app/keys")
    assert [each.name for each in found.users] == ["app/db"]
    assert [str(each.stage) for each in found.trees] == ["sealed"]


async def test_each_fault_of_the_chain_is_told_with_its_cure(cluster: ClusterStandIn) -> None:
    cluster.objects[EXTERNAL_SECRETS.group, EXTERNAL_SECRETS.plural][0]["status"]["conditions"] = [
        condition(status="False", message="no secret prod/db (looked in region eu-west-1)")
    ]
    cluster.remove(SECRET_STORES, "aws")
    cluster.objects[LEASES.group, LEASES.plural][0]["spec"]["renewTime"] = "2026-01-01T00:00:00Z"

    faults = {str(each.about): each for each in (await explained(cluster)).faults}

    assert "region" in faults[str(ES)].cure
    assert faults[str(STORE)].problem == "does not exist"
    assert "no replica of Coffer holds the Lease" in faults[str(KEY)].problem


async def test_a_secret_that_does_not_exist_has_the_object_that_would_make_it(cluster: ClusterStandIn) -> None:
    external = cluster.objects[EXTERNAL_SECRETS.group, EXTERNAL_SECRETS.plural][0]
    external["metadata"]["name"], external["spec"]["target"] = "other", {"name": "absent"}

    found = await explained(cluster, Key(SECRETS, "app", "absent"))

    assert not found.exists
    assert [(each.name, each.written) for each in found.keys] == [("URL", None)]
    assert str(found.keys[0].giver) == "ExternalSecret app/other"


async def test_what_may_not_be_read_is_named(cluster: ClusterStandIn) -> None:
    cluster.failures = {"pods": Forbidden(403, "Forbidden", "list pods")}

    found = await explained(cluster)

    assert "pods in namespace app: this user has no right to list them" in found.unread
    assert found.users == ()


async def test_the_object_itself_must_be_readable(cluster: ClusterStandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    async def refused(key: Key) -> Body | None:
        raise Forbidden(403, "Forbidden", f"get metadata of {key}")

    monkeypatch.setattr(cluster, "find_metadata", refused)
    snapshot = Snapshot(NOW, "coffer")
    builder = ViewBuilder(snapshot.cache, ReflectorSettings(), "coffer", SystemClock())

    with pytest.raises(Forbidden):
        await ChainReader(cast("KubeClient", cluster), snapshot, builder, "coffer").subject(KEY)


async def test_names_are_taken_from_the_data_where_nobody_is_recorded(cluster: ClusterStandIn) -> None:
    secret = next(each for each in cluster.objects["", "secrets"] if each["metadata"]["name"] == "db")
    secret["metadata"]["managedFields"] = []

    found = await explained(cluster)

    assert [(each.name, each.entry) for each in found.keys] == [("URL", "spec.data[0]")]


async def test_little_is_listed(cluster: ClusterStandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    """10,000 Secrets and ExternalSecrets are never listed: they are asked for by name."""
    asked: list[tuple[str, str, str]] = []
    pages = cluster.pages

    def noted(resource: Any, **given: Any) -> Any:
        asked.append((resource.plural, given.get("namespace", ""), given.get("fields", "")))
        return pages(resource, **given)

    monkeypatch.setattr(cluster, "pages", noted)
    await explained(cluster)

    wide = {plural for plural, namespace, fields in asked if not namespace and not fields}
    assert wide <= {"namespaces", "deployments"}
    assert EXTERNAL_SECRETS.plural not in {plural for plural, *_ in asked}
    assert ("secrets", "", "metadata.name=db") in asked


async def test_no_value_is_printed_in_any_form(cluster: ClusterStandIn) -> None:
    cluster.put(
        PUSH_SECRETS, {"metadata": {"namespace": "app", "name": "p"}, "spec": {"selector": {"secret": {"name": "db"}}}}
    )

    found = await explained(cluster)

    text = "\n".join(
        [*plain_lines(lines(found, NOW)), *tree_lines(found.trees), json.dumps(record(found)), *names(found)]
    )
    assert VALUE not in text
    assert "pushed by   PushSecret app/p" in text
    assert "next        ExternalSecret app/db: refresh every 3600 s: due now" in text


async def test_hostile_names_and_messages_stay_on_their_line(cluster: ClusterStandIn) -> None:
    hostile = "\x1b]0;owned\x07[red]\n!  fake"
    cluster.objects[EXTERNAL_SECRETS.group, EXTERNAL_SECRETS.plural][0]["status"]["conditions"] = [
        condition(status="False", message=hostile)
    ]
    pod = cluster.objects[PODS.group, PODS.plural][0]
    pod["metadata"]["name"] = pod["spec"]["containers"][0]["name"] = hostile
    pod["status"]["containerStatuses"][0]["name"] = hostile

    found = await explained(cluster)

    text = list(plain_lines([*lines(found, NOW), *tree_lines(found.trees)]))
    assert not any(each in line for line in text for each in "\x1b\x07\n")
    assert "!  fake" not in text
    assert "\x1b" not in json.dumps(record(found))


async def test_more_mirrors_than_are_looked_at_are_not_called_missing(cluster: ClusterStandIn) -> None:
    snapshot = Snapshot(NOW, "coffer")
    builder = ViewBuilder(snapshot.cache, ReflectorSettings(), "coffer", SystemClock())
    reader = ChainReader(cast("KubeClient", cluster), snapshot, builder, "coffer", budget=10)

    await reader.secret(KEY)
    found = Explainer(snapshot, builder).secret(KEY)

    assert (found.mirrors, found.faults) == ((), ())
    assert any(each.startswith("mirrors: more namespaces") for each in found.unread)


async def test_a_chain_is_planned_outside_of_the_event_loop(
    cluster: ClusterStandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A source with thousands of mirrors takes a second: on the loop, all tenants would wait for a viewer."""
    threads: set[int] = set()
    view, observe = ViewBuilder.view, MetadataCache.observe

    def viewed(builder: ViewBuilder, key: Key) -> Any:
        threads.add(threading.get_ident())
        return view(builder, key)

    def observed(cache: MetadataCache, *given: Any) -> Any:
        threads.add(threading.get_ident())
        return observe(cache, *given)

    monkeypatch.setattr(ViewBuilder, "view", viewed)
    monkeypatch.setattr(MetadataCache, "observe", observed)
    found = await whole(cast("KubeClient", cluster), Settings(), "coffer", ("secret", KEY), deep=True)

    assert [each.key.namespace for each in found.mirrors] == ["team"]
    assert len(threads) == 1
    assert threading.get_ident() not in threads

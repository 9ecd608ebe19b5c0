"""Whom a change of a Secret, a store or a namespace wakes, and whom not."""

import asyncio
from collections.abc import Callable, Hashable
from datetime import timedelta
from itertools import count
from typing import Any

import pytest

from external.external_secrets.sync_state import SyncState
from external.generators.state_index import StateIndex
from external.reading.expected_requests import ExpectedRequests
from external.reading.request_times import BurstGate, RequestTimes
from external.summaries import external_secret_summary
from external.watches import (
    CLUSTER_WAKES_BURST,
    CLUSTER_WAKES_PER_SECOND,
    MAX_CLUSTER_WAKE_SECONDS,
    Queues,
    Watches,
)
from manager.core.clock import rfc3339
from manager.kube.cache import Change
from manager.kube.resources import (
    CLUSTER_EXTERNAL_SECRETS,
    CLUSTER_SECRET_STORES,
    CONFIGMAPS,
    EXTERNAL_SECRETS,
    NAMESPACES,
    SECRET_STORES,
    SECRETS,
    Body,
    Key,
    Resource,
)
from manager.runtime.work_queue import WorkQueue
from tests.builders.api_in_memory import Stage, no_jitter

READY = {"conditions": [{"type": "Ready", "status": "True"}]}


class AtOnce(BurstGate):
    """Lets everybody through at once, but for those who are said to wait."""

    def __init__(self, admit: Callable[[Key], None]) -> None:
        super().__init__(admit)
        self.admit = admit
        self.waiting: set[Key] = set()

    def add(self, key: Key, group: Hashable) -> None:
        del group
        self.admit(key)

    def holds(self, key: Key, group: Hashable) -> bool:
        del group
        return key in self.waiting


class Desk:
    """Handlers over an empty cache, half an hour after the start; nobody works on what they queue."""

    def __init__(self) -> None:
        self.stage = Stage()
        clock = self.stage.clock
        self.queue, self.stores = WorkQueue(clock, no_jitter()), WorkQueue(clock, no_jitter())
        self.forgotten: list[str] = []
        forget = self.forgotten.append
        cache = self.stage.cache
        self.clusters = WorkQueue(clock, no_jitter())
        requests = RequestTimes(clock)
        self.state = SyncState(requests, ExpectedRequests(lambda *_: True, requests.since), StateIndex(cache))
        cache.digest(EXTERNAL_SECRETS, external_secret_summary)
        self.generator_states = WorkQueue(clock, no_jitter())
        queues = Queues(self.queue, self.stores, self.clusters, self.generator_states)
        self.bursts = AtOnce(self.queue.add)
        self.handlers = Watches(self.stage.context, queues, self.state, self.bursts, forget)
        self.before = rfc3339(clock.now() - timedelta(seconds=1))
        clock.pass_by(1800)
        self.after = rfc3339(clock.now())

    def observe(self, resource: Resource, name: str, namespace: str = "", created: str = "", **body: Any) -> Change:
        """Let an object be seen."""
        meta = {"name": name, "creationTimestamp": created or self.after}
        meta |= {"namespace": namespace} if namespace else {}
        stored = self.stage.api.put(resource, body | {"metadata": meta})
        change = self.stage.cache.observe(resource, None, stored)
        assert change is not None
        return change


def store_spec(namespace: str = "") -> Body:
    keys: list[Body] = [
        {"name": "keys", "key": each} | ({"namespace": namespace} if namespace else {}) for each in "ab"
    ]
    reference = {"accessKeyIDSecretRef": keys[0], "secretAccessKeySecretRef": keys[1]}
    return {"provider": {"aws": {"service": "SecretsManager", "region": "r", "auth": {"secretRef": reference}}}}


@pytest.fixture
def desk() -> Desk:
    return Desk()


def consumers(desk: Desk, kind: str, *namespaces: str) -> None:
    for each in namespaces:
        spec = {"secretStoreRef": {"name": "store", "kind": kind}}
        desk.observe(EXTERNAL_SECRETS, "es", each, spec=spec, status=READY)


def test_a_tenants_own_credentials_wake_only_its_own(desk: Desk) -> None:
    desk.observe(CLUSTER_SECRET_STORES, "store", spec=store_spec(), status=READY)
    consumers(desk, "ClusterSecretStore", "a", "b")

    desk.handlers.secret(desk.observe(SECRETS, "keys", "a"))

    assert desk.state.stale == {Key(EXTERNAL_SECRETS, "a", "es")}
    assert (len(desk.queue), len(desk.stores)) == (1, 0)


def test_credentials_that_an_administrator_holds_wake_all(desk: Desk) -> None:
    desk.observe(CLUSTER_SECRET_STORES, "store", spec=store_spec("vault"), status=READY)
    consumers(desk, "ClusterSecretStore", "a", "b")

    desk.handlers.secret(desk.observe(SECRETS, "keys", "vault"))

    assert (len(desk.queue), len(desk.stores)) == (2, 1)


@pytest.mark.parametrize(("made", "woken"), [("before", 0), ("after", 1)])
def test_recreated_credentials_wake_a_store_that_looks_ready(desk: Desk, made: str, woken: int) -> None:
    """Deleted and made again within a moment: the verdict that they are missing is on its way."""
    desk.observe(SECRET_STORES, "store", "ns", spec=store_spec(), status=READY)
    consumers(desk, "SecretStore", "ns")

    desk.handlers.secret(desk.observe(SECRETS, "keys", "ns", created=getattr(desk, made)))

    assert (len(desk.queue), len(desk.stores)) == (woken, woken)


def test_a_deleted_store_is_queued_to_forget_its_credentials(desk: Desk) -> None:
    desk.observe(SECRET_STORES, "store", "ns", spec=store_spec(), status=READY)
    change = desk.stage.cache.forget(Key(SECRET_STORES, "ns", "store"))
    assert change is not None

    desk.handlers.table()[SECRET_STORES](change)

    assert len(desk.stores) == 1


def test_a_deleted_namespace_closes_its_clients(desk: Desk) -> None:
    desk.observe(NAMESPACES, "a")
    change = desk.stage.cache.forget(Key(NAMESPACES, "", "a"))
    assert change is not None

    desk.handlers.namespace(change)

    assert desk.forgotten == ["a"]


@pytest.mark.parametrize(("resource", "field"), [(CONFIGMAPS, "configMap"), (SECRETS, "secret")])
def test_an_edited_template_source_wakes_its_users(resource: Resource, field: str) -> None:
    desk = Desk()
    template = {"templateFrom": [{field: {"name": "source", "items": [{"key": "k"}]}}]}
    for name, namespace, target in (("es", "ns", {"template": template}), ("far", "far", {"template": template})):
        desk.observe(EXTERNAL_SECRETS, name, namespace, spec={"target": target}, status=READY)
    desk.handlers.targets.template(desk.observe(resource, "source", "ns", created=desk.before))
    assert not desk.state.stale, "it is new only to us, who have just started"

    desk.handlers.targets.template(desk.observe(resource, "source", "ns", created=desk.before))

    assert desk.state.stale == {Key(EXTERNAL_SECRETS, "ns", "es")}


def test_a_changed_certificate_wakes_its_store_and_consumers() -> None:
    desk = Desk()
    authority = {"type": "ConfigMap", "name": "ca", "key": "ca.crt"}
    spec = {"provider": {"vault": {"server": "https://vault", "caProvider": authority}}}
    desk.observe(SECRET_STORES, "store", "ns", spec=spec, status=READY)
    desk.observe(EXTERNAL_SECRETS, "es", "ns", spec={"secretStoreRef": {"name": "store"}}, status=READY)

    for place in ("elsewhere", "ns"):
        desk.handlers.config_map(desk.observe(CONFIGMAPS, "ca", place))
        assert bool(desk.state.stale) is (place == "ns")

    assert desk.state.stale == {Key(EXTERNAL_SECRETS, "ns", "es")}
    assert len(desk.stores) == 1


def test_what_was_written_is_forgotten_when_it_is_gone(desk: Desk) -> None:
    key = Key(Resource("apps", "v1", "deployments", "Deployment"), "ns", "es")
    manifest = {"apiVersion": "apps/v1", "kind": "Deployment"}
    desk.observe(EXTERNAL_SECRETS, "es", "ns", spec={"target": {"manifest": manifest}})
    desk.state.written[key] = "7"

    desk.handlers.targets.generic_target(key, "7")
    assert (len(desk.queue), len(desk.state.written)) == (0, 1), "the echo of an own write"
    desk.handlers.targets.generic_target(key, "")

    assert (len(desk.queue), len(desk.state.written)) == (1, 0)


def test_a_store_that_becomes_ready_does_not_break_up_a_burst(desk: Desk) -> None:
    desk.observe(SECRET_STORES, "store", "ns", spec=store_spec())
    for name in ("early", "waiting"):
        desk.observe(EXTERNAL_SECRETS, name, "ns", spec={"secretStoreRef": {"name": "store"}})
    desk.bursts.waiting.add(Key(EXTERNAL_SECRETS, "ns", "waiting"))

    desk.handlers.table()[SECRET_STORES](desk.observe(SECRET_STORES, "store", "ns", spec=store_spec(), status=READY))

    assert [key.name for key in desk.queue._queued] == ["early"]


def test_our_own_verdict_on_a_store_wakes_before_the_watch_shows_it(desk: Desk) -> None:
    """Under load the API server's watch is seconds late."""
    key = Key(SECRET_STORES, "ns", "store")
    desk.observe(SECRET_STORES, "store", "ns", spec=store_spec())
    desk.observe(EXTERNAL_SECRETS, "waits", "ns", spec={"secretStoreRef": {"name": "store"}})
    body = desk.stage.api.put(SECRET_STORES, desk.stage.api.objects[key] | {"status": READY})

    desk.handlers.stores.written(key, body)

    assert [each.name for each in desk.queue._queued] == ["waits"]
    assert desk.stage.cache.observe(SECRET_STORES, "MODIFIED", body) is None, "the watch's echo is no change"


@pytest.mark.parametrize("made_again", [False, True])
def test_a_verdict_on_a_store_that_is_gone_brings_nothing_back(desk: Desk, made_again: bool) -> None:
    key = Key(SECRET_STORES, "ns", "store")
    desk.observe(SECRET_STORES, "store", "ns", spec=store_spec())
    body = desk.stage.api.put(SECRET_STORES, desk.stage.api.objects[key] | {"status": READY})
    desk.stage.cache.forget(key)
    if made_again:
        meta = {"namespace": "ns", "name": "store", "uid": "another", "resourceVersion": "1"}
        desk.stage.cache.observe(SECRET_STORES, "ADDED", {"metadata": meta})

    desk.handlers.stores.written(key, body)

    found = desk.stage.cache.get(key)
    assert (found.uid if found else None) == ("another" if made_again else None)
    assert not desk.queue._queued


async def test_a_loud_namespace_wakes_cluster_objects_at_its_rate(desk: Desk) -> None:
    spec = {"externalSecretSpec": {}, "externalSecretName": "es", "namespaceSelectors": []}
    desk.observe(CLUSTER_EXTERNAL_SECRETS, "ces", spec=spec)
    every = Key(CLUSTER_EXTERNAL_SECRETS, "", "ces")
    desk.clusters.add(every)
    assert await desk.clusters.get() == every
    desk.clusters.done(every)

    async def woken() -> bool:
        try:
            desk.clusters.done(await asyncio.wait_for(desk.clusters.get(), 0.001))
        except TimeoutError:
            return False
        return True

    def changes(namespace: str) -> None:
        meta = {"name": "es", "namespace": namespace, "generation": next(numbers)}
        stored = desk.stage.api.put(EXTERNAL_SECRETS, {"metadata": meta, "spec": {}})
        change = desk.stage.cache.observe(EXTERNAL_SECRETS, None, stored)
        assert change is not None
        desk.handlers.external_secret(change)

    numbers = count()
    changes("loud")
    assert await woken(), "the first change is looked at at once"
    for _ in range(int(CLUSTER_WAKES_BURST) + 100):
        changes("loud")
    await woken()
    changes("loud")
    assert not await woken()
    changes("quiet")
    assert await woken(), "others wait for nobody"
    changes("loud")
    desk.stage.clock.pass_by(100 / CLUSTER_WAKES_PER_SECOND + 1)
    assert await woken(), "and what the loud one changed is looked at in its time"


async def test_a_storm_delays_cluster_work_by_a_minute(desk: Desk) -> None:
    """However many changes came before: the next one is looked at within a minute."""
    desk.observe(CLUSTER_EXTERNAL_SECRETS, "cluster", spec={"externalSecretName": "es"})
    for number in range(3_000):
        spec = {"secretStoreRef": {"name": f"store-{number}"}}
        desk.handlers.external_secret(desk.observe(EXTERNAL_SECRETS, "es", "noisy", spec=spec))
    while len(desk.clusters):
        desk.clusters.done(await desk.clusters.get())

    desk.handlers.external_secret(desk.observe(EXTERNAL_SECRETS, "es", "noisy", spec={}))
    desk.stage.clock.pass_by(MAX_CLUSTER_WAKE_SECONDS)

    async with asyncio.timeout(1):
        assert await desk.clusters.get() == Key(CLUSTER_EXTERNAL_SECRETS, "", "cluster")

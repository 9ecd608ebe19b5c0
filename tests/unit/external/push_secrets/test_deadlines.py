"""A pass ends in time, however slow its providers are; what is left comes with the next one."""

import pytest

from external.providers.protocol import ProviderError, ProviderUnavailable
from external.providers.session import ProviderSession
from external.push_secrets.cleanup import OUT_OF_TIME
from external.push_summaries import FINALIZER
from external.stores.clients import Clients
from manager.kube.resources import PUSH_SECRETS, Key
from tests.builders.external_module import ExternalModule
from tests.builders.push_provider import OK, Remote, entry, later, push_secret, ready, recorded, started, status

PROPERTIES = [entry("k", "remote", f"p{at}") for at in range(10)]


async def test_properties_of_one_key_stop_at_the_deadline_and_go_on_later(
    bench: ExternalModule, remote: Remote
) -> None:
    remote.after_write = lambda: bench.pass_by(40)
    await started(bench, data=PROPERTIES)
    assert remote.calls["write"] == 3, "the third one ends after 120 seconds"

    for _ in range(5):
        await later(bench, 2)

    assert len(recorded(bench)["SecretStore/store"]) == len(PROPERTIES)
    assert (remote.calls["write"], ready(bench)[0]) == (len(PROPERTIES), "True")


async def test_a_provider_that_is_away_is_asked_once_for_a_key(bench: ExternalModule, remote: Remote) -> None:
    remote.failing["remote"] = ProviderUnavailable("away")
    await started(bench, data=PROPERTIES)

    assert remote.calls["push"] == 1
    assert ready(bench)[0] == "False"


async def test_a_refusal_stops_no_other_property(bench: ExternalModule, remote: Remote) -> None:
    remote.failing["remote"] = ProviderError("no")
    await started(bench, data=PROPERTIES)

    assert remote.calls["push"] == len(PROPERTIES)


def slow_deletes(bench: ExternalModule, remote: Remote) -> None:
    """Let each delete take 40 seconds."""
    delete = remote.delete

    def slow(*given: str) -> bool:
        bench.pass_by(40)
        return delete(*given)  # type: ignore[arg-type]

    remote.delete = slow  # type: ignore[assignment]


async def test_slow_deletes_are_divided_over_passes(bench: ExternalModule, remote: Remote) -> None:
    await started(bench, deletionPolicy="Delete", data=[entry(remote=f"r{at}") for at in range(5)])
    slow_deletes(bench, remote)

    push_secret(bench, meta={"finalizers": [FINALIZER]}, deletionPolicy="Delete", data=[entry(remote="new")])
    await bench.settle()
    assert (remote.calls["delete"], OUT_OF_TIME in ready(bench)[2]) == (3, True)

    await later(bench, 2)
    assert (recorded(bench), ready(bench)[0]) == ({"SecretStore/store": ["new"]}, "True")


async def test_a_deleted_object_is_held_until_its_last_slow_delete(bench: ExternalModule, remote: Remote) -> None:
    await started(bench, deletionPolicy="Delete", data=[entry(remote=f"r{at}") for at in range(5)])
    slow_deletes(bench, remote)
    body = bench.body(PUSH_SECRETS, "ps") or {}
    bench.api.put(PUSH_SECRETS, body | {"metadata": body["metadata"] | {"deletionTimestamp": "2026-01-01T00:00:00Z"}})
    await bench.settle()
    assert (remote.calls["delete"], (bench.body(PUSH_SECRETS, "ps") or {})["metadata"]["finalizers"]) == (
        3,
        [FINALIZER],
    )

    await later(bench, 2)
    assert (remote.values, (bench.body(PUSH_SECRETS, "ps") or {})["metadata"]["finalizers"]) == ({}, [])


async def test_stores_that_open_slowly_are_left_to_the_next_pass(
    bench: ExternalModule, remote: Remote, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened, slow = Clients.for_consumer, {"seconds": 0.0}

    async def slowly(clients: Clients, *given: Key) -> ProviderSession:
        bench.pass_by(slow["seconds"])
        return await opened(clients, *given)  # type: ignore[arg-type]

    monkeypatch.setattr(Clients, "for_consumer", slowly)
    bench.store("second", values={"place": "b"})
    await started(bench, data=[])
    slow["seconds"] = 40.0
    push_secret(bench, secretStoreRefs=[{"name": "store"}, {"name": "second"}])
    await bench.settle()
    assert (remote.text("remote"), remote.text("remote", "b")) == ("v", None)

    slow["seconds"] = 0.0
    await later(bench, 2)
    assert (remote.text("remote", "b"), ready(bench)) == ("v", OK)


async def test_stores_that_hang_do_not_take_the_time_of_the_last_one(
    bench: ExternalModule, remote: Remote, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each pass begins where the last one had no time left."""
    opened = Clients.for_consumer

    async def hang(clients: Clients, store: Key, *given: str) -> ProviderSession:
        if store.name != "last":
            bench.pass_by(40)
            raise ProviderUnavailable("no answer in time")
        return await opened(clients, store, *given)

    monkeypatch.setattr(Clients, "for_consumer", hang)
    bench.store("second", values={"place": "b"})
    bench.store("last", values={"place": "c"})
    await started(bench, secretStoreRefs=[{"name": name} for name in ("store", "second", "last")])
    for _ in range(4):
        await later(bench, 600)

    assert remote.text("remote", "c") == "v"
    assert [each["store"].rpartition("/")[2] for each in status(bench)["pushState"]["entries"]][-1] == "last"

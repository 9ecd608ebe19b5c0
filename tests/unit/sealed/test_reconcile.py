"""One pass after another over a SealedSecret on the in-memory stage: what is written, said and looked at again."""

from typing import Any

import pytest

from manager.core.errors import Conflict, Forbidden, Invalid
from manager.kube.resources import SECRETS
from manager.settings.model import SealedSettings, Settings
from sealed.crypto.unseal import MAX_FAILURES
from sealed.plan import MANAGED, PATCH
from tests.builders.sealed_module import OURS, TARGET, SealedModule, key_secret, sealed_secret
from tests.builders.sealed_vectors import other_key


@pytest.fixture
async def bench() -> SealedModule:
    bench = SealedModule()
    await bench.registry.put(key_secret())
    return bench


def foreign(**annotations: str) -> dict[str, Any]:
    meta = {"namespace": "ns", "name": "a", "annotations": annotations}
    return {"metadata": meta, "data": {"theirs": "eA=="}, "type": "Opaque"}


async def test_a_sealed_secret_becomes_a_secret_and_then_rests(bench: SealedModule) -> None:
    bench.place(sealed_secret({"k": "v"}))
    await bench.work()
    calls = len(bench.api.calls)

    bench.catch_up()
    await bench.work()

    assert bench.data() == {"k": "v"}
    assert bench.condition()["status"] == "True"
    assert len(bench.api.calls) == calls
    assert bench.reasons() == ["Unsealed"]


async def test_a_restart_asks_for_nothing(bench: SealedModule) -> None:
    bench.place(sealed_secret({"k": "v"}))
    await bench.work()

    again = SealedModule()
    again.api = bench.api
    await again.registry.put(key_secret())
    again.tell(SECRETS, "ADDED", bench.api.objects[TARGET])
    again.tell(OURS.resource, "ADDED", bench.api.objects[OURS])

    assert len(again.queue) == 0


@pytest.mark.parametrize("annotation", [MANAGED, PATCH])
async def test_a_replaced_secret_is_filled_although_the_status_is_good(bench: SealedModule, annotation: str) -> None:
    bench.place(sealed_secret({"k": "v"}))
    await bench.work()

    del bench.api.objects[TARGET]
    bench.place(foreign(**{annotation: "true"}), SECRETS)
    bench.queue.add(OURS)
    await bench.work()

    assert bench.data()["k"] == "v"


async def test_an_edited_secret_is_left_alone(bench: SealedModule) -> None:
    bench.place(sealed_secret({"k": "v"}))
    await bench.work()
    edited = bench.api.objects[TARGET]
    edited["data"] = {"k": "ZWRpdGVk"}
    bench.place(edited, SECRETS)

    bench.queue.add(OURS)
    await bench.work()

    assert bench.data() == {"k": "edited"}


async def test_a_key_wakes_what_failed_for_want_of_it(bench: SealedModule) -> None:
    bench.place(sealed_secret({"k": "v"}, other_key()))
    await bench.work()
    assert bench.condition()["status"] == "False"

    await bench.registry.put(key_secret("second", other_key()))
    await bench.work()

    assert bench.data() == {"k": "v"}
    assert bench.condition()["status"] == "True"


async def test_a_key_that_comes_while_a_value_is_tried_is_not_missed(
    bench: SealedModule, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The object is not known to have failed yet, so that the key's arrival wakes nobody."""
    bench.place(sealed_secret({"k": "v"}, other_key()))
    key = await bench.queue.get()
    write = bench.api.patch

    async def late(*arguments: Any, **options: Any) -> Any:
        await bench.registry.put(key_secret("second", other_key()))
        return await write(*arguments, **options)

    monkeypatch.setattr(bench.api, "patch", late)

    again = await bench.reconciler.reconcile(key)

    assert again.after == 0


async def test_a_key_wakes_a_changed_spec_that_is_not_synced(bench: SealedModule) -> None:
    """Its status still tells of the last generation's success."""
    bench.place(sealed_secret({"k": "v"}))
    await bench.work()
    changed = sealed_secret({"k": "new"}, other_key())
    changed["metadata"]["generation"] = 2
    bench.place({**changed, "status": bench.api.objects[OURS]["status"]})
    key = await bench.queue.get()
    await bench.reconciler.reconcile(key)  # its failure stands in the status, which the watch has not shown yet
    bench.queue.done(key)

    await bench.registry.put(key_secret("second", other_key()))
    await bench.work()

    assert bench.data() == {"k": "new"}


@pytest.mark.parametrize("odd", ["text", None, ["x"], 5])
async def test_a_spec_or_status_of_an_odd_type_is_answered(bench: SealedModule, odd: Any) -> None:
    """The original's older CRDs have no schema that would refuse it."""
    bench.place({**sealed_secret(), "spec": odd, "status": odd})

    await bench.work()

    assert bench.condition()["type"] == "Synced"


async def test_a_refused_secret_is_tried_again_in_a_while(bench: SealedModule) -> None:
    bench.place(sealed_secret({"k": "v"}))
    bench.api.fail("create", Invalid(422, "Invalid", "create Secret ns/a", "data[k]: FieldValueInvalid"))

    [again] = await bench.work()

    assert again.after == 600
    assert "FieldValueInvalid" in bench.condition()["message"]


async def test_a_forbidden_secret_is_tried_again_soon(bench: SealedModule) -> None:
    bench.place(sealed_secret({"k": "v"}))
    bench.api.fail("create", Forbidden(403, "Forbidden", "create Secret ns/a"))

    [again] = await bench.work()

    assert again.backoff


async def test_a_terminating_namespace_causes_no_event(bench: SealedModule) -> None:
    bench.place(sealed_secret({"k": "v"}))
    bench.api.fail("create", Forbidden(403, "NamespaceTerminating", "create Secret ns/a"))

    with pytest.raises(Conflict):
        await bench.work()

    assert bench.api.events == []


async def test_a_conflict_is_left_to_the_controller(bench: SealedModule) -> None:
    bench.place(sealed_secret({"k": "v"}))
    bench.api.fail("create", Conflict(409, "Conflict", "create Secret ns/a"))

    with pytest.raises(Conflict):
        await bench.work()


async def test_many_broken_values_cost_little_and_are_told_shortly(bench: SealedModule) -> None:
    bench.place(sealed_secret(encryptedData={f"{'k' * 300}{at:05}": "AAAA" for at in range(5000)}))

    await bench.work()

    message = bench.condition()["message"]
    assert message.count("k" * 253) == MAX_FAILURES
    assert "items not looked at after these (4990)" in message
    assert len(message) < 4000


async def test_no_value_is_said_anywhere(bench: SealedModule) -> None:
    bench.place(sealed_secret({"good": "canary-71aa"}, encryptedData={"bad": "canary-71aa"}))

    await bench.work()

    assert "canary-71aa" not in bench.everything_said().replace("encryptedData", "")


async def test_an_edited_secret_is_set_right_where_that_is_wanted() -> None:
    bench = SealedModule(Settings(sealed=SealedSettings(repair_drift=True)))
    await bench.registry.put(key_secret())
    bench.place(sealed_secret({"k": "v"}))
    await bench.work()
    edited = bench.api.objects[TARGET]
    edited["data"] = {"k": "ZWRpdGVk", "more": ""}
    bench.place(edited, SECRETS)

    await bench.work()
    calls = len(bench.api.calls)
    await bench.work()

    assert bench.data() == {"k": "v"}
    assert len(bench.api.calls) == calls


async def test_no_status_is_written_where_none_is_wanted() -> None:
    bench = SealedModule(Settings(sealed=SealedSettings(update_status=False)))
    await bench.registry.put(key_secret())
    bench.place(sealed_secret({"k": "v"}))

    await bench.work()

    assert bench.data() == {"k": "v"}
    assert "status" not in bench.api.objects[OURS]


async def test_a_template_that_a_value_overrules_is_told(bench: SealedModule) -> None:
    """Up to 0.36 of the original the template won: who relied on it must hear why it does nothing now."""
    bench.place(sealed_secret({"k": "v"}, template={"data": {"k": "{{ .k | b64dec }}", "l": "text"}}))

    await bench.work()

    assert bench.data() == {"k": "v", "l": "text"}
    assert bench.reasons() == ["TemplateOverruled", "Unsealed"]
    assert "template.data[k]" in bench.api.events[0]["message"]


async def test_a_key_that_the_template_drops_overrules_nothing(bench: SealedModule) -> None:
    bench.place(sealed_secret({"k": "v"}, template={"data": {"k": None}}))

    await bench.work()

    assert bench.data() == {}
    assert bench.reasons() == ["Unsealed"]


async def test_a_status_tells_when_it_changed_and_is_written_only_then(bench: SealedModule) -> None:
    """TestEmptyStatusSendsUpdate, TestStatusUpdateSendsUpdate, TestSameStatusNoUpdate, TestSyncedSecretWithError…"""
    times = []

    async def look(seconds: float) -> None:
        bench.clock.pass_by(seconds)
        bench.queue.add(OURS)
        await bench.work()
        found = bench.condition()
        times.append((found["status"], found["lastTransitionTime"][14:19], found["lastUpdateTime"][14:19]))

    bench.place(sealed_secret({"k": "v"}, other_key()))
    await look(60)
    patches = bench.api.counts()["patch status"]
    await look(60)
    assert bench.api.counts()["patch status"] == patches, "the same failure is not written again"
    await bench.registry.put(key_secret("second", other_key()))
    await look(60)
    changed = sealed_secret({"k": "!"}, other_key())
    changed["spec"]["encryptedData"]["k"] = "!"
    changed["metadata"]["generation"] = 2
    bench.place({**changed, "status": bench.api.objects[OURS]["status"]})
    await look(60)
    changed["spec"]["encryptedData"]["k"] = "AAAA"
    bench.place({**changed, "status": bench.api.objects[OURS]["status"]})
    await look(60)

    assert times == [
        ("False", "01:00", "01:00"),
        ("False", "01:00", "01:00"),
        ("True", "03:00", "03:00"),
        ("False", "04:00", "04:00"),
        ("False", "04:00", "05:00"),
    ]
    assert "no key could decrypt" in bench.condition()["message"], "another failure is told at the same generation, too"

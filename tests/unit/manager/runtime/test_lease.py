"""Leader election against an in-memory lease; the real one is fought over in tests/e2e/test_replicas.py."""

from datetime import datetime, timedelta
from typing import Any

import pytest
import structlog

from manager.core.errors import ApiError, Conflict, Forbidden, NotFound, NotLeader, Unreachable
from manager.kube.resources import LEASES, Key
from manager.runtime.lease import Lease, micro_time
from manager.settings.model import LeaseSettings
from tests.builders.api_in_memory import EPOCH, HandClock, MemoryApi, no_jitter

KEY = Key(LEASES, "coffer", "coffer")
SETTINGS = LeaseSettings()


class Election:
    """One or two candidates over one lease."""

    def __init__(self) -> None:
        self.api, self.clock = MemoryApi(), HandClock()

    def candidate(self, name: str = "a", **settings: Any) -> Lease:
        client: Any = self.api
        return Lease(client, "coffer", name, LeaseSettings(**settings), self.clock, no_jitter())

    @property
    def spec(self) -> dict[str, Any]:
        spec: dict[str, Any] = self.api.objects[KEY]["spec"]
        return spec


@pytest.fixture
def election() -> Election:
    return Election()


async def test_a_lease_that_nobody_has_is_taken(election: Election) -> None:
    lease = election.candidate()
    assert not lease.held

    await lease.acquire()

    assert lease.held
    assert election.spec == {
        "holderIdentity": "a",
        "leaseDurationSeconds": 15,
        "renewTime": "2026-01-01T00:00:00.000000Z",
        "acquireTime": "2026-01-01T00:00:00.000000Z",
        "leaseTransitions": 0,
    }


async def test_a_lease_that_is_renewed_is_not_taken(election: Election) -> None:
    first, second = election.candidate("a"), election.candidate("b")
    await first.acquire()
    for _ in range(30):
        election.clock.pass_by(2)
        assert await first._attempt()
        assert not await second._attempt()

    assert election.spec["holderIdentity"] == "a"


async def test_a_lease_that_nobody_renews_is_taken_after_its_duration(election: Election) -> None:
    first, second = election.candidate("a"), election.candidate("b")
    await first.acquire()
    assert not await second._attempt()

    election.clock.pass_by(SETTINGS.duration - 0.1)
    assert not await second._attempt()
    election.clock.pass_by(0.1)
    assert await second._attempt()

    assert election.spec["holderIdentity"] == "b"
    assert election.spec["leaseTransitions"] == 1


async def test_the_other_clock_does_not_matter(election: Election) -> None:
    first, second = election.candidate("a"), election.candidate("b")
    await first.acquire()
    election.spec["renewTime"] = "1999-01-01T00:00:00.000000Z"

    assert not await second._attempt()
    election.clock.pass_by(SETTINGS.duration)
    assert await second._attempt()


async def test_a_container_that_restarts_under_its_name_goes_on_at_once(election: Election) -> None:
    await election.candidate("pod-0").acquire()

    assert await election.candidate("pod-0")._attempt()
    assert election.spec["leaseTransitions"] == 0


async def test_a_released_lease_is_taken_at_once(election: Election) -> None:
    first, second = election.candidate("a"), election.candidate("b")
    await first.acquire()
    assert not await second._attempt()

    await first.release()

    assert not first.held
    assert await second._attempt()


async def test_what_another_has_taken_is_not_released(election: Election) -> None:
    first, second = election.candidate("a"), election.candidate("b")
    await first.acquire()
    await second._attempt()
    election.clock.pass_by(SETTINGS.duration)
    await second.acquire()

    await first.release()

    assert election.spec["holderIdentity"] == "b"


async def test_a_release_that_fails_is_survived(election: Election) -> None:
    lease = election.candidate()
    await lease.acquire()
    election.api.fail("get", Unreachable(0, "TimeoutError", "get lease"))

    await lease.release()

    assert not lease.held


async def test_a_replica_that_was_frozen_knows_that_it_may_not_write(election: Election) -> None:
    lease = election.candidate()
    await lease.acquire()

    election.clock.pass_by(SETTINGS.renew_deadline - 0.1)
    lease.certain()
    election.clock.pass_by(0.1)
    with pytest.raises(NotLeader):
        lease.certain()


async def test_certainty_counts_from_when_the_renewal_was_sent(election: Election) -> None:
    lease = election.candidate()
    update = election.api.update
    await lease.acquire()

    async def slow(*args: Any, **options: Any) -> Any:
        election.clock.pass_by(4)
        return await update(*args, **options)

    election.api.update = slow  # type: ignore[method-assign]
    assert await lease._attempt()

    election.clock.pass_by(SETTINGS.renew_deadline - 4)
    assert not lease.held


@pytest.mark.parametrize(
    "error", [Conflict(409, "Conflict", "x"), Forbidden(403, "Forbidden", "x"), Unreachable(503, "", "x")]
)
async def test_an_attempt_that_is_refused_leaves_the_deadline_running(election: Election, error: ApiError) -> None:
    lease = election.candidate()
    await lease.acquire()
    election.api.fail("update", error)

    assert not await lease._attempt()
    assert lease.held
    election.clock.pass_by(SETTINGS.renew_deadline)
    assert not lease.held


async def test_a_namespace_that_does_not_exist_is_told_once_with_a_cure(election: Election) -> None:
    lease = election.candidate()

    with structlog.testing.capture_logs() as logs:
        for _ in range(3):
            election.api.fail("create", NotFound(404, "NotFound", "create Lease coffer/coffer"))
            assert not await lease._attempt()

    [line] = logs
    assert line["log_level"] == "error"
    assert line["error"] == "namespace coffer does not exist"
    assert "--process-namespace" in line["cure"]
    assert await lease._attempt()


async def test_a_lease_that_is_deleted_while_it_is_taken_is_no_missing_namespace(election: Election) -> None:
    first, second = election.candidate("a"), election.candidate("b")
    await first.acquire()
    await first.release()
    election.api.fail("update", NotFound(404, "NotFound", "update Lease coffer/coffer"))

    with structlog.testing.capture_logs() as logs:
        assert not await second._attempt()

    assert [each["error"] for each in logs] == ["NotFound"]


@pytest.mark.parametrize(("held", "event"), [(False, "lease not acquired"), (True, "lease not renewed")])
async def test_only_a_lease_that_was_held_is_not_renewed(election: Election, held: bool, event: str) -> None:
    lease = election.candidate()
    if held:
        await lease.acquire()
    election.api.fail("get", Unreachable(503, "ServiceUnavailable", "get lease"))

    with structlog.testing.capture_logs() as logs:
        assert not await lease._attempt()

    assert [each["event"] for each in logs] == [event]


async def test_a_replica_that_waits_says_for_whom_once_a_holder(election: Election) -> None:
    first, second = election.candidate("a"), election.candidate("b")
    await first.acquire()

    with structlog.testing.capture_logs() as logs:
        for _ in range(3):
            assert not await second._attempt()
        election.spec["holderIdentity"] = "c"
        assert not await second._attempt()

    assert [(each["event"], each["holder"]) for each in logs] == [
        ("waits for the lease, which another replica holds", "a"),
        ("waits for the lease, which another replica holds", "c"),
    ]


async def test_losing_the_lease_to_another_is_noticed_at_once(election: Election) -> None:
    first = election.candidate("a")
    await first.acquire()
    election.spec["holderIdentity"] = "b"

    assert not await first._attempt()
    assert not first.held


async def test_keeping_ends_when_the_lease_is_lost(election: Election) -> None:
    lease = election.candidate("a", duration=0.3, renew_deadline=0.2, retry=0.001)
    await lease.acquire()
    election.spec["holderIdentity"] = "b"

    with pytest.raises(NotLeader):
        await lease.keep()


async def test_a_lease_that_somebody_deleted_is_still_its_holders(election: Election) -> None:
    """The holder does not know yet, and writes."""
    first, second = election.candidate("a"), election.candidate("b")
    await first.acquire()
    assert not await second._attempt()
    del election.api.objects[KEY]

    assert not await second._attempt()
    assert await first._attempt()
    assert not await second._attempt()


async def test_a_deleted_lease_whose_holder_is_gone_too_is_taken_after_its_duration(election: Election) -> None:
    first, second = election.candidate("a"), election.candidate("b")
    await first.acquire()
    await second._attempt()
    del election.api.objects[KEY]

    election.clock.pass_by(SETTINGS.duration)

    assert await second._attempt()


@pytest.mark.parametrize("spec", [None, {}, {"holderIdentity": ""}, {"holderIdentity": "x", "renewTime": "never"}])
async def test_a_lease_of_garbage_is_taken_after_the_duration_at_the_latest(election: Election, spec: Any) -> None:
    lease = election.candidate()
    election.api.put(LEASES, {"metadata": {"namespace": "coffer", "name": "coffer"}, "spec": spec})
    await lease._attempt()

    election.clock.pass_by(SETTINGS.duration)

    assert await lease._attempt()
    assert lease.held


async def test_a_renewal_under_way_does_not_keep_the_lease_from_being_given_back(election: Election) -> None:
    lease = election.candidate()
    await lease.acquire()
    election.api.fail("update", Conflict(409, "Conflict", "x"))

    await lease.release()

    assert election.spec["holderIdentity"] == ""


async def test_a_lease_that_was_taken_without_an_answer_is_given_back(
    election: Election, monkeypatch: pytest.MonkeyPatch
) -> None:
    lease = election.candidate()
    create = election.api.create

    async def unanswered(*args: Any, **options: Any) -> Any:
        await create(*args, **options)
        raise Unreachable(0, "TimeoutError", "create lease")

    monkeypatch.setattr(election.api, "create", unanswered)
    assert not await lease._attempt()

    await lease.release()

    assert election.spec["holderIdentity"] == ""


async def test_one_who_never_asked_for_the_lease_asks_nothing_at_the_end(election: Election) -> None:
    first, second = election.candidate("a"), election.candidate("b")
    await first.acquire()
    await second._attempt()
    election.api.calls.clear()

    await second.release()

    assert election.api.calls == []


async def test_the_loop_is_not_alive_before_the_first_answer(election: Election) -> None:
    lease = election.candidate()
    assert not lease.alive()
    election.api.fail("get", Unreachable(0, "TimeoutError", "get lease"))

    await lease._attempt()

    assert not lease.alive()


async def test_the_loop_is_alive_while_the_api_server_answers(election: Election) -> None:
    lease = election.candidate()
    await lease.acquire()
    assert lease.alive()

    election.clock.pass_by(29)
    assert lease.alive()
    election.clock.pass_by(2)
    assert not lease.alive()


async def test_without_election_one_replica_is_always_certain(election: Election) -> None:
    lease = election.candidate(enabled=False)
    await lease.acquire()
    election.clock.pass_by(1000)

    lease.certain()
    assert lease.alive()
    await lease.release()
    assert election.api.calls == []


def test_micro_time_is_kubernetes() -> None:
    assert micro_time(EPOCH) == "2026-01-01T00:00:00.000000Z"


class Paused(HandClock):
    """The clocks of a virtual machine that stood still: only the wall clock is set afterwards."""

    paused = 0.0

    def now(self) -> datetime:
        return super().now() + timedelta(seconds=self.paused)


async def test_a_machine_that_stood_still_is_not_certain_though_its_monotonic_clock_did_too(election: Election) -> None:
    election.clock = clock = Paused()
    lease = election.candidate()
    await lease.acquire()
    assert lease.held

    clock.paused = SETTINGS.renew_deadline
    assert not lease.held

    clock.paused = -3600.0  # a clock that is set back proves nothing
    assert lease.held

"""What tools of GitOps read in the status of an ExternalSecret."""

import pytest

from manager.kube.conditions import find_condition
from manager.kube.resources import EXTERNAL_SECRETS, SECRETS
from tests.builders.external_module import ExternalModule


def times(bench: ExternalModule) -> tuple[str, str]:
    """Return the refresh time, and when the condition last moved."""
    status = (bench.body(EXTERNAL_SECRETS, "es") or {})["status"]
    ready = find_condition(status["conditions"], "Ready") or {}
    assert len(status["conditions"]) == 1
    return status["refreshTime"], ready["lastTransitionTime"]


@pytest.mark.parametrize("lost", [True, False], ids=["repair", "change"])
async def test_on_change_the_condition_moves_with_every_refresh(bench: ExternalModule, lost: bool) -> None:
    """Argo CD's health script waits for ever where the condition is older than the refresh."""
    bench.store(values={"remote": "x"})
    bench.external(refreshPolicy="OnChange")
    await bench.settle()
    first = times(bench)

    bench.pass_by(3600)
    if lost:
        bench.remove(SECRETS, "es")
    else:
        bench.external(refreshPolicy="OnChange", meta={"annotations": {"force-sync": "1"}})
    await bench.settle()

    refreshed, moved = times(bench)
    assert refreshed == moved != first[0]


@pytest.mark.parametrize("policy", ["Periodic", "CreatedOnce"])
async def test_otherwise_the_condition_moves_with_its_status_alone(bench: ExternalModule, policy: str) -> None:
    bench.store(values={"remote": "x"})
    bench.external(refreshPolicy=policy)
    await bench.settle()
    first = times(bench)

    bench.pass_by(3700)
    bench.remove(SECRETS, "es")
    await bench.settle()

    assert times(bench)[0] != first[0]
    assert times(bench)[1] == first[1]

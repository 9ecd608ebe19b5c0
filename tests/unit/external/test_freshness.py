"""The age of the oldest success, over all ExternalSecrets."""

from tests.unit.external.bench import Bench

OLDEST, FAILING = "coffer_external_last_success_age_seconds", "coffer_external_not_ready"


def shown(bench: Bench, name: str) -> float | None:
    return bench.stage.context.metrics.registry.get_sample_value(name)


async def test_the_oldest_success_is_told_and_those_that_never_had_one_count(bench: Bench) -> None:
    assert shown(bench, OLDEST) == 0
    bench.store(values={"remote": "x"})
    bench.external("fine")
    await bench.settle()
    bench.pass_by(100)
    bench.external("frozen", refreshInterval="0")
    bench.external("broken", data=[{"secretKey": "k", "remoteRef": {"key": "absent"}}])
    await bench.settle()
    assert (shown(bench, OLDEST), shown(bench, FAILING)) == (100, 1)

    bench.pass_by(1000)
    assert shown(bench, OLDEST) == 1100
    bench.external("fine", refreshInterval="30m")
    await bench.settle()
    assert shown(bench, OLDEST) == 1000, "the one that never had a value"

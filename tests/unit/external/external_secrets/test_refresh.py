"""A fleet that was made at one moment does not come back in one second."""

import random

from manager.kube.resources import EXTERNAL_SECRETS, Key
from tests.builders.external_module import ExternalModule


async def test_refreshes_are_spread_and_none_comes_early(bench: ExternalModule) -> None:
    bench.stage.context.jitter.rng = random.Random(1)
    number = 60
    bench.store(values={"remote": "x"})
    for at in range(number):
        bench.external(f"es{at}", refreshInterval="1h")
    await bench.settle()

    queue = bench.module.controllers[0].queue
    due = sorted(queue._delayed._due[Key(EXTERNAL_SECRETS, "ns", f"es{at}")] for at in range(number))

    assert due[0] >= 3600
    assert due[-1] <= 3600 * 1.03
    seconds = [int(each) for each in due]
    assert max(seconds.count(each) for each in seconds) <= number / 10

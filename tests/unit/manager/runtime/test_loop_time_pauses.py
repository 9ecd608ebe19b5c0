"""The longest pause of the event loop in the last minute."""

import asyncio

from manager.runtime.loop_time import REMEMBERED_SECONDS, LoopPauses


def test_the_longest_of_the_last_minute_is_told() -> None:
    pulse = LoopPauses()
    assert pulse.longest() == 0.0
    for at, pause in enumerate((0.1, 0.5, 0.2, 0.3)):
        pulse.note(float(at), pause)

    assert pulse.longest() == 0.5
    pulse.note(1.0 + REMEMBERED_SECONDS + 0.5, 0.0)
    assert pulse.longest() == 0.3
    assert len(pulse._pauses) == 2


async def test_it_measures_while_it_runs() -> None:
    pulse = LoopPauses()
    task = asyncio.create_task(pulse.run())
    while not pulse._pauses:
        await asyncio.sleep(0.01)
    task.cancel()

    assert pulse.longest() >= 0.0

"""Places that tenants share: none holds more than its share, those who wait take turns, and nothing is lost."""

import asyncio

import pytest

from manager.core.fair_share import FairBudget, FairSemaphore
from tests.builders.api_in_memory import HandClock


async def test_a_tenant_holds_no_more_than_its_share() -> None:
    places = FairSemaphore(8, 2)

    assert [places.take_now("evil") for _ in range(5)] == [True, True, False, False, False]
    assert [places.take_now(f"t{at}") for at in range(8)].count(True) == 6


async def test_those_who_wait_take_turns() -> None:
    places, order = FairSemaphore(1, 1), list[str]()

    async def work(tenant: str) -> None:
        async with places.place(tenant):
            order.append(tenant)
            await asyncio.sleep(0)

    await asyncio.gather(*(work(each) for each in ["evil"] * 4 + ["good", "other"]))

    assert order == ["evil", "evil", "good", "other", "evil", "evil"]


async def test_a_place_that_is_given_to_one_who_has_gone_goes_to_the_next() -> None:
    places = FairSemaphore(1, 1)
    await places.take("a")
    first, second = asyncio.create_task(places.take("b")), asyncio.create_task(places.take("c"))
    await asyncio.sleep(0)

    places.release("a")
    first.cancel()
    await asyncio.gather(first, return_exceptions=True)
    await asyncio.wait_for(second, 5)

    assert (places.held("b"), places.held("c")) == (0, 1)


async def test_one_who_gives_up_while_waiting_leaves_nothing_behind() -> None:
    places = FairSemaphore(1, 1)
    await places.take("a")
    for _ in range(3):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.001):
                await places.take("b")
    places.release("a")

    assert places.take_now("c")
    places.release("c")
    assert places.take_now("a")


def test_a_budget_comes_back_with_time_for_each_tenant() -> None:
    clock = HandClock()
    budget = FairBudget(2.0, 10.0, clock, together=100)
    budget.spend("evil", 30.0)

    assert budget.wait("good") == 0.0
    assert budget.wait("evil") == 10.0
    clock.pass_by(9.0)
    assert budget.wait("evil") == 1.0
    clock.pass_by(100.0)
    assert budget.wait("evil") == 0.0


def test_a_budget_of_all_together_holds_for_everybody_and_little_is_remembered() -> None:
    clock = HandClock()
    budget = FairBudget(1.0, 10.0, clock, together=2, remembered=3)
    for at in range(5):
        budget.spend(f"t{at}", 8.0)

    assert budget.wait("new") == 10.0
    assert len(budget._spent) == 3

"""One tenant's slow templates take no worker from the others, and no ExternalSecret holds one for long."""

import asyncio
from typing import Any

import pytest

from external.errors import Pending
from external.values import documents as paths
from external.values import namespace_lock
from external.values.documents import Documents
from external.values.namespace_lock import NamespaceLock
from manager.core.errors import TemplateLimit
from manager.core.secret_value import SecretValue
from manager.gotemplate.render_time import charge


async def test_a_full_line_refuses_newcomers_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(namespace_lock, "MAX_WAIT_SECONDS", 0.02)
    line, free = NamespaceLock(), asyncio.Event()

    async def slow() -> None:
        async with line.of("slow"):
            await free.wait()

    holder = asyncio.create_task(slow())
    await asyncio.sleep(0)
    for _ in range(3):
        with pytest.raises(Pending, match="take long"):
            async with line.of("slow"):
                pass
    async with line.of("other"):
        pass
    free.set()
    await holder
    async with line.of("slow"):
        pass


async def test_few_stand_in_a_line_that_is_slow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(namespace_lock, "SLOW_AFTER_SECONDS", -1.0)
    line, free, told = NamespaceLock(), asyncio.Event(), []

    async def work() -> None:
        try:
            async with line.of("ns"):
                await free.wait()
        except Pending:
            told.append("later")

    tasks = [asyncio.create_task(work()) for _ in range(20)]
    await asyncio.sleep(0)
    free.set()
    await asyncio.gather(*tasks)

    assert len(told) == 20 - 1 - namespace_lock.MAX_WAITING


async def test_a_line_that_moves_is_waited_in() -> None:
    line, order = NamespaceLock(), []

    async def work(at: int) -> None:
        async with line.of("ns"):
            order.append(at)
            await asyncio.sleep(0)

    await asyncio.gather(*(work(at) for at in range(50)))

    assert order == list(range(50))


class Slow:
    """Stands in for the sandbox: every path reaches its deadline, or takes its time."""

    def __init__(self, *, limit: bool) -> None:
        self.limit = limit
        self.asked = 0

    async def json_get(self, _namespace: str, _document: SecretValue, _path: str) -> None:
        self.asked += 1
        charge(10.0)
        if self.limit:
            raise TemplateLimit("deadline", "too slow")


@pytest.mark.parametrize("limit", [True, False])
async def test_after_a_limit_the_external_secret_stops(monkeypatch: pytest.MonkeyPatch, limit: bool) -> None:
    monkeypatch.setattr(paths, "RENDER_BUDGET_SECONDS", 15.0)
    sandbox: Any = Slow(limit=limit)
    documents = Documents(sandbox, NamespaceLock(), "ns")

    for _ in range(20):
        try:
            await documents.find(SecretValue(b"{}"), "#", natural=False)
        except TemplateLimit:
            continue

    assert sandbox.asked <= 2

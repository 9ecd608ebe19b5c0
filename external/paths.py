"""Answers with Go's own engines where Python cannot be sure of the same answer: gjson paths, and names by template."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import TypeVar

from external.properties import Beyond, take
from external.turns import Turns
from manager.errors import TemplateInvalid, TemplateLimit
from manager.gotemplate.model import Template
from manager.gotemplate.sandbox import Found, Sandbox
from manager.plain import Plain

ALL_TOGETHER = 20.0  # seconds of one ExternalSecret in the sandbox; a worker that is held longer counts as stuck
Made = TypeVar("Made")


class Documents:
    """What the values of one ExternalSecret are asked.

    The sandbox is not loaded for a plain path in JSON: most clusters know no other (providers 1.5).
    """

    def __init__(self, sandbox: Sandbox, turns: Turns, namespace: str) -> None:
        self._sandbox = sandbox
        self._turns = turns
        self._namespace = namespace
        self._spent = 0.0
        self._limit: TemplateLimit | None = None

    async def find(self, document: Plain, path: str, *, natural: bool) -> Plain | None:
        """Return the value at a property path, None when it does not exist.

        A key that contains the dots itself wins over the path, unless `natural`, where only a member of exactly that
        name does.

        Raises:
            TemplateError: the path takes too much, or there is no sandbox.
            Pending: others of the namespace take long.

        """
        try:
            return take(document.reveal(), path, natural=natural)
        except Beyond:
            pass
        flat = path.replace(".", r"\.")
        for each in (path,) if natural or flat == path else (flat, path):
            found = await self._asked(document, each)
            if found is not None:
                return found.text
        return None

    async def renamed(self, template: str, names: Iterable[str]) -> list[str]:
        """Return what a template makes of each name, which it is given as `value`. Raises as `find` does."""
        wanted, made = Template.eso_lenient("transform", template), []
        for name in names:
            text = await self._rendered(wanted, name)
            try:
                made.append(text.decode())
            except UnicodeDecodeError:
                raise TemplateInvalid("read", "what the template makes is no text") from None
        return made

    async def _asked(self, document: Plain, path: str) -> Found | None:
        return await self._within(lambda: self._sandbox.json_get(self._namespace, document, path))

    async def _rendered(self, wanted: Template, name: str) -> bytes:
        values = {"value": Plain(name.encode())}
        return (await self._within(lambda: self._sandbox.render(self._namespace, wanted, values))).value.reveal()

    async def _within(self, work: Callable[[], Awaitable[Made]]) -> Made:
        """Do one thing in the sandbox; after a limit nothing more is tried for this ExternalSecret."""
        if self._limit is not None:
            raise self._limit
        started = asyncio.get_running_loop().time()
        try:
            async with self._turns.of(self._namespace):
                return await work()
        except TemplateLimit as error:
            self._limit = error
            raise
        finally:
            self._spent += asyncio.get_running_loop().time() - started
            if self._limit is None and self._spent > ALL_TOGETHER:
                text = f"paths and rewrites take more than {ALL_TOGETHER:g} seconds together; let them do less"
                self._limit = TemplateLimit("deadline", text)

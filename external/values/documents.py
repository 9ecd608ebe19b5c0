"""Finds properties and renames keys; uses Go's gjson and templates where Python might answer differently."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import TypeVar

from external.values.json_document import Beyond, Document
from external.values.namespace_lock import NamespaceLock
from manager.core.errors import TemplateInvalid, TemplateLimit
from manager.core.secret_value import SecretValue
from manager.gotemplate.model import Template
from manager.gotemplate.render_time import measured
from manager.gotemplate.sandbox import JsonValue, Sandbox

LARGE_BYTES = 128 << 10  # takes a millisecond; a larger document is handled in a thread
RENDER_BUDGET_SECONDS = 20.0  # of one ExternalSecret, for paths and rewrites
Made = TypeVar("Made")


async def beside(size: int, work: Callable[[], Made]) -> Made:
    """Do work on this number of bytes; in a thread if it would hold up the event loop."""
    return work() if size <= LARGE_BYTES else await asyncio.to_thread(work)


class Documents:
    """Finds properties in the values of one ExternalSecret.

    A plain path in JSON does not load the sandbox: most clusters use no other.
    """

    def __init__(self, sandbox: Sandbox, turns: NamespaceLock, namespace: str) -> None:
        self._sandbox = sandbox
        self._turns = turns
        self._namespace = namespace
        self._spent = 0.0
        self._limit: TemplateLimit | None = None
        self._read: dict[SecretValue, Document] = {}

    async def find(self, document: SecretValue, path: str, *, natural: bool) -> SecretValue | None:
        """Return the value at a property path, None when it does not exist.

        A key that contains the dots itself wins over the path; with `natural` only a member of exactly that name.

        Raises:
            TemplateError: the path takes too much time or memory, or there is no sandbox.
            Pending: other renders of the namespace take too long.

        """
        read = await self._parsed(document)
        try:
            return await beside(len(document), lambda: read.take(path, natural=natural))
        except Beyond:
            pass
        flat = path.replace(".", r"\.")
        for each in (path,) if natural or flat == path else (flat, path):
            found = await self._asked(document, each)
            if found is not None:
                return found.text
        return None

    async def members(self, document: SecretValue, *, natural: bool) -> Mapping[str, SecretValue] | None:
        """Return the members of a JSON object, None if the document is no object.

        Raises:
            ProviderError: there are too many.

        """
        read = await self._parsed(document)
        return await beside(len(document), lambda: read.to_map(natural=natural))

    async def renamed(self, template: str, names: Iterable[str]) -> list[str]:
        """Render a template for each name, its `value`. Raises as `find` does."""
        wanted, made = Template.eso_lenient("transform", template), []
        for name in names:
            text = await self._rendered(wanted, name)
            try:
                made.append(text.decode())
            except UnicodeDecodeError:
                raise TemplateInvalid("read", "what the template makes is no text") from None
        return made

    async def _parsed(self, document: SecretValue) -> Document:
        """Parse a document once for all entries that use it."""
        if document not in self._read:
            self._read[document] = await beside(len(document), lambda: Document(document.reveal()))
        return self._read[document]

    async def _asked(self, document: SecretValue, path: str) -> JsonValue | None:
        return await self._within(lambda: self._sandbox.json_get(self._namespace, document, path))

    async def _rendered(self, wanted: Template, name: str) -> bytes:
        values = {"value": SecretValue(name.encode())}
        return (await self._within(lambda: self._sandbox.render(self._namespace, wanted, values))).value.reveal()

    async def _within(self, work: Callable[[], Awaitable[Made]]) -> Made:
        """Do work in the sandbox; once a limit is reached, all further work of this ExternalSecret fails with it."""
        if self._limit is not None:
            raise self._limit
        with measured() as spent:
            try:
                async with self._turns.of(self._namespace):
                    return await work()
            except TemplateLimit as error:
                self._limit = error
                raise
            finally:
                self._spent += spent.seconds
                if self._limit is None and self._spent > RENDER_BUDGET_SECONDS:
                    text = f"paths and rewrites take more than {RENDER_BUDGET_SECONDS:g} seconds together"
                    self._limit = TemplateLimit("deadline", f"{text}; let them do less")

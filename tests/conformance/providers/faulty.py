"""A server that gives every request the same answer, and every call of a client that reaches it."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

from aiohttp import web

from external.providers.protocol import SearchRequest, SecretRequest
from external.providers.push import RemoteRef, pushes
from tests.cluster.serving import Served
from tests.conformance.providers.subject import OWNER, Subject, request

CANARY = b"canary-91bc"


class FaultyService:
    """Answers as it is told, and remembers what it was asked."""

    def __init__(self) -> None:
        self.forget()
        self._served = Served(self._handle)
        self.url = self._served.start()

    def stop(self) -> None:
        self._served.stop()

    def forget(self) -> None:
        """Answer with 500 again, and forget what was asked."""
        self.asked: list[dict[str, str]] = []
        self.answer: Callable[[web.Request], Any] = lambda _: web.Response(status=500)

    def says(self, status: int, body: Any, **headers: str) -> None:
        """Answer with a status and a body, JSON unless it is a text."""
        text = body if isinstance(body, str) else json.dumps(body)
        kind = "application/x-amz-json-1.1"
        self.answer = lambda _: web.Response(status=status, text=text, content_type=kind, headers=headers)

    async def _handle(self, asked: web.Request) -> web.StreamResponse:
        self.asked.append(dict(asked.headers))
        answer = self.answer(asked)
        return await answer if asyncio.iscoroutine(answer) else answer


def _read(client: Any, key: str) -> object:
    [given] = client.read([SecretRequest(key)]).values()
    if isinstance(given, Exception):
        raise given
    return given


def reads(subject: Subject, client: Any) -> dict[str, Callable[[], object]]:
    """Return every call of the contract by which a client reads."""
    return {
        "read": lambda: _read(client, subject.remote_key("app")),
        "find": lambda: client.find(SearchRequest(name="app")),
    }


def attempts(subject: Subject, client: Any) -> dict[str, Callable[[], object]]:
    """Return every call of the contract that reaches the service."""
    found = reads(subject, client)
    if pushes(client) and not subject.NO_PUSHES:
        ref = RemoteRef(subject.remote_key("app"))
        pushed = subject.pushed_to_a_fault(CANARY) or request(subject.ref("app"), b'"' + CANARY + b'"')
        found |= {"push": lambda: client.push(pushed), "exists": lambda: client.exists(ref)}
        found |= {"delete": lambda: client.delete(ref, OWNER)}
    return {name: each for name, each in found.items() if name not in subject.without}

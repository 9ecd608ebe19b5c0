"""The sandbox as the comparison needs it: verdict and text before redaction."""

import asyncio
from collections.abc import Iterable
from typing import Final

from manager.core.errors import TemplateLimit
from manager.core.secret_value import SecretValue
from manager.gotemplate import requests, wire
from manager.gotemplate.model import Limits, Missing, Profile, Template
from manager.gotemplate.pool import Pool
from manager.gotemplate.requests import Scope
from manager.gotemplate.wire import Status
from tests.conformance.gotemplate.native import Outcome
from tests.conformance.gotemplate.rows import Row

PATIENCE: Final = 30.0  # seconds; a pair of RSA keys takes longer than the product's deadline on a machine that is busy
VERDICTS: Final = {Status.DONE: "ok", Status.PARSE_FAILED: "parse", Status.EXECUTE_FAILED: "execute"}


def template(row: Row) -> Template:
    """Return a row's template."""
    return Template(Profile(row.profile), row.source, row.name, Missing(row.missing), row.delimiters, row.timezone)


def data(row: Row) -> dict[str, SecretValue]:
    """Return a row's data."""
    return {key: SecretValue(value) for key, value in row.data.items()}


class Ours:
    """Renders rows one after the other, with the raw text of errors."""

    def __init__(self) -> None:
        self._limits = Limits(deadline_seconds=PATIENCE)
        self._runner = asyncio.Runner()
        self._pool = Pool(self._limits)

    def render(self, row: Row) -> Outcome:
        """Return what the sandbox says; a limit is a verdict of its own."""
        parts = requests.render(template(row), data(row), Scope.VALUES, self._limits)
        try:
            answer = wire.answer(self._runner.run(self._pool.run("conformance", wire.request(parts))))
        except TemplateLimit as error:
            return Outcome("limit", error.limit.encode())
        return Outcome(VERDICTS.get(answer.status, answer.status.name), answer.fields[0])

    def close(self) -> None:
        """Give everything back."""
        self._runner.run(self._pool.close())
        self._runner.close()


def render_all(rows: Iterable[Row]) -> dict[str, Outcome]:
    """Return what the sandbox says of each row, by its key."""
    ours = Ours()
    try:
        return {row.key: ours.render(row) for row in rows}
    finally:
        ours.close()

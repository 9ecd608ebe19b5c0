"""A sandbox for each test, and a short way to render in it."""

from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
import pytest_asyncio

from manager.core.secret_value import SecretValue
from manager.gotemplate.model import Limits, Template
from manager.gotemplate.sandbox import Sandbox

Make = Callable[..., Sandbox]


@pytest_asyncio.fixture
async def make(built_template: None) -> AsyncIterator[Make]:
    """Make sandboxes with other limits."""
    made: list[Sandbox] = []

    def making(**limits: Any) -> Sandbox:
        made.append(Sandbox(Limits(**limits)))
        return made[-1]

    yield making
    for each in made:
        await each.close()


@pytest.fixture
def sandbox(make: Make) -> Sandbox:
    """One with the limits of production."""
    return make()


def plain(**data: str | bytes) -> dict[str, SecretValue]:
    """Return data as controllers hand it over."""
    return {key: SecretValue(value if isinstance(value, bytes) else value.encode()) for key, value in data.items()}


async def eso(sandbox: Sandbox, source: str, namespace: str = "ns", **data: str | bytes) -> str:
    """Render for an ExternalSecret."""
    rendered = await sandbox.render(namespace, Template.eso("k", source), plain(**data))
    return rendered.value.reveal().decode()


async def sealed(sandbox: Sandbox, source: str, namespace: str = "ns", **data: str | bytes) -> str:
    """Render for a SealedSecret."""
    rendered = await sandbox.render(namespace, Template.sealed("k", source), plain(**data))
    return rendered.value.reveal().decode()

"""A kind of generator whose tokens live at a provider in memory until they are ended there."""

from collections.abc import Callable
from typing import Any

from external.api.fields import Model
from external.generators.protocol import Announced, Generated, GeneratorKind, Make, State, resource
from external.providers.protocol import ConnectContext, ProviderError
from manager.core.secret_value import SecretValue


class CountedSpec(Model):
    """A token without options."""

    made_for: str = ""
    """Whom it is for."""


class CountedTokens:
    """The provider, and the declaration of its kind.

    Args:
        announced: whether a token can be found without the answer that holds it.
        lives: seconds that each token lives; None for ever.
    """

    def __init__(self, *, announced: bool = False, now: Callable[[], float] = lambda: 0.0) -> None:
        self.alive: set[str] = set()
        self.ended: list[str] = []
        self.made = 0
        self.lives: float | None = None
        self.most: float | None = None
        """Unix time after which a token cannot live; None: it cannot be renewed."""
        self.errors: list[ProviderError] = []
        """Raised by the next calls that make a token, after it was made."""
        self.refusals: list[ProviderError] = []
        """Raised by the next calls that end one."""
        self.before_answer: list[Callable[[], None]] = []
        self._announced = announced
        self._now = now
        self.kind = GeneratorKind(
            resource=resource("grafanas", "Grafana"),
            spec=CountedSpec,
            generate=None,
            connect=self._connect,
            embedded="grafanaSpec",
            about="A token.",
            revoke=self._revoke,
            names=lambda _spec: ("token",) if self.lives is None else None,
        )

    async def _connect(self, spec: CountedSpec, context: ConnectContext, at: str) -> Make:
        del spec, context, at
        name = f"t{self.made + 1}"

        def make() -> Generated:
            self.made += 1
            self.alive.add(name)
            for each in self.before_answer:
                each()
            if self.errors:
                raise self.errors.pop(0)
            ends = None if self.lives is None else self._now() + self.lives
            values = {"token": SecretValue(name.encode())}
            return Generated(values, ends, {"name": name}, self._renewal(name))

        return Announced({"name": name}, make) if self._announced else make

    def _renewal(self, name: str) -> Callable[[], float | None] | None:
        if self.most is None:
            return None

        def renew() -> float | None:
            gone = name not in self.alive or self._now() >= (self.most or 0.0)
            return None if gone else self._now() + (self.lives or 0.0)

        return renew

    async def _revoke(self, spec: Any, context: ConnectContext, state: State, at: str) -> Callable[[], None]:
        del spec, context, at

        def end() -> None:
            if self.refusals:
                raise self.refusals.pop(0)
            self.alive.discard(state["name"])
            self.ended.append(state["name"])

        return end

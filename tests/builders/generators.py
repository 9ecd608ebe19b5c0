"""Generators outside the module: their values, and what they are given by it."""

from collections.abc import Callable
from typing import Any

from external.api.fields import ConfigMapKeySelector, SecretKeySelector, ServiceAccountSelector
from external.generators.protocol import Generated, GeneratorKind, State
from external.providers.protocol import ConnectContext
from external.providers.support.egress import EgressPolicy
from manager.core.errors import NeedsHuman
from manager.core.secret_value import SecretValue
from manager.kube.resources import SECRET_STORES, Body, Key

LOCAL = ("127.0.0.0/8", "::1/128")


class Desk:
    """Gives the Secrets that it has, and tokens of any ServiceAccount."""

    namespace, consumer = "ns", ""
    store = Key(SECRET_STORES, "ns", "store")

    def __init__(self, **secrets: str) -> None:
        self.secrets = secrets
        self.audiences: list[str] = []
        self.annotations: dict[str, str] = {}
        """Of every ServiceAccount."""

    async def secret(self, selector: SecretKeySelector | None, at: str, key: str = "") -> SecretValue:
        """Return `secrets["NAME_KEY"]`, or say that it is missing."""
        name = f"{selector.name}_{selector.key or key}" if selector else ""
        if name not in self.secrets:
            raise NeedsHuman("InvalidProviderConfig", f"{at}: there is no {name}")
        return SecretValue(self.secrets[name].encode())

    async def authority(self, *_: object) -> None:
        """Trust the system's authorities."""

    async def account(self, selector: ServiceAccountSelector, at: str) -> Body:
        """Return a ServiceAccount."""
        del at
        return {"metadata": {"name": selector.name, "annotations": self.annotations}}

    def token_source(
        self, selector: ServiceAccountSelector, audiences: list[str], *_: object
    ) -> Callable[[], SecretValue]:
        """Return a function that gives the token `token-of-NAME`."""
        ask = self.token_source_for(selector)
        return lambda: ask(audiences)

    def token_source_for(self, selector: ServiceAccountSelector, *_: object) -> Callable[[list[str]], SecretValue]:
        """Return a function that gives the token `token-of-NAME` for audiences, and remember these."""

        def ask(audiences: list[str]) -> SecretValue:
            self.audiences = audiences
            return SecretValue(f"token-of-{selector.name}\n".encode())

        return ask

    async def configuration(self, selector: ConfigMapKeySelector, at: str) -> str:
        """Return `secrets["NAME_KEY"]`, or say that it is missing."""
        name = f"{selector.name}_{selector.key}"
        if name not in self.secrets:
            raise NeedsHuman("InvalidProviderConfig", f"{at}: there is no ConfigMap {name}")
        return self.secrets[name]


def generator_context(desk: Desk | None = None, *, ambient: bool = False, timeout: float = 5.0) -> ConnectContext:
    """Return what a generator may use; it may reach this machine."""

    async def run(make: Any) -> Any:
        return make()

    lookup: Any = desk or Desk()
    egress = EgressPolicy(LOCAL)
    return ConnectContext(lookup, ambient, egress, None, lambda *_: None, timeout, run)


async def generator_contexts(generator: Key, for_all: bool) -> ConnectContext:
    """Return what any generator may use, as the module does."""
    del generator
    return generator_context(ambient=for_all)


async def generate(kind: GeneratorKind[Any], context: ConnectContext | None = None, **spec: Any) -> Generated:
    """Return what a generator of this spec makes. Raises as it does."""

    async def given() -> ConnectContext:
        return context or generator_context()

    return (await kind.prepare(spec, "spec").make(given))()


async def revoke(kind: GeneratorKind[Any], state: State, context: ConnectContext | None = None, **spec: Any) -> None:
    """End what a generator of this spec has made. Raises as it does."""
    recipe = kind.prepare(spec, "spec")
    assert recipe.end is not None
    (await recipe.end(context or generator_context(), state))()


def texts(generated: Generated) -> dict[str, str]:
    """Return the values as text."""
    return {name: value.reveal().decode() for name, value in generated.values.items()}

"""What a provider of secrets is: one small class, blocking, whose errors say what the caller must do."""

import ssl
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol, runtime_checkable

from external.api.store import RetrySettings
from external.providers.support.lookup import Lookup
from manager.core.errors import CofferError
from manager.core.secret_value import SecretValue


class Egress(Protocol):
    """Decides which addresses a store may reach."""

    def resolve(self, host: str, port: int | None) -> str:
        """Return the address to connect to. Raises ProviderError."""
        ...


class ProviderError(CofferError):
    """A provider did not give the value. The text names code and place, never a value or a request id."""


class SecretAbsent(ProviderError):
    """Proven: the provider says that there is no such secret. Nothing else may count as absent (reliability.md D6)."""


class ProviderDenied(ProviderError):
    """The identity may not read it, or is not accepted: only a person can help."""


class NotModified(ProviderError):
    """The provider says that nothing has changed since: what is there stays, and that is a success."""


class ValidationUnknown(ProviderError):
    """Whether the credentials can be used is not known before they are: the store counts as ready."""


class ProviderUnavailable(ProviderError):
    """No answer, throttled, or an answer that is the provider's fault: worth trying again."""


class Versioned(SecretValue):
    """A value, and what the provider calls its version."""

    __slots__ = ("stamp",)

    def __init__(self, value: bytes, stamp: str) -> None:
        super().__init__(value)
        self.stamp = stamp


@dataclass(frozen=True, slots=True)
class SecretRequest:
    """What to read: one whole secret, or what is told of it."""

    key: str
    version: str = ""
    metadata: bool = False
    """True: its tags as a JSON object instead of its value."""
    property: str = ""
    """Only for clients that say it in their requests (`asks_property`); others' answers are searched for it."""


@dataclass(frozen=True, slots=True)
class SearchRequest:
    """Which secrets to look for; what is empty does not restrict, but it was given where it is not None."""

    path: str = ""
    name: str | None = None
    """RE2, found anywhere in the name."""
    tags: tuple[tuple[str, str], ...] | None = None
    """All of these pairs."""


class Client(Protocol):
    """An open connection to one provider under one identity; its methods block and are called in threads."""

    natural: bool
    """Whether a list of texts in its data is given as lines (1.6), because the data was never a JSON text."""
    batch: int
    """How many secrets `read` takes at most; more than one where a single call of the provider can answer them."""

    def read(self, wants: Sequence[SecretRequest]) -> Mapping[SecretRequest, SecretValue | ProviderError]:
        """Return every secret, or the error in its place. Raises ProviderError where it concerns all."""
        ...

    def place(self, want: SecretRequest) -> str:
        """Return where a secret is looked for, for the text that says it is not there; without values."""
        ...

    def find(self, find: SearchRequest) -> Mapping[str, SecretValue]:
        """Return all secrets that match, by their full names. Raises ProviderError: half of them would be a lie."""
        ...

    def validate(self) -> None:
        """Find out whether the credentials can be used. Raises ProviderError."""
        ...

    def close(self) -> None:
        """Give back what the provider lent, such as a token. Never raises."""
        ...


@runtime_checkable
class ListsVersions(Protocol):
    """A client that can list versions for less than the values cost; what it reads is `Stamped`."""

    def reads(self, number: int) -> int:
        """Return how many calls it takes to read so many secrets."""
        ...

    def stamps(self, wants: Sequence[SecretRequest], most: int) -> Mapping[SecretRequest, str] | None:
        """Return the current version of each secret that is listed, None where it takes more than `most` calls.

        Raises:
            ProviderError: it may not list.

        """
        ...


@runtime_checkable
class TakenApart(Protocol):
    """An answer whose value stands in its parts; the bytes of the whole are none."""

    def parts(self) -> Iterable[bytes]:
        """Return what tells it from another answer, in an order that is always the same."""
        ...


class Inside(NamedTuple):
    """Where a property leads on into a value."""

    document: SecretValue
    path: str
    """In gjson's words (providers 1.5)."""


@runtime_checkable
class Composite(Protocol):
    """A client whose secrets are no JSON texts, and that takes them apart itself."""

    def pick(self, whole: SecretValue, path: str) -> "SecretValue | Inside | None":
        """Return what a property leads to, None where it does not exist; without one, the value of the whole."""
        ...

    def members(self, found: SecretValue) -> Mapping[str, SecretValue] | None:
        """Return the members of the whole, or of what a property leads to; None where there are none."""
        ...


def one_by_one(
    wants: Sequence[SecretRequest], read: Callable[[SecretRequest], SecretValue]
) -> Mapping[SecretRequest, SecretValue | ProviderError]:
    """Return what `read` gives for each, its error where it raises one. Raises ProviderUnavailable at once."""
    found: dict[SecretRequest, SecretValue | ProviderError] = {}
    for want in wants:
        try:
            found[want] = read(want)
        except ProviderUnavailable:
            raise
        except ProviderError as error:
            found[want] = error
    return found


@runtime_checkable
class AsksProperty(Protocol):
    """A client that says the property in its requests."""

    asks_property: bool


@runtime_checkable
class ConvertsNames(Protocol):
    """A client whose search gives names with the conversion strategy applied: a rewrite sees these."""

    converts_names: bool


@runtime_checkable
class SaysMissing(Protocol):
    """A client with words of its own for a property that does not exist; others' are the same."""

    def missing(self, key: str, path: str, *, metadata: bool, extract: bool) -> str:
        """Return the original's text."""
        ...


@dataclass(frozen=True)
class Home:
    """The API server of this cluster."""

    url: str
    trusting: Callable[[], ssl.SSLContext] = field(repr=False)
    """Makes a TLS context that believes it and shows no certificate."""


class Render(Protocol):
    """Renders Go templates of a store's provider."""

    def __call__(self, name: str, source: str, data: Mapping[str, Mapping[str, SecretValue]]) -> SecretValue:
        """Block until the output is there. Raises ProviderError, whose text holds no value."""
        ...


CountCall = Callable[[str, str, str], None]
"""(provider, call, status): one finished call of the SDK; the label values are the original's (providers 1.10)."""


@dataclass(frozen=True)
class ConnectContext:
    """What a provider needs to connect a store."""

    lookup: Lookup = field(repr=False)
    """Reads what the store refers to: Secrets, certificates of authorities, tokens of ServiceAccounts."""
    ambient: bool
    """Whether it may act as Coffer itself (DESIGN.md 4a, 1)."""
    egress: Egress
    """Decides which addresses may be reached, where a URL is part of the store."""
    retries: RetrySettings | None
    count: CountCall
    timeout: float
    """Seconds after which no call is still running, retries included: its thread is wanted by others."""
    run: Callable[[Callable[[], Client]], Awaitable[Client]]
    """Runs what makes the client in a thread: SDKs take a moment to be imported. It asks no provider."""
    home: Home | None = None
    """Where a store finds this cluster, when it names no other."""
    render: Render | None = None
    """For threads; None where there is no sandbox."""


Connect = Callable[..., Awaitable[Client]]
"""(model of the provider, Circumstances) -> its client.

Raises NeedsHuman, naming the field that is wrong or the Secret that is missing, or ProviderError.
"""

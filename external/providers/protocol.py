"""The contract of a provider: one small blocking class, whose errors say what the caller must do."""

import ssl
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple, Protocol, runtime_checkable

from external.api.store import RetrySettings
from external.providers.support.lookup import Lookup
from manager.core.errors import CofferError
from manager.core.secret_value import SecretValue

if TYPE_CHECKING:
    from typing_extensions import TypeIs


class Egress(Protocol):
    """Decides which addresses a store may reach."""

    def resolve(self, host: str, port: int | None) -> str:
        """Return the address to connect to. Raises ProviderError."""
        ...


class ProviderError(CofferError):
    """A provider did not give the value. The text names code and place, never a value or a request id."""


class SecretAbsent(ProviderError):
    """The provider itself says that there is no such secret. Nothing else may delete a target."""


class ProviderDenied(ProviderError):
    """The identity is not accepted, or may not read the secret: a person must change something."""


class NotModified(ProviderError):
    """The provider says that nothing has changed: the target stays as it is, and the refresh is a success."""


class ValidationUnknown(ProviderError):
    """Only a read can tell whether the credentials are accepted: the store counts as ready."""


class ProviderUnavailable(ProviderError):
    """There is no answer, calls are throttled, or the answer is the provider's fault: retry with back-off."""


class Versioned(SecretValue):
    """A value with the provider's name of its version."""

    __slots__ = ("stamp",)

    def __init__(self, value: bytes, stamp: str) -> None:
        super().__init__(value)
        self.stamp = stamp


@dataclass(frozen=True, slots=True)
class SecretRequest:
    """One secret to read: its value, or its metadata."""

    key: str
    version: str = ""
    metadata: bool = False
    """True reads its tags as a JSON object instead of its value."""
    property: str = ""
    """Set only for clients that send it (`asks_property`); in the answers of others the caller looks for it."""


@dataclass(frozen=True, slots=True)
class SearchRequest:
    """Which secrets to search for. An empty field restricts nothing; None says that the user has not set it."""

    path: str = ""
    name: str | None = None
    """RE2, found anywhere in the name."""
    tags: tuple[tuple[str, str], ...] | None = None
    """A secret must have all of these pairs."""


class Client(Protocol):
    """A connection to one provider under one identity; its methods block and are called from threads."""

    natural: bool
    """Whether a list of texts becomes lines, as external-secrets does for providers whose data is no JSON text."""
    batch: int
    """How many secrets `read` takes at most: more than one if the provider answers several in one call."""

    def read(self, wants: Sequence[SecretRequest]) -> Mapping[SecretRequest, SecretValue | ProviderError]:
        """Return every secret, or the error of this one. Raises ProviderError for an error of all."""
        ...

    def place(self, want: SecretRequest) -> str:
        """Return where a secret is looked for; texts that say that it is absent show it, so it holds no value."""
        ...

    def find(self, find: SearchRequest) -> Mapping[str, SecretValue]:
        """Return all secrets that match, by their full names. Raises ProviderError rather than return a part."""
        ...

    def validate(self) -> None:
        """Check that the provider accepts the credentials. Raises ProviderError."""
        ...

    def close(self) -> None:
        """Close connections, and revoke a token that was issued to this client. Never raises."""
        ...


class ListsVersions(Protocol):
    """A client that lists versions for fewer calls than the values take; the values it reads are `Versioned`."""

    def reads(self, number: int) -> int:
        """Return how many calls `read` takes for this number of secrets."""
        ...

    def stamps(self, wants: Sequence[SecretRequest], most: int) -> Mapping[SecretRequest, str] | None:
        """Return the current version of each listed secret, None if that takes more than `most` calls.

        Raises:
            ProviderError: the identity may not list.

        """
        ...


@runtime_checkable
class TakenApart(Protocol):
    """A value that is parsed already: its content is in its parts, and its bytes are empty."""

    def parts(self) -> Iterable[bytes]:
        """Yield all content in a fixed order; equal values yield equal parts."""
        ...


class Inside(NamedTuple):
    """A property that leads into a value, with the rest of its path."""

    document: SecretValue
    path: str
    """In gjson's syntax, as in `remoteRef.property`."""


class Composite(Protocol):
    """A client that finds properties itself, since its secrets are no JSON texts."""

    def pick(self, whole: SecretValue, path: str) -> "SecretValue | Inside | None":
        """Return the value of a property, None if it does not exist; the whole secret for an empty path."""
        ...

    def members(self, found: SecretValue) -> Mapping[str, SecretValue] | None:
        """Return the members of a secret or of the value of a property, None if it has none."""
        ...


def one_by_one(
    wants: Sequence[SecretRequest], read: Callable[[SecretRequest], SecretValue]
) -> Mapping[SecretRequest, SecretValue | ProviderError]:
    """Call `read` for each and return its values and errors. Raises ProviderUnavailable at the first one."""
    found: dict[SecretRequest, SecretValue | ProviderError] = {}
    for want in wants:
        try:
            found[want] = read(want)
        except ProviderUnavailable:
            raise
        except ProviderError as error:
            found[want] = error.alone()
    return found


class AsksProperty(Protocol):
    """A client that sends the property in its requests."""

    asks_property: bool


class ConvertsNames(Protocol):
    """A client whose search applies the conversion strategy to names, before a rewrite sees them."""

    converts_names: bool


@runtime_checkable
class SaysMissing(Protocol):
    """A client with its own text for a property that does not exist; all others share one."""

    def missing(self, key: str, path: str, *, metadata: bool, extract: bool) -> str:
        """Return the original's text."""
        ...


# These are asked for each of thousands of entries, and `isinstance` with a protocol takes 10 µs.


def lists_versions(client: object) -> "TypeIs[ListsVersions]":
    """Return True if a client lists versions."""
    return hasattr(client, "stamps") and hasattr(client, "reads")


def finds_properties(client: object) -> "TypeIs[Composite]":
    """Return True if a client finds properties itself."""
    return hasattr(client, "pick") and hasattr(client, "members")


def sends_property(client: object) -> "TypeIs[AsksProperty]":
    """Return True if a client sends the property in its requests."""
    return hasattr(client, "asks_property")


def converts_names(client: object) -> "TypeIs[ConvertsNames]":
    """Return True if a client's search applies the conversion strategy itself."""
    return hasattr(client, "converts_names")


@dataclass(frozen=True)
class Home:
    """The API server of this cluster."""

    url: str
    trusting: Callable[[], ssl.SSLContext] = field(repr=False)
    """Makes a TLS context that trusts it and shows no client certificate."""


class Render(Protocol):
    """Renders Go templates of a store's provider."""

    def __call__(self, name: str, source: str, data: Mapping[str, Mapping[str, SecretValue]]) -> SecretValue:
        """Block until the output is there. Raises ProviderError, whose text holds no value."""
        ...


CountCall = Callable[[str, str, str], None]
"""(provider, call, status): one finished call; dashboards of external-secrets know these label values."""


@dataclass(frozen=True)
class ConnectContext:
    """What a provider needs to connect a store."""

    lookup: Lookup = field(repr=False)
    """Reads what the store refers to: Secrets, certificates of authorities, tokens of ServiceAccounts."""
    ambient: bool
    """Whether the store may use Coffer's own identity; a namespace may only if an administrator allows it."""
    egress: Egress
    """Decides which addresses a URL of the store may lead to."""
    retries: RetrySettings | None
    count: CountCall
    timeout: float
    """Every call ends within these seconds, retries included: other tenants wait for its thread."""
    run: Callable[[Callable[[], Client]], Awaitable[Client]]
    """Runs the constructor of a client in a thread: importing an SDK takes time. It must not call the provider."""
    home: Home | None = None
    """The cluster of a store that names none."""
    render: Render | None = None
    """Called in threads; None without a sandbox."""


Connect = Callable[..., Awaitable[Client]]
"""(fields of the provider, ConnectContext) -> its client.

Raises NeedsHuman, naming the field that is wrong or the Secret that is missing, or ProviderError.
"""

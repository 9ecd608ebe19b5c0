"""The contract of a provider: a blocking client, and errors that say what the caller must do."""

import ssl
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, TypeVar, runtime_checkable

from external.api.store import RetrySettings
from external.providers.support.lookup import Lookup
from manager.core.errors import CofferError
from manager.core.secret_value import SecretValue

if TYPE_CHECKING:
    from typing_extensions import TypeIs

Made = TypeVar("Made")


class Egress(Protocol):
    """Decides which addresses a store may reach."""

    def resolve(self, host: str, port: int | None) -> str:
        """Return the address to connect to. Raises ProviderError."""
        ...


class ProviderError(CofferError):
    """A provider did not return the value. The text names code and location, never a value or a request id."""


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
    """A value with the version that the provider gave it."""

    __slots__ = ("version",)

    def __init__(self, value: bytes, version: str) -> None:
        super().__init__(value)
        self.version = version


@dataclass(frozen=True, slots=True)
class SecretRequest:
    """One secret to read: its value, or its metadata."""

    key: str
    version: str = ""
    metadata: bool = False
    """True reads its tags as a JSON object instead of its value."""
    property: str = ""
    """Set only for clients that send it (`sends_property`); in the answers of others the caller looks for it."""


@dataclass(frozen=True, slots=True)
class SearchRequest:
    """Which secrets to search for. An empty field matches everything; None means that the user has not set it."""

    path: str = ""
    name: str | None = None
    """RE2, found anywhere in the name."""
    tags: tuple[tuple[str, str], ...] | None = None
    """A secret must have all of these pairs."""


class Client(Protocol):
    """A connection to one provider under one identity; its methods block and are called from threads."""

    natural: bool
    """Whether a list of texts becomes lines, as external-secrets does for providers whose data are no JSON text."""
    batch: int
    """How many secrets `read` takes at most: more than one if the provider answers several in one call."""

    def read(self, requests: Sequence[SecretRequest]) -> Mapping[SecretRequest, SecretValue | ProviderError]:
        """Return a value or an error for every request. Raises ProviderError if all of them fail together."""
        ...

    def location(self, request: SecretRequest) -> str:
        """Return where the provider looks for a secret, for the message that it is absent; never a value."""
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

    def list_versions(self, requests: Sequence[SecretRequest], most: int) -> Mapping[SecretRequest, str] | None:
        """Return the current version of each listed secret, None if that takes more than `most` calls.

        Raises:
            ProviderError: the identity may not list.

        """
        ...


@runtime_checkable
class ParsedValue(Protocol):
    """A value that is parsed already: `parts` has its content, and its bytes are empty."""

    def parts(self) -> Iterable[bytes]:
        """Yield all content in a fixed order; equal values yield equal parts."""
        ...


class DocumentPath(NamedTuple):
    """A document inside a secret, and the path of the property in it."""

    document: SecretValue
    path: str
    """In gjson's syntax, as in `remoteRef.property`."""


class Composite(Protocol):
    """A client that reads properties itself, because its secrets are no JSON texts."""

    def property_value(self, whole: SecretValue, path: str) -> "SecretValue | DocumentPath | None":
        """Return the value of a property, None if it does not exist; the whole secret for an empty path."""
        ...

    def members(self, found: SecretValue) -> Mapping[str, SecretValue] | SecretValue | None:
        """Return the members of a secret or of the value of a property, None if it has none.

        A value instead is a JSON text that the caller takes apart. Raises ProviderError for what never has members.
        """
        ...


def one_by_one(
    requests: Sequence[SecretRequest], read: Callable[[SecretRequest], SecretValue]
) -> Mapping[SecretRequest, SecretValue | ProviderError]:
    """Call `read` for each and return its values and errors. Raises ProviderUnavailable at the first one."""
    found: dict[SecretRequest, SecretValue | ProviderError] = {}
    for request in requests:
        try:
            found[request] = read(request)
        except ProviderUnavailable:
            raise
        except ProviderError as error:
            found[request] = error.alone()
    return found


class SendsProperty(Protocol):
    """A client that sends the property in its requests."""

    sends_property: bool


class ConvertsNames(Protocol):
    """A client whose search applies the conversion strategy to names, before a rewrite sees them."""

    converts_names: bool


@runtime_checkable
class MissingPropertyText(Protocol):
    """A client with its own message for a property that does not exist; all others share one."""

    def missing(self, key: str, path: str, *, metadata: bool, extract: bool) -> str:
        """Return the original's text."""
        ...


# These are asked for each of thousands of entries, and `isinstance` with a protocol takes 10 µs.


def lists_versions(client: object) -> "TypeIs[ListsVersions]":
    """Return True if a client lists versions."""
    return hasattr(client, "list_versions") and hasattr(client, "reads")


def finds_properties(client: object) -> "TypeIs[Composite]":
    """Return True if a client reads properties itself."""
    return hasattr(client, "property_value") and hasattr(client, "members")


def sends_property(client: object) -> "TypeIs[SendsProperty]":
    """Return True if a client sends the property in its requests."""
    return hasattr(client, "sends_property")


def converts_names(client: object) -> "TypeIs[ConvertsNames]":
    """Return True if a client's search applies the conversion strategy itself."""
    return hasattr(client, "converts_names")


@dataclass(frozen=True)
class Home:
    """The API server of this cluster."""

    url: str
    trusting: Callable[[], ssl.SSLContext] = field(repr=False)
    """Makes a TLS context that trusts it and shows no client certificate."""
    namespace: str = ""
    """Coffer's own."""


class Render(Protocol):
    """Renders Go templates of a store's provider."""

    def __call__(self, name: str, source: str, data: Mapping[str, Mapping[str, SecretValue]]) -> SecretValue:
        """Block until the output is there. Raises ProviderError, whose text holds no value."""
        ...


CountCall = Callable[[str, str, str], None]
"""(provider, call, status): one finished call; dashboards of external-secrets know these label values."""


class Shared(Protocol):
    """The place of one connection that outlives a call; used by several threads."""

    def current(self) -> Any:
        """Return the connection, None if none is kept."""
        ...

    def keep(self, connection: Any) -> None:
        """Keep a connection for the next calls, in the place of another."""
        ...


class InThread(Protocol):
    """Runs what blocks, without the event loop."""

    def __call__(self, create: Callable[[], Made], /) -> Awaitable[Made]:
        """Return what `create` returns."""
        ...


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
    run: "InThread"
    """Runs the constructor of a client, or of a credential, in a thread: importing an SDK or parsing a file takes time.

    It must not call the provider.
    """
    home: Home | None = None
    """The cluster of a store that names none."""
    render: Render | None = None
    """Called in threads; None without a sandbox."""
    daily_requests: int = 0
    """How many requests a day a store may send to a vendor that counts them; 0 for any number."""
    shared: "Shared | None" = None
    """The place of a connection that outlives a call; None where each call has its own."""
    own_account: bool = False
    """Whether the store may send the token of Coffer's own ServiceAccount: only what an administrator wrote may, as
    that token opens this cluster to whoever the store's URL leads to."""


Connect = Callable[..., Awaitable[Client]]
"""(fields of the provider, ConnectContext) -> its client.

Raises NeedsHuman, naming the field that is wrong or the Secret that is missing, or ProviderError.
"""

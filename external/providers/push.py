"""The contract of a provider that takes secrets: a client that can push has these methods beside those of `Client`."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from external.providers.protocol import ProviderError
from manager.core.secret_value import SecretValue

if TYPE_CHECKING:
    from typing_extensions import TypeIs


class RemoteUnmanaged(ProviderError):
    """The provider's secret is not marked as written by a PushSecret, or another PushSecret's name is on it."""


class PushRefused(ProviderError):
    """The entry cannot be pushed as it is: the text names the field and the cure. Only a change of the spec helps."""


class RemoteRef(NamedTuple):
    """Where an entry is pushed to."""

    key: str
    property: str = ""


class ReferencedObject(NamedTuple):
    """A key of an object in the PushSecret's namespace that an entry's metadata names, such as a resource policy."""

    kind: str
    """ConfigMap or Secret."""
    name: str
    key: str


class SourceMeta(NamedTuple):
    """What a source Secret has beside its values, after the template."""

    type: str = ""
    labels: Mapping[str, str] = MappingProxyType({})
    annotations: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class PushRequest:
    """One entry to push."""

    ref: RemoteRef
    secret_key: str
    """The key of `values` to push; empty for all of them."""
    values: Mapping[str, SecretValue] = field(repr=False)
    """The source after conversion of its names."""
    owner: str
    """Which PushSecret pushes, as `namespace/name`; the provider's mark names it where there is room for one."""
    recorded: bool
    """Whether the PushSecret's status says that it has pushed this entry: enough where the original leaves no mark."""
    metadata: Any = None
    """`metadata` of the entry, as the user wrote it."""
    referenced: Mapping[ReferencedObject, SecretValue] = field(default_factory=dict, repr=False)
    """The values of `references(metadata)`."""
    source: SourceMeta = field(default=SourceMeta(), repr=False)
    """For a provider of Secrets, which copies it."""
    adopts: str = ""
    """Another owner whose mark is accepted and replaced by ours: a user has named it; empty for none."""

    @property
    def owners(self) -> tuple[str, ...]:
        """Whose mark the push may replace."""
        return (self.owner, self.adopts) if self.adopts else (self.owner,)


class Pushed(NamedTuple):
    """What a push did."""

    written: bool
    """False if the provider already had this value and this metadata."""
    version: str = ""
    """The provider's version of the secret afterwards; empty if it has none that `current_versions` could list.

    It must not follow from the value alone: a hash of it is kept in the status of the PushSecret.
    """


class Pushes(Protocol):
    """A client that takes secrets. Its methods block and are called from threads."""

    deletes_property: bool
    """Whether `delete` of a ref with a property leaves the other properties of the key."""

    def references(self, metadata: object) -> tuple[ReferencedObject, ...]:
        """Return the objects that an entry's metadata names. Raises PushRefused for metadata of a wrong form."""
        ...

    def push(self, request: PushRequest) -> Pushed:
        """Write the value unless the provider has it, and mark it as managed.

        Raises:
            RemoteUnmanaged: the secret exists and is not ours to overwrite; nothing is written.
            PushRefused: the entry's metadata, property or value cannot be pushed.
            ProviderError: the provider did not take it.

        """
        ...

    def exists(self, ref: RemoteRef, metadata: object = None) -> bool:
        """Return True if the ref, its property included, has a value. Raises ProviderError if that is unknown.

        Args:
            metadata: of the entry; it may say where the ref is.
        """
        ...

    def delete(self, ref: RemoteRef, owner: str, metadata: object = None) -> bool:
        """Delete what a PushSecret has pushed; return False if it was gone.

        Args:
            metadata: with which it was pushed; it may say where the ref is.

        Raises:
            RemoteUnmanaged: the secret is not marked, or another PushSecret's name is on it; nothing is deleted.
            ProviderError: the provider did not delete it.

        """
        ...


class ProvesPushes(Protocol):
    """A client that tells the versions of many pushed secrets for fewer calls than reading them takes."""

    def current_versions(self, keys: frozenset[str]) -> Mapping[str, str]:
        """Return the current version by remote key; a key that is absent is left out. Raises ProviderError."""
        ...


class NamesPlaces(Protocol):
    """A client to which several refs may be one place."""

    def canonical(self, ref: RemoteRef, metadata: object = None) -> RemoteRef:
        """Return the one ref of a place, the same for all refs that lead there. Never raises."""
        ...


def pushes(client: object) -> "TypeIs[Pushes]":
    """Return True if a client takes secrets."""
    return hasattr(client, "push") and hasattr(client, "deletes_property")


def proves_pushes(client: object) -> "TypeIs[ProvesPushes]":
    """Return True if a client lists the versions of pushed secrets."""
    return hasattr(client, "current_versions")


def names_places(client: object) -> "TypeIs[NamesPlaces]":
    """Return True if a client takes several refs for one place."""
    return hasattr(client, "canonical")


def canonical(client: object, ref: RemoteRef, metadata: object = None) -> RemoteRef:
    """Return the one ref of a place at a client."""
    return client.canonical(ref, metadata) if names_places(client) else ref

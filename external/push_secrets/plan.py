"""What is deleted at providers, and what the record says afterwards. Pure."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from external.api.push_metadata.kubernetes import remote_namespace
from external.providers.push import RemoteRef
from external.push_secrets.record import Record, joined, recorded_claims, store_name
from external.push_summaries import Claim
from manager.kube.resources import Key


class Fate(Enum):
    """What happens to a place that is recorded and no longer wanted."""

    DELETE = "delete"
    FORGET = "forget"
    """It is left where it is, and leaves the record."""


@dataclass(frozen=True, slots=True)
class Removal:
    """A place that is recorded and no longer wanted."""

    claim: Claim
    name: str
    """Its status key."""
    metadata: Any = None
    """With which it was pushed; it may say where it is."""

    @property
    def store(self) -> Key:
        """The store."""
        return self.claim.store

    @property
    def ref(self) -> RemoteRef:
        """The place at the provider."""
        return RemoteRef(self.claim.remote_key, self.claim.property)

    @property
    def recorded(self) -> tuple[str, str]:
        """Where the record names it."""
        return store_name(self.store), self.name


@dataclass(frozen=True, slots=True)
class Around:
    """What else a removal could destroy."""

    ref: RemoteRef
    """The removal's place, in the provider's own spelling."""
    wanted: Collection[RemoteRef]
    """What this PushSecret still pushes to the store, in the same spelling."""
    deletes_property: bool
    """Whether the provider deletes single properties."""
    claimed: bool
    """Whether another PushSecret claims the place."""
    key_claimed: bool
    """Whether another PushSecret claims any part of the remote key."""
    same_place: bool = False
    """Whether the remote key is wanted at another store that leads to the same place."""


def removals(
    record: Record, namespace: str, wanted: Mapping[Key, Mapping[RemoteRef, Any]], kept: Collection[Key]
) -> list[Removal]:
    """Return what is recorded and no longer wanted.

    Args:
        record: what was pushed.
        namespace: of the PushSecret.
        wanted: the metadata of what is pushed now, by store and place.
        kept: stores where nothing is cleaned up.

    """
    return [
        Removal(claim, name, record[store_name(store)][name].get("metadata"))
        for store, claims in recorded_claims(record, namespace).items()
        for name, claim in claims.items()
        if store not in kept and not _is_wanted(claim, wanted.get(store, {}))
    ]


def _is_wanted(claim: Claim, wanted: Mapping[RemoteRef, Any]) -> bool:
    ref = RemoteRef(claim.remote_key, claim.property)
    return ref in wanted and remote_namespace(wanted[ref]) == claim.namespace


def fate(around: Around) -> Fate:
    """Return whether a place is deleted: never if that destroys what this PushSecret or another one still wants."""
    single = around.deletes_property and bool(around.ref.property)
    same_key = [each for each in around.wanted if each.key == around.ref.key]
    wanted = any(each.property in ("", around.ref.property) for each in same_key)
    if around.claimed or around.same_place or wanted:
        return Fate.FORGET
    if (same_key or around.key_claimed) and not single:
        return Fate.FORGET
    return Fate.DELETE


def next_record(
    before: Record,
    pushed: Mapping[str, Mapping[str, Mapping[str, Any]]],
    failed: Iterable[tuple[str, str]],
    kept: Iterable[str],
    unremoved: Iterable[tuple[str, str]],
) -> dict[str, dict[str, Any]]:
    """Return the record after a pass.

    Args:
        before: the record before it.
        pushed: what the provider has now, by store and status key.
        failed: store and status key of what could not be pushed: what is recorded of it stays.
        kept: names of stores that were not looked at: their record stays.
        unremoved: what could not be deleted.

    """
    after: dict[str, dict[str, Any]] = {place: dict(entries) for place, entries in pushed.items()}
    for place in kept:
        if place in before:
            after[place] = {**before[place], **after.get(place, {})}
    for place, name in [*failed, *unremoved]:
        if name in before.get(place, {}):
            after = joined({place: {name: before[place][name]}}, after)
    return after

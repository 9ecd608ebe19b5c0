"""The record of what was pushed, `status.syncedPushSecrets`, as external-secrets writes it. Pure."""

from collections.abc import Iterable, Mapping
from typing import Any

from external.api.push_metadata.kubernetes import remote_namespace
from external.providers.push import RemoteRef
from external.push_summaries import Claim, mapping, recorded_refs
from manager.kube.resources import Body, Key

Record = Mapping[str, Mapping[str, Any]]
"""Kind and name of a store -> status key -> PushSecretData."""


def store_name(store: Key) -> str:
    """Return the name of a store in the record."""
    return f"{store.resource.kind}/{store.name}"


def status_key(ref: RemoteRef) -> str:
    """Return the name of a place in the record; external-secrets gives `a/b` and `a` with property `b` the same."""
    return f"{ref.key}/{ref.property}" if ref.property else ref.key


def record_of(body: Body) -> dict[str, dict[str, Any]]:
    """Return a copy of the record of a PushSecret; what is malformed is left out."""
    given = (body.get("status") or {}).get("syncedPushSecrets")
    pairs = given.items() if isinstance(given, dict) else ()
    return {place: dict(entries) for place, entries in pairs if isinstance(entries, dict)}


def recorded_claims(record: Record, namespace: str) -> dict[Key, dict[str, Claim]]:
    """Return what a record means, by store and status key."""
    found: dict[Key, dict[str, Claim]] = {}
    for store, name, claim in recorded_refs({"syncedPushSecrets": dict(record)}, namespace):
        found.setdefault(store, {})[name] = claim
    return found


def joined(first: Record, second: Record) -> dict[str, dict[str, Any]]:
    """Return the union of two records; the second one wins, but where an entry has moved to another namespace.

    Then the entry of the first keeps its place in the union under a name of its own: otherwise nothing would delete
    what it says was pushed.
    """
    found = {place: {**first.get(place, {}), **second.get(place, {})} for place in dict.fromkeys((*first, *second))}
    for place, entries in second.items():
        for name, data in entries.items():
            before = first.get(place, {}).get(name)
            if before is not None and _namespace(before) != _namespace(data):
                found[place].setdefault(f"{name}@{_namespace(before)}", before)
    return found


def _namespace(data: Any) -> str:
    return remote_namespace(mapping(data).get("metadata"))


def without(record: Record, removed: Iterable[tuple[str, str]]) -> dict[str, dict[str, Any]]:
    """Return a record without some entries, named by store and status key."""
    gone = set(removed)
    return {
        place: {name: data for name, data in entries.items() if (place, name) not in gone}
        for place, entries in record.items()
    }


def merge_patch(before: Any, after: Any) -> Any:
    """Return the JSON merge patch from one value to another: what is missing afterwards is null in it."""
    if not isinstance(before, Mapping) or not isinstance(after, Mapping):
        return after
    changed = {
        name: merge_patch(before[name], value) if name in before else value
        for name, value in after.items()
        if name not in before or before[name] != value
    }
    return changed | {name: None for name in before if name not in after}

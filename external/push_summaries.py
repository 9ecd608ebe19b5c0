"""What the cache keeps of PushSecrets, so that a converged one costs no request. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain
from typing import Any, NamedTuple

from external.api.external_secret import GENERATORS
from external.api.hashes import spec_hash, synced_version
from external.api.push_metadata.kubernetes import remote_namespace
from external.summaries import MAX_ENTRIES, interval_seconds, store_key
from manager.core.clock import parse_rfc3339
from manager.kube.cache import controller_of
from manager.kube.conditions import find_condition
from manager.kube.resources import (
    CLUSTER_PUSH_SECRETS,
    CLUSTER_SECRET_STORES,
    CONFIGMAPS,
    PUSH_SECRETS,
    SECRET_STORES,
    SECRETS,
    Body,
    Key,
    key_of,
)

FINALIZER = "pushsecret.externalsecrets.io/finalizer"
MAX_HELD = 2_000  # recorded places kept of one object
MAX_ASKED = 200  # places of its spec: stores times entries grow faster than the text; marks guard the others
MAX_STORES = 50  # of one PushSecret
OURS = "coffer.dev/"


class Claim(NamedTuple):
    """A place at a provider that a PushSecret pushes to."""

    store: Key
    remote_key: str
    property: str
    namespace: str = ""
    """Of a Secret of a cluster, where the entry names one instead of the store. ANY: of all of them."""


class Part(NamedTuple):
    """A part of what is at a remote key."""

    property: str
    """Empty for the whole."""
    namespace: str
    """Which the entry's metadata name; empty for the store's."""


Places = Mapping[Key, Mapping[str, frozenset[Part]]]
"""The parts of remote keys of stores. Stores with the same keys share one inner map, to save memory."""
NONE: frozenset[Part] = frozenset()
WHOLE = frozenset({Part("", "")})
ANY = "*"


@dataclass(frozen=True, slots=True)
class PushSecretSummary:
    """One PushSecret."""

    ready: bool
    judged: bool
    """Whether it has the condition Ready, true or false."""
    source: Key | None
    """The Secret that it names."""
    selects: bool
    """Whether it selects Secrets by their labels."""
    stores: tuple[Key, ...]
    """The stores that it names or has pushed to."""
    selected_stores: tuple[tuple[str, str], ...]
    """Kind and namespace of stores that it selects by their labels."""
    templates: tuple[Key, ...]
    """ConfigMaps and Secrets that hold its templates."""
    generator: tuple[str, str, str] | None
    asked: Places
    """What it pushes to by its spec."""
    held: Places
    """What it has pushed to by its record; all stores of the record are there."""
    synced: str
    current: str
    """The value that `synced` has after a sync of this version of the object."""
    refreshed: float | None
    """Unix time of the last refresh by the status."""
    interval: float
    sources: str
    """`status.pushState.sources`; empty if Coffer has not pushed it, or the CRD has no such field."""
    versions: str
    """`status.pushState.versions`."""
    refresh_by: float | None
    """Unix time of `status.pushState.refreshBy`."""
    recorded: bool
    """Whether it has pushed anything."""
    deletes: bool
    """Whether its deletion policy is Delete."""
    finalizer: bool
    leaves: str
    """The annotation that lets stores go which do not exist any more."""
    spec: str = ""
    """A hash of the spec; empty unless a ClusterPushSecret created it."""
    annotations: Mapping[str, str] = field(default_factory=dict)
    """All annotations if a ClusterPushSecret created it, otherwise none."""

    @property
    def claims(self) -> tuple[Claim, ...]:
        """What it is known to push to: by its record, then by its spec."""
        return tuple(dict.fromkeys(chain(_each(self.held), _each(self.asked))))

    @property
    def places(self) -> set[tuple[Key, str]]:
        """The stores and remote keys of the claims."""
        return {(store, key) for places in (self.held, self.asked) for store, keys in places.items() for key in keys}

    def holds(self, claim: Claim) -> bool:
        """Return True if it has pushed to what a push to this place changes."""
        return _overlap(self.held, claim)

    def asks_for(self, claim: Claim) -> bool:
        """Return True if its spec pushes to what a push to this place changes."""
        return _overlap(self.asked, claim)


LEAVE = f"{OURS}leave-pushed"
"""Annotation of a PushSecret: `Kind/name` of stores, separated by commas, whose secrets are left where they are."""
ADOPT = f"{OURS}adopt"
"""Annotation of a PushSecret: `namespace/name` of another one, whose secrets it takes over."""


def push_secret_summary(body: Body, places: int | None = MAX_ASKED) -> PushSecretSummary:
    """Read a PushSecret, which may be malformed.

    Args:
        body: the object.
        places: how many places of its spec are kept; None for all.
    """
    spec, status = mapping(body.get("spec")), mapping(body.get("status"))
    state, meta = mapping(status.get("pushState")), body["metadata"]
    selector, owner = mapping(spec.get("selector")), controller_of(meta)
    secret, generator = mapping(selector.get("secret")), mapping(selector.get("generatorRef"))
    name, namespace = secret.get("name"), key_of(PUSH_SECRETS, body).namespace
    refreshed, ends = parse_rfc3339(status.get("refreshTime")), parse_rfc3339(state.get("refreshBy"))
    copied = owner is not None and owner.kind == CLUSTER_PUSH_SECRETS.kind
    ready = find_condition(status.get("conditions"), "Ready")
    named, held = tuple(dict.fromkeys(_named(namespace, spec))), _held(status, namespace)
    annotations = mapping(meta.get("annotations"))
    return PushSecretSummary(
        ready=(ready or {}).get("status") == "True",
        judged=ready is not None,
        source=Key(SECRETS, namespace, name) if name and isinstance(name, str) else None,
        selects=not name and secret.get("selector") is not None,
        stores=tuple(sorted({*named, *held}, key=str)),
        selected_stores=tuple(sorted(set(_selected(namespace, spec)))),
        templates=tuple(sorted(set(_templates(namespace, mapping(spec.get("template")))), key=str)),
        generator=_generator(generator) if generator else None,
        asked=_asked(namespace, spec, named, places),
        held=held,
        synced=str(status.get("syncedResourceVersion") or ""),
        current=synced_version(body),
        refreshed=refreshed.timestamp() if refreshed else None,
        interval=interval_seconds(spec.get("refreshInterval")),
        sources=str(state.get("sources") or ""),
        versions=str(state.get("versions") or ""),
        refresh_by=ends.timestamp() if ends else None,
        recorded=any(mapping(status.get("syncedPushSecrets")).values()),
        deletes=spec.get("deletionPolicy") == "Delete",
        finalizer=FINALIZER in (meta.get("finalizers") or ()),
        leaves=str(annotations.get(LEAVE) or ""),
        spec=spec_hash(spec) if copied else "",
        annotations=dict(annotations) if copied else {},
    )


def recorded_refs(status: Mapping[str, Any], namespace: str) -> Iterator[tuple[Key, str, Claim]]:
    """Yield store, key in the status and place of all that the status says was pushed."""
    for place, entries in mapping(status.get("syncedPushSecrets")).items():
        store = recorded_store(place, namespace)
        for name, data in mapping(entries).items():
            ref = mapping(mapping(mapping(data).get("match")).get("remoteRef"))
            key, within = ref.get("remoteKey"), remote_namespace(mapping(data).get("metadata"))
            if store is not None and isinstance(key, str):
                yield store, name, Claim(store, key, str(ref.get("property") or ""), within)


def recorded_store(place: str, namespace: str) -> Key | None:
    """Return the store that `Kind/name` in the status means; None if it means none."""
    kind, _, name = place.partition("/")
    if not name or kind not in (SECRET_STORES.kind, CLUSTER_SECRET_STORES.kind):
        return None
    return store_key(namespace, name, kind)


def _held(status: Mapping[str, Any], namespace: str) -> Places:
    found: dict[Key, dict[str, frozenset[Part]]] = {}
    for at, (store, _, claim) in enumerate(recorded_refs(status, namespace)):
        keys = found.setdefault(store, {})
        if at < MAX_HELD:
            _add(keys, claim.remote_key, Part(claim.property, claim.namespace))
    return found


def _asked(namespace: str, spec: Mapping[str, Any], stores: tuple[Key, ...], most: int | None) -> Places:
    """Return the places of `data`, the same at all stores, and the bundles of `dataTo` at theirs."""
    shared: dict[str, frozenset[Part]] = {}
    each_store = None if most is None else most // max(1, len(stores))
    for each in listing(spec.get("data"))[:each_store]:
        ref = mapping(mapping(mapping(each).get("match")).get("remoteRef"))
        if isinstance(ref.get("remoteKey"), str):
            within = remote_namespace(mapping(each).get("metadata"))
            _add(shared, ref["remoteKey"], Part(str(ref.get("property") or ""), within))
    found: dict[Key, dict[str, frozenset[Part]]] = dict.fromkeys(stores, shared) if shared else {}
    for each in listing(spec.get("dataTo"))[:most]:
        ref, key = mapping(mapping(each).get("storeRef")), mapping(each).get("remoteKey")
        if isinstance(key, str) and key and isinstance(ref.get("name"), str):
            store = store_key(namespace, ref["name"], ref.get("kind"))
            whole = Part("", remote_namespace(mapping(each).get("metadata")))
            found[store] = {**found.get(store, {}), key: found.get(store, {}).get(key, NONE) | {whole}}
    return found


def _add(keys: dict[str, frozenset[Part]], key: str, part: Part) -> None:
    keys[key] = WHOLE if key not in keys and part in WHOLE else keys.get(key, NONE) | {part}


def _overlap(places: Places, claim: Claim) -> bool:
    return any(
        claim.namespace in (ANY, part.namespace) and (not claim.property or part.property in ("", claim.property))
        for part in places.get(claim.store, {}).get(claim.remote_key, NONE)
    )


def _each(places: Places) -> Iterator[Claim]:
    for store, keys in places.items():
        yield from (Claim(store, key, *part) for key, parts in keys.items() for part in sorted(parts))


def _named(namespace: str, spec: Mapping[str, Any]) -> Iterator[Key]:
    for each in listing(spec.get("secretStoreRefs"))[:MAX_STORES]:
        ref = mapping(each)
        if isinstance(ref.get("name"), str) and ref["name"] and ref.get("labelSelector") is None:
            yield store_key(namespace, ref["name"], ref.get("kind"))


def _selected(namespace: str, spec: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for each in listing(spec.get("secretStoreRefs"))[:MAX_ENTRIES]:
        ref = mapping(each)
        if ref.get("labelSelector") is not None:
            cluster = ref.get("kind") == CLUSTER_SECRET_STORES.kind
            yield (CLUSTER_SECRET_STORES.kind, "") if cluster else (SECRET_STORES.kind, namespace)


def _templates(namespace: str, template: Mapping[str, Any]) -> Iterator[Key]:
    for each in listing(template.get("templateFrom"))[:MAX_ENTRIES]:
        for at, resource in (("configMap", CONFIGMAPS), ("secret", SECRETS)):
            name = mapping(mapping(each).get(at)).get("name")
            if name and isinstance(name, str):
                yield Key(resource, namespace, name)


def _generator(given: Mapping[str, Any]) -> tuple[str, str, str]:
    return str(given.get("apiVersion") or GENERATORS), str(given.get("kind") or ""), str(given.get("name") or "")


def mapping(value: object) -> Mapping[str, Any]:
    """Return a value if it is a map, otherwise an empty one."""
    return value if isinstance(value, dict) else {}


def listing(value: object) -> list[Any]:
    """Return a value if it is a list, otherwise an empty one."""
    return value if isinstance(value, list) else []

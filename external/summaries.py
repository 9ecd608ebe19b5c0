"""What the cache keeps of stores and ExternalSecrets, so that a converged one costs no request. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from external.api.external_secret import GENERATORS
from external.api.hashes import spec_hash, synced_version
from external.api.references import Reference
from external.api.sync_windows import Windows, windows_of
from manager.core.clock import parse_rfc3339
from manager.core.durations import parse_duration
from manager.kube.cache import controller_of
from manager.kube.conditions import find_condition
from manager.kube.references import resolve
from manager.kube.resources import (
    CLUSTER_EXTERNAL_SECRETS,
    CLUSTER_SECRET_STORES,
    CONFIGMAPS,
    EXTERNAL_SECRETS,
    SECRET_STORES,
    SECRETS,
    Body,
    Key,
    key_of,
)

STORE_FINALIZER = "secretstore.externalsecrets.io/finalizer"
DEFAULT_INTERVAL_SECONDS = 3600.0
MAX_ENTRIES = 5_000  # of a list; an object with more gets a condition, and nothing is read for it
MIN_INTERVAL_SECONDS = 1.0  # a shorter interval would keep a worker and the provider busy for ever


@dataclass(frozen=True, slots=True)
class StoreSummary:
    """One store."""

    controller: str
    ready: bool
    judged: bool
    """Whether it has the condition Ready, true or false."""
    credentials: tuple[tuple[str, str], ...]
    """(namespace, name) of every Secret it refers to; the namespace is empty if it is the consumer's."""
    authorities: tuple[tuple[str, str], ...]
    """(namespace, name) of every ConfigMap with certificates that it refers to."""
    per_consumer: bool
    """Whether each namespace reads it with credentials of its own."""
    conditions: tuple[Mapping[str, Any], ...]
    """`spec.conditions` as written: which namespaces a cluster store admits."""
    interval: float
    """Seconds between two validations as the store wants them; zero if it names none, or none that can be parsed."""
    by_namespace: bool = False
    """Whether the namespace that an entry of a PushSecret names tells places apart."""
    finalizer: bool = False
    """Whether it has the finalizer that keeps it for PushSecrets."""


@dataclass(frozen=True, slots=True)
class ExternalSecretSummary:
    """One ExternalSecret."""

    ready: bool
    target: str
    manifest: tuple[str, str]
    """apiVersion and kind of the target."""
    creates: str
    stores: tuple[Key, ...]
    templates: tuple[Key, ...]
    """ConfigMaps and Secrets that hold its templates."""
    synced: str
    current: str
    """The value that `synced` has after a sync of this version of the object."""
    refreshed: float | None
    """Unix time of the last refresh by the status."""
    interval: float
    policy: str
    windows: Windows | None
    judged: bool = False
    """Whether it has the condition Ready, true or false."""
    spec: str = ""
    """A hash of the spec; empty unless a ClusterExternalSecret created it."""
    annotations: Mapping[str, str] = field(default_factory=dict)
    """All annotations if a ClusterExternalSecret created it, otherwise none."""
    generators: tuple[tuple[str, str, str], ...] = ()
    """apiVersion, kind and name of every generator that it names."""
    templated: bool = False
    """Whether its target needs the template sandbox."""


@dataclass(frozen=True, slots=True)
class ClusterSummary:
    """One ClusterExternalSecret or ClusterPushSecret."""

    copies: str
    """The name of its ExternalSecrets or PushSecrets."""
    current: str
    """Changes with its spec and metadata."""
    ready: bool
    judged: bool
    """Whether it has the condition Ready, true or false."""


def cluster_summary(body: Body, name_field: str) -> ClusterSummary:
    """Read a ClusterExternalSecret or ClusterPushSecret, which may be malformed.

    Args:
        name_field: the field of the spec with the name of its copies.
    """
    name = _mapping(body.get("spec")).get(name_field)
    ready = find_condition(_mapping(body.get("status")).get("conditions"), "Ready")
    shown = str(name or body["metadata"]["name"])
    return ClusterSummary(shown, synced_version(body), (ready or {}).get("status") == "True", ready is not None)


def summarized_store(
    body: Body, referred: Sequence[Reference], *, per_consumer: bool, by_namespace: bool
) -> StoreSummary:
    """Read a store, however odd it is.

    Args:
        referred: what its provider refers to.
        per_consumer: whether its provider sees which namespace asks.
        by_namespace: whether pushes to its provider may name a namespace, where the store has none.
    """
    spec = _mapping(body.get("spec"))
    ready = find_condition(_mapping(body.get("status")).get("conditions"), "Ready")
    namespace = body["metadata"].get("namespace", "")
    return StoreSummary(
        controller=str(spec.get("controller") or ""),
        ready=(ready or {}).get("status") == "True",
        judged=ready is not None,
        credentials=_places(namespace, referred, "Secret"),
        authorities=_places(namespace, referred, "ConfigMap"),
        per_consumer=not namespace and (per_consumer or any(not place for place, _, _ in referred)),
        conditions=() if namespace else tuple(each for each in _list(spec.get("conditions")) if isinstance(each, dict)),
        interval=_store_interval(spec.get("refreshInterval")),
        by_namespace=not namespace and by_namespace,
        finalizer=STORE_FINALIZER in (body["metadata"].get("finalizers") or ()),
    )


def external_secret_summary(body: Body) -> ExternalSecretSummary:
    """Read an ExternalSecret, which may be malformed."""
    spec, status = _mapping(body.get("spec")), _mapping(body.get("status"))
    target = _mapping(spec.get("target"))
    refreshed = parse_rfc3339(status.get("refreshTime"))
    owner = controller_of(body["metadata"])
    copied = owner is not None and owner.kind == CLUSTER_EXTERNAL_SECRETS.kind
    ready = find_condition(status.get("conditions"), "Ready")
    return ExternalSecretSummary(
        ready=(ready or {}).get("status") == "True",
        judged=ready is not None,
        target=str(target.get("name") or body["metadata"]["name"]),
        manifest=_kind_of(_mapping(target.get("manifest"))),
        creates=str(target.get("creationPolicy") or "Owner"),
        stores=tuple(sorted(set(_stores(body, spec)), key=str)),
        templates=tuple(sorted(set(_templates(body, target)), key=str)),
        generators=tuple(sorted(set(_generators(spec)))),
        synced=str(status.get("syncedResourceVersion") or ""),
        current=synced_version(body),
        refreshed=refreshed.timestamp() if refreshed else None,
        interval=interval_seconds(spec.get("refreshInterval")),
        policy=str(spec.get("refreshPolicy") or "Periodic"),
        templated=any(_mapping(target.get("template")).get(each) for each in ("data", "templateFrom")),
        windows=windows_of(_mapping(spec.get("syncWindows"))),
        spec=spec_hash(spec) if copied else "",
        annotations=dict(body["metadata"].get("annotations") or {}) if copied else {},
    )


def store_key(namespace: str, name: str, kind: str | None) -> Key:
    """Return the key of the store that a reference names; any other kind than ClusterSecretStore is SecretStore."""
    if kind == CLUSTER_SECRET_STORES.kind:
        return Key(CLUSTER_SECRET_STORES, "", name)
    return resolve(Key(EXTERNAL_SECRETS, namespace, ""), SECRET_STORES, name, None, at="secretStoreRef")


def _stores(body: Body, spec: Mapping[str, Any]) -> Iterator[Key]:
    namespace = key_of(EXTERNAL_SECRETS, body).namespace
    entries = [each for place in ("data", "dataFrom") for each in _list(spec.get(place))[:MAX_ENTRIES]]
    references = [spec.get("secretStoreRef")]
    references += [_mapping(_mapping(each).get("sourceRef")).get("storeRef") for each in entries]
    for reference in references:
        name = _mapping(reference).get("name")
        if name:
            yield store_key(namespace, str(name), _mapping(reference).get("kind"))


def _generators(spec: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    for each in _list(spec.get("dataFrom"))[:MAX_ENTRIES]:
        given = _mapping(_mapping(_mapping(each).get("sourceRef")).get("generatorRef"))
        if given:
            version = given.get("apiVersion") or GENERATORS
            yield str(version), str(given.get("kind") or ""), str(given.get("name") or "")


def _kind_of(manifest: Mapping[str, Any]) -> tuple[str, str]:
    if not manifest:
        return SECRETS.api_version, SECRETS.kind
    return str(manifest.get("apiVersion") or ""), str(manifest.get("kind") or "")


def _templates(body: Body, target: Mapping[str, Any]) -> Iterator[Key]:
    owner = key_of(EXTERNAL_SECRETS, body)
    for each in _list(_mapping(target.get("template")).get("templateFrom"))[:MAX_ENTRIES]:
        for at, resource in (("configMap", CONFIGMAPS), ("secret", SECRETS)):
            name = _mapping(_mapping(each).get(at)).get("name")
            if name and isinstance(name, str):
                yield resolve(owner, resource, name, None, at=at)


def _places(namespace: str, found: Sequence[Reference], kind: str) -> tuple[tuple[str, str], ...]:
    return tuple(sorted({(namespace or place, name) for place, name, each in found if each == kind}))


def _store_interval(given: object) -> float:
    """Read an interval, which a store may give as a number of seconds too."""
    try:
        seconds = float(given) if isinstance(given, int) else parse_duration(given) if isinstance(given, str) else 0.0
    except (ValueError, OverflowError):
        seconds = 0.0
    return max(seconds, MIN_INTERVAL_SECONDS) if seconds > 0 else 0.0


def interval_seconds(text: object) -> float:
    """Return the seconds of a refresh interval; an hour without one that can be read, zero or less for none."""
    try:
        seconds = parse_duration(text) if isinstance(text, str) else DEFAULT_INTERVAL_SECONDS
    except ValueError:
        return DEFAULT_INTERVAL_SECONDS
    return max(seconds, MIN_INTERVAL_SECONDS) if seconds > 0 else seconds


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []

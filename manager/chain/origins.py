"""Where the value of each key of a Secret comes from. Pure; entries and names only, never values."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from external.api.hashes import field_manager
from external.summaries import MAX_ENTRIES, store_key
from manager.chain.field_managers import managers
from manager.chain.model import KeyOrigin, Manager
from manager.chain.shapes import mapping, mappings
from manager.core.clock import parse_rfc3339
from manager.core.errors import NeedsHuman
from manager.kube.auto_mirrors import AUTO_REFLECTS
from manager.kube.cache import controller_of
from manager.kube.conditions import find_condition
from manager.kube.resources import EXTERNAL_SECRETS, SEALED_SECRETS, SECRETS, Body, Key, key_of
from reflector.rules.annotations import read as read_marks
from reflector.rules.selection import selection_of

SEALED_MANAGERS = ("coffer-sealed", "controller")
"""Ours, and that of sealed-secrets."""


@dataclass(frozen=True)
class Givers:
    """The objects that may give a Secret its values."""

    sealed: Body | None = None
    external: tuple[Body, ...] = ()
    source: Key | None = None
    """What it mirrors."""
    source_metadata: Body | None = None


def origins(metadata: Body, givers: Givers, names: Iterable[str] = ()) -> tuple[KeyOrigin, ...]:
    """Return the origin of every key of a Secret, in the order of their names.

    Args:
        metadata: of the Secret; empty if it does not exist.
        givers: what may give it values.
        names: its keys where the API server records no field managers.

    """
    found: dict[str, KeyOrigin] = dict(_wanted(givers))
    for manager in reversed(managers(metadata)):
        for name in manager.keys:
            origin = _given(name, manager, metadata, givers) or found.get(name) or KeyOrigin(name)
            found[name] = replace(origin, written=manager.at, writer=manager.name)
    for name in names:
        found.setdefault(name, _given(name, Manager("", None, ()), metadata, givers) or KeyOrigin(name))
    return tuple(found[name] for name in sorted(found))


def _given(name: str, manager: Manager, metadata: Body, givers: Givers) -> KeyOrigin | None:
    """Return the origin of a key by its field manager, else by the owner of the Secret; None if it is neither's."""
    owner = controller_of(metadata) if metadata else None
    for each in givers.external:
        title = each["metadata"]["name"]
        owns = owner is not None and (owner.kind, owner.name) == (EXTERNAL_SECRETS.kind, title)
        if manager.name == field_manager(title) or (owns and not manager.name):
            return external_origin(each, name)
    owned = owner is not None and owner.kind == SEALED_SECRETS.kind
    if givers.sealed is not None and (manager.name in SEALED_MANAGERS or (owned and not manager.name)):
        return sealed_origin(givers.sealed, name)
    if givers.source is not None and owner is None:
        return _mirrored(name, givers, metadata)
    return None


def _wanted(givers: Givers) -> Iterator[tuple[str, KeyOrigin]]:
    """Yield the keys that the givers name: they may not be in the Secret yet."""
    for body in givers.external:
        spec = mapping(body.get("spec"))
        template = mapping(mapping(spec.get("target")).get("template"))
        replaced = bool(template.get("data")) and template.get("mergePolicy", "Replace") == "Replace"
        names = [] if replaced else [str(each.get("secretKey", "")) for each in mappings(spec.get("data"))]
        for name in (*names, *map(str, mapping(template.get("data")))):
            yield name, external_origin(body, name)
    if givers.sealed is not None:
        spec = mapping(givers.sealed.get("spec"))
        texts = mapping(mapping(spec.get("template")).get("data"))
        for name in (*texts, *mapping(spec.get("encryptedData"))):
            yield str(name), sealed_origin(givers.sealed, str(name))


def sealed_origin(body: Body, name: str) -> KeyOrigin:
    """Return the origin of a key that a SealedSecret gives."""
    spec, status = mapping(body.get("spec")), mapping(body.get("status"))
    encrypted = name in mapping(spec.get("encryptedData"))
    at = f"spec.{'encryptedData' if encrypted else 'template.data'}[{name}]"
    condition = find_condition(status.get("conditions"), "Synced") or {}
    read = parse_rfc3339(condition.get("lastUpdateTime") or condition.get("lastTransitionTime"))
    version = f"generation {status['observedGeneration']}" if status.get("observedGeneration") else ""
    return KeyOrigin(name, key_of(SEALED_SECRETS, body), at, version=version, read=read.timestamp() if read else None)


def external_origin(body: Body, name: str) -> KeyOrigin:
    """Return the origin of a key that an ExternalSecret gives."""
    key, spec = key_of(EXTERNAL_SECRETS, body), mapping(body.get("spec"))
    read = parse_rfc3339(mapping(body.get("status")).get("refreshTime"))
    found = KeyOrigin(name, key, read=read.timestamp() if read else None)
    texts = mapping(mapping(mapping(spec.get("target")).get("template")).get("data"))
    if name in texts:
        return _templated(found, key.namespace, spec, str(texts[name]))
    for index, each in reversed(list(enumerate(mappings(spec.get("data"))[:MAX_ENTRIES]))):
        if each.get("secretKey") == name:
            return _from_entry(found, f"spec.data[{index}]", key.namespace, spec, each)
    return _from_several(found, key.namespace, spec)


def _templated(found: KeyOrigin, namespace: str, spec: Mapping[str, Any], text: str) -> KeyOrigin:
    """Return the origin of a key of the template: the entries whose names occur in its text."""
    entries = [each for each in mappings(spec.get("data"))[:MAX_ENTRIES] if str(each.get("secretKey")) in text]
    remote = dict.fromkeys(str(mapping(each.get("remoteRef")).get("key", "")) for each in entries)
    entry = f"spec.target.template.data[{found.name}]"
    store = _store(namespace, spec, entries[0] if entries else {})
    return replace(found, entry=entry, store=store, remote_key=", ".join(remote))


def _from_entry(
    found: KeyOrigin, at: str, namespace: str, spec: Mapping[str, Any], entry: Mapping[str, Any]
) -> KeyOrigin:
    ref = mapping(entry.get("remoteRef") or entry.get("extract"))
    return replace(
        found,
        entry=at,
        store=_store(namespace, spec, entry),
        remote_key=str(ref.get("key") or ""),
        remote_property=str(ref.get("property") or ""),
        version=str(ref.get("version") or ""),
    )


def _from_several(found: KeyOrigin, namespace: str, spec: Mapping[str, Any]) -> KeyOrigin:
    """Return the origin of a key that no entry names: one of dataFrom, or of templateFrom."""
    listed = mappings(spec.get("dataFrom"))[:MAX_ENTRIES]
    places = [(f"spec.dataFrom[{index}].{_word(each)}", each) for index, each in enumerate(listed)]
    templates = mappings(mapping(mapping(spec.get("target")).get("template")).get("templateFrom"))
    names = [at for at, _ in places] + [f"spec.target.template.templateFrom[{at}]" for at in range(len(templates))]
    if len(names) != 1 or not places:
        return replace(found, entry=f"one of {', '.join(names)}" if names else "")
    at, entry = places[0]
    generator = mapping(mapping(entry.get("sourceRef")).get("generatorRef"))
    if generator:
        return replace(found, entry=at, remote_key=f"{generator.get('kind', '')} {generator.get('name', '')}")
    return _from_entry(found, at, namespace, spec, entry)


def _word(entry: Mapping[str, Any]) -> str:
    return next((each for each in ("extract", "find") if each in entry), "sourceRef.generatorRef")


def _store(namespace: str, spec: Mapping[str, Any], entry: Mapping[str, Any]) -> Key | None:
    ref = mapping(mapping(entry.get("sourceRef")).get("storeRef") or spec.get("secretStoreRef"))
    if not isinstance(ref.get("name"), str):
        return None
    try:
        return store_key(namespace, ref["name"], ref.get("kind"))
    except NeedsHuman:
        return None  # a name that is none; the condition says so


def _mirrored(name: str, givers: Givers, metadata: Body) -> KeyOrigin:
    """Return the source's key: the source renames for all, then a pull for itself."""
    own = metadata.get("annotations") or {}
    steps = [(givers.source_metadata or {}).get("annotations") or {}]
    steps += [own] if str(own.get(AUTO_REFLECTS, "")).strip().lower() != "true" else []
    before = name
    for annotations in reversed(steps):
        before = {new: old for old, new in selection_of(annotations).renamed}.get(before, before)
    return KeyOrigin(name, givers.source, f"data[{before}]")


def source_of(metadata: Body) -> Key | None:
    """Return the Secret that a mirror names as its source; None if it is no mirror."""
    marks = read_marks(metadata.get("annotations") or {})
    return Key(SECRETS, *marks.reflects) if marks is not None and marks.reflects and marks.reflects[0] else None

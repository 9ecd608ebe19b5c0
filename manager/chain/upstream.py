"""Which objects give a Secret its values, as far as they were read. Pure."""

from collections.abc import Iterator

from external.api.hashes import FIELD_MANAGER
from external.stores.summary import store_summary
from manager.chain.field_managers import managers
from manager.chain.origins import SEALED_MANAGERS
from manager.chain.snapshot import Snapshot
from manager.kube.cache import controller_of
from manager.kube.resources import EXTERNAL_SECRETS, SEALED_SECRETS, SECRETS, Body, Key


def candidates(key: Key, metadata: Body | None) -> Iterator[Key]:
    """Yield the objects that may give a Secret its values: its owner, those that wrote it, those of its name."""
    yield Key(SEALED_SECRETS, key.namespace, key.name)
    names = [key.name]
    owner = controller_of(metadata) if metadata is not None else None
    if owner is not None and owner.kind == EXTERNAL_SECRETS.kind:
        names.insert(0, owner.name)
    written = (each.name for each in managers(metadata or {}) if each.name.startswith(FIELD_MANAGER))
    names += [each.removeprefix(FIELD_MANAGER) for each in written if "/sha3/" not in each]
    yield from (Key(EXTERNAL_SECRETS, key.namespace, each) for each in dict.fromkeys(names) if "/" not in each)


def sealed_of(snapshot: Snapshot, key: Key) -> Key | None:
    """Return the SealedSecret that gives a Secret its values; None if none does."""
    found = Key(SEALED_SECRETS, key.namespace, key.name)
    if snapshot.body(found) is None:
        return None
    secret = snapshot.body(key)
    if secret is None:
        return found
    owner = controller_of(secret["metadata"])
    wrote = any(each.name in SEALED_MANAGERS for each in managers(secret["metadata"]))
    return found if wrote or (owner is not None and owner.kind == SEALED_SECRETS.kind) else None


def external_of(snapshot: Snapshot, key: Key) -> list[Key]:
    """Return the ExternalSecrets that give a Secret its values."""
    named = (each for each in candidates(key, snapshot.body(key)) if each.resource is EXTERNAL_SECRETS)
    listed = (
        Key(EXTERNAL_SECRETS, key.namespace, str(each["metadata"]["name"]))
        for each in snapshot.of(EXTERNAL_SECRETS, key.namespace)
    )
    return [each for each in dict.fromkeys((*named, *listed)) if _writes(snapshot.body(each), key)]


def _writes(body: Body | None, key: Key) -> bool:
    if body is None:
        return False
    target = (body.get("spec") or {}).get("target")
    name = target.get("name") if isinstance(target, dict) else None
    return str(name or body["metadata"]["name"]) == key.name


def credentials_of(snapshot: Snapshot, store: Key) -> list[Key]:
    """Return the Secrets with a store's credentials."""
    body = snapshot.body(store)
    pairs = store_summary(body).credentials if body is not None else ()
    return [Key(SECRETS, place or store.namespace, name) for place, name in pairs if place or store.namespace]

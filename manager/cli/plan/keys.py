"""Which keys of a Secret a manifest would add, change and remove. Pure; names only, never values."""

import base64
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from external.api.hashes import field_manager
from manager.chain.field_managers import managers
from manager.chain.origins import external_origin
from manager.chain.shapes import mapping
from manager.cli.lint.templates import known_keys
from manager.cli.manifests.reading import Manifest
from manager.kube.cache import controller_of
from manager.kube.resources import Body

NO_SECRET = ("None",)
MERGES = ("Merge", "CreateOrMerge")


@dataclass(frozen=True)
class KeyPlan:
    """The keys that differ."""

    added: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    """Whose origin or sealed value differs: the value may."""
    removed: tuple[str, ...] = ()
    kept: tuple[str, ...] = ()
    more: bool = False
    """Whether the provider or a template decides about further keys."""

    def lines(self) -> list[str]:
        """Return a line for each key that differs; values are masked."""
        marks = (("+", self.added), ("~", self.changed), ("-", self.removed))
        found = [f"{mark} {name}: ***" for mark, names in marks for name in names]
        found += [f"= {len(self.kept)} keys stay as they are"] if self.kept else []
        return found + (["  and keys that only the provider or a template knows"] if self.more else [])

    def record(self) -> Mapping[str, tuple[str, ...]]:
        """Return the names by what happens to them."""
        return {"added": self.added, "changed": self.changed, "removed": self.removed, "kept": self.kept}


def target_name(manifest: Manifest) -> str:
    """Return the name of the Secret that a manifest makes; empty if it makes none."""
    if manifest.kind in ("Secret", "SealedSecret"):
        return manifest.name
    if manifest.kind != "ExternalSecret":
        return ""
    target = mapping(_spec(manifest.body).get("target"))
    manifested = mapping(target.get("manifest"))
    if target.get("creationPolicy") in NO_SECRET or (manifested and manifested.get("kind") != "Secret"):
        return ""
    return str(target.get("name") or manifest.name)


def wanted(manifest: Manifest, rendered: Iterable[str]) -> tuple[set[str], bool]:
    """Return the keys that a manifest gives a Secret, and whether there may be more.

    Args:
        manifest: a Secret, SealedSecret or ExternalSecret.
        rendered: the names that literal templates make.

    """
    if manifest.kind == "Secret":
        return {str(each) for at in ("data", "stringData") for each in mapping(manifest.body.get(at))}, False
    names, more = known_keys(manifest)
    spec = _spec(manifest.body)
    if manifest.kind == "SealedSecret":
        texts = mapping(mapping(spec.get("template")).get("data"))
        dropped = {str(name) for name, text in texts.items() if text is None}
        return (names | {str(each) for each in texts}) - dropped, more
    template = mapping(mapping(spec.get("target")).get("template"))
    made = {str(each) for each in mapping(template.get("data"))} | set(rendered)
    sources = [each for each in template.get("templateFrom") or () if isinstance(each, dict)]
    elsewhere = any(each.get("configMap") or each.get("secret") for each in sources)
    if not (template.get("data") or sources):
        return names, more
    if template.get("mergePolicy") == "Merge":
        return names | made, more or elsewhere
    return made, elsewhere


def planned(manifest: Manifest, live: Body | None, secret: Body | None, rendered: Iterable[str] = ()) -> KeyPlan:
    """Return what a manifest does to the keys of its Secret.

    Args:
        manifest: a Secret, SealedSecret or ExternalSecret.
        live: the object of its name in the cluster.
        secret: its Secret; metadata suffices, but for a manifest that is a Secret itself.
        rendered: the names that literal templates make.

    """
    names, more = wanted(manifest, rendered)
    present = _present(secret)
    removable = set() if more else _removable(manifest, secret) - names
    common = names & present
    changed = {each for each in common if _differs(manifest, live, each)}
    return KeyPlan(
        tuple(sorted(names - present)),
        tuple(sorted(changed)),
        tuple(sorted(removable)),
        tuple(sorted(common - changed)),
        more,
    )


def _present(secret: Body | None) -> set[str]:
    if secret is None:
        return set()
    recorded = {name for each in managers(secret["metadata"]) for name in each.keys}
    return recorded | {str(each) for each in mapping(secret.get("data"))}


def _removable(manifest: Manifest, secret: Body | None) -> set[str]:
    """Return the keys that go if the manifest does not name them: all of one's own Secret, else those one wrote."""
    if secret is None:
        return set()
    owner = controller_of(secret["metadata"])
    if manifest.kind == "Secret":
        written = [each for each in managers(secret["metadata"]) if each.name.startswith("kubectl")]
        return {name for each in written for name in each.keys}
    target = mapping(_spec(manifest.body).get("target"))
    if owner is not None and owner.kind == manifest.kind and target.get("creationPolicy") not in MERGES:
        return _present(secret)
    own = field_manager(manifest.name)
    return {name for each in managers(secret["metadata"]) if each.name == own for name in each.keys}


def _differs(manifest: Manifest, live: Body | None, name: str) -> bool:
    """Return True if the value of a key may become another one."""
    if live is None:
        return True
    if manifest.kind == "Secret":
        return _plain(manifest.body, name) != _plain(live, name)
    if manifest.kind == "SealedSecret":
        return _sealed(manifest.body, name) != _sealed(live, name)
    return _external(manifest.body, name) != _external(live, name)


def _plain(body: Body, name: str) -> object:
    texts = mapping(body.get("stringData"))
    if name in texts:
        return base64.b64encode(str(texts[name]).encode()).decode()
    return mapping(body.get("data")).get(name)


def _sealed(body: Body, name: str) -> object:
    spec = _spec(body)
    texts = mapping(mapping(spec.get("template")).get("data"))
    values = mapping(spec.get("encryptedData"))
    # A template may use every sealed value.
    return (values.get(name), texts.get(name), tuple(sorted(values.items())) if name in texts else ())


def _external(body: Body, name: str) -> object:
    named = {"metadata": {"namespace": "", "name": "", **mapping(body.get("metadata"))}, "spec": _spec(body)}
    origin = external_origin(named, name)
    spec = _spec(body)
    texts = mapping(mapping(mapping(spec.get("target")).get("template")).get("data"))
    entries = str(spec.get("data")) if name in texts else ""
    store = None if origin.store is None else (origin.store.resource.kind, origin.store.name)
    return (origin.remote_key, origin.remote_property, origin.version, store, texts.get(name), entries)


def _spec(body: Body) -> Mapping[str, Any]:
    return mapping(body.get("spec"))

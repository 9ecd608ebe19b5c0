"""The rules: from a SealedSecret, its decrypted values and the Secret of its name to what must be written. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from sys import intern
from typing import Any

from manager.core.errors import NeedsHuman, WaitFor
from manager.core.secret_value import SecretValue
from manager.kube import auto_mirrors
from manager.kube.cache import controller_of
from manager.kube.conditions import find_condition
from manager.kube.managed_fields import manages
from manager.kube.resources import SEALED_SECRETS, SECRETS, Body, Key
from manager.kube.secret_data import LARGEST, decoded, encoded, size
from manager.kube.writer import Action, Create, Update, template_metadata
from sealed.crypto.unseal import LONGEST_NAME, MOST_FAILURES, mapping
from sealed.crypto.wire_format import scope_of
from sealed.rendering import templated

PREFIX = "sealedsecrets.bitnami.com/"
MANAGED = PREFIX + "managed"
PATCH = PREFIX + "patch"
SKIP_OWNER = PREFIX + "skip-set-owner-references"
MANAGER = "coffer-sealed"
UNSEAL_FAILED = "ErrUnsealFailed"
UPDATE_FAILED = "ErrUpdateFailed"
UNMANAGED = "Unmanaged"
GONE_SOON = 2.0  # seconds between two looks at a Secret that garbage collection is about to take


@dataclass(frozen=True, slots=True)
class View:
    """What is known when a SealedSecret is decided upon."""

    key: Key
    sealed: Body = field(repr=False)
    secret: Body | None = field(repr=False)
    """The Secret of the same namespace and name, as the API server has it now."""
    values: Mapping[str, SecretValue] | None
    """What the Secret is to hold; None when nothing had to be decrypted, see `stands`."""
    unstable: frozenset[str] = frozenset()
    """Keys among them that come out differently every time they are made."""
    brought: Mapping[str, Any] | None = None
    """The template that the legacy `spec.data` brings; the object's own is ignored then."""
    opened_by: frozenset[str] | None = None
    """Fingerprints of the keys that opened the values; None when nothing had to be decrypted."""

    @property
    def spec(self) -> Mapping[str, Any]:
        """`spec`, empty when absent or not a mapping."""
        return mapping(self.sealed.get("spec"))

    @property
    def template(self) -> Mapping[str, Any]:
        """What the Secret is made like: `spec.template`, empty when absent or not a mapping."""
        return mapping(self.spec.get("template")) if self.brought is None else self.brought


@dataclass(frozen=True, slots=True)
class Plan:
    """What to write; None when the Secret is as it should be."""

    action: Action | None


@dataclass(frozen=True, slots=True)
class Mark:
    """What the status says about the last success; kept in the cache for every SealedSecret."""

    synced: bool
    generation: int
    scope: str
    secret_version: str
    condition: int = 0
    """-1 False, 0 none yet, 1 True."""
    keys: tuple[str, ...] = ()
    """Fingerprints of the keys that opened it."""
    templated: bool = False
    """Whether its Secret needs the template sandbox."""


def mark_of(sealed: Body) -> Mark:
    """Read the mark from a status, however odd it is."""
    status = mapping(sealed.get("status"))
    found = (find_condition(status.get("conditions"), "Synced") or {}).get("status")
    keys = status.get("sealingKeys")
    return Mark(
        synced=found == "True",
        condition={"True": 1, "False": -1}.get(str(found), 0),
        keys=tuple(intern(str(each)) for each in keys) if isinstance(keys, list) else (),
        generation=status.get("observedGeneration") or 0,
        scope=str(status.get("scope") or ""),
        secret_version=str(status.get("secretResourceVersion") or ""),
        templated=templated(mapping(mapping(sealed.get("spec")).get("template")).get("data")),
    )


def settled(generation: int, annotations: Mapping[str, str], mark: Mark) -> bool:
    """Tell whether this very SealedSecret was unsealed before, so that nothing need be decrypted (DESIGN.md section 4).

    A Secret that was edited since is left alone: users may rely on it (sealed-secrets.md section 13, drift).
    """
    return mark.synced and mark.generation == generation and mark.scope == scope_of(annotations).value


def stands(view: View, *, repair: bool = False) -> bool:
    """Tell whether the last success still stands; a Secret that somebody put in the place of ours is none of it.

    Args:
        repair: a Secret that was edited since is none of it either.

    """
    meta = view.sealed["metadata"]
    if view.secret is None or not (_owned(view, view.secret) or _written_by_us(view.secret)):
        return False
    if repair and view.secret["metadata"]["resourceVersion"] != mark_of(view.sealed).secret_version:
        return False
    return settled(meta.get("generation", 0), _annotations(view.sealed), mark_of(view.sealed))


def plan(view: View) -> Plan:
    """Decide what to write for one SealedSecret.

    Raises:
        NeedsHuman: a foreign or immutable Secret is in the way, or the template asks for what is refused.
        WaitFor: the Secret belongs to a SealedSecret of this name that is gone.

    """
    if view.secret is None:
        return Plan(Create(_secret_key(view), _new_secret(view, _data(view))))
    annotations = _annotations(view.secret)
    _require_ours(view, view.secret, annotations)
    if view.values is None:
        return Plan(None)
    data = _data(view)
    wanted = (
        _patched(view, view.secret, data) if annotations.get(PATCH) == "true" else _replaced(view, view.secret, data)
    )
    if wanted == view.secret:
        return Plan(None)
    _require_mutable(view.secret, wanted)
    return Plan(Update(_secret_key(view), wanted))


def misplaced(annotations: Mapping[str, str]) -> str:
    """Return the message for reflector annotations on the SealedSecret itself, empty when there are none."""
    names = sorted(name for name in annotations if name.startswith(auto_mirrors.PREFIX))
    if not names:
        return ""
    where = "spec.template.metadata.annotations"
    return f"{', '.join(names)}: has no effect here; put it under {where}, from where it reaches the Secret"


def overruled(sealed: Body) -> str:
    """Return the message for texts of the template that a decrypted value of the same key beats, empty without any.

    Up to 0.36 the original let the template win: `k: '{{ .k | b64dec }}'` made another value of k.
    """
    spec = mapping(sealed.get("spec"))
    texts, items = mapping(mapping(spec.get("template")).get("data")), mapping(spec.get("encryptedData"))
    names = sorted(name for name, text in texts.items() if text is not None and name in items)
    if not names:
        return ""
    shown = ", ".join(name[:LONGEST_NAME] for name in names[:MOST_FAILURES])
    return f"spec.template.data[{shown}]: has no effect, spec.encryptedData has this key too; give one another name"


def _data(view: View) -> dict[str, SecretValue]:
    """Return the data; of what comes out differently every time, the Secret keeps what it has of this generation."""
    data = dict(view.values or {})
    mark = mark_of(view.sealed)
    if view.unstable and view.secret and mark.synced and mark.generation == view.sealed["metadata"].get("generation"):
        held = decoded(view.secret)
        data |= {name: held[name] for name in view.unstable if name in held}
    if size(data) > LARGEST:
        raise NeedsHuman(UPDATE_FAILED, f"the values take {size(data)} bytes, a Secret holds {LARGEST}")
    return data


def _new_secret(view: View, data: Mapping[str, SecretValue]) -> Body:
    metadata: Body = {"name": view.key.name, "namespace": view.key.namespace, **_template_metadata(view)}
    finalizers = mapping(view.template.get("metadata")).get("finalizers")
    if isinstance(finalizers, list):
        metadata["finalizers"] = [str(each) for each in finalizers]
    if not _skips_owner(view):
        metadata["ownerReferences"] = [owner_reference(view.sealed)]
    secret: Body = {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "data": encoded(data)}
    if view.template.get("type"):
        secret["type"] = str(view.template["type"])
    if view.template.get("immutable") is True:
        secret["immutable"] = True
    return secret


def _replaced(view: View, secret: Body, data: Mapping[str, SecretValue]) -> Body:
    """Return the Secret with data, labels and annotations ours alone, everything else as it is (4.3)."""
    template = _template_metadata(view)
    metadata = {**secret["metadata"]}
    for name in ("labels", "annotations"):
        if template[name] != (metadata.get(name) or {}):
            metadata[name] = template[name]
    if not _skips_owner(view):
        metadata["ownerReferences"] = _own_only(secret, view.sealed)
    return _with_data(view, {**secret, "metadata": metadata}, encoded(data))


def _patched(view: View, secret: Body, data: Mapping[str, SecretValue]) -> Body:
    """Return the Secret with ours merged in; it is adopted only where `managed` is consented to as well (4.3)."""
    template = _template_metadata(view)
    metadata = {**secret["metadata"]}
    for name in ("labels", "annotations"):
        merged = {**(metadata.get(name) or {}), **template[name]}
        if merged:
            metadata[name] = merged
    if (metadata.get("annotations") or {}).get(MANAGED) == "true" and not _skips_owner(view):
        metadata["ownerReferences"] = _own_only(secret, view.sealed)
    return _with_data(view, {**secret, "metadata": metadata}, {**(secret.get("data") or {}), **encoded(data)})


def _with_data(view: View, secret: Body, data: dict[str, str]) -> Body:
    result = {**secret}
    if data != (secret.get("data") or {}):
        result["data"] = data
    if view.template.get("type"):  # an empty type means Opaque at creation and "leave it" afterwards
        result["type"] = str(view.template["type"])
    if view.template.get("immutable") is True:
        result["immutable"] = True
    return result


def _require_ours(view: View, secret: Body, annotations: Mapping[str, str]) -> None:
    """Raise unless the Secret is proven ours or opened to us by its annotations (DESIGN.md 4a, 3)."""
    if _owned(view, secret):
        return
    owner = controller_of(secret["metadata"])
    if annotations.get(MANAGED) == "true" or annotations.get(PATCH) == "true":
        return
    if owner is None and _skips_owner(view) and _written_by_us(secret):
        return
    if auto_mirrors.yields(secret):
        return
    if owner is not None and (owner.kind, owner.name) == (SEALED_SECRETS.kind, view.key.name):
        message = "the Secret belongs to an earlier SealedSecret of this name and is about to be removed with it"
        raise WaitFor(UPDATE_FAILED, message, delay=GONE_SOON)
    message = f'Resource "{view.key.name}" already exists and is not managed by SealedSecret'
    cure = f'to hand it over annotate the Secret with {MANAGED}: "true"'
    raise NeedsHuman(UNMANAGED, f"{message}: {cure}", event=UPDATE_FAILED)


def _require_mutable(secret: Body, wanted: Body) -> None:
    if secret.get("immutable") and decoded(secret) != decoded(wanted):
        name = f"{secret['metadata']['namespace']}/{secret['metadata']['name']}"
        message = f"error updating {name}, the target Secret is immutable: delete it and it is made anew"
        raise NeedsHuman(UPDATE_FAILED, message)
    if wanted.get("type", "Opaque") != secret.get("type", "Opaque"):
        message = f"spec.template.type is {wanted.get('type')}, but the Secret has type {secret.get('type')}"
        raise NeedsHuman(UPDATE_FAILED, f"{message}, which cannot change: delete it and it is made anew")


def owner_reference(sealed: Body) -> Body:
    """Return the single ownerReference that the contract names (4.3): no blockOwnerDeletion."""
    return {
        "apiVersion": SEALED_SECRETS.api_version,
        "kind": SEALED_SECRETS.kind,
        "name": sealed["metadata"]["name"],
        "uid": sealed["metadata"]["uid"],
        "controller": True,
    }


def _own_only(secret: Body, sealed: Body) -> list[Body]:
    present: list[Body] = secret["metadata"].get("ownerReferences") or []
    ours = owner_reference(sealed)
    return present if present == [ours] else [ours]


def _owned(view: View, secret: Body) -> bool:
    owner = controller_of(secret["metadata"])
    return owner is not None and owner.uid == view.sealed["metadata"]["uid"]


def _written_by_us(secret: Body) -> bool:
    return manages(secret["metadata"], MANAGER, "data")


def _skips_owner(view: View) -> bool:
    template = mapping(view.spec.get("template"))
    return template_metadata(mapping(template.get("metadata")))["annotations"].get(SKIP_OWNER) == "true"


def _template_metadata(view: View) -> dict[str, dict[str, str]]:
    return template_metadata(mapping(view.template.get("metadata")))


def _secret_key(view: View) -> Key:
    return Key(SECRETS, view.key.namespace, view.key.name)


def _annotations(body: Body) -> Mapping[str, str]:
    return mapping(body["metadata"].get("annotations"))

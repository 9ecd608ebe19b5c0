"""Decide what to write, from a SealedSecret, its decrypted values and the Secret of its name. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from sys import intern
from typing import Any

from manager.core.errors import NeedsHuman, WaitFor
from manager.core.secret_value import SecretValue
from manager.kube import auto_mirrors
from manager.kube.cache import controller_of
from manager.kube.conditions import find_condition
from manager.kube.managed_fields import manages, owned_keys
from manager.kube.resources import SEALED_SECRETS, SECRETS, Body, Key
from manager.kube.secret_data import LARGEST, decoded, encoded, size
from manager.kube.writer import Action, Create, Update, template_metadata
from sealed.crypto.unseal import MAX_FAILURES, MAX_NAME_CHARACTERS, mapping
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
COLLECTION_CHECK_SECONDS = 2.0  # between two reads of a Secret that garbage collection is about to delete


@dataclass(frozen=True, slots=True)
class View:
    """What the decision about a SealedSecret is made from."""

    key: Key
    sealed: Body = field(repr=False)
    secret: Body | None = field(repr=False)
    """The Secret of the same namespace and name, as read from the API server."""
    values: Mapping[str, SecretValue] | None
    """The desired values; None if nothing had to be decrypted, see `stands`."""
    unstable: frozenset[str] = frozenset()
    """Keys of values that have another result each time they are rendered."""
    brought: Mapping[str, Any] | None = None
    """The template in a legacy `spec.data`, used instead of the object's own."""
    opened_by: frozenset[str] | None = None
    """Fingerprints of the keys that opened the values; None if nothing had to be decrypted."""

    @property
    def spec(self) -> Mapping[str, Any]:
        """`spec`, empty if absent or not a mapping."""
        return mapping(self.sealed.get("spec"))

    @property
    def template(self) -> Mapping[str, Any]:
        """`spec.template` or what stands for it, empty if absent or not a mapping."""
        return mapping(self.spec.get("template")) if self.brought is None else self.brought


@dataclass(frozen=True, slots=True)
class Plan:
    """What to write; None if the Secret is in its desired state."""

    action: Action | None


@dataclass(frozen=True, slots=True)
class Mark:
    """The last success, from the status; kept in the cache for every SealedSecret."""

    synced: bool
    generation: int
    scope: str
    secret_version: str
    condition: int = 0
    """-1 False, 0 none yet, 1 True."""
    keys: tuple[str, ...] = ()
    """Fingerprints of the keys that opened it."""
    templated: bool = False
    """True if its Secret needs the template sandbox."""


def mark_of(sealed: Body) -> Mark:
    """Read the mark from a status, which may be malformed."""
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
    """Return True if the spec of this generation was unsealed before, so that nothing need be decrypted.

    A Secret that was edited since stays as it is: users of the original rely on that.
    """
    return mark.synced and mark.generation == generation and mark.scope == scope_of(annotations).value


def stands(view: View, *, repair: bool = False) -> bool:
    """Return True if the last success is still valid: the Secret is ours, and the spec unchanged.

    Args:
        repair: an edited Secret makes it invalid.

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
        NeedsHuman: a foreign or immutable Secret is in the way, or the template is refused.
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
    """Return the warning for reflector annotations on the SealedSecret itself, empty if there are none."""
    names = sorted(name for name in annotations if name.startswith(auto_mirrors.PREFIX))
    if not names:
        return ""
    where = "spec.template.metadata.annotations"
    return f"{', '.join(names)}: has no effect here; put it under {where}, from where it reaches the Secret"


def overruled(sealed: Body) -> str:
    """Return the warning for template texts whose key has a decrypted value too, which wins; empty if there are none.

    Up to 0.36 the original let the template win: `k: '{{ .k | b64dec }}'` made another value of k.
    """
    spec = mapping(sealed.get("spec"))
    texts, items = mapping(mapping(spec.get("template")).get("data")), mapping(spec.get("encryptedData"))
    names = sorted(name for name, text in texts.items() if text is not None and name in items)
    if not names:
        return ""
    shown = ", ".join(name[:MAX_NAME_CHARACTERS] for name in names[:MAX_FAILURES])
    return f"spec.template.data[{shown}]: has no effect, spec.encryptedData has this key too; give one another name"


def _data(view: View) -> dict[str, SecretValue]:
    """Return the data; a random value of this generation stays as the Secret has it."""
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
    """Return the Secret with our data, labels and annotations only, and all else unchanged."""
    template = _template_metadata(view)
    metadata = {**secret["metadata"]}
    for name in ("labels", "annotations"):
        if template[name] != (metadata.get(name) or {}):
            metadata[name] = template[name]
    if not _skips_owner(view):
        metadata["ownerReferences"] = _own_only(secret, view.sealed)
    return _with_data(view, {**secret, "metadata": metadata}, encoded(data))


def _patched(view: View, secret: Body, data: Mapping[str, SecretValue]) -> Body:
    """Return the Secret with ours merged in; we become its owner only if it is annotated `managed` too."""
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
    """Raise unless the Secret is provably ours, or its annotations allow us to write it."""
    if _owned(view, secret):
        return
    owner = controller_of(secret["metadata"])
    if annotations.get(MANAGED) == "true" or annotations.get(PATCH) == "true":
        return
    if owner is None and _skips_owner(view) and _made_by_us(secret):
        return
    if auto_mirrors.yields(secret):
        return
    if owner is not None and (owner.kind, owner.name) == (SEALED_SECRETS.kind, view.key.name):
        message = "the Secret belongs to an earlier SealedSecret of this name and is about to be removed with it"
        raise WaitFor(UPDATE_FAILED, message, delay=COLLECTION_CHECK_SECONDS)
    message = f'Resource "{view.key.name}" already exists and is not managed by SealedSecret'
    cure = f'to hand it over annotate the Secret with {MANAGED}: "true"'
    raise NeedsHuman(UNMANAGED, f"{message}: {cure}", event=UPDATE_FAILED)


def _require_mutable(secret: Body, wanted: Body) -> None:
    if secret.get("immutable") and decoded(secret) != decoded(wanted):
        name = f"{secret['metadata']['namespace']}/{secret['metadata']['name']}"
        message = f"error updating {name}, the target Secret is immutable: delete it to have it created again"
        raise NeedsHuman(UPDATE_FAILED, message)
    if wanted.get("type", "Opaque") != secret.get("type", "Opaque"):
        message = f"spec.template.type is {wanted.get('type')}, but the Secret has type {secret.get('type')}"
        raise NeedsHuman(UPDATE_FAILED, f"{message}, which cannot change: delete it to have it created again")


def owner_reference(sealed: Body) -> Body:
    """Return the ownerReference as the original writes it, without blockOwnerDeletion."""
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


def _made_by_us(secret: Body) -> bool:
    """Return True if the API server's record says that we created a Secret, or wrote all of its values.

    Some values are no proof: with `patch: "true"` we write into Secrets that are not ours. Only a creator sets `type`.
    """
    record, values = secret["metadata"], secret.get("data") or {}
    return "type" in owned_keys(record, MANAGER) or set() < values.keys() <= owned_keys(record, MANAGER, "data")


def _skips_owner(view: View) -> bool:
    template = mapping(view.spec.get("template"))
    return template_metadata(mapping(template.get("metadata")))["annotations"].get(SKIP_OWNER) == "true"


def _template_metadata(view: View) -> dict[str, dict[str, str]]:
    return template_metadata(mapping(view.template.get("metadata")))


def _secret_key(view: View) -> Key:
    return Key(SECRETS, view.key.namespace, view.key.name)


def _annotations(body: Body) -> Mapping[str, str]:
    return mapping(body["metadata"].get("annotations"))

"""Targets of any kind (`spec.target.manifest`): what must be written, by the rules that Secrets have. Pure (core 2.12).

Unlike the original's: no foreign object is overwritten or deleted, values are rendered once, a Secret gets its data in
base64, and an object keeps what others have set on it.
"""

from collections.abc import Mapping
from typing import Any

from external.api.hashes import content_hash, field_manager, owner_hash
from external.errors import FAILED
from external.external_secrets.plan import (
    ADOPT,
    CREATED_BY,
    DATA_HASH,
    MANAGED,
    Plan,
    View,
    joined,
    marks,
    ours,
    own,
    owned_fields,
    plan,
    references,
)
from external.external_secrets.plan import valid as valid_secret
from external.external_secrets.target_kinds import INVALID
from external.values.object_paths import PathError, placed
from external.values.templates import UPDATE_FAILED, Content
from manager.core.errors import NeedsHuman
from manager.core.secret_value import SecretValue
from manager.kube.cache import controller_of
from manager.kube.resources import CONFIGMAPS, EXTERNAL_SECRETS, SECRETS, Body
from manager.kube.secret_data import encoded
from manager.kube.writer import Create, Delete, Update

MADE_FOR = "coffer.dev/made-for"
"""Annotation of what was made without an ownerReference: the hash of the ExternalSecret's name, as in created-by."""

KEEPS = ("Merge", "CreateOrMerge")
ABOUT = frozenset({"apiVersion", "kind", "metadata", "status", "type", "immutable"})
"""What is no content."""


def decide(view: View) -> Plan:
    """Decide for a target of any kind. Raises as `plan` does."""
    return plan(view) if view.spec.target.manifest is None else plan_manifest(view)


def valid(view: View) -> bool:
    """Tell whether the target is as it was written: nobody has edited or removed it (2.4)."""
    return valid_secret(view) if view.spec.target.manifest is None else valid_manifest(view)


def proven(view: View, body: Body) -> bool:
    """Tell whether an object is proven to be this ExternalSecret's."""
    return ours(view, body) if view.spec.target.manifest is None else ours_manifest(view, body)


def plan_manifest(view: View) -> Plan:
    """Decide what to write for an ExternalSecret whose data was fetched.

    Raises:
        NeedsHuman: a foreign object is in the way, or a template does not fit to the kind.

    """
    policy, data = view.spec.target.creation_policy, view.data
    if data is None or policy == "None":
        return Plan(None, "ResourceSynced")
    if not data and view.spec.target.deletion_policy != "Merge":
        return _without_data(view)
    if view.secret is None and policy == "Merge":
        return Plan(None, "ResourceMissing", "resource will not be created due to CreationPolicy=Merge")
    if view.secret is not None:
        _require_ours(view, view.secret)
    try:
        wanted = _wanted(view, data)
    except PathError as error:
        text = f"could not apply template to manifest: {error}"
        raise NeedsHuman(FAILED, text, event=UPDATE_FAILED) from None
    drawn = bool(view.rendered and view.rendered.random)
    if view.secret is None:
        return Plan(Create(view.target, wanted), "ResourceSynced", random=drawn)
    if stands(view, view.secret, wanted):
        return Plan(None, "ResourceSynced")
    return Plan(Update(view.target, wanted), "ResourceSynced", random=drawn)


def valid_manifest(view: View) -> bool:
    """Tell whether the object is as it was written."""
    policy = view.spec.target.creation_policy
    if policy in ("None", "Orphan") or (policy == "Merge" and view.secret is None):
        return True
    if view.secret is None:
        return False
    marked = (view.secret["metadata"].get("labels") or {}).get(MANAGED) == "true"
    asked, found = accepted(view.secret)
    return marked and bool(asked) and (asked == found or (asked, found) == view.accepted)


def accepted(body: Body) -> tuple[str, str]:
    """Return what an object says that was asked for, and what stands there; defaults make them differ."""
    return (body["metadata"].get("annotations") or {}).get(DATA_HASH, ""), _hash(body)


def stands(view: View, present: Body, wanted: Body) -> bool:
    """Tell whether there is nothing to write: what is asked for is there, whatever else the API server or others add.

    What the API server has once written in its own way (`1000m` as `1`) is not asked for again and again.
    """
    if wanted["metadata"] != present["metadata"]:
        return False
    if view.resource in (SECRETS, CONFIGMAPS):  # all of their data is the owner's
        same = wanted["data"] == (present.get("data") or {})
        return same and covers(present, wanted, but=("metadata", "data"))
    return accepted(present) == view.accepted or covers(present, wanted, but=("metadata", "status"))


def covers(present: Any, wanted: Any, but: tuple[str, ...] = ()) -> bool:
    """Tell whether everything of `wanted` stands in `present`; maps may hold more, lists not."""
    if isinstance(wanted, dict) and isinstance(present, dict):
        return all(name in but or (name in present and covers(present[name], wanted[name])) for name in wanted)
    if isinstance(wanted, list) and isinstance(present, list):
        return len(wanted) == len(present) and all(map(covers, present, wanted))
    return bool(wanted == present)


def ours_manifest(view: View, body: Body) -> bool:
    """Tell whether an object is proven to be this ExternalSecret's (DESIGN.md 4a, 3).

    Proof is the ownerReference's uid, the created-by hash together with a matching content hash, or our own mark.
    """
    meta = body["metadata"]
    owner = controller_of(meta)
    if owner is not None:
        return owner.uid == view.uid
    labels, annotations = meta.get("labels") or {}, meta.get("annotations") or {}
    name = owner_hash(view.key.namespace, view.key.name)
    created = labels.get(CREATED_BY) == name and annotations.get(DATA_HASH) == content_hash(body)
    return created or annotations.get(MADE_FOR) == name


def _without_data(view: View) -> Plan:
    if view.spec.target.deletion_policy == "Retain":
        return Plan(None, "ResourceSynced", "secret retained due to DeletionPolicy=Retain")
    if view.spec.target.creation_policy != "Owner":
        text = f"could not delete resource: creationPolicy={view.spec.target.creation_policy} is not Owner"
        raise NeedsHuman(FAILED, text)
    action = None
    if view.secret is not None and ours_manifest(view, view.secret):
        meta = view.secret["metadata"]
        action = Delete(view.target, meta["uid"], meta["resourceVersion"], "every entry is absent at the provider")
    return Plan(action, "ResourceDeleted", "secret deleted due to DeletionPolicy=Delete")


def _require_ours(view: View, body: Body) -> None:
    owner = controller_of(body["metadata"])
    if owner is not None and owner.kind == EXTERNAL_SECRETS.kind and owner.uid != view.uid:
        text = f"target is owned by another ExternalSecret: {owner.name}"
        raise NeedsHuman(FAILED, text, event=UPDATE_FAILED)
    if view.spec.target.creation_policy in KEEPS or ours_manifest(view, body):
        return
    if owner is None and (view.adopt_foreign or (body["metadata"].get("annotations") or {}).get(ADOPT) == "true"):
        return
    text = f'could not update resource: a {view.resource.kind} "{view.target.name}" exists that is not'
    cure = f'rename the target, use creationPolicy Merge, or hand it over with the annotation {ADOPT}: "true"'
    raise NeedsHuman(FAILED, f"{text} this ExternalSecret's; {cure}", event=UPDATE_FAILED)


def _wanted(view: View, data: Mapping[str, SecretValue]) -> Body:
    present = view.secret
    base = present if present is not None and view.spec.target.creation_policy in KEEPS else _base(view, present)
    made = _filled(view, base, data)
    asked = _filled(view, _bare(view), data)
    if not asked:
        raise NeedsHuman(FAILED, f"{INVALID}: nothing is asked of the {view.resource.kind}", event=UPDATE_FAILED)
    meta = dict(made["metadata"])
    owned = owned_fields(made, field_manager(view.key.name))
    labels = joined(made, "labels", owned["labels"], _given(view, "labels")) | marks(view)
    annotations = joined(made, "annotations", owned["annotations"] - {MADE_FOR}, _given(view, "annotations"))
    annotations[DATA_HASH] = _hash(asked)
    annotations.pop(ADOPT, None)
    if view.spec.target.creation_policy != "Owner":
        labels.pop(CREATED_BY, None)
    if view.spec.target.creation_policy == "Orphan" or (
        present is None and view.spec.target.creation_policy != "Owner"
    ):
        annotations[MADE_FOR] = owner_hash(view.key.namespace, view.key.name)
    owners = references(view, {"metadata": meta})
    if owners != (meta.get("ownerReferences") or []):
        meta["ownerReferences"] = owners
    return {**made, "metadata": meta | {"labels": labels, "annotations": annotations}}


def _base(view: View, present: Body | None) -> Body:
    """Return the object without the content that templates and values make; what others have put into it stays."""
    metadata = present["metadata"] if present else {"name": view.target.name, "namespace": view.target.namespace}
    base: Body = {"apiVersion": view.resource.api_version, "kind": view.resource.kind, "metadata": metadata}
    ours = {"spec", "data"} | _written(metadata, field_manager(view.key.name)) - ABOUT
    kept = {name: value for name, value in (present or {}).items() if name not in ours and name not in base}
    return base | kept | _bare(view)


def _bare(view: View) -> Body:
    return {"data": {}} if view.resource in (SECRETS, CONFIGMAPS) else {}


def _written(metadata: Body, manager: str) -> set[str]:
    """Return the fields of an object that the API server recorded under a field manager."""
    entries = (each for each in metadata.get("managedFields") or () if each.get("manager") == manager)
    return {name.removeprefix("f:") for each in entries for name in each.get("fieldsV1") or {}}


def _hash(body: Body) -> str:
    """Return the hash of an object's content: the original's where there is only a spec, or only data."""
    content = {name: value for name, value in body.items() if name not in ABOUT}
    alone = content.keys() in ({"spec"}, {"data"})
    return (content_hash(content) if alone else content_hash({"spec": content})) or ""


def _filled(view: View, base: Body, data: Mapping[str, SecretValue]) -> Body:
    content = view.rendered
    if content is None:
        texts = _texts(view, data)
        if view.resource in (SECRETS, CONFIGMAPS):
            return {**base, "data": {**(base.get("data") or {}), **texts}}
        return {**base, "spec": placed(base.get("spec"), ("data",), texts, joins=True)}
    made: Any = base
    for each in content.placements:
        made = placed(made, each.steps, each.value, joins=each.joins)
    if content.data:
        made = {**made, "data": {**(made.get("data") or {}), **_texts(view, content.data)}}
    return dict(made)


def _texts(view: View, data: Mapping[str, SecretValue]) -> dict[str, str]:
    if view.resource is SECRETS:
        return encoded(data)
    try:
        return {name: value.reveal().decode() for name, value in data.items()}
    except UnicodeDecodeError:
        text = f"could not apply template to manifest: a value is no text, and {view.resource.kind} holds only text"
        raise NeedsHuman(FAILED, text, event=UPDATE_FAILED) from None


def _given(view: View, name: str) -> Mapping[str, str]:
    content: Content | None = view.rendered
    if content is None:
        return own(view, name)
    return content.labels if name == "labels" else content.annotations

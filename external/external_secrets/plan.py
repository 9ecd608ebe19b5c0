"""The rules: from an ExternalSecret, fetched data and the Secret of its target's name to what must be written. Pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from external.api.external_secret import ExternalSecretSpec
from external.api.hashes import data_hash, field_manager, metadata_hash, owner_hash
from external.errors import FAILED
from external.values.templates import UPDATE_FAILED, Content
from manager.core.errors import NeedsHuman
from manager.core.secret_value import SecretValue
from manager.kube import auto_mirrors
from manager.kube.cache import controller_of
from manager.kube.resources import EXTERNAL_SECRETS, SECRETS, Body, Key, Resource
from manager.kube.secret_data import LARGEST, decoded, encoded, size
from manager.kube.writer import Action, Create, Delete, Update

MANAGED = "reconcile.external-secrets.io/managed"
CREATED_BY = "reconcile.external-secrets.io/created-by"
DATA_HASH = "reconcile.external-secrets.io/data-hash"
FINALIZER = "externalsecrets.external-secrets.io/externalsecret-cleanup"
ADOPT = "coffer.dev/adopt"
TAKEN = re.compile(r"[-._a-zA-Z0-9]+")
KEPT = "secret kept as it is: its target is immutable; delete it and it is made anew"
ARGO_CD = ("tracking-id", "instance", "installation-id", "hook", "hook-delete-policy", "compare-options")
ARGO_CD_SYNC = "argocd.argoproj.io/sync-"
FLUX = ("name", "namespace", "checksum", "prune", "reconcile", "ssa", "force", "substitute", "driftDetection")
NOT_COPIED = frozenset(
    {
        "kubectl.kubernetes.io/last-applied-configuration",
        "kopf.zalando.org/last-handled-configuration",
        "applyset.kubernetes.io/part-of",
        "objectset.rio.cattle.io/hash",
        *(f"argocd.argoproj.io/{each}" for each in ARGO_CD),
        *(f"{place}.toolkit.fluxcd.io/{each}" for place in ("kustomize", "helm") for each in FLUX),
    }
)
"""Labels and annotations that speak of the ExternalSecret itself.

On the target they would leak what was applied, or let a GitOps tool delete it. Others with the same prefixes have a
meaning of their own there: `argocd.argoproj.io/secret-type` makes the Secret a repository or a cluster of Argo CD.
"""


@dataclass(frozen=True, slots=True)
class View:
    """What is known when an ExternalSecret is decided upon."""

    key: Key
    body: Body = field(repr=False)
    spec: ExternalSecretSpec = field(repr=False)
    secret: Body | None = field(repr=False)
    data: Mapping[str, SecretValue] | None = None
    """The fetched data; None when no refresh was due."""
    rendered: Content | None = field(default=None, repr=False)
    """What the template makes of the data; None where there is none."""
    adopt_foreign: bool = False

    resource: Resource = SECRETS
    """Of what kind the target is; anything but a Secret only where `spec.target.manifest` says so."""
    accepted: tuple[str, str] = ("", "")
    """Of an object of another kind: what was last asked for, and what the API server had made of it."""

    @property
    def target(self) -> Key:
        """The object to write."""
        return Key(self.resource, self.key.namespace, self.spec.target.name or self.key.name)

    @property
    def noun(self) -> str:
        """What messages call the target."""
        return "secret" if self.resource is SECRETS else "resource"

    @property
    def uid(self) -> str:
        """The uid of the ExternalSecret."""
        return str(self.body["metadata"]["uid"])


@dataclass(frozen=True, slots=True)
class Plan:
    """What to write, and what the condition says when that has worked."""

    action: Action | None = None
    reason: str = "SecretSynced"
    message: str = "secret synced"
    random: bool = False
    """The same decision may give another Secret the next time: a template draws lots."""


def plan(view: View) -> Plan:
    """Decide what to write for one ExternalSecret whose data was fetched.

    Raises:
        NeedsHuman: a foreign or immutable Secret is in the way.

    """
    policy, data = view.spec.target.creation_policy, view.data
    if data is None or policy == "None":
        return Plan()
    if not data and view.spec.target.deletion_policy != "Merge":
        return _without_data(view)
    content = view.rendered or Content(data, own(view, "labels"), own(view, "annotations"))
    _require_keys(content.data)
    if size(content.data) > LARGEST:
        raise NeedsHuman(
            FAILED, f"could not update secret: the values take {size(content.data)} bytes, a Secret holds {LARGEST}"
        )
    if view.secret is None:
        if policy == "Merge":
            return Plan(None, "SecretMissing", "secret will not be created due to CreationPolicy=Merge")
        return Plan(Create(view.target, _wanted(view, _empty(view, content), content)), random=content.random)
    _require_ours(view, view.secret)
    wanted = _wanted(view, view.secret, content)
    if wanted == view.secret:
        return Plan()
    if view.spec.target.immutable and view.secret.get("immutable"):
        return Plan(message=KEPT)
    _require_mutable(view.secret, wanted)
    return Plan(Update(view.target, wanted), random=content.random)


def valid(view: View) -> bool:
    """Tell whether the target is as it was written: nobody has edited or removed it (2.4)."""
    policy = view.spec.target.creation_policy
    if policy in ("None", "Orphan") or (policy == "Merge" and view.secret is None):
        return True
    if view.secret is None:
        return False
    meta = view.secret["metadata"]
    marked = (meta.get("labels") or {}).get(MANAGED) == "true"
    return marked and (meta.get("annotations") or {}).get(DATA_HASH) == data_hash(decoded(view.secret))


def ours(view: View, secret: Body) -> bool:
    """Tell whether a Secret is proven to be this ExternalSecret's (DESIGN.md 4a, 3).

    Proof is the ownerReference's uid, the created-by hash together with a matching data hash, or the API server's own
    record that this ExternalSecret's field manager made the Secret: its type is set once and never again. Having
    written some of its keys proves nothing, as a Merge has; neither does the managed label.
    """
    meta = secret["metadata"]
    owner = controller_of(meta)
    if owner is not None:
        return owner.uid == view.uid
    labels, annotations = meta.get("labels") or {}, meta.get("annotations") or {}
    created = labels.get(CREATED_BY) == owner_hash(view.key.namespace, view.key.name)
    if created and annotations.get(DATA_HASH) == data_hash(decoded(secret)):
        return True
    return _made_under(secret, field_manager(view.key.name))


def orphan(view: View, body: Body, resource: Resource = SECRETS) -> Delete | None:
    """Return the deletion of an earlier target that is no longer named, None if it is not ours (2.7)."""
    meta = body["metadata"]
    key = Key(resource, view.key.namespace, meta["name"])
    owner = controller_of(meta)
    proven = ours(view, body) if resource is SECRETS else owner is not None and owner.uid == view.uid
    if key == view.target or not proven:
        return None
    return Delete(key, meta["uid"], meta["resourceVersion"], "its ExternalSecret has another target now")


def _require_keys(data: Mapping[str, SecretValue]) -> None:
    """Raise NeedsHuman for a key that no Secret takes: letters of other scripts get through until here."""
    wrong = next((key for key in data if TAKEN.fullmatch(key) is None), None)
    if wrong is not None:
        text = f'could not update secret: the key "{wrong}" is none that a Secret takes (A-Z, a-z, 0-9, "-", "_", ".")'
        raise NeedsHuman(FAILED, f"{text}: change it by rewrite, or in secretKey", event=UPDATE_FAILED)


def _without_data(view: View) -> Plan:
    """Decide for a provider that has proven every entry absent (2.8)."""
    if view.spec.target.deletion_policy == "Retain":
        return Plan(None, "SecretSynced", "secret retained due to DeletionPolicy=Retain")
    if view.spec.target.creation_policy != "Owner":
        text = f"could not delete secret: creationPolicy={view.spec.target.creation_policy} is not Owner"
        raise NeedsHuman(FAILED, text)
    action = None
    if view.secret is not None and ours(view, view.secret):
        meta = view.secret["metadata"]
        action = Delete(view.target, meta["uid"], meta["resourceVersion"], "every entry is absent at the provider")
    return Plan(action, "SecretDeleted", "secret deleted due to DeletionPolicy=Delete")


def _require_ours(view: View, secret: Body) -> None:
    owner = controller_of(secret["metadata"])
    if owner is not None and owner.kind == EXTERNAL_SECRETS.kind and owner.name != view.key.name:
        text = f"target is owned by another ExternalSecret: {owner.name}"
        raise NeedsHuman(FAILED, text, event=UPDATE_FAILED)
    if view.spec.target.creation_policy in ("Merge", "CreateOrMerge") or ours(view, secret):
        return
    if auto_mirrors.yields(secret):
        return
    if owner is None and (view.adopt_foreign or (secret["metadata"].get("annotations") or {}).get(ADOPT) == "true"):
        return
    text = f'could not update secret: a Secret "{view.target.name}" exists that is not this ExternalSecret\'s'
    cure = f'rename the target, use creationPolicy Merge, or hand the Secret over with the annotation {ADOPT}: "true"'
    raise NeedsHuman(FAILED, f"{text}; {cure}", event=UPDATE_FAILED)


def _require_mutable(secret: Body, wanted: Body) -> None:
    if secret.get("immutable") and decoded(secret) != decoded(wanted):
        text = f"could not update secret, target is immutable: delete {secret['metadata']['name']} and it is made anew"
        raise NeedsHuman(FAILED, text, event=UPDATE_FAILED)


def _wanted(view: View, secret: Body, content: Content) -> Body:
    """Return the Secret as it should be: what this ExternalSecret wrote before is replaced, the rest kept (2.7)."""
    owned = owned_fields(secret, field_manager(view.key.name))
    merges = view.spec.target.creation_policy in ("Merge", "CreateOrMerge")
    kept = {name: value for name, value in decoded(secret).items() if merges and name not in owned["data"]}
    values = {**kept, **content.data}
    labels = joined(secret, "labels", owned["labels"], content.labels) | marks(view)
    annotations = joined(secret, "annotations", owned["annotations"], content.annotations)
    annotations[DATA_HASH] = data_hash(values)
    if view.spec.target.creation_policy != "Owner":
        labels.pop(CREATED_BY, None)
    for name in (ADOPT, *(auto_mirrors.MARKS if auto_mirrors.yields(secret) else ())):
        annotations.pop(name, None)
    if view.spec.target.creation_policy == "Orphan" and "uid" in secret["metadata"] and not ours(view, secret):
        annotations[ADOPT] = (
            "true"  # without an ownerReference nothing else would show next time that it was handed over
        )
    meta = {**secret["metadata"], "labels": labels, "annotations": annotations}
    missing = [each for each in content.finalizers if each not in (meta.get("finalizers") or ())]
    if missing and "deletionTimestamp" not in meta:
        meta["finalizers"] = [*(meta.get("finalizers") or ()), *missing]
    owners = references(view, secret)
    if owners != (meta.get("ownerReferences") or []):
        meta["ownerReferences"] = owners
    wanted = {**secret, "metadata": meta}
    if content.type and content.type != secret.get("type"):
        text = f"the Secret is of type {secret.get('type')}, which nobody can change to {content.type}: delete it"
        raise NeedsHuman(FAILED, f"could not update secret: {text}, and it is made anew", event=UPDATE_FAILED)
    if values != decoded(secret) or "data" not in secret:
        wanted["data"] = encoded(values)
    if view.spec.target.immutable:
        wanted["immutable"] = True
    return wanted


def own(view: View, name: str) -> dict[str, str]:
    """Return the ExternalSecret's labels or annotations, which a target without a template takes over."""
    given = view.body["metadata"].get(name) or {}
    return {key: text for key, text in given.items() if key not in NOT_COPIED and not key.startswith(ARGO_CD_SYNC)}


def joined(secret: Body, name: str, owned: frozenset[str], given: Mapping[str, str]) -> dict[str, str]:
    """Return labels or annotations: what was written before makes room for what is given, others' stay."""
    present = {key: text for key, text in (secret["metadata"].get(name) or {}).items() if key not in owned}
    return {**present, **given}


def marks(view: View) -> dict[str, str]:
    """Return the labels by which the original knows its targets."""
    marks = {MANAGED: "true"}
    if view.spec.target.creation_policy == "Owner":
        marks[CREATED_BY] = owner_hash(view.key.namespace, view.key.name)
    return marks


def references(view: View, secret: Body) -> list[Body]:
    """Return the owners that the target has, with or without the ExternalSecret as its policy says."""
    present: list[Body] = secret["metadata"].get("ownerReferences") or []
    others = [each for each in present if each.get("uid") != view.uid]
    if view.spec.target.creation_policy != "Owner":
        return others
    mine = {
        "apiVersion": EXTERNAL_SECRETS.api_version,
        "kind": EXTERNAL_SECRETS.kind,
        "name": view.key.name,
        "uid": view.uid,
        "controller": True,
        "blockOwnerDeletion": True,
    }
    return present if mine in present else [*others, mine]


def _empty(view: View, content: Content) -> Body:
    metadata = {"name": view.target.name, "namespace": view.target.namespace}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "type": content.type or "Opaque"}


def _made_under(secret: Body, manager: str) -> bool:
    entries = secret["metadata"].get("managedFields") or ()
    return any(each.get("manager") == manager and "f:type" in (each.get("fieldsV1") or {}) for each in entries)


def others(secret: Body, manager: str) -> tuple[str, ...]:
    """Return the field managers, but for one's own, that have written data of a Secret."""
    entries = secret["metadata"].get("managedFields") or ()
    found = {str(each.get("manager")) for each in entries if "f:data" in (each.get("fieldsV1") or {})}
    return tuple(sorted(found - {manager}))


def content(action: Create | Update, decided: Plan) -> tuple[str, str]:
    """Return what tells two writes of a Secret apart, without its values; what draws lots is the same each time."""
    meta = action.body["metadata"]
    if decided.random:
        return "random", ""
    return str(meta["annotations"][DATA_HASH]), metadata_hash(meta["labels"], meta["annotations"])


def without_ours(metadata: Body, manager: str) -> list[str] | None:
    """Return the finalizers of an ExternalSecret but for the one that a field manager alone has set; None without it.

    Another controller of the originals' class may have set the same one, and needs it.
    """
    finalizers, managers = metadata.get("finalizers") or [], set[object]()
    for entry in metadata.get("managedFields") or ():
        fields = (entry.get("fieldsV1") or {}).get("f:metadata") or {}
        managers |= {entry.get("manager")} if f'v:"{FINALIZER}"' in (fields.get("f:finalizers") or {}) else set()
    # Whoever else has it written down, such as in a manifest that is applied, wants it there.
    ours = FINALIZER in finalizers and managers == {manager}
    return [each for each in finalizers if each != FINALIZER] if ours else None


def owned_fields(secret: Body, manager: str) -> dict[str, frozenset[str]]:
    """Return the data keys, labels and annotations that the API server recorded under a field manager."""
    found: dict[str, set[str]] = {"data": set(), "labels": set(), "annotations": set()}
    for entry in secret["metadata"].get("managedFields") or ():
        if entry.get("manager") != manager:
            continue
        fields: Mapping[str, Any] = entry.get("fieldsV1") or {}
        places = {"data": fields.get("f:data")}
        places |= {name: (fields.get("f:metadata") or {}).get(f"f:{name}") for name in ("labels", "annotations")}
        for name, keys in places.items():
            found[name] |= {key.removeprefix("f:") for key in (keys or {}) if key.startswith("f:")}
    return {name: frozenset(keys) for name, keys in found.items()}

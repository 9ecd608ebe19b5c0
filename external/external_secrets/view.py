"""What one pass knows of an ExternalSecret and its target: observed once, each fact computed once. Pure."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from external.api.external_secret import ExternalSecretSpec
from external.api.hashes import content_hash, data_hash, field_manager, owner_hash
from manager.core.secret_value import SecretValue
from manager.kube.cache import Owner, controller_of
from manager.kube.resources import SECRETS, Body, Key, Resource
from manager.kube.secret_data import decoded

MANAGED = "reconcile.external-secrets.io/managed"
CREATED_BY = "reconcile.external-secrets.io/created-by"
DATA_HASH = "reconcile.external-secrets.io/data-hash"
ADOPT = "coffer.dev/adopt"
MADE_FOR = "coffer.dev/made-for"
"""Annotation of an object that was made without an ownerReference: the hash of the ExternalSecret's name."""

NOT_CONTENT = frozenset({"apiVersion", "kind", "metadata", "status", "type", "immutable"})
"""Fields of an object that are not its content."""


@dataclass(frozen=True)
class View:
    """What is observed of an ExternalSecret and its target, and the facts that follow from it."""

    key: Key
    body: Body = field(repr=False)
    spec: ExternalSecretSpec = field(repr=False)
    present: Body | None = field(repr=False)
    """The target as the API server has it; None if it does not exist."""
    adopt_foreign: bool = False
    """Whether the administrator lets ExternalSecrets take over any target without an owner."""
    resource: Resource = SECRETS
    """The target's kind; anything but a Secret only where `spec.target.manifest` says so."""
    accepted: tuple[str, str] = ("", "")
    """For other kinds: the last requested content, and what the API server stored for it; defaults make them differ."""

    @property
    def uid(self) -> str:
        """The uid of the ExternalSecret."""
        return str(self.body["metadata"]["uid"])

    @property
    def target(self) -> Key:
        """The object to write."""
        return Key(self.resource, self.key.namespace, self.spec.target.name or self.key.name)

    @property
    def version(self) -> str:
        """The resourceVersion of the target; empty if it does not exist."""
        return version_of(self.present)

    @property
    def noun(self) -> str:
        """What messages about writes call the target."""
        return "secret" if self.resource is SECRETS else "resource"

    @property
    def policy(self) -> str:
        """The creation policy."""
        return self.spec.target.creation_policy

    @property
    def generic(self) -> bool:
        """Whether the target is described by `spec.target.manifest`, whatever its kind."""
        return self.spec.target.manifest is not None

    @cached_property
    def manager(self) -> str:
        """The field manager under which this ExternalSecret writes its target."""
        return field_manager(self.key.name)

    @cached_property
    def name_hash(self) -> str:
        """The value of the created-by label for this ExternalSecret."""
        return owner_hash(self.key.namespace, self.key.name)

    @cached_property
    def owner(self) -> Owner | None:
        """The controller that the target's ownerReferences name."""
        return None if self.present is None else controller_of(self.present["metadata"])

    @cached_property
    def values(self) -> Mapping[str, SecretValue]:
        """The decoded data of a target that is a Secret."""
        return {} if self.present is None else decoded(self.present)

    @cached_property
    def values_hash(self) -> str:
        """The hash of those data, as the data-hash annotation has it."""
        return data_hash(self.values)

    @cached_property
    def owned_fields(self) -> Mapping[str, frozenset[str]]:
        """The data keys, labels and annotations that the API server recorded under our field manager."""
        return owned_fields(self.present or {"metadata": {}}, self.manager)

    @property
    def labels(self) -> Mapping[str, str]:
        """The labels of the target."""
        return self._metadata("labels")

    @property
    def annotations(self) -> Mapping[str, str]:
        """The annotations of the target."""
        return self._metadata("annotations")

    @cached_property
    def ours(self) -> bool:
        """Whether the target is proven to belong to this ExternalSecret."""
        return proves(GENERIC_OWNERSHIP if self.generic else SECRET_OWNERSHIP, self)

    @cached_property
    def intact(self) -> bool:
        """Whether nobody has edited or removed the target since it was written."""
        if self.policy in ("None", "Orphan") or (self.policy == "Merge" and self.present is None):
            return True
        if self.present is None or self.labels.get(MANAGED) != "true":
            return False
        if not self.generic:
            return self.annotations.get(DATA_HASH) == self.values_hash
        requested, stored = accepted_content(self.present)
        return bool(requested) and (requested == stored or (requested, stored) == self.accepted)

    def _metadata(self, name: str) -> Mapping[str, str]:
        return {} if self.present is None else self.present["metadata"].get(name) or {}


OwnershipCheck = Callable[[View], bool | None]
"""True: the target is ours. False: it is not. None: this check cannot tell."""


def controlled(view: View) -> bool | None:
    """Decide by the uid of the controller in ownerReferences, if there is one."""
    return None if view.owner is None else view.owner.uid == view.uid


def created_and_data_unchanged(view: View) -> bool | None:
    """Accept the created-by hash of our name together with a data hash that matches the Secret."""
    created = view.labels.get(CREATED_BY) == view.name_hash
    return (created and view.annotations.get(DATA_HASH) == view.values_hash) or None


def created_under_our_field_manager(view: View) -> bool | None:
    """Accept the API server's record that our field manager set `type`, which only the creator of a Secret can."""
    entries = () if view.present is None else view.present["metadata"].get("managedFields") or ()
    ours = (each for each in entries if each.get("manager") == view.manager)
    return any("f:type" in (each.get("fieldsV1") or {}) for each in ours) or None


def created_and_content_unchanged(view: View) -> bool | None:
    """Accept the created-by hash of our name together with a content hash that matches the object."""
    hashed = view.annotations.get(DATA_HASH)
    created = bool(hashed) and view.labels.get(CREATED_BY) == view.name_hash
    return (created and hashed == content_hash(view.present or {})) or None


def made_for_us(view: View) -> bool | None:
    """Accept our own annotation on an object that was made without an ownerReference."""
    return view.annotations.get(MADE_FOR) == view.name_hash or None


# The managed label is no proof: external-secrets puts it on foreign Secrets too. Neither are keys that we wrote: a
# Merge writes keys into a foreign Secret.
SECRET_OWNERSHIP: tuple[OwnershipCheck, ...] = (
    controlled,
    created_and_data_unchanged,
    created_under_our_field_manager,
)
GENERIC_OWNERSHIP: tuple[OwnershipCheck, ...] = (controlled, created_and_content_unchanged, made_for_us)
ORPHANED_GENERIC_OWNERSHIP: tuple[OwnershipCheck, ...] = (controlled,)


def proves(checks: tuple[OwnershipCheck, ...], view: View) -> bool:
    """Return the verdict of the first check that can tell; False if none can."""
    return view.present is not None and next((found for each in checks if (found := each(view)) is not None), False)


def accepted_content(body: Body) -> tuple[str, str]:
    """Return the hash of the content that was requested of an object, and the hash of its content now."""
    return (body["metadata"].get("annotations") or {}).get(DATA_HASH, ""), hash_of_content(body)


def hash_of_content(body: Body) -> str:
    """Return the hash of an object's content: the original's hash if it has only a spec, or only data."""
    content = {name: value for name, value in body.items() if name not in NOT_CONTENT}
    alone = content.keys() in ({"spec"}, {"data"})
    return (content_hash(content) if alone else content_hash({"spec": content})) or ""


def version_of(body: Body | None) -> str:
    """Return the resourceVersion of an object; empty if there is none."""
    return "" if body is None else str(body["metadata"].get("resourceVersion", ""))


def owned_fields(body: Body, manager: str) -> dict[str, frozenset[str]]:
    """Return the data keys, labels and annotations that the API server recorded under a field manager."""
    found: dict[str, set[str]] = {"data": set(), "labels": set(), "annotations": set()}
    for entry in body["metadata"].get("managedFields") or ():
        if entry.get("manager") != manager:
            continue
        fields: Mapping[str, Any] = entry.get("fieldsV1") or {}
        places = {"data": fields.get("f:data")}
        places |= {name: (fields.get("f:metadata") or {}).get(f"f:{name}") for name in ("labels", "annotations")}
        for name, keys in places.items():
            found[name] |= {key.removeprefix("f:") for key in (keys or {}) if key.startswith("f:")}
    return {name: frozenset(keys) for name, keys in found.items()}


def other_managers(body: Body, manager: str) -> tuple[str, ...]:
    """Return the field managers, except one, that have written data of a Secret."""
    entries = body["metadata"].get("managedFields") or ()
    found = {str(each.get("manager")) for each in entries if "f:data" in (each.get("fieldsV1") or {})}
    return tuple(sorted(found - {manager}))

"""What one pass knows of an ExternalSecret and its target: observed once, each fact computed once. Pure."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property

from external.api.external_secret import ExternalSecretSpec
from external.api.fields import parsed
from external.api.hashes import content_hash, data_hash, field_manager, owner_hash
from external.api.target import copied
from external.errors import FAILED
from external.generators.states import HELD
from external.summaries import ExternalSecretSummary, external_secret_summary
from external.values.templates import Content
from manager.core.clock import parse_rfc3339, rfc3339
from manager.core.secret_value import SecretValue
from manager.kube.cache import Owner, controller_of
from manager.kube.managed_fields import owned_keys
from manager.kube.resources import SECRETS, Body, Key, Resource
from manager.kube.secret_data import decoded

MANAGED = "reconcile.external-secrets.io/managed"
CREATED_BY = "reconcile.external-secrets.io/created-by"
DATA_HASH = "reconcile.external-secrets.io/data-hash"
ADOPT = "coffer.dev/adopt"
MADE_FOR = "coffer.dev/made-for"
"""Annotation of an object that was made without an ownerReference: the hash of the ExternalSecret's name."""
REFRESH_BY = "coffer.dev/refresh-by"
"""Annotation of a target with values that end: when they are replaced. A restart finds it there."""

PREVIOUS = "coffer.dev/previous"
"""Annotation of a target: for how many refreshes each of the last values stays there."""
MADE_AT = "coffer.dev/generated"
"""Annotation of a target: the uid and version of the ExternalSecret for which values were made, and when."""
GENERATED = (REFRESH_BY, HELD, PREVIOUS, MADE_AT)
"""Annotations of a target that say what its generated values need."""

NOT_CONTENT = frozenset({"apiVersion", "kind", "metadata", "status", "type", "immutable"})
"""Fields of an object that are not its content."""


@dataclass(frozen=True)
class ExternalSecret:
    """One ExternalSecret as the API server returned it, and the facts that follow from it alone."""

    key: Key
    body: Body = field(repr=False)

    @property
    def metadata(self) -> Body:
        """The metadata as they were read or last written."""
        metadata: Body = self.body["metadata"]
        return metadata

    @property
    def uid(self) -> str:
        """The uid."""
        return str(self.metadata["uid"])

    @property
    def finalizers(self) -> list[str]:
        """The finalizers, in order."""
        return self.metadata.get("finalizers") or []

    @property
    def conditions(self) -> object:
        """The conditions of the status as they are, which may be malformed."""
        return (self.body.get("status") or {}).get("conditions")

    @cached_property
    def summary(self) -> ExternalSecretSummary:
        """What the cache would keep of it."""
        return external_secret_summary(self.body)

    @cached_property
    def manager(self) -> str:
        """The field manager under which it writes its target."""
        return field_manager(self.key.name)

    @cached_property
    def name_hash(self) -> str:
        """The value of the created-by label of its targets."""
        return owner_hash(self.key.namespace, self.key.name)

    @property
    def annotations(self) -> Mapping[str, str]:
        """Its annotations."""
        found = self.metadata.get("annotations") or {}
        return {str(name): str(text) for name, text in found.items()}

    @property
    def inherited_labels(self) -> Mapping[str, str]:
        """Its labels, which a target without a template takes over."""
        return self._inherited("labels")

    @property
    def inherited_annotations(self) -> Mapping[str, str]:
        """Its annotations, which a target without a template takes over."""
        return self._inherited("annotations")

    def _inherited(self, name: str) -> Mapping[str, str]:
        return copied(self.metadata.get(name) or {})

    async def spec(self) -> ExternalSecretSpec:
        """Return the typed spec. Raises NeedsHuman for wrong and unknown fields."""
        return await parsed(ExternalSecretSpec, self.body.get("spec"), reason=FAILED)


@dataclass(frozen=True, slots=True)
class Options:
    """What an ExternalSecret asks of its generated values."""

    if_absent: bool = False
    """A value that exists on the target is kept until it is deleted there."""
    keep_previous: int = 0
    """For how many refreshes the last value stays beside its successor; 0: not at all."""


@dataclass(frozen=True)
class View:
    """What is observed of an ExternalSecret and its target, and the facts that follow from it."""

    external_secret: ExternalSecret
    spec: ExternalSecretSpec = field(repr=False)
    present: Body | None = field(repr=False)
    """The target as the API server has it; None if it does not exist."""
    adopt_foreign: bool = False
    """Whether the administrator lets ExternalSecrets take over any target without an owner."""
    resource: Resource = SECRETS
    """The target's kind; anything but a Secret only where `spec.target.manifest` says so."""
    accepted: tuple[str, str] = ("", "")
    """For other kinds: the last requested content, and what the API server stored for it; defaults make them differ."""
    options: Options = Options()
    """What the annotations ask of generated values."""

    @property
    def key(self) -> Key:
        """The key of the ExternalSecret."""
        return self.external_secret.key

    @property
    def uid(self) -> str:
        """The uid of the ExternalSecret."""
        return self.external_secret.uid

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
        """The fields that the API server recorded under our field manager, by what holds them; `""` is the object."""
        metadata, manager = (self.present or {}).get("metadata", {}), self.external_secret.manager
        paths = {"": (), "data": ("data",)} | {each: ("metadata", each) for each in ("labels", "annotations")}
        return {name: owned_keys(metadata, manager, *path) for name, path in paths.items()}

    @property
    def labels(self) -> Mapping[str, str]:
        """The labels of the target."""
        return self._metadata("labels")

    @property
    def annotations(self) -> Mapping[str, str]:
        """The annotations of the target."""
        return self._metadata("annotations")

    @property
    def refresh_by(self) -> float | None:
        """The Unix time at which the target says that its values must be replaced; None if it says nothing."""
        return refresh_by_in(self.annotations)

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
        requested, stored = self.content_hashes
        return bool(requested) and (requested == stored or (requested, stored) == self.accepted)

    @cached_property
    def content_hashes(self) -> tuple[str, str]:
        """The hash of the content that was requested of the target, and of its content now; empty if there is none."""
        return ("", "") if self.present is None else accepted_content(self.present)

    @property
    def takes_values(self) -> bool:
        """Whether the target can hold other values than now."""
        if self.policy == "None" or (self.policy == "Merge" and self.present is None):
            return False
        return self.present is None or not self.present.get("immutable")

    @property
    def as_last_synced(self) -> bool:
        """Whether the target is what the current spec produced before."""
        if self.policy == "None":
            return True
        synced, _, _ = self.external_secret.summary.synced.partition("-")
        current = str(self.external_secret.metadata.get("generation", 0))
        return synced == current and self.present is not None and self.intact

    def _metadata(self, name: str) -> Mapping[str, str]:
        return {} if self.present is None else self.present["metadata"].get(name) or {}


OwnershipCheck = Callable[[View], bool | None]
"""True: the target is ours. False: it is not. None: this check cannot tell."""


def controlled(view: View) -> bool | None:
    """Decide by the uid of the controller in ownerReferences, if there is one."""
    return None if view.owner is None else view.owner.uid == view.uid


def created_and_data_unchanged(view: View) -> bool | None:
    """Accept the created-by hash of our name together with a data hash that matches the Secret."""
    created = view.labels.get(CREATED_BY) == view.external_secret.name_hash
    return (created and view.annotations.get(DATA_HASH) == view.values_hash) or None


def created_under_our_field_manager(view: View) -> bool | None:
    """Accept the API server's record that our field manager set `type`, which only the creator of a Secret can."""
    return "type" in view.owned_fields[""] or None


def created_and_content_unchanged(view: View) -> bool | None:
    """Accept the created-by hash of our name together with a content hash that matches the object."""
    hashed = view.annotations.get(DATA_HASH)
    created = bool(hashed) and view.labels.get(CREATED_BY) == view.external_secret.name_hash
    return (created and hashed == content_hash(view.present or {})) or None


def made_for_us(view: View) -> bool | None:
    """Accept our own annotation on an object that was made without an ownerReference."""
    return view.annotations.get(MADE_FOR) == view.external_secret.name_hash or None


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


def refresh_by_in(annotations: Mapping[str, str]) -> float | None:
    """Return the Unix time at which a target with these annotations must be refreshed, None if they say nothing."""
    moment = parse_rfc3339(annotations.get(REFRESH_BY))
    return moment.timestamp() if moment else None


def generated_annotations(content: Content) -> dict[str, str]:
    """Return the annotations for content that ends, or must be ended; nothing for other content."""
    ends, held = content.refresh_by, content.held
    found = {} if ends is None else {REFRESH_BY: rfc3339(datetime.fromtimestamp(ends, UTC))}
    named = {HELD: held, PREVIOUS: content.previous, MADE_AT: content.made_at}
    return found | {name: text for name, text in named.items() if text is not None}


def version_of(body: Body | None) -> str:
    """Return the resourceVersion of an object; empty if there is none."""
    return "" if body is None else str(body["metadata"].get("resourceVersion", ""))

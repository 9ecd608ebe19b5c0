"""What the decision needs to know of a kind of target, and the metadata that all kinds share. Pure."""

from collections.abc import Mapping
from typing import Protocol

from external.external_secrets.view import CREATED_BY, MANAGED, View
from external.values.templates import Content
from manager.kube.cache import Owner
from manager.kube.resources import EXTERNAL_SECRETS, Body


class Target(Protocol):
    """The rules of one kind of target, for one view."""

    @property
    def word(self) -> str:
        """The word for the kind in reasons: `Secret` or `Resource`."""

    @property
    def yields(self) -> bool:
        """Whether the present object gives way to an ExternalSecret that claims its name."""

    def other_external_secret(self, owner: Owner) -> bool:
        """Return whether an owner of kind ExternalSecret is another one than this."""

    def require_fit(self, content: Content) -> None:
        """Raise NeedsHuman if the kind cannot hold the content."""

    def wanted(self, content: Content) -> Body:
        """Return the object as it should be; fields that others have written stay. Raises NeedsHuman."""

    def unwritten(self, wanted: Body) -> str:
        """Return the message of the condition if the present object needs no write; empty if it does.

        Raises NeedsHuman.
        """


def merged_metadata(metadata: Body, name: str, owned: frozenset[str], wanted: Mapping[str, str]) -> dict[str, str]:
    """Return labels or annotations: those that we wrote before are replaced, those of others stay."""
    present = {key: text for key, text in (metadata.get(name) or {}).items() if key not in owned}
    return {**present, **wanted}


def labels_of(view: View, metadata: Body, wanted: Mapping[str, str]) -> dict[str, str]:
    """Return the labels of a target, with those by which external-secrets knows its targets."""
    labels = merged_metadata(metadata, "labels", view.owned_fields["labels"], wanted) | {MANAGED: "true"}
    if view.policy == "Owner":
        return labels | {CREATED_BY: view.external_secret.name_hash}
    labels.pop(CREATED_BY, None)
    return labels


def with_owner(view: View, metadata: Body) -> Body:
    """Return metadata whose ownerReferences name the ExternalSecret if, and only if, its policy is Owner."""
    present: list[Body] = metadata.get("ownerReferences") or []
    others = [each for each in present if each.get("uid") != view.uid]
    owner = {
        "apiVersion": EXTERNAL_SECRETS.api_version,
        "kind": EXTERNAL_SECRETS.kind,
        "name": view.key.name,
        "uid": view.uid,
        "controller": True,
        "blockOwnerDeletion": True,
    }
    owned = present if owner in present else [*others, owner]
    owners = owned if view.policy == "Owner" else others
    return metadata if owners == present else {**metadata, "ownerReferences": owners}

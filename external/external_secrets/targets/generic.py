"""A target of any kind, as `spec.target.manifest` describes it. Pure.

Unlike the original's: no foreign object is overwritten or deleted, values are rendered once, a Secret gets its data in
base64, and an object keeps what others have set on it.
"""

from collections.abc import Mapping
from typing import Any

from external.errors import FAILED
from external.external_secrets.targets.kinds import INVALID
from external.external_secrets.targets.protocol import labels_of, merged_metadata, with_owner
from external.external_secrets.view import (
    ADOPT,
    DATA_HASH,
    GENERATED,
    MADE_FOR,
    NOT_CONTENT,
    View,
    generated_annotations,
    hash_of_content,
)
from external.values.object_paths import PathError, placed
from external.values.templates import UPDATE_FAILED, Content
from manager.core.errors import NeedsHuman
from manager.core.secret_value import SecretValue
from manager.kube.cache import Owner
from manager.kube.resources import CONFIGMAPS, SECRETS, Body
from manager.kube.secret_data import encoded

HOLD_DATA = (SECRETS, CONFIGMAPS)
"""Kinds whose values stand in `data`; those of all others stand in `spec`."""


class GenericTarget:
    """Places values into the object and requests no more than that; the API server may add defaults."""

    word = "Resource"
    yields = False

    def __init__(self, view: View, *, templated: bool) -> None:
        self._view = view
        self._templated = templated

    def other_external_secret(self, owner: Owner) -> bool:
        """Compare uids: the object of an earlier ExternalSecret with our name is about to be collected."""
        return owner.uid != self._view.uid

    def require_fit(self, content: Content) -> None:
        """Accept everything: only the API server knows what a kind can hold."""

    def wanted(self, content: Content) -> Body:
        """Return the object: what this ExternalSecret placed before is replaced, the rest stays."""
        try:
            return self._wanted(content)
        except PathError as error:
            text = f"could not apply template to manifest: {error}"
            raise NeedsHuman(FAILED, text, event=UPDATE_FAILED) from None

    def unwritten(self, wanted: Body) -> str:
        """Return the message if everything wanted is there, whatever the API server or others have added.

        What the API server has stored in its own notation (`1000m` as `1`) is not requested again and again.
        """
        return "secret synced" if self._stands(self._view.present or {}, wanted) else ""

    def _stands(self, present: Body, wanted: Body) -> bool:
        if wanted["metadata"] != present["metadata"]:
            return False
        if self._view.resource in HOLD_DATA:  # all of their data is the owner's
            same = (wanted.get("data") or {}) == (present.get("data") or {})
            return same and covers(present, wanted, but=("metadata", "data"))
        return self._view.content_hashes == self._view.accepted or covers(present, wanted, but=("metadata", "status"))

    def _wanted(self, content: Content) -> Body:
        view = self._view
        keeps = view.present is not None and view.policy in ("Merge", "CreateOrMerge")
        made = self._filled(view.present if keeps else self._base(), content)
        requested = self._filled(self._empty(), content)
        if not requested:
            raise NeedsHuman(FAILED, f"{INVALID}: nothing is asked of the {view.resource.kind}", event=UPDATE_FAILED)
        owned = view.owned_fields["annotations"] - {MADE_FOR}
        annotations = merged_metadata(made["metadata"], "annotations", owned, content.annotations)
        annotations[DATA_HASH] = hash_of_content(requested)
        for name in (ADOPT, *GENERATED):
            annotations.pop(name, None)
        annotations |= generated_annotations(content)
        if view.policy == "Orphan" or (view.present is None and view.policy != "Owner"):
            annotations[MADE_FOR] = view.external_secret.name_hash
        labels = labels_of(view, made["metadata"], content.labels)
        return {**made, "metadata": with_owner(view, made["metadata"]) | {"labels": labels, "annotations": annotations}}

    def _base(self) -> Body:
        """Return the object without the content that templates and values make; what others put into it stays."""
        view, present = self._view, self._view.present
        metadata = present["metadata"] if present else {"name": view.target.name, "namespace": view.target.namespace}
        base: Body = {"apiVersion": view.resource.api_version, "kind": view.resource.kind, "metadata": metadata}
        replaced = {"spec", "data"} | view.owned_fields[""] - NOT_CONTENT
        kept = {name: value for name, value in (present or {}).items() if name not in replaced and name not in base}
        return base | kept | self._empty()

    def _empty(self) -> Body:
        return {"data": {}} if self._view.resource in HOLD_DATA else {}

    def _filled(self, base: Body | None, content: Content) -> Body:
        made: Any = base
        for each in content.placements:
            made = placed(made, each.steps, each.value, joins=each.joins)
        if not self._templated and self._view.resource not in HOLD_DATA:
            return dict(placed(made, ("spec", "data"), self._texts(content.data), joins=True))
        if content.data:
            made = {**made, "data": {**(made.get("data") or {}), **self._texts(content.data)}}
        return dict(made)

    def _texts(self, data: Mapping[str, SecretValue]) -> dict[str, str]:
        if self._view.resource is SECRETS:
            return encoded(data)
        try:
            return {name: value.reveal().decode() for name, value in data.items()}
        except UnicodeDecodeError:
            kind = self._view.resource.kind
            text = f"could not apply template to manifest: a value is no text, and {kind} holds only text"
            raise NeedsHuman(FAILED, text, event=UPDATE_FAILED) from None


def covers(present: Any, wanted: Any, but: tuple[str, ...] = ()) -> bool:
    """Return True if everything of `wanted` is in `present`; maps may hold more, lists not."""
    if isinstance(wanted, dict) and isinstance(present, dict):
        return all(name in but or (name in present and covers(present[name], wanted[name])) for name in wanted)
    if isinstance(wanted, list) and isinstance(present, list):
        return len(wanted) == len(present) and all(map(covers, present, wanted))
    return bool(wanted == present)

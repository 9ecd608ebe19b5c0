"""A target that is a Secret. Pure."""

import re

from external.api.hashes import data_hash
from external.errors import FAILED
from external.external_secrets.targets.protocol import labels_of, merged_metadata, with_owner
from external.external_secrets.view import ADOPT, DATA_HASH, GENERATED, View, generated_annotations
from external.values.templates import UPDATE_FAILED, Content
from manager.core.errors import NeedsHuman
from manager.kube import auto_mirrors
from manager.kube.cache import Owner
from manager.kube.resources import Body
from manager.kube.secret_data import LARGEST, decoded, encoded, size

DATA_KEY = re.compile(r"[-._a-zA-Z0-9]+")
KEPT = "secret kept as it is: its target is immutable; delete it to have it created again"


class SecretTarget:
    """Writes data in base64; immutable Secrets and fixed types are named before the API server refuses them."""

    word = "Secret"

    def __init__(self, view: View) -> None:
        self._view = view

    @property
    def yields(self) -> bool:
        """Whether the present Secret is a mirror that was pushed here."""
        return self._view.present is not None and auto_mirrors.yields(self._view.present)

    def other_external_secret(self, owner: Owner) -> bool:
        """Compare names: an owner of our name and another uid is an earlier ExternalSecret, whose Secret goes soon."""
        return owner.name != self._view.key.name

    def require_fit(self, content: Content) -> None:
        """Raise NeedsHuman for a key or a size that no Secret takes."""
        wrong = next((key for key in content.data if DATA_KEY.fullmatch(key) is None), None)
        if wrong is not None:  # letters of other scripts get through until here
            text = f'the key "{wrong}" is none that a Secret takes (A-Z, a-z, 0-9, "-", "_", ".")'
            raise _refused(f"{text}: change it by rewrite, or in secretKey")
        if size(content.data) > LARGEST:
            text = f"could not update secret: the values take {size(content.data)} bytes, a Secret holds {LARGEST}"
            raise NeedsHuman(FAILED, text)

    def wanted(self, content: Content) -> Body:
        """Return the Secret: what this ExternalSecret wrote before is replaced, the rest stays."""
        view, secret = self._view, self._view.present or self._new(content)
        merges = view.policy in ("Merge", "CreateOrMerge")
        kept = {name: value for name, value in view.values.items() if merges and name not in view.owned_fields["data"]}
        values = {**kept, **content.data}
        annotations = self._annotations(secret, content) | {DATA_HASH: data_hash(values)}
        annotations |= generated_annotations(content)
        meta = {**secret["metadata"], "labels": labels_of(view, secret["metadata"], content.labels)}
        meta["annotations"] = annotations
        missing = [each for each in content.finalizers if each not in (meta.get("finalizers") or ())]
        if missing and "deletionTimestamp" not in meta:
            meta["finalizers"] = [*(meta.get("finalizers") or ()), *missing]
        wanted = {**secret, "metadata": with_owner(view, meta)}
        if content.type and content.type != secret.get("type"):
            text = f"the Secret is of type {secret.get('type')}, which nobody can change to {content.type}"
            raise _refused(f"{text}: delete it to have it created again")
        if values != view.values or "data" not in secret:
            wanted["data"] = encoded(values)
        if view.spec.target.immutable:
            wanted["immutable"] = True
        return wanted

    def unwritten(self, wanted: Body) -> str:
        """Return the message if the Secret is as wanted, or is kept because both sides call it immutable."""
        present = self._view.present or {}
        if wanted == present:
            return "secret synced"
        if not present.get("immutable"):
            return ""
        if self._view.spec.target.immutable:
            return KEPT
        if self._view.values != decoded(wanted):
            cure = f"delete {self._view.target.name} to have it created again"
            text = f"could not update secret, target is immutable: {cure}"
            raise NeedsHuman(FAILED, text, event=UPDATE_FAILED)
        return ""

    def _annotations(self, secret: Body, content: Content) -> dict[str, str]:
        view = self._view
        owned = view.owned_fields["annotations"]
        annotations = merged_metadata(secret["metadata"], "annotations", owned, content.annotations)
        for name in (ADOPT, *GENERATED, *(auto_mirrors.MARKS if self.yields else ())):
            annotations.pop(name, None)
        if view.policy == "Orphan" and view.present is not None and not view.ours:
            annotations[ADOPT] = "true"  # without an ownerReference nothing else shows next time that it was adopted
        return annotations

    def _new(self, content: Content) -> Body:
        target = self._view.target
        metadata = {"name": target.name, "namespace": target.namespace}
        return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "type": content.type or "Opaque"}


def _refused(text: str) -> NeedsHuman:
    return NeedsHuman(FAILED, f"could not update secret: {text}", event=UPDATE_FAILED)

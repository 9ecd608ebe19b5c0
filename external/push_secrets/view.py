"""One PushSecret as the API server returned it, and the facts that follow from it alone. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple

from external.api.fields import parsed
from external.api.push_secret import (
    BUNDLE_REWRITE,
    NO_STORE,
    ONE_REWRITE,
    PushSecretDataTo,
    PushSecretSpec,
    PushSecretStoreRef,
)
from external.api.selectors import problems
from external.push_secrets.record import Record, record_of
from external.push_summaries import ADOPT, MAX_STORES, PushSecretSummary, mapping, push_secret_summary
from manager.core.errors import NeedsHuman
from manager.kube.resources import Body, Key

ERRORED = "Errored"
SYNCED = "Synced"
SOURCE_DELETED = "SourceDeleted"
COMPONENT = "pushsecret"
MAX_ENTRIES = 1_000  # of one PushSecret at one store
MAX_BYTES = 16 << 20  # of all values that one PushSecret pushes to a store


class EntryState(NamedTuple):
    """What became of one entry."""

    store: str
    remote_key: str
    property: str
    state: str
    message: str = ""


@dataclass
class PushSecret:
    """One PushSecret; `body` is replaced when its status or finalizers are written."""

    key: Key
    body: Body = field(repr=False)

    @property
    def metadata(self) -> Mapping[str, Any]:
        """The metadata as they were read or last written."""
        metadata: Mapping[str, Any] = self.body["metadata"]
        return metadata

    @property
    def uid(self) -> str:
        """The uid."""
        return str(self.metadata["uid"])

    @property
    def owner(self) -> str:
        """The name that providers' marks have."""
        return f"{self.key.namespace}/{self.key.name}"

    @property
    def adopts(self) -> str:
        """The PushSecret of its own namespace whose secrets it takes over; empty for none.

        The annotation is the taker's own: it is no consent of another namespace.
        """
        named = str((self.metadata.get("annotations") or {}).get(ADOPT) or "")
        return named if named.startswith(f"{self.key.namespace}/") else ""

    @property
    def record(self) -> Record:
        """What was pushed, as the status says."""
        return record_of(self.body)

    @property
    def status(self) -> Mapping[str, Any]:
        """The status, which may be malformed."""
        return mapping(self.body.get("status"))

    def replace(self, body: Body) -> None:
        """Go on with the object as it was written: its labels and annotations may be others."""
        self.body = body
        vars(self).pop("summary", None)

    @cached_property
    def summary(self) -> PushSecretSummary:
        """What the cache would keep of it."""
        return push_secret_summary(self.body)

    async def spec(self) -> PushSecretSpec:
        """Return the typed spec. Raises NeedsHuman for wrong and unknown fields."""
        spec = await parsed(PushSecretSpec, self.body.get("spec"), reason=ERRORED)
        require_allowed(spec)
        return spec


def require_allowed(spec: PushSecretSpec) -> None:
    """Raise NeedsHuman for what the original's admission or its controller refuses."""
    found = [*_wrong_selectors(spec)]
    for at, each in enumerate(spec.data_to or ()):
        found += [f"spec.dataTo[{at}]: {text}" for text in _wrong_entry(each, spec.secret_store_refs)]
    if len(spec.secret_store_refs) > MAX_STORES:
        found.append(f"spec.secretStoreRefs: more than {MAX_STORES}")
    if found:
        raise NeedsHuman(ERRORED, "; ".join(found))


def _wrong_selectors(spec: PushSecretSpec) -> Iterator[str]:
    secret = spec.selector.secret
    if secret is None and spec.selector.generator_ref is None:
        yield "spec.selector: no secret selector provided"
    if secret is not None and not secret.name and secret.selector is None:
        yield "spec.selector.secret: no secret selector provided"
    if secret is not None and secret.selector is not None:
        yield from problems(
            secret.selector.model_dump(by_alias=True, exclude_none=True), "spec.selector.secret.selector"
        )
    for at, each in enumerate(spec.secret_store_refs):
        if each.label_selector is not None:
            place = f"spec.secretStoreRefs[{at}].labelSelector"
            yield from problems(each.label_selector.model_dump(by_alias=True, exclude_none=True), place)


def _wrong_entry(entry: PushSecretDataTo, refs: list[PushSecretStoreRef]) -> Iterator[str]:
    ref = entry.store_ref
    if ref is None or (not ref.name and ref.label_selector is None):
        yield NO_STORE
    elif ref.name and not any((each.name, each.kind) == (ref.name, ref.kind) for each in refs):
        yield f'storeRef "{ref.name}" of kind {ref.kind} is not in secretStoreRefs'
    if entry.remote_key and entry.rewrite:
        yield BUNDLE_REWRITE
    if any((each.regexp is None) == (each.transform is None) for each in entry.rewrite or ()):
        yield ONE_REWRITE

"""Compute the content of mirrors: once for all pushed ones, and once for each selection that pulls ask for."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property
from typing import Any

from manager.kube.auto_mirrors import AUTO_REFLECTS, REFLECTED_AT, REFLECTED_VERSION, REFLECTS
from manager.kube.cache import Meta
from manager.kube.resources import CONFIGMAPS, Body, Key
from reflector.rules.annotations import Marks
from reflector.rules.selection import COPIED_ANNOTATIONS, COPIED_LABELS, NOTHING, Selection

PARTS = ("data", "binaryData")
MIRROR_LABEL = "coffer.dev/mirror"
MAX_LABEL_CHARACTERS = 63


@dataclass(frozen=True)
class Content:
    """The desired content of one mirror, or of all pushed ones. Never logged."""

    version: str
    """The source's resourceVersion."""
    source: tuple[str, str]
    """Its namespace and name."""
    now: datetime
    auto: bool
    type: str
    data: Mapping[str, Mapping[str, Any]]
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    immutable: bool
    bare: bool = False
    """True if labels and annotations are left out."""

    @cached_property
    def fingerprint(self) -> bytes:
        """Equal for equal content; stays in memory."""
        parts = [self.type, self.data, self.labels, self.annotations, self.immutable]
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).digest()

    def reckons(self, marks: Marks | None) -> bool:
        """Return True if an update depends on the labels and annotations that the mirror has."""
        return bool(self.labels or self.annotations) or (marks is not None and marks.copied != NOTHING)

    def body(self, target: Key) -> Body:
        """Return the body of a new mirror."""
        about: Body = {"name": target.name, "namespace": target.namespace, "annotations": self._annotations()}
        about |= {"labels": dict(self.labels)} if self.labels else {}
        body: Body = {"apiVersion": "v1", "kind": target.resource.kind, "metadata": about}
        body |= {part: dict(values) for part, values in self.data.items() if values}
        return body | ({"type": self.type} if self.type else {}) | ({"immutable": True} if self.immutable else {})

    def fields(self, target: Key, mirror: Meta, marks: Marks | None) -> dict[str, object]:
        """Return the fields that an update of a mirror replaces, None for those it removes."""
        parts = PARTS if target.resource is CONFIGMAPS else PARTS[:1]
        fields: dict[str, object] = {f"/{part}": self.data[part] for part in parts}
        if self.immutable:
            fields["/immutable"] = True
        before = marks.copied if marks is not None else NOTHING
        labels = {name: text for name, text in mirror.labels.items() if name not in before.labels} | dict(self.labels)
        if labels != mirror.labels and not mirror.cut:  # do not replace a map of which some entries are unknown
            fields["/metadata/labels"] = labels
        wanted = self._annotations()
        annotations = dict.fromkeys(before.annotations - set(wanted)) | wanted
        return fields | {f"/metadata/annotations/{name.replace('/', '~1')}": text for name, text in annotations.items()}

    def held_by(self, mirror: Body) -> bool:
        """Return True if a mirror has this content; further labels and annotations do not matter."""
        meta = mirror["metadata"]
        labels, annotations = meta.get("labels") or {}, meta.get("annotations") or {}
        wanted = {name: text for name, text in self._annotations().items() if name not in self._marks()}
        records = {name for name in (COPIED_LABELS, COPIED_ANNOTATIONS) if name in annotations}
        return (
            all((mirror.get(part) or {}) == self.data[part] for part in PARTS)
            and self.labels.items() <= labels.items()
            and wanted.items() <= annotations.items()
            and records <= set(wanted)
            and (not self.immutable or mirror.get("immutable") is True)
            and (not self.auto or mirror.get("type", "") == self.type)
        )

    def _annotations(self) -> dict[str, str]:
        records = {COPIED_LABELS: ",".join(sorted(self.labels)), COPIED_ANNOTATIONS: ",".join(sorted(self.annotations))}
        return dict(self.annotations) | {name: text for name, text in records.items() if text} | self._marks()

    def _marks(self) -> dict[str, str]:
        return {
            REFLECTS: "/".join(self.source),
            AUTO_REFLECTS: "True" if self.auto else "False",
            REFLECTED_VERSION: self.version,
            REFLECTED_AT: self.now.strftime("%Y-%m-%dT%H:%M:%S.%f0+00:00"),
        }


class Original:
    """A source as it was read, and the content of its mirrors.

    Args:
        shape: the selection in its annotations.
        label: whether pushed mirrors get a label that names their source.
    """

    def __init__(self, body: Body, shape: Selection, now: datetime, *, label: bool) -> None:
        self._body = body
        self._shape = shape
        self._now = now
        self._label = label
        self._pulled: dict[Selection, Content] = {}

    @cached_property
    def pushed(self) -> Content:
        """The content of pushed mirrors."""
        label = {MIRROR_LABEL: _label(*self._name)} if self._label else {}
        return self._content(self._shape, label, auto=True)

    @cached_property
    def bare(self) -> Content:
        """The content of pushed mirrors in namespaces that do not accept labels and annotations."""
        label = {MIRROR_LABEL: _label(*self._name)} if self._label else {}
        return replace(self.pushed, labels=label, annotations={}, bare=True)

    def pulled(self, wish: Selection) -> Content:
        """Return the content of a pull: what its own annotations select from what the source offers."""
        if wish not in self._pulled:
            self._pulled[wish] = self._content(wish, {}, auto=False)
        return self._pulled[wish]

    @property
    def _name(self) -> tuple[str, str]:
        meta = self._body["metadata"]
        return meta["namespace"], meta["name"]

    def _content(self, shape: Selection, label: Mapping[str, str], *, auto: bool) -> Content:
        meta = self._body["metadata"]
        given = {part: self._shape.data(self._body.get(part) or {}) for part in PARTS}
        return Content(
            version=meta["resourceVersion"],
            source=self._name,
            now=self._now,
            auto=auto,
            type=self._body.get("type", ""),
            data=given if auto else {part: shape.data(values) for part, values in given.items()},
            labels={**shape.copied_labels(meta.get("labels") or {}), **label},
            annotations=shape.copied_annotations(meta.get("annotations") or {}),
            immutable=shape.immutable and self._body.get("immutable") is True,
        )


def _label(namespace: str, name: str) -> str:
    """Return the label value for a source: its name, shortened with a hash if it is too long."""
    text = f"{namespace}.{name}"
    if len(text) <= MAX_LABEL_CHARACTERS:
        return text
    digest = hashlib.sha256(text.encode()).hexdigest()[:10]
    return f"{text[: MAX_LABEL_CHARACTERS - 11].rstrip('-.')}.{digest}"

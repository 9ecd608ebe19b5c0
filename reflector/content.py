"""What a mirror holds: taken from its source once for all that are pushed, and once for each pull with a wish (2.8)."""

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
LONGEST_LABEL = 63


@dataclass(frozen=True)
class Content:
    """What one mirror, or all that are pushed, are to hold. Nothing of it is logged."""

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
    """Whether labels and annotations were left out."""

    @cached_property
    def fingerprint(self) -> bytes:
        """Equal for equal content; kept in memory only."""
        parts = [self.type, self.data, self.labels, self.annotations, self.immutable]
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).digest()

    def reckons(self, marks: Marks | None) -> bool:
        """Tell whether what an update writes depends on the labels and annotations that a mirror has."""
        return bool(self.labels or self.annotations) or (marks is not None and marks.copied != NOTHING)

    def body(self, target: Key) -> Body:
        """Return a new mirror."""
        about: Body = {"name": target.name, "namespace": target.namespace, "annotations": self._annotations()}
        about |= {"labels": dict(self.labels)} if self.labels else {}
        body: Body = {"apiVersion": "v1", "kind": target.resource.kind, "metadata": about}
        body |= {part: dict(values) for part, values in self.data.items() if values}
        return body | ({"type": self.type} if self.type else {}) | ({"immutable": True} if self.immutable else {})

    def fields(self, target: Key, mirror: Meta, marks: Marks | None) -> dict[str, object]:
        """Return what an update of a mirror replaces, None for what it removes; nothing else is touched."""
        parts = PARTS if target.resource is CONFIGMAPS else PARTS[:1]
        fields: dict[str, object] = {f"/{part}": self.data[part] for part in parts}
        if self.immutable:
            fields["/immutable"] = True
        before = marks.copied if marks is not None else NOTHING
        labels = {name: text for name, text in mirror.labels.items() if name not in before.labels} | dict(self.labels)
        if labels != mirror.labels and not mirror.cut:  # a map that is not known whole is not replaced
            fields["/metadata/labels"] = labels
        wanted = self._annotations()
        annotations = dict.fromkeys(before.annotations - set(wanted)) | wanted
        return fields | {f"/metadata/annotations/{name.replace('/', '~1')}": text for name, text in annotations.items()}

    def held_by(self, mirror: Body) -> bool:
        """Tell whether a mirror has this content, whatever else it has in labels and annotations."""
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
    """A source as it was read, and what its mirrors are to hold.

    Args:
        shape: what its annotations say about copies.
        label: whether pushed mirrors are labelled with where they come from.
    """

    def __init__(self, body: Body, shape: Selection, now: datetime, *, label: bool) -> None:
        self._body = body
        self._shape = shape
        self._now = now
        self._label = label
        self._pulled: dict[Selection, Content] = {}

    @cached_property
    def pushed(self) -> Content:
        """What every pushed mirror holds."""
        label = {MIRROR_LABEL: _label(*self._name)} if self._label else {}
        return self._content(self._shape, label, auto=True)

    @cached_property
    def bare(self) -> Content:
        """What a pushed mirror holds where labels and annotations of others are not accepted."""
        label = {MIRROR_LABEL: _label(*self._name)} if self._label else {}
        return replace(self.pushed, labels=label, annotations={}, bare=True)

    def pulled(self, wish: Selection) -> Content:
        """Return what a pull holds: of what the source gives, what the mirror's own annotations ask for."""
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
    """Return a label's value for a source: its name, shortened with a hash where it is too long for one."""
    text = f"{namespace}.{name}"
    if len(text) <= LONGEST_LABEL:
        return text
    digest = hashlib.sha256(text.encode()).hexdigest()[:10]
    return f"{text[: LONGEST_LABEL - 11].rstrip('-.')}.{digest}"

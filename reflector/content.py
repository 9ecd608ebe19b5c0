"""What a mirror holds: taken from its source once for all targets (reflector.md 2.8). Pure."""

import hashlib
import json
from datetime import datetime
from typing import Any

from manager.kube.mirrors import AUTO_REFLECTS, REFLECTED_AT, REFLECTED_VERSION, REFLECTS
from manager.kube.resources import CONFIGMAPS, Body, Key, Resource

PARTS = ("data", "binaryData")


class Content:
    """The copied part of one source, as it was read.

    Args:
        source: the whole object; nothing of it is logged.
        now: the moment for `reflected-at`.
    """

    def __init__(self, source: Body, now: datetime) -> None:
        meta = source["metadata"]
        self.version: str = meta["resourceVersion"]
        self._reflects = f"{meta['namespace']}/{meta['name']}"
        self._now = now
        self._type: str = source.get("type", "")
        self._data: dict[str, Any] = {part: source.get(part) or {} for part in PARTS}
        self.fingerprint = hashlib.sha256(json.dumps(self._data, sort_keys=True).encode()).digest()
        """Equal for equal content; kept in memory only."""

    def body(self, target: Key, *, auto: bool) -> Body:
        """Return a new mirror."""
        about = {"name": target.name, "namespace": target.namespace, "annotations": self._marks(auto=auto)}
        body: Body = {"apiVersion": "v1", "kind": target.resource.kind, "metadata": about}
        data = {part: values for part, values in self._data.items() if values}
        return body | ({"type": self._type} if self._type else {}) | data

    def fields(self, resource: Resource, *, auto: bool) -> dict[str, object]:
        """Return what an update replaces: all data and our four annotations; nothing else is touched."""
        parts = PARTS if resource is CONFIGMAPS else PARTS[:1]
        fields: dict[str, object] = {f"/{part}": self._data[part] for part in parts}
        marks = self._marks(auto=auto).items()
        return fields | {f"/metadata/annotations/{name.replace('/', '~1')}": text for name, text in marks}

    def held_by(self, mirror: Body) -> bool:
        """Tell whether a mirror has this content."""
        return all((mirror.get(part) or {}) == self._data[part] for part in PARTS)

    def _marks(self, *, auto: bool) -> dict[str, str]:
        return {
            REFLECTS: self._reflects,
            AUTO_REFLECTS: "True" if auto else "False",
            REFLECTED_VERSION: self.version,
            REFLECTED_AT: self._now.strftime("%Y-%m-%dT%H:%M:%S.%f0+00:00"),
        }

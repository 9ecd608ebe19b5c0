"""What the record of a Helm release says about CustomResourceDefinitions, and which values it was given. Pure.

`helm uninstall` reads `helm.sh/resource-policy` from the manifest in this record. The annotation on the object in the
cluster counts only for an upgrade that drops the object from the chart.
"""

import base64
import binascii
import re
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from manager.core.documents import OBJECT, Caps, Unreadable, read_json, read_yaml
from manager.kube.resources import Body

KEEP = "helm.sh/resource-policy"
MAX_BYTES = 64 << 20  # of a record that is unpacked: charts with large CRDs have 15 MB
RECORD = Caps(size=MAX_BYTES, values=500_000, levels=100)
CRD_KIND = "CustomResourceDefinition"
UNREADABLE = (KeyError, TypeError, AttributeError, binascii.Error, zlib.error, Unreadable)
SEPARATOR = re.compile(r"^---.*$", re.MULTILINE)
SPEC = re.compile(r"^spec:", re.MULTILINE)


@dataclass(frozen=True)
class Release:
    """What matters of a release."""

    chart: str
    version: str
    """The version of its chart."""
    crds: Mapping[str, bool]
    """Name of each CRD that is a template of its chart -> whether `helm uninstall` keeps it."""
    values: Body = field(default_factory=dict, repr=False)
    """What it was given, as `helm get values` prints it; it may hold secrets."""


def read_release(secret: Body) -> Release | None:
    """Read the Secret in which Helm records a release; None if it cannot be read."""
    try:
        record = _record(secret)
        manifest, about = record["manifest"], record["chart"]["metadata"]
        values = record.get("config") or {}
        found = values if isinstance(values, dict) else {}
        return Release(str(about["name"]), str(about["version"]), _crds(str(manifest)), found)
    except UNREADABLE:
        return None


def _record(secret: Body) -> Any:
    packed = base64.b64decode(base64.b64decode((secret.get("data") or {})["release"]))
    return read_json(_unpacked(packed), RECORD)


def _unpacked(packed: bytes) -> bytes:
    if not packed.startswith(b"\x1f\x8b"):
        return packed
    reader = zlib.decompressobj(wbits=31)
    found = reader.decompress(packed, MAX_BYTES)
    if reader.unconsumed_tail:
        raise Unreadable(f"it has more than {MAX_BYTES} bytes")
    return found


def _crds(manifest: str) -> dict[str, bool]:
    found = {}
    for document in SEPARATOR.split(manifest):
        if CRD_KIND in document:
            head = _head(document)
            if head.get("kind") == CRD_KIND:
                policy = str((head["metadata"].get("annotations") or {}).get(KEEP, ""))
                found[str(head["metadata"]["name"])] = policy.strip().lower() == "keep"
    return found


def _head(document: str) -> Any:
    """Return a document without its spec: schemas take seconds to parse."""
    spec = SPEC.search(document)
    head = read_yaml(document[: spec.start()]) if spec else None
    if isinstance(head, dict) and "kind" in head and "name" in (head.get("metadata") or {}):
        return head
    whole = read_yaml(document, OBJECT)
    return whole if isinstance(whole, dict) and "name" in (whole.get("metadata") or {}) else {}

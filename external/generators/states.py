"""GeneratorStates: what must be ended at a provider when its values are no longer used. Pure.

A state holds what its generator needs for that, and no value. It is written before the target. Until the target holds
the values it has a deadline, so that a crash in between leaves nothing alive at the provider.
"""

import secrets
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import Field

from external.api.external_secret import GENERATORS, Condition
from external.api.fields import AnyJson, Model
from external.api.hashes import object_hash
from manager.core.clock import parse_rfc3339, rfc3339
from manager.kube.resources import Body, Key, Resource

GROUP, VERSION = GENERATORS.split("/")
GENERATOR_STATES = Resource(GROUP, VERSION, "generatorstates", "GeneratorState")
FINALIZER = "generatorstate.externalsecrets.io/finalizer"
OWNER_KEY = f"{GROUP}/owner-key"
HELD = "coffer.dev/generator-states"
"""Annotation of a target: the states whose credentials it holds, as `ExternalSecret/slot=state`, with commas."""
CLUSTER_GENERATOR = "coffer.dev/cluster-generator"
"""Annotation of a state: the ClusterGenerator that made it."""
UNWRITTEN_SECONDS = 900.0
"""After this time a credential that no target holds is ended: a write that the API server refused is repeated once."""
MARGIN_SECONDS = 60.0
"""Values are written no later than this long before their deadline: no write takes longer."""
MAX_NAME_CHARACTERS = 240
SUFFIX_BYTES = 3


class GeneratorStateSpec(Model):
    """What must be ended at a provider."""

    garbage_collection_deadline: Annotated[str | None, Field(json_schema_extra={"format": "date-time"})] = None
    """Time from which on it is ended; absent while a target holds its values."""
    resource: AnyJson
    """The generator as it was."""
    state: AnyJson
    """What the generator needs to end it."""


class GeneratorStateStatus(Model):
    """Always empty."""

    conditions: list[Condition] | None = None
    """Conditions of the state."""


@dataclass(frozen=True, slots=True)
class StateSummary:
    """What the cache keeps of one state."""

    owner: str
    """The uid of the ExternalSecret or PushSecret that it was made for; empty if nothing owns it."""
    pending: bool
    """Whether it has a deadline, lacks our finalizer, or is being deleted."""


@dataclass(frozen=True)
class Slot:
    """One entry of an ExternalSecret for which a generator makes values."""

    owner: Key
    """The ExternalSecret."""
    uid: str
    """Its uid."""
    name: str
    """The place of the entry in `dataFrom`."""

    @property
    def label(self) -> str:
        """The label by which external-secrets finds the states of the entry."""
        owner = self.owner
        return object_hash(f"{owner.resource.kind}-{owner.namespace}-{owner.name}-{self.name}")


@dataclass(frozen=True)
class Maker:
    """The generator of what is about to be recorded."""

    kind: str
    name: str
    """Name of the generator; that of a ClusterGenerator if one holds it."""
    spec: Any = field(repr=False)
    for_all: bool = False
    """Whether a ClusterGenerator holds it."""


def state_summary(body: Body) -> StateSummary:
    """Read a state, which may be malformed."""
    meta = body["metadata"]
    given = "deletionTimestamp" in meta or FINALIZER not in (meta.get("finalizers") or ())
    return StateSummary(str(owner_of(body).get("uid") or ""), given or deadline_of(body) is not None)


def owner_of(body: Body) -> Mapping[str, Any]:
    """Return the ownerReference of a state; empty if it has none."""
    found = [each for each in body["metadata"].get("ownerReferences") or () if isinstance(each, dict)]
    return found[0] if found else {}


def deadline_of(body: Body) -> float | None:
    """Return the Unix time from which on a state is ended; None while it stands."""
    spec = body.get("spec")
    moment = parse_rfc3339(spec.get("garbageCollectionDeadline")) if isinstance(spec, dict) else None
    return moment.timestamp() if moment else None


def new_state(slot: "Slot", maker: Maker, state: Mapping[str, Any], deadline: float) -> Body:
    """Return the record of what is made for one entry of an ExternalSecret; no target holds it yet."""
    owner = slot.owner
    stem = f"gen-{maker.kind.lower()}-{maker.name}"[:MAX_NAME_CHARACTERS].rstrip("-.")
    metadata: Body = {
        "name": f"{stem}-{secrets.token_hex(SUFFIX_BYTES)}",
        "namespace": owner.namespace,
        "labels": {OWNER_KEY: slot.label},
        "finalizers": [FINALIZER],
        "ownerReferences": [
            {
                "apiVersion": owner.resource.api_version,
                "kind": owner.resource.kind,
                "name": owner.name,
                "uid": slot.uid,
            }
        ],
    }
    if maker.for_all:
        metadata["annotations"] = {CLUSTER_GENERATOR: maker.name}
    place = {"name": maker.name, "namespace": owner.namespace}
    snapshot = {"apiVersion": GENERATORS, "kind": maker.kind, "metadata": place, "spec": maker.spec}
    return {
        "apiVersion": GENERATORS,
        "kind": GENERATOR_STATES.kind,
        "metadata": metadata,
        "spec": {
            "garbageCollectionDeadline": timestamp(deadline),
            "resource": snapshot,
            "state": dict(state),
        },
    }


def timestamp(seconds: float) -> str:
    """Return a Unix time as Kubernetes writes it."""
    return rfc3339(datetime.fromtimestamp(seconds, UTC))


def held_text(annotations: Mapping[str, str], owner: str, states: Sequence[tuple[str, str]] | None) -> str | None:
    """Return the annotation of a target that several ExternalSecrets may write; None if it says nothing.

    Args:
        annotations: those of the target.
        owner: the name of the ExternalSecret.
        states: slot and name of each state whose credential it holds for that one; None to say nothing of it.

    """
    others = [f"{name}/{slot}={state}" for name, slot, state in _held(annotations) if name != owner]
    ours = [f"{owner}/{slot}={state}" for slot, state in states or ()] or [f"{owner}/="]
    return ",".join([*others, *(ours if states is not None else ())]) or None


def held_in(annotations: Mapping[str, str], owner: str) -> tuple[tuple[str, str], ...] | None:
    """Return slot and name of each state that a target holds for an ExternalSecret; None if it says nothing of it."""
    found = [(slot, state) for name, slot, state in _held(annotations) if name == owner]
    return tuple(each for each in found if each[1]) if found else None


def _held(annotations: Mapping[str, str]) -> Iterator[tuple[str, str, str]]:
    for each in annotations.get(HELD, "").split(","):
        owner, slash, rest = each.partition("/")
        slot, equals, state = rest.partition("=")
        if owner and slash and equals:
            yield owner, slot, state

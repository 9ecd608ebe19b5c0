"""Decide what `coffer crds` does with a CRD of the cluster: pure, from ours and the one that is there."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from manager.kube.managed_fields import manages
from manager.kube.resources import Body

MANAGER = "coffer-crds"
"""Our field manager: a CRD whose versions it manages was last written by this command."""
RELEASE, HOME = "meta.helm.sh/release-name", "meta.helm.sh/release-namespace"
GITOPS = {
    "argocd.argoproj.io/tracking-id": "Argo CD",
    "argocd.argoproj.io/instance": "Argo CD",
    "kustomize.toolkit.fluxcd.io/name": "Flux",
    "helm.toolkit.fluxcd.io/name": "Flux",
}
"""Annotation or label -> the tool that keeps what carries it as its source says."""
OPEN = "x-kubernetes-preserve-unknown-fields"


class Action(StrEnum):
    """What is to be done with one CRD."""

    CREATE = "create"
    UPDATE = "update"
    NOTHING = "current"
    REFUSE = "refused"


@dataclass(frozen=True)
class Consent:
    """What the user has agreed to."""

    take_over: bool = False
    """Write CRDs that a Helm release or a GitOps tool keeps."""
    narrow: bool = False
    """Drop fields that somebody else's CRD has and ours has not."""


@dataclass(frozen=True)
class Step:
    """What happens to one CRD, and why."""

    name: str
    action: Action
    why: str = ""
    gained: tuple[str, ...] = ()
    """Fields that only ours has."""
    lost: tuple[str, ...] = ()
    """Fields, and versions that are served, which only the one in the cluster has."""


def decide(ours: Body, live: Body | None, consent: Consent) -> Step:
    """Return what to do with a CRD."""
    name = ours["metadata"]["name"]
    if live is None:
        return Step(name, Action.CREATE, "it is not installed", gained=tuple(sorted(_fields(ours))))
    mine, theirs = _fields(ours), _fields(live)
    gained, lost = tuple(sorted(mine - theirs)), tuple(sorted(theirs - mine))
    if _same(ours, live) and not _webhook(live):
        return Step(name, Action.NOTHING)
    refusal = _breaks(ours, live) or _webhook(live) or _kept_by_another(live, consent) or _narrows(live, lost, consent)
    return Step(name, Action.REFUSE if refusal else Action.UPDATE, refusal, gained, lost)


def owner(live: Body) -> str:
    """Return who keeps a CRD as its source says; empty if nobody is known to."""
    meta = live["metadata"]
    marks = {**(meta.get("labels") or {}), **(meta.get("annotations") or {})}
    tool = next((tool for mark, tool in GITOPS.items() if mark in marks), "")
    return f"Helm release {marks.get(HOME, '')}/{marks[RELEASE]}" if RELEASE in marks else tool


def _breaks(ours: Body, live: Body) -> str:
    """Return what would make stored objects unreadable; no consent helps there."""
    for field in ("group", "scope"):
        if ours["spec"][field] != live["spec"].get(field):
            return f"spec.{field} is {live['spec'].get(field)} there; it cannot change"
    missing = set((live.get("status") or {}).get("storedVersions") or ()) - {
        each["name"] for each in ours["spec"]["versions"]
    }
    if missing:
        versions = ", ".join(sorted(missing))
        return f"objects may be stored as {versions}, which this version of Coffer cannot read: use a newer one"
    return ""


def _webhook(live: Body) -> str:
    """Return why a CRD whose versions a webhook converts is refused: ours names no conversion, so an apply keeps it."""
    if (live["spec"].get("conversion") or {}).get("strategy") != "Webhook":
        return ""
    return (
        "a webhook converts its versions, and would still do so: objects cannot be read once it is gone; "
        "remove spec.conversion first"
    )


def _kept_by_another(live: Body, consent: Consent) -> str:
    found = owner(live)
    if not found or consent.take_over:
        return ""
    if (live["metadata"].get("labels") or {}).get("helm.sh/chart", "").startswith("coffer-"):
        return f"{found} keeps it: `helm upgrade` updates it; if that release is gone, agree with --take-over"
    return f"{found} keeps it, and will set it back: leave it, or take it over with --take-over"


def _narrows(live: Body, lost: tuple[str, ...], consent: Consent) -> str:
    if not lost or consent.narrow or _ours(live):
        return ""
    return f"it has {len(lost)} fields or versions that ours has not, and objects would lose them: agree with --narrow"


def _ours(live: Body) -> bool:
    """Return True if this command wrote the versions: the list is atomic, so another writer of it takes it over."""
    return manages(live["metadata"], MANAGER, "spec", "versions")


def _fields(crd: Body) -> set[str]:
    """Return the fields of all versions that are served, and these versions."""
    found: set[str] = set()
    for each in crd["spec"].get("versions") or ():
        if each.get("served"):
            found |= {each["name"], *_below(_schema(each), each["name"])}
    return found


def _schema(version: Mapping[str, Any]) -> Mapping[str, Any]:
    found: Mapping[str, Any] = (version.get("schema") or {}).get("openAPIV3Schema") or {}
    return found


def _below(schema: Mapping[str, Any], path: str) -> Iterator[str]:
    """Yield the paths of a schema; one that keeps unknown fields ends in a star."""
    if schema.get(OPEN):
        yield f"{path}.*"
    for name, each in (schema.get("properties") or {}).items():
        yield f"{path}.{name}"
        yield from _below(each, f"{path}.{name}")
    for name, mark in (("items", "[]"), ("additionalProperties", "{}")):
        if isinstance(schema.get(name), dict):
            yield from _below(schema[name], f"{path}{mark}")


def _same(ours: Body, live: Body) -> bool:
    """Return True if an apply would change nothing: the API server adds defaults outside the schemas only."""
    schemas = [[_schema(each) for each in crd["spec"].get("versions") or ()] for crd in (ours, live)]
    return schemas[0] == schemas[1] and _holds(live, {part: ours[part] for part in ("metadata", "spec")})


def _holds(live: object, wanted: object) -> bool:
    if isinstance(wanted, dict):
        return isinstance(live, dict) and all(_holds(live.get(name), each) for name, each in wanted.items())
    if isinstance(wanted, list):
        return isinstance(live, list) and len(live) == len(wanted) and all(map(_holds, live, wanted))
    return live == wanted

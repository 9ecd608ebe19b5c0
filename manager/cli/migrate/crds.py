"""Which CustomResourceDefinitions an uninstall, a prune or an upgrade would take away. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from manager.cli.migrate.hazards import Hazard, Kind
from manager.cli.migrate.originals import ORIGINALS, ReleaseKey, release_of
from manager.cli.migrate.releases import KEEP, Release
from manager.kube.resources import Body

ARGO_CD = "argocd.argoproj.io/"
SYNC_OPTIONS = f"{ARGO_CD}sync-options"
NO_PRUNE = "Prune=false"
FLUX_PRUNE = "kustomize.toolkit.fluxcd.io/prune"
TRACKED_LABELS = {f"{ARGO_CD}instance": "Argo CD", "kustomize.toolkit.fluxcd.io/name": "Flux"}
TRACKED_ANNOTATIONS = {f"{ARGO_CD}tracking-id": "Argo CD"}
LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"


@dataclass(frozen=True)
class Served:
    """What Coffer needs of one CRD."""

    version: str
    """The version that it reads and writes."""
    listed: frozenset[str]
    """All versions in its own CRD of this name."""


def crd_hazards(
    crd: Body, releases: Mapping[ReleaseKey, Release | None], ours: Mapping[str, Served], objects: int
) -> Iterator[Hazard]:
    """Yield what is wrong with a CRD of an original's group.

    Args:
        crd: the CRD.
        releases: Helm releases; None for one whose record cannot be read.
        ours: by name, the CRDs that Coffer uses.
        objects: how many objects of its kind there are.

    """
    yield from _helm(crd, releases, objects)
    yield from _gitops(crd)
    yield from _conversion(crd)
    yield from _versions(crd, ours)


def tracked_by(metadata: Body) -> str:
    """Return the GitOps tool that would prune an object; empty if none tracks it."""
    for names, given in ((TRACKED_LABELS, metadata.get("labels")), (TRACKED_ANNOTATIONS, metadata.get("annotations"))):
        found = next((tool for name, tool in names.items() if name in (given or {})), "")
        if found:
            return found
    return ""


def guarded(metadata: Body, tool: str) -> bool:
    """Return True if a GitOps tool would neither prune an object nor delete it with its application.

    Argo CD honours Helm's annotation when an application is deleted, and ignores it when it prunes.
    """
    annotations = metadata.get("annotations") or {}
    if tool == "Flux":
        return bool(annotations.get(FLUX_PRUNE) == "disabled")
    options = _sync_options(annotations)
    return NO_PRUNE in options and (annotations.get(KEEP) == "keep" or "Delete=false" in options)


def guards(metadata: Body, tool: str) -> tuple[str, ...]:
    """Return the annotations that make an object guarded, as kubectl takes them; other options of a tool stay."""
    if tool == "Flux":
        return (f"{FLUX_PRUNE}=disabled",)
    options = dict.fromkeys([*_sync_options(metadata.get("annotations") or {}), NO_PRUNE])
    return f"{SYNC_OPTIONS}={','.join(options)}", f"{KEEP}=keep"


def _sync_options(annotations: Body) -> list[str]:
    return [name for each in str(annotations.get(SYNC_OPTIONS, "")).split(",") if (name := each.strip())]


def module_of_crd(crd: Body) -> str:
    """Return the module whose original has a CRD's group; empty for none."""
    group = crd["spec"]["group"]
    return next((each.module for each in ORIGINALS.values() if group in each.groups), "")


def _helm(crd: Body, releases: Mapping[ReleaseKey, Release | None], objects: int) -> Iterator[Hazard]:
    owner, name = release_of(crd["metadata"]), crd["metadata"]["name"]
    if owner is None or owner not in releases:
        if LAST_APPLIED in (crd["metadata"].get("annotations") or {}):
            text = "`kubectl delete -f` of the manifest that it came from deletes it and all of its objects"
            yield _hazard(crd, text, "delete the original's objects by name, as the plan does")
        return
    release = releases[owner]
    if release is None:
        text = f"it belongs to Helm release {owner}, whose record cannot be read: an uninstall may delete it"
        cure = "let this user get Secrets in the release's namespace; records that Helm keeps elsewhere are not read"
        yield _hazard(crd, text, cure, blocks=True)
    elif not release.crds.get(name, True):
        text = f"`helm uninstall` of release {owner} deletes it, {objects} objects and what they own"
        product = ORIGINALS[module_of_crd(crd)].product
        cure = f"upgrade the release so that {KEEP}: keep stands in its manifest ({product}'s values have a place for"
        cure += " it); an annotation on the object alone does not count for an uninstall"
        yield _hazard(crd, text, cure, blocks=True)


def _gitops(crd: Body) -> Iterator[Hazard]:
    tool = tracked_by(crd["metadata"])
    if tool and not guarded(crd["metadata"], tool):
        text = f"{tool} tracks it and deletes it, with all of its objects, once it is no longer in Git"
        wanted = " and ".join(each.replace("=", ": ", 1) for each in guards(crd["metadata"], tool))
        yield _hazard(crd, text, f"annotate it in Git: {wanted}", blocks=True)


def _conversion(crd: Body) -> Iterator[Hazard]:
    if (crd["spec"].get("conversion") or {}).get("strategy") == "Webhook":
        text = "a webhook of the original converts its versions: without it the API server cannot read the objects"
        yield _hazard(crd, text, "remove spec.conversion from it while the original still runs", blocks=True)


def _versions(crd: Body, ours: Mapping[str, Served]) -> Iterator[Hazard]:
    wanted = ours.get(crd["metadata"]["name"])
    if wanted is None:
        return
    served = {each["name"] for each in crd["spec"]["versions"] if each.get("served")}
    if wanted.version not in served:
        text = f"it does not serve {wanted.version}, which Coffer reads"
        yield _hazard(crd, text, "upgrade the original to a release that does", blocks=True)
    stored = set((crd.get("status") or {}).get("storedVersions") or ()) - wanted.listed
    if stored:
        text = f"objects are stored in {', '.join(sorted(stored))}, which Coffer's own CRD does not list"
        yield _hazard(crd, text, "do not apply Coffer's CRD before they are stored anew")


def _hazard(crd: Body, problem: str, cure: str, *, blocks: bool = False) -> Hazard:
    about = f"CustomResourceDefinition {crd['metadata']['name']}"
    return Hazard(Kind.CRD, module_of_crd(crd), about, problem, cure, blocks)

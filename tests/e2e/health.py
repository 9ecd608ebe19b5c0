"""How GitOps tools read an object's health, from the rules that they publish, as far as our kinds meet them.

kstatus: https://github.com/kubernetes-sigs/cli-utils/blob/master/pkg/kstatus/README.md, which Flux waits by.
Argo CD: https://argo-cd.readthedocs.io/en/stable/operator-manual/health, with a rule for each of these kinds.
"""

from tests.cluster.kube import Object

IN_PROGRESS, CURRENT, FAILED, TERMINATING = "InProgress", "Current", "Failed", "Terminating"
PROGRESSING, HEALTHY, DEGRADED = "Progressing", "Healthy", "Degraded"

DECISIVE = {"sealedsecrets": "Synced"}
"""The condition that says whether an object is well, where it is not Ready."""


def kstatus(each: Object) -> str:
    """Return the status of any object by the general rules of kstatus: it knows Ready, Reconciling and Stalled."""
    metadata, status = each["metadata"], each.get("status") or {}
    if metadata.get("deletionTimestamp"):
        return TERMINATING
    if status.get("observedGeneration", metadata.get("generation")) != metadata.get("generation"):
        return IN_PROGRESS
    held = _statuses(each)
    if held.get("Reconciling") == "True":
        return IN_PROGRESS
    if held.get("Stalled") == "True":
        return FAILED
    return CURRENT if held.get("Ready", "True") == "True" else IN_PROGRESS


def argo_cd(kind: str, each: Object) -> str:
    """Return the health by Argo CD's rule for the kind."""
    if each["metadata"].get("deletionTimestamp"):
        return PROGRESSING
    if kind == "externalsecrets" and _precedes_its_refresh(each):
        return PROGRESSING
    verdicts = {"True": HEALTHY, "False": DEGRADED}
    return verdicts.get(_statuses(each).get(DECISIVE.get(kind, "Ready"), ""), PROGRESSING)


def assert_honest(kind: str, each: Object) -> None:
    """Fail if a GitOps tool takes an object for something else than its own condition says."""
    said = _statuses(each).get(DECISIVE.get(kind, "Ready"))
    if said is None or each["metadata"].get("deletionTimestamp"):
        return
    name = f"{kind} {each['metadata']['namespace']}/{each['metadata']['name']}"
    assert argo_cd(kind, each) == (HEALTHY if said == "True" else DEGRADED), (
        f"Argo CD misreads {name}: {each['status']}"
    )
    if kind not in DECISIVE:
        assert kstatus(each) == (CURRENT if said == "True" else IN_PROGRESS), f"kstatus misreads {name}"


def _statuses(each: Object) -> dict[str, str]:
    conditions = (each.get("status") or {}).get("conditions") or []
    return {condition["type"]: condition["status"] for condition in conditions}


def _precedes_its_refresh(each: Object) -> bool:
    """Return True if the condition is older than the values, where these change only with the spec."""
    if (each.get("spec") or {}).get("refreshPolicy") != "OnChange":
        return False
    status = each.get("status") or {}
    ready = next((one for one in status.get("conditions") or [] if one["type"] == "Ready"), {})
    return bool(ready.get("lastTransitionTime", "") < status.get("refreshTime", ""))

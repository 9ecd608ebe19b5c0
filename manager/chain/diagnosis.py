"""What changes an object next, and what stops it. Pure."""

from collections.abc import Iterator

from external.external_secrets.refresh import due_in
from external.refresh_reasons import MIN_PERSIST_SECONDS
from external.summaries import ExternalSecretSummary, external_secret_summary
from manager.chain.cures import cure_of
from manager.chain.model import Change, Fault, State
from manager.chain.snapshot import Snapshot
from manager.core.clock import parse_rfc3339
from manager.kube.conditions import find_condition
from manager.kube.resources import EXTERNAL_SECRETS, SEALED_SECRETS, Body, Key, key_of

MODULE_OF = {"SealedSecret": "sealed", "ExternalSecret": "external", "SecretStore": "external"}
MAX_MESSAGE_CHARACTERS = 600


def condition_of(key: Key, body: Body) -> dict[str, object] | None:
    """Return the condition that says whether an object works."""
    kind = "Synced" if key.resource is SEALED_SECRETS else "Ready"
    return find_condition((body.get("status") or {}).get("conditions"), kind)


def state_of(key: Key, body: Body | None) -> tuple[State, str]:
    """Return how an object fares, and its reason."""
    if body is None:
        return State.BAD, "does not exist"
    condition = condition_of(key, body)
    if condition is None:
        return State.DOUBTFUL, "has no condition yet"
    reason = str(condition.get("reason") or "")
    return (State.GOOD if condition.get("status") == "True" else State.BAD), reason


def faults_of(key: Key, body: Body | None) -> Iterator[Fault]:
    """Yield what stops one object of the chain."""
    if body is None:
        yield Fault(key, "does not exist", "create it, or correct the name of who refers to it")
        return
    if "deletionTimestamp" in body["metadata"]:
        waiting = ", ".join(map(str, body["metadata"].get("finalizers") or ())) or "none"
        yield Fault(key, f"is being deleted; its finalizers: {waiting}", "wait, or see who keeps the finalizers")
    condition = condition_of(key, body)
    if condition is not None and condition.get("status") == "False":
        message = str(condition.get("message") or "")[:MAX_MESSAGE_CHARACTERS]
        yield Fault(key, f"{condition.get('reason')}: {message}", cure_of(message))


def controller_faults(snapshot: Snapshot, subject: Key, kinds: set[str]) -> Iterator[Fault]:
    """Yield what stops every object: no leader, or an original controller that still runs."""
    spec = (snapshot.lease or {}).get("spec") or {}
    renewed = parse_rfc3339(spec.get("renewTime"))
    duration = float(spec.get("leaseDurationSeconds") or 0)
    if snapshot.lease is not None and (renewed is None or snapshot.now - renewed.timestamp() > duration):
        yield Fault(subject, "no replica of Coffer holds the Lease: nothing is written", "look at Coffer's Pods")
    modules = {MODULE_OF[each] for each in kinds if each in MODULE_OF} | {"reflector"}
    for module, place in snapshot.originals.items():
        if module in modules:
            text = f"the module {module} only observes, because the original {place} runs"
            yield Fault(subject, text, "stop one of the two: `coffer migrate plan` prints how")


def next_of_external(body: Body, now: float) -> Change:
    """Return when and why the values of an ExternalSecret are read next."""
    key, summary = key_of(EXTERNAL_SECRETS, body), external_secret_summary(body)
    due = due_in(summary, summary.refreshed, now)
    if due is None:
        return Change(f"{key}: {_never(summary)}", None)
    condition = condition_of(key, body)
    if condition is not None and condition.get("status") == "False":
        return Change(f"{key}: tried again with growing pauses until it succeeds", None)
    if due == 0.0 and summary.interval < MIN_PERSIST_SECONDS and summary.refreshed is not None:
        # The status gets the time of a refresh that changed nothing only every ten minutes.
        return Change(f"{key}: read every {summary.interval:g} s", None)
    why = f"refresh every {summary.interval:g} s" if summary.synced else "its first read"
    return Change(f"{key}: {why}", now + due)


def _never(summary: ExternalSecretSummary) -> str:
    if summary.policy == "CreatedOnce":
        return "never read again (refreshPolicy CreatedOnce)"
    if summary.policy == "OnChange":
        return "read again when the ExternalSecret changes (refreshPolicy OnChange)"
    if summary.windows is not None and summary.interval > 0:
        return "its sync windows never open again"
    return "never read again (refreshInterval 0)"

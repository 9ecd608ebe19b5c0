"""Say what becomes of the PushSecrets that external-secrets left, by the module's own models and rules. Pure."""

from collections.abc import Iterator

from external.api.fields import parse
from external.api.push_secret import PushSecretSpec
from external.generators.loading import unserved
from external.generators.registry import CLUSTER_GENERATORS, KINDS
from external.migration import CURE, ELSEWHERE, Surroundings, store_finding
from external.providers.registry import BUILT_IN
from external.push_secrets.cleanup import TAKES_NONE
from external.push_secrets.refresh import Known, due_in
from external.push_secrets.view import ERRORED, require_allowed
from external.push_summaries import PushSecretSummary, push_secret_summary
from external.stores.access import missing, serves_class
from manager.core.errors import NeedsHuman
from manager.findings import ObjectFinding, Verdict
from manager.kube.resources import PUSH_SECRETS, Body, Key, key_of


def push_finding(body: Body, around: Surroundings) -> ObjectFinding:
    """Return what Coffer does with a PushSecret: nothing before its next refresh, if all that it names is served."""
    key, summary = key_of(PUSH_SECRETS, body), push_secret_summary(body)
    served = [each for each in summary.stores if _served(each, around)]
    if summary.stores and not served and not summary.selected_stores:
        names = ", ".join(map(str, summary.stores))
        return ObjectFinding("external", key, Verdict.UNSERVED, f"{names}: {ELSEWHERE}")
    try:
        spec = parse(PushSecretSpec, body.get("spec"), reason=ERRORED)
        require_allowed(spec)
    except NeedsHuman as error:
        return ObjectFinding("external", key, Verdict.UNSERVED, f"{error.message}; {CURE}", summary.ready)
    lacking = [*_stores(served, around), *_generator(summary)]
    if lacking:
        return ObjectFinding("external", key, Verdict.UNSERVED, "; ".join([*lacking, CURE]), summary.ready)
    due = due_in(summary, Known("", "", summary.refreshed), around.now)
    at = None if due is None else around.now + due
    if not summary.ready:
        text = "the condition is not Ready: Coffer pushes at the first pass"
        return ObjectFinding("external", key, Verdict.DIFFERS, text, due=around.now)
    text = "its refresh is due: values are compared at once" if due == 0.0 else ""
    return ObjectFinding("external", key, Verdict.NOTHING, text, due=at)


def _served(store: Key, around: Surroundings) -> bool:
    controller = str((around.stores.get(store, {}).get("spec") or {}).get("controller") or "")
    return serves_class(around.settings, store.resource, controller)


def _stores(stores: list[Key], around: Surroundings) -> Iterator[str]:
    for each in stores:
        body = around.stores.get(each)
        if body is None:
            yield missing(each)
            continue
        found = store_finding(each.resource, body, around.settings)
        if found.verdict is Verdict.UNSERVED:
            yield f"{each}: {found.why.removesuffix(f'; {CURE}')}"
        elif BUILT_IN.service_of(body).push is None:
            yield f"{each}: {TAKES_NONE}"


def _generator(summary: PushSecretSummary) -> Iterator[str]:
    if summary.generator is not None and summary.generator[1] not in (*KINDS, CLUSTER_GENERATORS.kind):
        yield unserved("selector.generatorRef.kind", summary.generator[1])

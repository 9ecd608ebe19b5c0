"""Say what becomes of the objects that external-secrets left, by the module's own models, views and plans. Pure.

Targets are known by their metadata, except those whose ownership depends on their data (`needs_data`).
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from external.api.external_secret import ExternalSecretSpec
from external.api.fields import parse
from external.api.validation import require_allowed
from external.cluster_external_secrets.plan import EXTERNAL_COPIES, Copies, CopyKind, chosen, require_selectors
from external.errors import FAILED
from external.external_secrets.plan import require_ours, target_of
from external.external_secrets.refresh import due_in
from external.external_secrets.view import (
    CREATED_BY,
    DATA_HASH,
    MANAGED,
    ExternalSecret,
    View,
    created_under_our_field_manager,
)
from external.generators.loading import embedded, unserved
from external.generators.registry import CLUSTER_GENERATORS, KINDS
from external.providers.protocol import ProviderError
from external.providers.registry import BUILT_IN
from external.providers.support.lookup import INVALID
from external.stores.access import missing, serves_class
from external.stores.connect import served_provider
from external.summaries import ExternalSecretSummary, external_secret_summary
from manager.core.errors import NeedsHuman
from manager.findings import ObjectFinding, Verdict, other_writers
from manager.kube.cache import Meta
from manager.kube.conditions import find_condition
from manager.kube.resources import (
    EXTERNAL_SECRETS,
    SECRETS,
    Body,
    Key,
    Resource,
    key_of,
)
from manager.settings.model import ExternalSettings

CURE = "keep external-secrets for it (modules.external=false), or remove it"

ELSEWHERE = "settings.external.controller_class or settings.external.cluster_stores leaves it to another controller"


@dataclass(frozen=True)
class Surroundings:
    """What the ExternalSecrets of a cluster refer to."""

    stores: Mapping[Key, Body]
    cluster_generators: Mapping[str, Body]
    settings: ExternalSettings
    now: float
    """Unix time."""


def needs_data(body: Body, secret: Body) -> bool:
    """Return True if only the data of a target shows whose it is: neither an owner nor the API server's record does."""
    view = _view(body, ExternalSecretSpec(), secret, adopt_foreign=False)
    marked = view.labels.get(CREATED_BY) == view.external_secret.name_hash
    return view.owner is None and marked and created_under_our_field_manager(view) is None


def target_key(body: Body) -> Key:
    """Return the Secret that an ExternalSecret names, whether or not it exists."""
    return Key(SECRETS, body["metadata"].get("namespace", ""), external_secret_summary(body).target)


def finding(body: Body, secret: Body | None, around: Surroundings) -> ObjectFinding:
    """Return what Coffer does with an ExternalSecret.

    Args:
        body: the ExternalSecret.
        secret: its target, with or without data; None if there is none.
        around: what it refers to.

    """
    key, summary = key_of(EXTERNAL_SECRETS, body), external_secret_summary(body)
    elsewhere = sorted(str(each) for each in summary.stores if not _served(each, around))
    if elsewhere:
        return _found(key, Verdict.UNSERVED, f"{', '.join(elsewhere)}: {ELSEWHERE}")
    try:
        spec = parse(ExternalSecretSpec, body.get("spec"), reason=FAILED)
        require_allowed(spec)
    except NeedsHuman as error:
        return _found(key, Verdict.UNSERVED, f"{error.message}; {_cure(summary)}", blocks=summary.ready)
    lacking = [*_stores(summary, around), *_generators(key, summary, around), *_target(spec, around.settings)]
    if lacking:
        return _found(key, Verdict.UNSERVED, "; ".join([*lacking, _cure(summary)]), blocks=summary.ready)
    if spec.target.manifest is not None:
        text = f"its target, a {spec.target.manifest.kind}, is not read here: Coffer compares it at the first pass"
        return _found(key, Verdict.DIFFERS, text)
    return _of_secret(_view(body, spec, secret, adopt_foreign=around.settings.adopt_foreign), summary, around.now)


def _cure(summary: ExternalSecretSummary) -> str:
    """Return what to do; the original cannot serve what its own condition calls a failure."""
    return "correct it: external-secrets cannot serve it either" if summary.judged and not summary.ready else CURE


def store_finding(resource: Resource, body: Body, settings: ExternalSettings) -> ObjectFinding:
    """Return what Coffer does with a SecretStore or ClusterSecretStore."""
    key = key_of(resource, body)
    if not _serves(resource, body, settings):
        return _found(key, Verdict.UNSERVED, ELSEWHERE)
    try:
        served_provider(BUILT_IN, parse(BUILT_IN.store_spec, body.get("spec"), reason=INVALID))
    except NeedsHuman as error:
        ready = find_condition((body.get("status") or {}).get("conditions"), "Ready") or {}
        return _found(key, Verdict.UNSERVED, f"{error.message}; {CURE}", blocks=ready.get("status") == "True")
    return _found(key, Verdict.NOTHING)


def cluster_finding(
    body: Body, made: Iterable[Body], namespaces: Iterable[tuple[Key, Meta]], kind: CopyKind = EXTERNAL_COPIES
) -> ObjectFinding:
    """Return what Coffer does with a ClusterExternalSecret or ClusterPushSecret.

    Args:
        body: the object.
        made: the copies that it owns.
        namespaces: all of them.
        kind: of the object.

    """
    key, copy = key_of(kind.cluster, body), kind.copy.kind
    try:
        spec: Any = parse(kind.model, body.get("spec"), reason=kind.reason)
        copies = Copies(body, spec, kind)
        require_selectors(copies.spec, kind.reason)
    except NeedsHuman as error:
        return _found(key, Verdict.UNSERVED, f"{error.message}; {CURE}", blocks=True)
    owned = {each["metadata"]["namespace"]: each for each in made}
    wanted = set(chosen(copies.spec, namespaces))
    written = [name for name in sorted(owned.keys() & wanted) if copies.mended(owned[name]) != owned[name]]
    news = [
        (f"Coffer deletes its {copy} in {', '.join(sorted(owned.keys() - wanted))}", owned.keys() - wanted),
        (f"Coffer writes its {copy} once in {', '.join(written)}", written),
        (f"Coffer creates its {copy} in {', '.join(sorted(wanted - owned.keys()))}", wanted - owned.keys()),
    ]
    texts = [text for text, names in news if names]
    return _found(
        key, Verdict.DIFFERS if texts else Verdict.NOTHING, "; ".join(texts), blocks=bool(owned.keys() - wanted)
    )


def unserved_finding(resource: Resource, body: Body) -> ObjectFinding:
    """Return the finding for an object of a kind that is not served; a generator matters only to who names it."""
    text = f"{resource.kind} is not served by this version; {CURE}"
    return _found(key_of(resource, body), Verdict.UNSERVED, text)


def _of_secret(view: View, summary: ExternalSecretSummary, now: float) -> ObjectFinding:
    due = due_in(summary, summary.refreshed, now)
    at = None if due is None else now + due
    target = view.target if view.present is not None and view.policy != "None" else None
    if view.policy == "None":
        return _found(view.key, Verdict.NOTHING, due=at)
    if view.present is None:
        missing_too = view.policy == "Merge"
        failed = summary.judged and not summary.ready
        text = (
            "tries again what failed; the condition says why it did" if failed else "reads the provider and creates it"
        )
        text = "" if missing_too else f"its Secret does not exist: Coffer {text}"
        return _found(view.key, Verdict.NOTHING if missing_too else Verdict.DIFFERS, text, due=now)
    try:
        require_ours(view, target_of(view, templated=view.spec.target.template is not None))
    except NeedsHuman as error:
        return ObjectFinding("external", view.key, Verdict.DIFFERS, error.message, summary.ready, at, target)
    if not view.ours and view.policy not in ("Merge", "CreateOrMerge"):
        text = "an annotation of the Secret, or settings.external.adopt_foreign, hands it over"
        return ObjectFinding("external", view.key, Verdict.ADOPT, text, due=at, target=target)
    repaired = [*_repairs(view), *([] if summary.ready else ["the condition is not Ready"])]
    if repaired:
        text = f"{', '.join(repaired)}: Coffer reads the provider at the first pass, and writes what differs"
        return ObjectFinding("external", view.key, Verdict.DIFFERS, text, due=now, target=target)
    return ObjectFinding("external", view.key, Verdict.NOTHING, _notes(view, due), due=at, target=target)


def _repairs(view: View) -> Iterator[str]:
    """Yield what shows without the data that a target is not as the original left it."""
    if view.policy == "Orphan":
        return
    if view.labels.get(MANAGED) != "true":
        yield f"the label {MANAGED} is missing"
    if not view.annotations.get(DATA_HASH):
        yield f"the annotation {DATA_HASH} is missing"


def _notes(view: View, due: float | None) -> str:
    meta = (view.present or {"metadata": {}})["metadata"]
    merges = view.policy in ("Merge", "CreateOrMerge")
    others = "" if merges else other_writers(meta, frozenset({view.external_secret.manager}))
    texts = [f"written by {others} too: data that does not match the hash is repaired"] if others else []
    return "; ".join([*texts, *(["its refresh is due: the provider is read at once"] if due == 0.0 else [])])


def _stores(summary: ExternalSecretSummary, around: Surroundings) -> Iterator[str]:
    for each in summary.stores:
        body = around.stores.get(each)
        found = store_finding(each.resource, body, around.settings) if body is not None else None
        if found is None:
            yield missing(each)
        elif found.verdict is Verdict.UNSERVED:
            yield f"{each}: {found.why.removesuffix(f'; {CURE}')}"


def _generators(key: Key, summary: ExternalSecretSummary, around: Surroundings) -> Iterator[str]:
    for _, kind, name in summary.generators:
        if kind != CLUSTER_GENERATORS.kind:
            if kind not in KINDS:
                yield unserved("generatorRef.kind", kind)
            continue
        body = around.cluster_generators.get(name)
        if body is None:
            yield f"{CLUSTER_GENERATORS.kind} {name} does not exist"
            continue
        try:
            inner, _, at = embedded(body.get("spec"), f"{CLUSTER_GENERATORS.kind} {name}: spec")
        except ProviderError as error:
            yield str(error)
            continue
        if inner not in KINDS:
            yield unserved(at, inner)


def _target(spec: ExternalSecretSpec, settings: ExternalSettings) -> Iterator[str]:
    if spec.target.manifest is not None and not settings.generic_targets:
        yield "spec.target.manifest is switched off here; an administrator allows it by external.generic_targets"


def _served(store: Key, around: Surroundings) -> bool:
    return _serves(store.resource, around.stores.get(store, {}), around.settings)


def _serves(resource: Resource, body: Body, settings: ExternalSettings) -> bool:
    controller = str((body.get("spec") or {}).get("controller") or "")
    return serves_class(settings, resource, controller)


def _view(body: Body, spec: ExternalSecretSpec, secret: Body | None, *, adopt_foreign: bool) -> View:
    return View(ExternalSecret(key_of(EXTERNAL_SECRETS, body), body), spec, secret, adopt_foreign=adopt_foreign)


def _found(
    key: Key, verdict: Verdict, why: str = "", *, blocks: bool = False, due: float | None = None
) -> ObjectFinding:
    return ObjectFinding("external", key, verdict, why, blocks, due)

"""The rules that one manifest must keep, by the models that the controller reads it with. Pure."""

from collections.abc import Callable, Iterator
from typing import Any

from external.api.cluster_external_secret import ClusterExternalSecretSpec
from external.api.cluster_push_secret import ClusterPushSecretSpec
from external.api.external_secret import ExternalSecretSpec
from external.api.fields import parse
from external.api.push_secret import PushSecretSpec
from external.api.validation import require_allowed
from external.crd_models import EveryStoreSpec
from external.providers.registry import MODELS
from external.push_secrets.view import require_allowed as require_allowed_push
from manager.chain.shapes import mapping
from manager.cli.lint.schemas import crds, served_versions, unknown_fields
from manager.cli.manifests.reading import Manifest
from manager.cli.manifests.verdicts import Problem, Weight
from manager.core.errors import NeedsHuman
from manager.core.suggestions import nearest
from reflector.rules.annotations import problems as mirror_problems
from reflector.rules.annotations import read as read_marks
from sealed.diagnosis import malformed
from sealed.manifests.documents import Document
from sealed.plan import misplaced, overruled

ESO = "external-secrets.io"
SEALED = "bitnami.com"
GENERATORS = "generators.external-secrets.io"
GROUPS = (ESO, SEALED, GENERATORS)
REASON = "Invalid"
DATA = ("Secret", "ConfigMap")
MIRRORED_BY = ("reflector.v1.k8s.emberstack.com/", "reflector.coffer.dev/")


def problems(manifest: Manifest) -> Iterator[Problem]:
    """Yield what is wrong with one manifest, without regard to others and without a cluster."""
    if not manifest.kind or not manifest.body.get("apiVersion"):
        yield Problem("apiVersion and kind: both are needed")
        return
    if manifest.group in GROUPS:
        yield from _named(manifest)
        yield from _of_crd(manifest)
    if manifest.group == "" and manifest.kind in DATA:
        yield from _annotations(manifest.body, "metadata.annotations")
    check = CHECKS.get((manifest.group, manifest.kind))
    if check is not None:
        yield from check(manifest.body)


def _named(manifest: Manifest) -> Iterator[Problem]:
    if not manifest.name:
        yield Problem("metadata.name: it is missing")


def _of_crd(manifest: Manifest) -> Iterator[Problem]:
    """Yield an unknown kind, a version that is not served, and fields that the API server would drop."""
    known = crds()
    crd = known.get((manifest.group, manifest.kind))
    if crd is None:
        kinds = [kind for group, kind in known if group == manifest.group]
        yield Problem(f"kind: {manifest.kind[:60]} is none of {manifest.group}{nearest(manifest.kind, kinds)}")
        return
    versions = served_versions(crd)
    version = str(manifest.body["apiVersion"]).partition("/")[2]
    if version not in versions:
        wanted = next(iter(versions))
        yield Problem(f"apiVersion: {version[:60]} is not served; write {manifest.group}/{wanted}")
    schema = versions.get(version) or next(iter(versions.values()))
    yield from (Problem(each) for each in unknown_fields(manifest.body, schema))


def _parsed(model: type[Any], rule: Callable[[Any], None] | None = None) -> Callable[[Document], Iterator[Problem]]:
    """Return a check by the model of a spec, and by what the reconciler requires of it."""

    def check(body: Document) -> Iterator[Problem]:
        try:
            spec = parse(model, body.get("spec") or {}, reason=REASON)
            if rule is not None:
                rule(spec)
        except NeedsHuman as error:
            yield from (Problem(each) for each in error.message.split("; ") if "unknown field" not in each)

    return check


def _external_secret(body: Document) -> Iterator[Problem]:
    yield from _parsed(ExternalSecretSpec, require_allowed)(body)
    spec = mapping(body.get("spec"))
    target = mapping(spec.get("target"))
    metadata = mapping(mapping(target.get("template")).get("metadata"))
    yield from _annotations({"metadata": metadata}, "spec.target.template.metadata.annotations")
    entries = [each for each in spec.get("data") or () if isinstance(each, dict)]
    named = bool(mapping(spec.get("secretStoreRef")).get("name"))
    for index, each in enumerate(entries):
        if not named and not mapping(each.get("sourceRef")):
            yield Problem(
                f"spec.data[{index}]: it has no store; name it in spec.secretStoreRef or in sourceRef.storeRef"
            )
    yield from _misplaced(body, "spec.target.template.metadata.annotations")


def _store(body: Document) -> Iterator[Problem]:
    yield from _parsed(EveryStoreSpec)(body)
    provider = next(iter(mapping(mapping(body.get("spec")).get("provider"))), "")
    if provider and provider not in MODELS:
        text = f"spec.provider.{provider[:60]}: not served by this version{nearest(provider, MODELS)}"
        yield Problem(text, Weight.WARNING)


def _sealed_secret(body: Document) -> Iterator[Problem]:
    spec = mapping(body.get("spec"))
    if not spec.get("encryptedData") and not spec.get("data"):
        yield Problem("spec.encryptedData: there is no sealed value", Weight.WARNING)
    found = (malformed(body), overruled(body), misplaced(mapping(mapping(body.get("metadata")).get("annotations"))))
    yield from (Problem(each) for each in found if each)
    metadata = mapping(mapping(spec.get("template")).get("metadata"))
    yield from _annotations({"metadata": metadata}, "spec.template.metadata.annotations")


def _misplaced(body: Document, where: str) -> Iterator[Problem]:
    annotations = mapping(mapping(body.get("metadata")).get("annotations"))
    names = sorted(name for name in annotations if name.startswith(MIRRORED_BY))
    template = mapping(mapping(mapping(body.get("spec")).get("target")).get("template"))
    if names and template:  # without a template the target takes over the annotations of its ExternalSecret
        yield Problem(f"{', '.join(names)}: has no effect here; put it under {where}", Weight.WARNING)


def _annotations(body: Document, at: str) -> Iterator[Problem]:
    """Yield what is wrong with the annotations of a source or a mirror."""
    given = mapping(mapping(body.get("metadata")).get("annotations"))
    marks = read_marks({str(name): str(text) for name, text in given.items()})
    if marks is not None:
        yield from (Problem(f"{at}: {each}") for each in mirror_problems(marks))


CHECKS: dict[tuple[str, str], Callable[[Document], Iterator[Problem]]] = {
    (ESO, "ExternalSecret"): _external_secret,
    (ESO, "ClusterExternalSecret"): _parsed(ClusterExternalSecretSpec),
    (ESO, "PushSecret"): _parsed(PushSecretSpec, require_allowed_push),
    (ESO, "ClusterPushSecret"): _parsed(ClusterPushSecretSpec),
    (ESO, "SecretStore"): _store,
    (ESO, "ClusterSecretStore"): _store,
    (SEALED, "SealedSecret"): _sealed_secret,
}

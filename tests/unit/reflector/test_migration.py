"""What becomes of sources and mirrors that kubernetes-reflector left: every verdict, by the reflector's own plan."""

from typing import Any

import pytest

from manager.core.clock import SystemClock
from manager.findings import ObjectFinding, Verdict
from manager.kube.cache import MetadataCache
from manager.kube.resources import CONFIGMAPS, NAMESPACES, SECRETS, Key
from manager.settings.model import ReflectorSettings
from reflector.migration import findings
from reflector.view import ViewBuilder
from tests.builders.reflector_module import ALLOWED, AUTO, AUTO_NAMESPACES, ReflectorModule

ONLY_ONE = {**AUTO, AUTO_NAMESPACES: "team-1"}


def said(stored: ReflectorModule, namespace: str = "", **settings: Any) -> dict[str, ObjectFinding]:
    """Return the findings by `namespace/name`."""
    cache, given = MetadataCache(), ReflectorSettings(**settings)
    builder = ViewBuilder(cache, given, "coffer", SystemClock())
    for resource in (NAMESPACES, SECRETS, CONFIGMAPS):
        for key, body in stored.api.objects.items():
            if key.resource is resource:
                cache.observe(resource, None, body)
    found = findings(builder, given.provenance, stored.api.objects, namespace)
    return {f"{each.key.namespace}/{each.key.name}": each for each in found}


@pytest.fixture
def stored() -> ReflectorModule:
    return ReflectorModule()


def test_current_mirrors_and_their_source_stay(stored: ReflectorModule) -> None:
    version = stored.secret("src", annotations=ONLY_ONE)["metadata"]["resourceVersion"]
    stored.mirror("team-1", "one", version)

    found = said(stored)

    assert {name: each.verdict for name, each in found.items()} == dict.fromkeys(("src/s", "team-1/s"), Verdict.NOTHING)
    assert found["team-1/s"].target == Key(SECRETS, "team-1", "s")
    assert found["src/s"].target is None


def test_a_missing_mirror_is_created(stored: ReflectorModule) -> None:
    stored.secret("src", annotations=ONLY_ONE)

    result = said(stored)["team-1/s"]

    assert (result.verdict, result.target, result.blocks) == (Verdict.DIFFERS, None, False)
    assert result.why == "the mirror is missing: Coffer creates it"


@pytest.mark.parametrize(("version", "word"), [("", "updates it"), ("1", "compares it")])
def test_a_mirror_of_an_earlier_version_is_looked_at(stored: ReflectorModule, version: str, word: str) -> None:
    stored.secret("src", annotations=ONLY_ONE)
    stored.mirror("team-1", "one", version)

    result = said(stored)["team-1/s"]

    assert (result.verdict, result.blocks) == (Verdict.DIFFERS, False)
    assert word in result.why


@pytest.mark.parametrize("annotations", [ONLY_ONE, ALLOWED])
def test_a_mirror_that_would_be_deleted_blocks(stored: ReflectorModule, annotations: Any) -> None:
    version = stored.secret("src", annotations=annotations)["metadata"]["resourceVersion"]
    stored.mirror("team-2", "one", version)

    result = said(stored)["team-2/s"]

    assert (result.verdict, result.blocks) == (Verdict.DIFFERS, True)
    assert "deletes this mirror" in result.why


def test_a_copy_that_somebody_applied_is_left_alone(stored: ReflectorModule) -> None:
    """The plan would delete it, and the executor refuses: so says the command."""
    version = stored.secret("src", annotations=ALLOWED)["metadata"]["resourceVersion"]
    fields = {"f:metadata": {"f:annotations": {"f:reflector.v1.k8s.emberstack.com/reflects": {}}}}
    record = [{"manager": "kubectl-client-side-apply", "fieldsV1": fields}]
    stored.mirror("team-2", "one", version, managedFields=record)

    result = said(stored)["team-2/s"]

    assert not result.blocks
    assert "kubectl-client-side-apply made this copy" in result.why


@pytest.mark.parametrize(
    ("source", "reason"), [("gone/x", "SourceNotFound"), ("src/s", "SourceNotPermitted")], ids=["gone", "not permitted"]
)
def test_pulls_that_are_not_served_say_why(stored: ReflectorModule, source: str, reason: str) -> None:
    stored.secret("src")
    stored.pull("team-1", source=source, name="mine")

    result = said(stored)["team-1/mine"]

    assert (result.verdict, result.blocks) == (Verdict.DIFFERS, False)
    assert result.why.startswith(f"{reason}: ")


def test_a_foreign_object_in_the_way_is_told_at_the_source(stored: ReflectorModule) -> None:
    stored.secret("src", annotations=ONLY_ONE)
    stored.secret("team-1", "foreign")

    assert said(stored)["src/s"].why.startswith("ConflictingObject: ")


@pytest.mark.parametrize(("provenance", "verdict"), [("warn", Verdict.NOTHING), ("deny", Verdict.DIFFERS)])
def test_a_warning_changes_nothing(stored: ReflectorModule, provenance: str, verdict: Verdict) -> None:
    labels = {"reconcile.external-secrets.io/managed": "true"}
    version = stored.secret("src", annotations=ONLY_ONE, labels=labels)["metadata"]["resourceVersion"]
    stored.mirror("team-1", "one", version)

    assert said(stored, provenance=provenance)["src/s"].verdict is verdict


def test_one_namespace_can_be_asked_for(stored: ReflectorModule) -> None:
    stored.secret("src", annotations=ONLY_ONE)

    assert set(said(stored, "team-1")) == {"team-1/s"}


def test_objects_that_reflect_nothing_are_not_named(stored: ReflectorModule) -> None:
    stored.secret("team-1")

    assert said(stored) == {}

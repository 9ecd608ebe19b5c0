"""What becomes of a SealedSecret that sealed-secrets left: every verdict, from metadata only."""

from typing import Any

import pytest

from manager.findings import ObjectFinding, Verdict
from manager.kube.auto_mirrors import AUTO_REFLECTS, PREFIX, REFLECTS
from manager.kube.resources import SECRETS, Key
from manager.settings.model import SealedSettings
from sealed.migration import ORIGINAL_MANAGER, finding
from sealed.plan import MANAGED, PATCH, owner_reference
from sealed.selection import selection_of
from tests.builders.manifests import sealed_secret
from tests.builders.sealed_vectors import certificate, private_key

VALUES = {"a": "1", "b": "2"}


def sealed(synced: bool = True, annotations: Any = None, **template: Any) -> Any:
    body = sealed_secret(certificate(private_key()), "ns", "s", VALUES, annotations=annotations, **template)
    body["metadata"] |= {"uid": "sealed-uid", "generation": 1, "resourceVersion": "1"}
    condition = {"type": "Synced", "status": "True" if synced else "False"}
    return body | {"status": {"observedGeneration": 1, "conditions": [condition]}}


def secret(owned: bool = True, keys: Any = ("a", "b"), managers: Any = (ORIGINAL_MANAGER,), **metadata: Any) -> Any:
    """Return the metadata of a Secret, as the original leaves it."""
    fields = {"f:data": {f"f:{key}": {} for key in keys}}
    record = [{"manager": each, "operation": "Update", "fieldsV1": fields} for each in managers]
    meta = {"namespace": "ns", "name": "s", "uid": "u", "resourceVersion": "7", "managedFields": record, **metadata}
    return {"metadata": meta | ({"ownerReferences": [owner_reference(sealed())]} if owned else {})}


def found(body: Any = None, present: Any = None, **settings: Any) -> ObjectFinding:
    given = SealedSettings(**settings)
    return finding(body or sealed(), present, selection_of(given, "home"), given)


def test_what_the_original_left_stays() -> None:
    result = found(present=secret())

    assert (result.verdict, result.why, result.blocks) == (Verdict.NOTHING, "", False)
    assert result.target == Key(SECRETS, "ns", "s")


@pytest.mark.parametrize(
    "template",
    [{"type": "example.com/own", "immutable": True}, {"metadata": {"labels": {"app": "x"}}, "data": {"c": "{{ .a }}"}}],
)
def test_types_templates_and_labels_of_the_template_are_as_they_should_be(template: Any) -> None:
    keys = ("a", "b", *(template.get("data") or ()))
    metadata: Any = {"labels": (template.get("metadata") or {}).get("labels") or {}}

    assert found(sealed(**template), secret(keys=keys, **metadata)).verdict is Verdict.NOTHING


def test_a_record_without_fields_is_not_compared() -> None:
    assert found(present=secret(managers=())).verdict is Verdict.NOTHING


def test_a_secret_that_is_missing_is_created() -> None:
    result = found()

    assert (result.verdict, result.target, result.blocks) == (Verdict.DIFFERS, None, False)
    assert result.why == "its Secret does not exist: Coffer creates it"


def test_a_secret_that_could_not_be_made_is_tried_again() -> None:
    assert "Coffer tries again what failed" in found(sealed(synced=False)).why


@pytest.mark.parametrize(
    ("present", "named"),
    [
        (secret(labels={"edited": "x"}), "metadata.labels"),
        (secret(keys=("a",)), "data"),
        (secret(keys=("a", "b", "c"), annotations={"x": "y"}), "metadata.annotations, data"),
    ],
)
def test_a_secret_that_is_not_as_sealed_is_written_once(present: Any, named: str) -> None:
    result = found(present=present)

    assert (result.verdict, result.blocks) == (Verdict.DIFFERS, False)
    assert result.why == f"the Secret is written once: {named} is not what the SealedSecret says"


@pytest.mark.parametrize(
    "annotations", [{MANAGED: "true"}, {MANAGED: "true", PATCH: "true"}, {AUTO_REFLECTS: "true", REFLECTS: "a/b"}]
)
def test_a_secret_that_agrees_is_adopted(annotations: Any) -> None:
    result = found(present=secret(owned=False, annotations=annotations))

    assert (result.verdict, result.blocks) == (Verdict.ADOPT, False)


@pytest.mark.parametrize(("synced", "blocks"), [(True, True), (False, False)])
def test_a_foreign_secret_blocks_only_what_worked_before(synced: bool, blocks: bool) -> None:
    result = found(sealed(synced), secret(owned=False))

    assert (result.verdict, result.blocks) == (Verdict.DIFFERS, blocks)
    assert "already exists and is not managed by SealedSecret" in result.why


def test_a_secret_of_an_earlier_sealed_secret_is_waited_for() -> None:
    owner = {**owner_reference(sealed()), "uid": "earlier"}

    assert "earlier SealedSecret" in found(present=secret(owned=False, ownerReferences=[owner])).why


@pytest.mark.parametrize("managers", [("kubectl-edit",), (ORIGINAL_MANAGER, "velero")])
def test_other_writers_of_data_are_named(managers: Any) -> None:
    result = found(present=secret(managers=managers))

    assert result.verdict is Verdict.NOTHING
    assert result.why.startswith(f"written by {managers[-1]} too: ")


@pytest.mark.parametrize("settings", [{"all_namespaces": False}, {"label_selector": "team=a"}])
def test_what_this_release_does_not_select_is_not_served(settings: Any) -> None:
    result = found(present=secret(), **settings)

    assert (result.verdict, result.blocks) == (Verdict.UNSERVED, False)


@pytest.mark.parametrize(("accepted", "verdict"), [(True, Verdict.NOTHING), (False, Verdict.UNSERVED)])
def test_the_legacy_form_depends_on_its_setting(accepted: bool, verdict: Verdict) -> None:
    body = sealed()
    body["spec"] = {"data": "AgA="}

    result = found(body, secret(), accept_deprecated_v1_data=accepted)

    assert (result.verdict, result.blocks) == (verdict, not accepted)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"annotations": {f"{PREFIX}reflection-allowed": "true"}}, "has no effect here"),
        ({"data": {"a": "{{ .a }}"}}, "spec.encryptedData has this key too"),
    ],
)
def test_what_the_object_says_without_effect_is_told(change: Any, told: str) -> None:
    result = found(sealed(**change), secret())

    assert result.verdict is Verdict.DIFFERS
    assert told in result.why


def test_a_value_that_is_not_sealed_is_told_without_it() -> None:
    body = sealed()
    body["spec"]["encryptedData"]["a"] = "aHVudGVyMg=="

    result = found(body, secret())

    assert "spec.encryptedData[a] is not sealed" in result.why
    assert "aHVudGVyMg" not in result.why

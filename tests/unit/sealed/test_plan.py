"""What a SealedSecret and the Secret in its place lead to: every row of ownership and of the write."""

import base64
from typing import Any

import pytest

from manager.core.errors import NeedsHuman, WaitFor
from manager.core.secret_value import SecretValue
from manager.kube.auto_mirrors import AUTO_REFLECTS, REFLECTS
from manager.kube.resources import SEALED_SECRETS, SECRETS, Key
from manager.kube.secret_data import LARGEST
from manager.kube.writer import Create, Update
from sealed.crypto.wire_format import CLUSTER_WIDE
from sealed.plan import MANAGED, MANAGER, PATCH, SKIP_OWNER, View, mark_of, misplaced, overruled, plan, settled, stands

KEY = Key(SEALED_SECRETS, "ns", "a")
OURS = {
    "apiVersion": "bitnami.com/v1alpha1",
    "kind": "SealedSecret",
    "name": "a",
    "uid": "sealed-uid",
    "controller": True,
}
FOREIGN = {**OURS, "kind": "Other", "name": "x", "uid": "other"}


def encoded(**data: str) -> dict[str, str]:
    return {key: base64.b64encode(value.encode()).decode() for key, value in data.items()}


def sealed(template: Any = None, **metadata: Any) -> dict[str, Any]:
    meta = {"namespace": "ns", "name": "a", "uid": "sealed-uid", "generation": 1, **metadata}
    return {"metadata": meta, "spec": {"encryptedData": {}, "template": template or {}}}


def secret(data: dict[str, str] | None = None, owner: Any = None, **more: Any) -> dict[str, Any]:
    meta = {"namespace": "ns", "name": "a", "uid": "s", "resourceVersion": "7", **more.pop("metadata", {})}
    if owner:
        meta["ownerReferences"] = [owner]
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": meta,
        "type": "Opaque",
        "data": data or encoded(k="v"),
        **more,
    }


def decided(existing: Any = None, template: Any = None, values: Any = None, **metadata: Any) -> Any:
    values = {"k": "v"} if values is None else values
    return plan(
        View(
            KEY,
            sealed(template, **metadata),
            existing,
            {key: SecretValue(text.encode()) for key, text in values.items()},
        )
    ).action


def annotated(**annotations: str) -> dict[str, Any]:
    return {"annotations": annotations}


def test_a_secret_that_is_not_there_is_created() -> None:
    action = decided(template={"type": "kubernetes.io/tls", "immutable": True, "metadata": {"labels": {"l": "1"}}})

    assert isinstance(action, Create)
    assert action.key == Key(SECRETS, "ns", "a")
    assert action.body == {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {
            "name": "a",
            "namespace": "ns",
            "labels": {"l": "1"},
            "annotations": {},
            "ownerReferences": [OURS],
        },
        "type": "kubernetes.io/tls",
        "immutable": True,
        "data": encoded(k="v"),
    }


def test_what_a_template_must_not_bring_is_dropped() -> None:
    metadata = {
        "name": "other",
        "namespace": "kube-system",
        "uid": "u",
        "resourceVersion": "1",
        "generateName": "g",
        "ownerReferences": [FOREIGN],
        "managedFields": [],
        "finalizers": ["f"],
    }

    found = decided(template={"metadata": metadata}).body["metadata"]

    assert found == {
        "name": "a",
        "namespace": "ns",
        "labels": {},
        "annotations": {},
        "finalizers": ["f"],
        "ownerReferences": [OURS],
    }


def test_a_secret_as_it_should_be_is_left_alone() -> None:
    assert decided(secret(owner=OURS)) is None


def test_our_secret_is_replaced_as_a_whole() -> None:
    existing = secret(encoded(k="old", foreign="x"), OURS, metadata={"labels": {"old": "1"}, "annotations": {"o": "1"}})

    action = decided(existing, {"metadata": {"labels": {"new": "1"}}})

    assert isinstance(action, Update)
    assert action.body["data"] == encoded(k="v")
    assert action.body["metadata"]["labels"] == {"new": "1"}
    assert action.body["metadata"]["annotations"] == {}
    assert action.body["metadata"]["resourceVersion"] == "7"


@pytest.mark.parametrize(
    ("annotations", "adopted", "merged"),
    [
        ({MANAGED: "true"}, True, False),
        ({PATCH: "true"}, False, True),
        ({MANAGED: "true", PATCH: "true"}, True, True),
    ],
)
def test_a_secret_that_is_opened_to_us_is_taken_as_it_says(
    annotations: dict[str, str], adopted: bool, merged: bool
) -> None:
    existing = secret(encoded(k="old", mine="x"), metadata={**annotated(**annotations), "labels": {"mine": "1"}})

    action = decided(existing, {"metadata": {"labels": {"new": "1"}}})

    meta = action.body["metadata"]
    assert meta.get("ownerReferences") == ([OURS] if adopted else None)
    assert action.body["data"] == (encoded(k="v", mine="x") if merged else encoded(k="v"))
    assert meta["labels"] == ({"mine": "1", "new": "1"} if merged else {"new": "1"})
    assert meta["annotations"] == (annotations if merged else {})


@pytest.mark.parametrize("value", ["TRUE", "1", "yes", "", "false"])
def test_only_the_exact_word_opens_a_secret(value: str) -> None:
    with pytest.raises(NeedsHuman):
        decided(secret(metadata=annotated(**{MANAGED: value, PATCH: value})))


@pytest.mark.parametrize("owner", [None, FOREIGN])
def test_a_foreign_secret_is_left_and_the_cure_named(owner: Any) -> None:
    with pytest.raises(NeedsHuman) as caught:
        decided(secret(owner=owner))

    assert (caught.value.reason, caught.value.event) == ("Unmanaged", "ErrUpdateFailed")
    assert 'Resource "a" already exists and is not managed by SealedSecret' in caught.value.message
    assert MANAGED in caught.value.message


def test_the_secret_of_an_earlier_sealed_secret_is_waited_for() -> None:
    with pytest.raises(WaitFor):
        decided(secret(owner={**OURS, "uid": "earlier"}))


def test_a_pushed_mirror_gives_way() -> None:
    existing = secret(metadata=annotated(**{AUTO_REFLECTS: "True", REFLECTS: "x/a"}))

    action = decided(existing)

    assert action.body["metadata"]["annotations"] == {}
    assert action.body["metadata"]["ownerReferences"] == [OURS]


SKIPPING = annotated(**{SKIP_OWNER: "true"})


def recorded(fields: dict[str, Any], **values: str) -> dict[str, Any]:
    """Return a Secret without an owner, of which we wrote these fields."""
    record = [{"manager": MANAGER, "fieldsV1": fields}]
    return secret(encoded(**values), metadata={**SKIPPING, "managedFields": record, "labels": {}})


@pytest.mark.parametrize("fields", [{"f:data": {".": {}, "f:k": {}}}, {"f:type": {}}])
def test_without_an_owner_reference_managed_fields_are_the_proof(fields: dict[str, Any]) -> None:
    template = {"metadata": SKIPPING}
    assert "ownerReferences" not in decided(template=template).body["metadata"]

    assert decided(recorded(fields, k="old"), template).body["data"] == encoded(k="v")


@pytest.mark.parametrize(
    ("fields", "values"),
    [({}, {"k": "v"}), ({"f:data": {"f:k": {}}}, {"k": "v", "theirs": "x"}), ({"f:data": {".": {}}}, {"k": "v"})],
)
def test_values_of_others_beside_ours_are_no_proof(fields: dict[str, Any], values: dict[str, str]) -> None:
    """They stand in a Secret that was annotated `patch` once: replacing it would drop them."""
    with pytest.raises(NeedsHuman, match="not managed by SealedSecret"):
        decided(recorded(fields, **values), {"metadata": SKIPPING})


def test_an_immutable_secret_is_not_written() -> None:
    with pytest.raises(NeedsHuman, match="the target Secret is immutable"):
        decided(secret(encoded(k="old"), OURS, immutable=True))


def test_an_immutable_secret_with_the_right_data_is_fine() -> None:
    assert decided(secret(owner=OURS, immutable=True), {"immutable": True}) is None


def test_a_type_never_changes() -> None:
    with pytest.raises(NeedsHuman, match="which cannot change"):
        decided(secret(owner=OURS), {"type": "kubernetes.io/tls"})


def test_an_empty_type_leaves_the_one_that_is_there() -> None:
    existing = secret(owner=None, type="kubernetes.io/tls", metadata=annotated(**{PATCH: "true"}))

    assert decided(existing, values={"n": "1"}).body["type"] == "kubernetes.io/tls"


def test_more_than_a_secret_holds_is_refused_with_its_size() -> None:
    with pytest.raises(NeedsHuman, match=str(LARGEST + 1)):
        decided(values={"k": "x" * (LARGEST + 1)})


def test_nothing_is_decided_without_values_when_all_stands() -> None:
    assert plan(View(KEY, sealed(), secret(owner=OURS), None)).action is None
    with pytest.raises(NeedsHuman):
        plan(View(KEY, sealed(), secret(), None))


@pytest.mark.parametrize(
    "status", [None, {}, "x", {"conditions": "x"}, {"conditions": [5]}, {"observedGeneration": None}]
)
def test_an_odd_status_has_no_mark(status: Any) -> None:
    assert not mark_of({"status": status}).synced


def test_a_mark_stands_for_generation_and_scope() -> None:
    status = {
        "conditions": [{"type": "Synced", "status": "True"}],
        "observedGeneration": 3,
        "scope": "strict",
        "secretResourceVersion": "9",
    }
    mark = mark_of({"status": status})

    assert mark.secret_version == "9"
    assert settled(3, {}, mark)
    assert not settled(4, {}, mark)
    assert not settled(3, {CLUSTER_WIDE: "true"}, mark)


@pytest.mark.parametrize(("annotations", "said"), [({}, False), ({"other": "x"}, False), ({REFLECTS: "x/y"}, True)])
def test_reflector_annotations_on_the_wrong_object_are_told(annotations: dict[str, str], said: bool) -> None:
    text = misplaced(annotations)

    assert bool(text) is said
    assert not said or "spec.template.metadata.annotations" in text


@pytest.mark.parametrize(("generation", "kept"), [(1, True), (2, False)])
def test_random_output_is_kept_within_a_generation(generation: int, kept: bool) -> None:
    body = sealed(generation=generation)
    body["status"] = {"observedGeneration": 1, "conditions": [{"type": "Synced", "status": "True"}]}
    values = {"k": SecretValue(b"v"), "random": SecretValue(b"new")}

    action = plan(View(KEY, body, secret(encoded(k="v", random="old"), OURS), values, unstable=frozenset({"random"})))

    assert (action.action is None) is kept


SYNCED = {
    "conditions": [{"type": "Synced", "status": "True"}],
    "observedGeneration": 1,
    "scope": "strict",
    "secretResourceVersion": "7",
}
EDITED = {"resourceVersion": "8"}


@pytest.mark.parametrize(
    ("existing", "generation", "repair", "expected"),
    [
        (secret(owner=OURS), 1, False, True),
        (secret(owner=OURS), 1, True, True),
        (secret(owner=OURS, metadata=EDITED), 1, False, True),
        (secret(owner=OURS, metadata=EDITED), 1, True, False),
        (secret(owner=OURS), 2, False, False),
        (secret(owner=FOREIGN), 1, False, False),
        (secret(), 1, False, False),
        (None, 1, False, False),
    ],
)
def test_the_last_success_stands_while_secret_and_spec_are_the_same(
    existing: Any, generation: int, repair: bool, expected: bool
) -> None:
    """An edit of the Secret counts only where drift is repaired: users of the original rely on that."""
    view = View(KEY, {**sealed(generation=generation), "status": SYNCED}, existing, None)

    assert stands(view, repair=repair) is expected


@pytest.mark.parametrize(
    ("texts", "said"),
    [(None, ""), ({"other": "x"}, ""), ({"k": None}, ""), ({"k": "x"}, "spec.template.data[k]: has no effect")],
)
def test_a_template_text_whose_key_is_encrypted_too_is_told(texts: Any, said: str) -> None:
    body = sealed({"data": texts})
    body["spec"]["encryptedData"] = {"k": "x"}

    assert overruled(body).partition(",")[0] == said

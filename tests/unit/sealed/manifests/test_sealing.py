"""From a Secret to a SealedSecret: its name, what is copied, what is left out."""

import base64
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from manager.core.secret_value import SecretValue
from sealed.crypto.unseal import UnsealFailed, decrypt_items
from sealed.crypto.wire_format import CLUSTER_WIDE, NAMESPACE_WIDE, Scope, decode_blob, label, scope_of, unseal
from sealed.manifests.documents import InputError, read
from sealed.manifests.sealing import EMPTY, Options, plaintext, seal_secret, seal_value
from tests.builders.sealed_vectors import private_key

KEY = private_key().public_key()
CANARY = "canary-77e1"
NAMED = "metadata: {name: a, namespace: ns}\n"


def secret(metadata: dict[str, Any] | None = None, **fields: Any) -> dict[str, Any]:
    return {"metadata": {"name": "a", "namespace": "ns", **(metadata or {})}, "stringData": {"k": "v"}, **fields}


def sealed(document: dict[str, Any], **options: Any) -> dict[str, Any]:
    return seal_secret(document, KEY, Options(**options))


def opened(document: dict[str, Any]) -> dict[str, bytes]:
    """Open a SealedSecret as the controller does: by its own metadata."""
    meta = document["metadata"]
    bound_to = label(scope_of(meta.get("annotations", {})), meta.get("namespace", ""), meta["name"])
    unsealed = decrypt_items(document["spec"]["encryptedData"], bound_to, [("key", private_key())])
    return {name: value.reveal() for name, value in unsealed.values.items()}


def template(document: dict[str, Any]) -> dict[str, Any]:
    metadata: dict[str, Any] = sealed(document)["spec"]["template"]["metadata"]
    return metadata


def test_a_sealed_secret_has_the_originals_shape_and_order() -> None:
    document = sealed(secret(type="Opaque", immutable=True))

    assert list(document) == ["kind", "apiVersion", "metadata", "spec"]
    assert document["kind"] == "SealedSecret"
    assert document["apiVersion"] == "bitnami.com/v1alpha1"
    assert document["metadata"] == {"name": "a", "namespace": "ns"}
    assert list(document["spec"]) == ["template", "encryptedData"]
    assert document["spec"]["template"] == {
        "metadata": {"name": "a", "namespace": "ns"},
        "type": "Opaque",
        "immutable": True,
    }
    assert opened(document) == {"k": b"v"}


def test_the_metadata_of_the_template_is_in_the_originals_order() -> None:
    given_order = {
        "finalizers": ["f"],
        "annotations": {"z": "1", "b": "2"},
        "labels": {"y": "3", "c": "4"},
        "generateName": "a-",
    }
    metadata = template(secret(given_order))

    assert list(metadata) == ["name", "generateName", "namespace", "labels", "annotations", "finalizers"]
    assert list(metadata["labels"]) == ["c", "y"]
    assert list(metadata["annotations"]) == ["b", "z"]


def test_string_data_wins_over_data_and_keys_are_sorted() -> None:
    document = sealed(secret(data={"b": "ZGF0YQ==", "c": "Yw=="}, stringData={"b": "text", "a": "A"}))

    assert list(document["spec"]["encryptedData"]) == ["a", "b", "c"]
    assert opened(document) == {"a": b"A", "b": b"text", "c": b"c"}


@pytest.mark.parametrize("field", ["data", "stringData"])
def test_an_empty_or_null_value_is_sealed_as_an_empty_one(field: str) -> None:
    assert opened(sealed(secret(stringData=None) | {field: {"a": None, "b": ""}})) == {"a": b"", "b": b""}


def test_sealed_values_are_long_and_contain_no_plaintext() -> None:
    value = sealed(secret(stringData={"k": CANARY}))["spec"]["encryptedData"]["k"]

    assert len(value) >= 100
    assert CANARY not in value
    assert CANARY.encode() not in decode_blob(value)


@pytest.mark.parametrize("fields", [{}, {"data": {}}, {"data": None, "stringData": None}, {"stringData": {}}])
def test_a_secret_without_data_is_taken_for_a_mistake(fields: dict[str, Any]) -> None:
    empty = {"metadata": {"name": "a", "namespace": "ns"}, **fields}

    with pytest.raises(InputError) as refused:
        sealed(empty)

    assert str(refused.value) == EMPTY
    assert sealed(empty, allow_empty_data=True)["spec"]["encryptedData"] == {}


@pytest.mark.parametrize(
    ("kind", "told"), [("List", "a List"), ("ExternalSecret", "an ExternalSecret"), ("SealedSecret", "sealed already")]
)
def test_another_kind_is_named(kind: str, told: str) -> None:
    with pytest.raises(InputError, match=f"kind: a Secret was expected, and this is .*{told}|is {told}"):
        sealed({"kind": kind, "metadata": {"name": "a", "namespace": "b"}, "spec": {}})


def test_the_kind_does_not_matter() -> None:
    assert opened(sealed(secret(kind="ConfigMap", apiVersion="v2", data={"a": "YQ=="}, stringData=None))) == {"a": b"a"}


@pytest.mark.parametrize("metadata", [None, {}, {"name": ""}, {"name": None}, {"namespace": "ns"}])
def test_a_name_is_needed(metadata: Any) -> None:
    document = {"metadata": metadata, "stringData": {"k": "v"}}

    with pytest.raises(InputError, match=r"^missing metadata\.name in input Secret$"):
        sealed(document, namespace="ns")
    assert sealed(document, namespace="ns", name="given")["metadata"] == {"name": "given", "namespace": "ns"}


def test_the_name_flag_overrides_the_name_everywhere() -> None:
    document = sealed(secret(), name="other")

    assert document["metadata"]["name"] == document["spec"]["template"]["metadata"]["name"] == "other"
    assert opened(document) == {"k": b"v"}


# The four cases of the original's own test, then what it does not test.
@pytest.mark.parametrize(
    ("own", "given", "context", "namespace"),
    [
        ("a", "a", "", "a"),
        ("a", "", "other", "a"),
        ("", "b", "other", "b"),
        ("", "", "context", "context"),
        (None, "", "default", "default"),
    ],
)
def test_the_namespace_comes_from_document_flag_then_context(
    own: str | None, given: str, context: str, namespace: str
) -> None:
    document = sealed(secret({"namespace": own}), namespace=given, default_namespace=lambda: context)

    assert document["metadata"]["namespace"] == namespace
    assert document["spec"]["template"]["metadata"]["namespace"] == namespace
    assert opened(document) == {"k": b"v"}


def test_a_document_of_another_namespace_is_refused() -> None:
    with pytest.raises(InputError) as refused:
        sealed(secret({"namespace": "a"}), namespace="b")

    assert str(refused.value) == 'namespace mismatch: input secret is in namespace "a" but "b" was specified'


@pytest.mark.parametrize("scope", [Scope.STRICT, Scope.NAMESPACE_WIDE])
def test_without_any_namespace_nothing_is_sealed(scope: Scope) -> None:
    with pytest.raises(InputError, match=r"^secret must declare a namespace$"):
        sealed(secret({"namespace": None}), scope=scope)


def test_the_kubeconfig_is_not_asked_when_the_namespace_is_known() -> None:
    def never() -> str:
        raise AssertionError("asked")

    sealed(secret(), default_namespace=never)
    sealed(secret({"namespace": ""}), namespace="ns", default_namespace=never)
    sealed(secret({"namespace": ""}), scope=Scope.CLUSTER_WIDE, default_namespace=never)


@pytest.mark.parametrize("given", ["", "other"])
@pytest.mark.parametrize("own", ["", "ns"])
def test_a_cluster_wide_secret_keeps_its_own_namespace(own: str, given: str) -> None:
    document = sealed(secret({"namespace": own}), scope=Scope.CLUSTER_WIDE, namespace=given)

    assert document["metadata"].get("namespace", "") == own
    assert document["spec"]["template"]["metadata"].get("namespace", "") == own


@pytest.mark.parametrize(
    ("annotations", "flag", "scope"),
    [
        ({}, Scope.STRICT, Scope.STRICT),
        ({NAMESPACE_WIDE: "true"}, Scope.STRICT, Scope.NAMESPACE_WIDE),
        ({CLUSTER_WIDE: "true"}, Scope.STRICT, Scope.CLUSTER_WIDE),
        ({CLUSTER_WIDE: "true", NAMESPACE_WIDE: "true"}, Scope.STRICT, Scope.CLUSTER_WIDE),
        ({CLUSTER_WIDE: "TRUE", NAMESPACE_WIDE: "1"}, Scope.STRICT, Scope.STRICT),
        ({CLUSTER_WIDE: True}, Scope.STRICT, Scope.CLUSTER_WIDE),
        ({}, Scope.NAMESPACE_WIDE, Scope.NAMESPACE_WIDE),
        ({}, Scope.CLUSTER_WIDE, Scope.CLUSTER_WIDE),
        ({CLUSTER_WIDE: "true"}, Scope.NAMESPACE_WIDE, Scope.NAMESPACE_WIDE),
        ({NAMESPACE_WIDE: "true"}, Scope.CLUSTER_WIDE, Scope.CLUSTER_WIDE),
    ],
)
def test_the_flag_sets_the_scope_and_if_strict_the_annotations(
    annotations: dict[str, Any], flag: Scope, scope: Scope
) -> None:
    document = sealed(secret({"annotations": annotations}), scope=flag)
    value = decode_blob(document["spec"]["encryptedData"]["k"])

    assert scope_of(document["metadata"].get("annotations", {})) is scope
    assert unseal(private_key(), value, label(scope, "ns", "a")) == SecretValue(b"v")
    assert scope_of(document["spec"]["template"]["metadata"].get("annotations", {})) is scope


@pytest.mark.parametrize("scope", [Scope.NAMESPACE_WIDE, Scope.CLUSTER_WIDE])
def test_the_sealed_secret_has_the_scope_annotation_and_no_other(scope: Scope) -> None:
    document = sealed(secret({"annotations": {"team": "x"}, "labels": {"app": "y"}}), scope=scope)
    mark = {f"sealedsecrets.bitnami.com/{scope}": "true"}

    assert document["metadata"] == {"name": "a", "namespace": "ns", "annotations": mark}
    assert document["spec"]["template"]["metadata"]["annotations"] == {"team": "x", **mark}


@pytest.mark.parametrize("scope", [Scope.NAMESPACE_WIDE, Scope.CLUSTER_WIDE])
def test_taking_the_scope_back_after_sealing_closes_the_values(scope: Scope) -> None:
    document = sealed(secret(), scope=scope)
    document["metadata"]["annotations"] = {f"sealedsecrets.bitnami.com/{scope}": "false"}

    with pytest.raises(UnsealFailed, match="no key could decrypt secret"):
        opened(document)


SERVER_FIELDS = {
    "uid": "u",
    "resourceVersion": "5",
    "generation": 3,
    "creationTimestamp": None,
    "deletionTimestamp": "2026-01-01T00:00:00Z",
    "deletionGracePeriodSeconds": 5,
    "selfLink": "/s",
    "ownerReferences": [{"kind": "X"}],
    "managedFields": [{"manager": "kubectl"}],
}


def test_what_the_server_fills_in_is_left_out() -> None:
    assert template(secret(SERVER_FIELDS)) == {"name": "a", "namespace": "ns"}


def test_labels_annotations_and_finalizers_go_along() -> None:
    kept = {"labels": {"app": "x"}, "annotations": {"example.com/a": "b", "c": "d"}, "finalizers": ["f"]}

    assert template(secret(kept)) == {"name": "a", "namespace": "ns", **kept}


def test_copies_of_the_plaintext_in_annotations_are_dropped() -> None:
    annotations = {
        "kubectl.kubernetes.io/last-applied-configuration": CANARY,
        "kubecfg.ksonnet.io/last-applied-configuration": CANARY,
        "kept": "x",
    }

    assert template(secret({"annotations": annotations}))["annotations"] == {"kept": "x"}


def test_a_template_without_annotations_has_no_empty_map() -> None:
    metadata = {"annotations": {"kubectl.kubernetes.io/last-applied-configuration": "{}"}, "labels": None}

    assert template(secret({**metadata, "finalizers": []})) == {"name": "a", "namespace": "ns"}


@pytest.mark.parametrize("misplaced", ["stringData", "data", "password", "status"])
def test_a_value_misplaced_in_metadata_is_never_written(misplaced: str) -> None:
    document = sealed(secret({misplaced: {"password": CANARY}}, **{f"x-{misplaced}": CANARY}))

    assert CANARY not in repr(document)


@pytest.mark.parametrize("value", [True, False])
def test_immutable_goes_along_also_when_it_is_false(value: bool) -> None:
    assert sealed(secret(immutable=value))["spec"]["template"]["immutable"] is value


@pytest.mark.parametrize("kind", ["", None])
def test_an_empty_type_is_left_out(kind: str | None) -> None:
    assert "type" not in sealed(secret(type=kind))["spec"]["template"]


# YAML's own ideas of a scalar (7.3): each reaches the object as text.
@pytest.mark.parametrize(
    ("text", "path", "value"),
    [
        ("metadata: {name: a, namespace: n}", ("metadata", "namespace"), "false"),
        ("metadata: {name: 5, namespace: ns}", ("metadata", "name"), "5"),
        ("metadata: {name: a, namespace: ns, labels: {x: y}}", ("labels", "x"), "true"),
        ("metadata: {name: a, namespace: ns, labels: {y: x}}", ("labels", "true"), "x"),
        ("metadata: {name: a, namespace: ns, annotations: {x: 0777}}", ("annotations", "x"), "511"),
        ("metadata: {name: a, namespace: ns, annotations: {x: null}}", ("annotations", "x"), ""),
        ("metadata: {name: a, namespace: ns, finalizers: [1]}", ("finalizers", 0), "1"),
    ],
)
def test_booleans_and_numbers_in_text_fields_become_text(text: str, path: tuple[Any, ...], value: str) -> None:
    (document,) = read(f"{text}\nstringData: {{k: v}}".encode())
    result = sealed(document)

    at: Any = result if path[0] == "metadata" else result["spec"]["template"]["metadata"]
    for step in path:
        at = at[step]
    assert at == value
    assert opened(result) == {"k": b"v"}


def test_unquoted_values_are_sealed_as_text() -> None:
    (document,) = read(
        (NAMED + "stringData: {a: y, b: 12:30, c: 0777, d: 1.50, e: ~, 1: one, y: yes}\ntype: 7").encode()
    )
    result = sealed(document)

    assert opened(result) == {
        "a": b"true",
        "b": b"12:30",
        "c": b"511",
        "d": b"1.50",
        "e": b"",
        "1": b"one",
        "true": b"true",
    }
    assert result["spec"]["template"]["type"] == "7"


@pytest.mark.parametrize("text", ["YWJj", "YWJj\n", "YW\n  Jj\r\n", "\nYWJj"])
def test_line_breaks_in_base64_do_not_matter(text: str) -> None:
    assert plaintext({"data": {"k": text.replace(" ", "")}}) == {"k": SecretValue(b"abc")}


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ("plain!", "illegal base64 data at input byte 5 (k)"),
        ("YW Jj", "illegal base64 data at input byte 2 (k)"),
        ("YWI", "illegal base64 data at input byte 0 (k)"),
        (1234, "data[k] must be base64 text; quote it, or move it to stringData"),
        (True, "data[k] must be base64 text; quote it, or move it to stringData"),
        (["YQ=="], "data[k] must be base64 text; quote it, or move it to stringData"),
    ],
)
def test_data_that_is_not_base64_is_refused_and_not_shown(value: object, problem: str) -> None:
    with pytest.raises(InputError) as refused:
        sealed(secret(data={"k": value}))

    assert str(refused.value) == problem


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"stringData": ["a"]}, "stringData must be a mapping"),
        ({"stringData": CANARY}, "stringData must be a mapping"),
        ({"data": CANARY}, "data must be a mapping"),
        ({"stringData": {"a": {"b": CANARY}}}, "a text was expected where the input has a dict"),
        ({"stringData": {"a": [CANARY]}}, "a text was expected where the input has a list"),
        ({"metadata": [CANARY]}, "metadata must be a mapping"),
        ({"metadata": {"name": ["a"]}}, "a text was expected where the input has a list"),
        ({"metadata": {"name": "a", "labels": [CANARY]}}, "labels must be a mapping"),
        ({"metadata": {"name": "a", "annotations": CANARY}}, "annotations must be a mapping"),
        ({"metadata": {"name": "a", "finalizers": CANARY}}, "finalizers must be a list"),
        ({"type": {"a": CANARY}}, "a text was expected where the input has a dict"),
        ({"immutable": CANARY}, "immutable must be true or false"),
    ],
)
def test_what_is_of_the_wrong_shape_is_named_and_not_shown(fields: dict[str, Any], problem: str) -> None:
    with pytest.raises(InputError) as refused:
        sealed(secret() | fields, namespace="ns")

    assert str(refused.value) == problem


# The original's own matrix of --raw: sealed with these flags, opened as part of this object.
@pytest.mark.parametrize(
    ("scope", "namespace", "name", "opens"),
    [
        (Scope.STRICT, "ns", "a", True),
        (Scope.STRICT, "ns", "b", False),
        (Scope.STRICT, "other", "a", False),
        (Scope.NAMESPACE_WIDE, "ns", "", True),
        (Scope.NAMESPACE_WIDE, "ns", "b", True),
        (Scope.NAMESPACE_WIDE, "other", "a", False),
        (Scope.CLUSTER_WIDE, "", "", True),
        (Scope.CLUSTER_WIDE, "other", "b", True),
    ],
)
def test_one_sealed_value_opens_within_its_scope(scope: Scope, namespace: str, name: str, opens: bool) -> None:
    text = seal_value(SecretValue(b"v\n"), KEY, Options(scope, name, namespace))
    document = sealed(secret(), scope=scope)
    document["spec"]["encryptedData"] = {"appended": text}

    if opens:
        assert opened(document) == {"appended": b"v\n"}
    else:
        with pytest.raises(UnsealFailed, match=r"^no key could decrypt secret"):
            opened(document)


@pytest.mark.parametrize(
    ("scope", "namespace", "name", "problem"),
    [
        (Scope.STRICT, "", "a", "must provide the --namespace flag with --raw and --scope strict"),
        (Scope.NAMESPACE_WIDE, "", "a", "must provide the --namespace flag with --raw and --scope namespace-wide"),
        (Scope.STRICT, "ns", "", "must provide the --name flag with --raw and --scope strict"),
    ],
)
def test_one_value_cannot_be_sealed_for_nobody(scope: Scope, namespace: str, name: str, problem: str) -> None:
    with pytest.raises(InputError) as refused:
        seal_value(SecretValue(b"v"), KEY, Options(scope, name, namespace))

    assert str(refused.value) == problem


def test_one_value_takes_its_namespace_from_the_context() -> None:
    text = seal_value(SecretValue(b"v"), KEY, Options(name="a", default_namespace=lambda: "context"))

    assert unseal(private_key(), decode_blob(text), b"context/a") == SecretValue(b"v")


keys = st.text("abcdefghijklmnopqrstuvwxyzABC0123456789-_.", min_size=1, max_size=20)


@settings(deadline=None, max_examples=40)
@given(
    st.dictionaries(keys, st.binary(max_size=50), max_size=3),
    st.dictionaries(keys, st.text(max_size=50), min_size=1, max_size=3),
    st.sampled_from(Scope),
)
def test_a_secret_opens_as_the_api_server_would_store_it(
    data: dict[str, bytes], texts: dict[str, str], scope: Scope
) -> None:
    encoded = {name: base64.b64encode(value).decode() for name, value in data.items()}

    document = sealed(secret(data=encoded, stringData=texts), scope=scope)

    assert opened(document) == data | {name: text.encode() for name, text in texts.items()}

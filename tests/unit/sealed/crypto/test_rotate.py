"""Sealing with the current key never widens a scope and loses nothing, as the original tests it."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from manager.core.secret_value import SecretValue
from sealed.crypto.rotate import rotate
from sealed.crypto.unseal import UnsealFailed, binding, open_object
from sealed.crypto.wire_format import CLUSTER_WIDE, NAMESPACE_WIDE, CannotDecrypt, Scope, label, seal
from tests.builders.sealed_module import sealed_secret
from tests.builders.sealed_vectors import other_key, private_key

OLD, NEW = [("old", private_key())], [("new", other_key())]
WIDTH = [Scope.STRICT, Scope.NAMESPACE_WIDE, Scope.CLUSTER_WIDE]

words = st.sampled_from(["true", "false", "TRUE", "", "1"])
scopes = st.dictionaries(st.sampled_from([CLUSTER_WIDE, NAMESPACE_WIDE]), words, max_size=2)
odd: Any = st.recursive(
    st.none() | st.booleans() | st.text(max_size=5),
    lambda inner: st.dictionaries(st.text(max_size=3), inner, max_size=2),
)


@settings(deadline=None, max_examples=300)
@given(scopes, scopes, scopes, odd)
def test_the_scope_never_widens_whatever_else_is_written(
    sealed_with: dict[str, str], shown: dict[str, str], template: dict[str, str], more: Any
) -> None:
    """The values were sealed under one scope; the object shows another, its template a third."""
    body = sealed_secret(
        {"k": "v"}, annotations=sealed_with, template={"metadata": {"annotations": template}, "x": more}
    )
    true_scope, _ = binding(body)
    body["metadata"]["annotations"] = dict(shown)

    try:
        after = rotate(body, OLD, other_key().public_key(), legacy=True)
    except UnsealFailed:
        assert binding(body)[0] is not true_scope
        return

    assert WIDTH.index(binding(after)[0]) <= WIDTH.index(true_scope)
    assert binding(after) == binding(body)
    assert open_object(after, NEW, legacy=False).values["k"].reveal() == b"v"


@settings(deadline=None, max_examples=200)
@given(odd, odd, odd)
def test_no_object_crashes_it(metadata: Any, spec: Any, data: Any) -> None:
    try:
        rotate({"metadata": metadata, "spec": spec}, OLD, other_key().public_key(), legacy=True)
        rotate(sealed_secret(encryptedData=data), OLD, other_key().public_key(), legacy=True)
    except (UnsealFailed, CannotDecrypt):
        pass


def test_every_ciphertext_is_new_and_the_template_as_it_was() -> None:
    template = {"type": "t", "data": {"x": "{{ .k }}", "gone": None}, "metadata": {"labels": {"l": "1"}}}
    body = sealed_secret({"k": "v", "l": "w"}, template=template)

    after = rotate(body, OLD, private_key().public_key(), legacy=False)

    assert after["spec"]["template"] == template
    before = body["spec"]["encryptedData"]
    assert all(after["spec"]["encryptedData"][name] != text for name, text in before.items())


@pytest.mark.parametrize("missing", ["name", "namespace"])
def test_a_strict_object_needs_its_place(missing: str) -> None:
    body = sealed_secret({})
    del body["metadata"][missing]

    with pytest.raises(CannotDecrypt):
        rotate(body, OLD, other_key().public_key(), legacy=True)


def test_a_legacy_template_loses_what_its_api_server_had_filled_in() -> None:
    kept = {"name": "other", "labels": {"l": "1"}}
    filled_in = {
        "resourceVersion": "3",
        "uid": "u",
        "annotations": {"kubectl.kubernetes.io/last-applied-configuration": "x"},
    }
    inner = {
        "apiVersion": "v1",
        "kind": "Secret",
        "type": "t",
        "metadata": {**kept, **filled_in},
        "data": {"k": "dg=="},
    }
    blob = seal(private_key().public_key(), SecretValue(json.dumps(inner).encode()), label(Scope.STRICT, "ns", "a"))

    after = rotate(sealed_secret(data=blob), OLD, other_key().public_key(), legacy=True)

    assert after["spec"]["template"] == {"type": "t", "metadata": {**kept, "annotations": {}}}
    assert open_object(after, NEW, legacy=False).values["k"].reveal() == b"v"

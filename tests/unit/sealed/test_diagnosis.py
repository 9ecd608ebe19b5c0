"""What a condition says about a value that does not open: enough to mend it, nothing about the value."""

import base64
from typing import Any

import pytest

from manager.kube.resources import Body
from sealed.crypto.wire_format import CLUSTER_WIDE, NAMESPACE_WIDE
from sealed.diagnosis import explained
from tests.builders.sealed_module import sealed_secret

CLOSED = "no key could decrypt secret (k)"
BASE64 = "illegal base64 data at input byte 3 (k)"


def of(problems: str = CLOSED, bits: Any = (2048, 2048, 4096), **more: Any) -> str:
    body: Body = sealed_secret({"k": "v"}, **more)
    return explained(body, problems, bits)


def test_the_originals_text_is_followed_by_what_was_tried() -> None:
    text = of()

    assert text.startswith(f"{CLOSED}: tried 3 keys with scope strict, namespace ns, name a; ")
    assert "another cluster, scope, namespace or name" in text


def test_one_key_is_not_several() -> None:
    assert "tried 1 key with" in of(bits=[2048])


def test_without_a_key_there_is_nothing_else_to_say() -> None:
    assert of(bits=[]) == f"{CLOSED}: this controller has no sealing key yet"


@pytest.mark.parametrize("scope", [CLUSTER_WIDE, NAMESPACE_WIDE])
def test_a_scope_that_only_the_template_names_is_pointed_out(scope: str) -> None:
    template = {"metadata": {"annotations": {scope: "true"}}}

    assert f"{scope} stands under spec.template.metadata" in of(template=template)
    assert "spec.template" not in of(template=template, annotations={scope: "true"})


@pytest.mark.parametrize("value", ["TRUE", "1", "yes"])
def test_a_scope_that_is_not_exactly_true_is_pointed_out(value: str) -> None:
    assert f'metadata.annotations[{CLUSTER_WIDE}] counts only as "true"' in of(annotations={CLUSTER_WIDE: value})


def test_a_key_size_that_no_key_has_tells_of_another_cluster() -> None:
    assert "sealed with a key of 2048 bits, and there is none here" in of(bits=[4096])
    assert "bits" not in of(bits=[2048])


def test_spaces_in_base64_are_pointed_out() -> None:
    assert explained(sealed_secret(encryptedData={"k": "AQ A"}), BASE64, [2048]).endswith("spaces in the base64 text")
    assert explained(sealed_secret(encryptedData={"k": "AQ!A"}), BASE64, [2048]) == BASE64


@pytest.mark.parametrize(
    "odd", [{}, {"spec": 5}, {"metadata": [], "spec": {"template": "x", "encryptedData": {"k": None}}}]
)
def test_an_odd_object_is_explained_too(odd: Body) -> None:
    assert explained(odd, CLOSED, [2048]).startswith(CLOSED)


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (None, "is null"),
        ("", "is empty"),
        (["x"], "is no text"),
        (base64.b64encode(b"password").decode(), "is not sealed: it is base64 of something else"),
        (base64.b64encode((256).to_bytes(2, "big") + b"x" * 200).decode(), "is cut off: 202 bytes"),
        ("AgA", "is cut off"),
    ],
)
def test_a_value_that_is_no_sealed_one_says_what_it_is(value: object, told: str) -> None:
    sealed = {"metadata": {"name": "a", "namespace": "b"}, "spec": {"encryptedData": {"k": value}}}

    found = explained(sealed, "no key could decrypt secret (k)", [2048])

    assert f"spec.encryptedData[k] {told}" in found
    assert "another cluster" not in found
    assert "password" not in found

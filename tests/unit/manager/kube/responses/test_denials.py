"""Who refused a write is told in its own words, unless they quote what was written."""

import base64
from typing import Any

import pytest

from manager.kube.responses.denials import LEFT_OUT, denial

POLICY = "secrets \"x\" is forbidden: ValidatingAdmissionPolicy 'owners' with binding 'all' denied request: "
VALUE = "hunter2-canary"
SECRET = {"metadata": {"name": "x"}, "data": {"k": base64.b64encode(VALUE.encode()).decode()}}
PATCH = [
    {"op": "replace", "path": "/data", "value": SECRET["data"]},
    {"op": "test", "path": "/metadata/uid", "value": "u"},
]


@pytest.mark.parametrize(
    ("message", "said"),
    [
        (
            f"{POLICY}a Secret needs the label owner",
            "ValidatingAdmissionPolicy 'owners' denies it: a Secret needs the label",
        ),
        (
            'admission webhook "v.example" denied the request: no team',
            'admission webhook "v.example" denies it: no team',
        ),
        ('admission webhook "v.example" denied the request', 'admission webhook "v.example" denies it'),
        (
            'secrets "x" is forbidden: exceeded quota: few, requested: count/secrets=1, limited: count/secrets=0',
            "exceeded quota: few, requested: count/secrets=1",
        ),
    ],
)
def test_a_refusal_keeps_who_and_why(message: str, said: str) -> None:
    assert denial(message, SECRET).startswith(said)


@pytest.mark.parametrize("message", ['Secret "x" is invalid: data: Too long', "", None, 5, ["x"]])
def test_what_no_policy_said_is_none_of_its_words(message: Any) -> None:
    assert denial(message, SECRET) == ""


@pytest.mark.parametrize(
    "sent",
    [SECRET, PATCH, {"data": {"k": VALUE}}, {"stringData": {"k": VALUE}}, {"binaryData": SECRET["data"]}],
    ids=["create", "operations", "config map", "text", "binary"],
)
@pytest.mark.parametrize("quote", [VALUE, VALUE[2:12], SECRET["data"]["k"], f"got {VALUE}!"])  # type: ignore[index]
def test_words_that_quote_a_value_are_left_out(sent: Any, quote: str) -> None:
    found = denial(f"{POLICY}the value {quote} is too simple", sent)

    assert found == f"ValidatingAdmissionPolicy 'owners' denies it: {LEFT_OUT}"


@pytest.mark.parametrize("short", ["a", "yes", "1234"])
def test_a_short_value_is_left_out_where_it_stands_for_itself(short: str) -> None:
    assert LEFT_OUT in denial(f"{POLICY}it must not be {short}", {"stringData": {"k": short}})


def test_words_about_more_values_than_are_compared_are_left_out() -> None:
    assert LEFT_OUT in denial(f"{POLICY}no", {"stringData": {"k": "x" * 100_000}})


def test_long_words_are_cut() -> None:
    assert len(denial(POLICY + "word " * 10_000, SECRET)) < 500

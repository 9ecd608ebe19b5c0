"""Opening the items of one SealedSecret: lenient in what it reads, all or nothing in what it returns."""

from collections import Counter
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from manager.core.secret_value import SecretValue
from sealed.crypto import unseal as module
from sealed.crypto.unseal import STEP_ITEMS, UnsealFailed, decrypt_items, opening, step
from sealed.crypto.wire_format import CannotDecrypt, seal, unseal
from tests.builders.sealed_vectors import A, B, other_key, private_key

LABEL = b"ns/name"
CANARY = "canary-3f9a"
NEW, OLD = ("new", other_key()), ("old", private_key())


def sealed(text: str, key: RSAPrivateKey | None = None) -> str:
    return seal((key or private_key()).public_key(), SecretValue(text.encode()), LABEL)


@pytest.fixture
def attempts(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """Count the RSA operations by key."""
    counted: Counter[str] = Counter()
    names = {id(key): name for name, key in (NEW, OLD)}

    def counting(key: RSAPrivateKey, blob: bytes, label: bytes) -> SecretValue:
        counted[names[id(key)]] += 1
        return unseal(key, blob, label)

    monkeypatch.setattr(module, "unseal", counting)
    return counted


def test_all_items_open_and_their_keys_are_named() -> None:
    unsealed = decrypt_items({"a": sealed("1"), "b": sealed("2", other_key())}, LABEL, [NEW, OLD])

    assert {name: value.reveal() for name, value in unsealed.values.items()} == {"a": b"1", "b": b"2"}
    assert unsealed.key_ids == {"new", "old"}


def test_a_key_that_opened_nothing_is_not_named() -> None:
    assert decrypt_items({"a": sealed("1")}, LABEL, [NEW, OLD]).key_ids == {"old"}


def test_an_item_may_be_renamed_within_its_object() -> None:
    """Nothing binds a value to its key in the map; the original's users rely on it."""
    assert decrypt_items({"renamed": A.sealed}, A.label, [OLD]).values == {"renamed": SecretValue(b"bar")}


@pytest.mark.parametrize("odd", [None, "text", ["a", "b"], 5, True, {}, 1.5, b"bytes"])
def test_a_field_that_is_no_mapping_is_an_empty_one(odd: object) -> None:
    unsealed = decrypt_items(odd, LABEL, [OLD])

    assert unsealed.values == {}
    assert unsealed.key_ids == frozenset()


@pytest.mark.parametrize("odd", [1, None, {}, [], True, 1.5, {"a": "b"}, ""])
def test_an_item_that_is_no_text_fails_to_decrypt(odd: object) -> None:
    with pytest.raises(UnsealFailed, match=r"^no key could decrypt secret \(b\)$"):
        decrypt_items({"a": sealed("1"), "b": odd}, LABEL, [OLD])


def test_items_that_fail_alike_are_named_together_and_in_order() -> None:
    items = {"c": "", "a": sealed("1"), "b": sealed("2", other_key())}

    with pytest.raises(UnsealFailed, match=r"^no key could decrypt secret \(b, c\)$"):
        decrypt_items(items, LABEL, [OLD])


def test_different_failures_have_a_line_each() -> None:
    items = {"z": "QQ", "y": "", "x": "Q Q=", "w": "A", "v": "QUJD"}

    with pytest.raises(UnsealFailed) as failed:
        decrypt_items(items, LABEL, [OLD])

    assert failed.value.problems == (
        "illegal base64 data at input byte 0 (w, z)",
        "illegal base64 data at input byte 1 (x)",
        "no key could decrypt secret (v, y)",
    )
    assert str(failed.value) == "\n".join(failed.value.problems)


def test_broken_base64_names_the_field_and_not_decryption() -> None:
    with pytest.raises(UnsealFailed) as failed:
        decrypt_items({"foo": "NOTVALIDBASE64!!!"}, LABEL, [OLD])

    assert "foo" in str(failed.value)
    assert "decrypt" not in str(failed.value)


def test_broken_base64_costs_no_rsa(attempts: Counter[str]) -> None:
    with pytest.raises(UnsealFailed):
        decrypt_items({"a": "!"}, LABEL, [NEW, OLD])

    assert not attempts


def test_one_bad_item_keeps_all_others_back() -> None:
    with pytest.raises(UnsealFailed) as failed:
        decrypt_items({"a": sealed(CANARY), "b": A.sealed}, LABEL, [OLD])

    assert not hasattr(failed.value, "values")
    assert CANARY not in repr(vars(failed.value))


@pytest.mark.parametrize("label", [b"", b"ns", b"ns/other"])
def test_the_wrong_label_fails_as_the_wrong_key_does(label: bytes) -> None:
    with pytest.raises(UnsealFailed, match=r"^no key could decrypt secret \(a\)$"):
        decrypt_items({"a": sealed("1")}, label, [OLD])


def test_without_any_key_the_text_is_the_same() -> None:
    with pytest.raises(UnsealFailed, match=r"^no key could decrypt secret \(a\)$"):
        decrypt_items({"a": sealed("1")}, LABEL, [])


def test_the_key_that_worked_is_tried_first_for_the_next_item(attempts: Counter[str]) -> None:
    decrypt_items({name: sealed("1") for name in "abcdefgh"}, LABEL, [NEW, OLD])

    assert attempts == {"new": 1, "old": 8}


def test_the_callers_order_is_left_alone() -> None:
    keys = [NEW, OLD]

    decrypt_items({"a": sealed("1")}, LABEL, keys)

    assert keys == [NEW, OLD]


def test_line_breaks_within_a_value_do_not_matter() -> None:
    folded = "\n".join(B.sealed[at : at + 60] for at in range(0, len(B.sealed), 60)) + "\n"

    assert decrypt_items({"a": folded}, B.label, [OLD]).values == {"a": SecretValue(b"bar")}


def test_no_value_is_shown_by_the_result() -> None:
    assert CANARY not in repr(decrypt_items({"a": sealed(CANARY)}, LABEL, [OLD]))


def test_a_failed_attempt_is_not_part_of_the_error() -> None:
    """Chained exceptions would carry the frames that hold the values decrypted before."""
    with pytest.raises(UnsealFailed) as failed:
        decrypt_items({"a": sealed(CANARY), "b": ""}, LABEL, [OLD])

    assert not isinstance(failed.value.__cause__, CannotDecrypt)


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20) | st.just(A.sealed),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@settings(deadline=None, max_examples=150)
@given(anything)
def test_whatever_a_user_writes_is_opened_or_refused(encrypted: Any) -> None:
    try:
        unsealed = decrypt_items(encrypted, A.label, [OLD])
    except UnsealFailed as failed:
        problems = failed.problems
    else:
        problems = ()
        assert set(unsealed.values) == (set(encrypted) if isinstance(encrypted, dict) else set())
    assert list(problems) == sorted(problems)


def test_a_large_object_is_opened_in_steps_with_turns_for_others(attempts: Counter[str]) -> None:
    items = {f"k{at:03}": A.sealed for at in range(STEP_ITEMS * 2 + 1)}
    metadata = {"namespace": "myns", "name": "mysecret"}
    steps, seen = opening({"metadata": metadata, "spec": {"encryptedData": items}}, [OLD], legacy=True), []

    opened = None
    while opened is None:
        opened = step(steps)
        seen.append(attempts["old"])

    assert seen == [STEP_ITEMS, STEP_ITEMS * 2, STEP_ITEMS * 2 + 1]
    assert opened.values.keys() == items.keys()


def test_a_step_that_finds_the_last_failure_ends_the_opening() -> None:
    spec = {"encryptedData": {"a": "!", **{f"k{at}": "AAAA" for at in range(STEP_ITEMS)}}}
    steps = opening({"spec": spec}, [OLD], legacy=True)

    assert step(steps) is None
    with pytest.raises(UnsealFailed, match="illegal base64"):
        step(steps)

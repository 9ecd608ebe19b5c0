"""Errors say what the caller must do, and nothing secret."""

import re

import pytest

from manager.core import errors
from manager.core.errors import ApiError, CofferError, NeedsHuman, Retry, WaitFor
from manager.core.secret_value import SecretValue


def drawn() -> dict[str, str]:
    """Read the tree in the module's docstring: class -> its base."""
    found, path = {}, []
    for line in (errors.__doc__ or "").splitlines():
        match = re.fullmatch(r"([│ ├└─]*)([A-Z]\w+)", line)
        if match and line.strip():
            depth = len(match.group(1)) // 4
            path[depth:] = [match.group(2)]
            if depth:
                found[match.group(2)] = path[depth - 1]
    return found


def classes(base: type) -> dict[str, str]:
    found = {}
    for each in base.__subclasses__():
        if each.__module__ == errors.__name__:
            found[each.__name__] = base.__name__
            found |= classes(each)
    return found


def test_the_drawing_in_the_docstring_is_the_tree_of_classes() -> None:
    assert drawn() == classes(CofferError)


def test_an_error_that_is_kept_holds_no_frame() -> None:
    def fails(held: list[int]) -> None:
        try:
            held[1]
        except IndexError as cause:
            raise NeedsHuman("Reason", "text") from cause

    try:
        fails([])
    except NeedsHuman as error:
        kept = error.alone()

    assert (kept.__traceback__, kept.__cause__, kept.__context__) == (None, None, None)
    assert (kept.reason, kept.message) == ("Reason", "text")


@pytest.mark.parametrize("kind", [NeedsHuman, Retry])
def test_a_reconcile_error_is_its_message(kind: type[errors.ReconcileError]) -> None:
    error = kind("Reason", "spec.field: wrong", event="Told")

    assert (str(error), error.reason, error.message, error.event) == (
        "spec.field: wrong",
        "Reason",
        "spec.field: wrong",
        "Told",
    )


def test_without_a_word_of_its_own_the_event_has_the_conditions() -> None:
    assert NeedsHuman("Reason", "text").event == "Reason"


def test_waiting_has_a_length() -> None:
    assert WaitFor("Reason", "text", delay=3.0).delay == 3.0


def test_an_api_error_names_place_reason_and_causes() -> None:
    error = ApiError(422, "Invalid", "create Secret a/b", "data[k]: TooLong")

    assert str(error) == "create Secret a/b: Invalid (data[k]: TooLong)"
    assert str(ApiError(500, "", "get Secret a/b")) == "get Secret a/b: 500"


CANARY = b"canary-3f9a1c"


@pytest.mark.parametrize("show", [repr, str, "{}".format, lambda value: f"{value!s:>40}", lambda value: f"{[value]}"])
def test_a_plain_value_shows_its_length_only(show: object) -> None:
    shown = show(SecretValue(CANARY))  # type: ignore[operator]

    assert "canary" not in shown
    assert "13 bytes" in shown


def test_a_plain_value_is_never_pickled() -> None:
    import pickle

    with pytest.raises(TypeError, match="never pickled"):
        pickle.dumps(SecretValue(CANARY))


def test_plain_values_compare_by_what_they_hold() -> None:
    assert SecretValue(b"a") == SecretValue(b"a")
    assert SecretValue(b"a") != SecretValue(b"b")
    assert SecretValue(b"a") != b"a"
    assert len({SecretValue(b"a"), SecretValue(b"a"), SecretValue(b"b")}) == 2
    assert SecretValue(CANARY).reveal() == CANARY
    assert len(SecretValue(CANARY)) == 13

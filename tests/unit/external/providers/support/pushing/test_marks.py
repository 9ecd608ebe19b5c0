"""Whose a remote secret is."""

import pytest

from external.providers.push import RemoteUnmanaged
from external.providers.support.pushing.marks import (
    OWNER,
    holds_only_source,
    marks,
    marks_of,
    owner_mark,
    require_ours,
    require_ours_or_known,
)
from tests.builders.providers import push

MANAGED = {"managed-by": "external-secrets"}


@pytest.mark.parametrize(
    "found",
    [MANAGED, marks("ns/a"), {**MANAGED, OWNER: ""}, {**MANAGED, OWNER: "ns/old"}, {**marks("ns/a"), "team": "x"}],
)
def test_ours_is_what_is_marked_with_no_other_name(found: dict[str, str]) -> None:
    require_ours(found, ("ns/a", "ns/old"), "tag")


@pytest.mark.parametrize(
    ("found", "text"),
    [
        ({}, "secret not managed by external-secrets: it was not written by a PushSecret; to hand it over, give it"),
        ({OWNER: "ns/a"}, "give it the tag managed-by=external-secrets"),
        ({"managed-by": "terraform"}, "secret not managed by external-secrets"),
        (marks("ns/b"), "PushSecret ns/b has written it"),
        ({**MANAGED, OWNER: "ns/a\nb"}, "PushSecret another has written it"),
        (marks("tenant/b"), "a PushSecret of another namespace has written it"),
        ({**MANAGED, OWNER: "a\nb"}, "a PushSecret of another namespace has written it"),
    ],
)
def test_anything_else_is_not(found: dict[str, str], text: str) -> None:
    with pytest.raises(RemoteUnmanaged, match=r"^secret not managed by external-secrets") as told:
        require_ours(found, ("ns/a",), "tag")

    assert text in str(told.value)
    assert "\n" not in str(told.value)
    assert "tenant" not in str(told.value), "whose a secret of another namespace is does not concern this one"


def test_a_long_name_is_cut_so_that_no_two_are_equal() -> None:
    one, other = "n" * 63 + "/" + "a" * 253, "n" * 63 + "/" + "a" * 252 + "b"
    cut = owner_mark(one, 256)

    assert len(cut) == 256
    assert cut != owner_mark(other, 256)
    assert owner_mark(one) == one
    require_ours({**MANAGED, OWNER: cut}, (one,), "tag", 256)
    with pytest.raises(RemoteUnmanaged):
        require_ours({**MANAGED, OWNER: cut}, (other,), "tag", 256)


@pytest.mark.parametrize(
    ("content", "name", "told"),
    [
        (b"v", "", True),
        (b"w", "", False),
        (b'{"a": "v", "b": "w"}', "a", True),
        (b'{"a": "v", "b": "other"}', "a", False),
        (b'{"a": "v", "b": {"c": "w"}}', "a", False),
        (b"v", "a", False),
        (b"\xff", "a", False),
    ],
)
def test_what_a_source_holds_is_known(content: bytes, name: str, *, told: bool) -> None:
    assert holds_only_source(push("x", b"v", name, values={"w": b"w"}), content) is told


@pytest.mark.parametrize(("recorded", "known"), [(True, False), (False, True), (False, False)])
def test_a_record_alone_is_no_mark(*, recorded: bool, known: bool) -> None:
    with pytest.raises(RemoteUnmanaged):
        require_ours_or_known({}, push("x", recorded=recorded), "tag", known=known)


def test_a_record_of_what_is_known_takes_over_what_names_nobody() -> None:
    require_ours_or_known({}, push("x", recorded=True), "tag", known=True)
    for found in ({OWNER: "ns/b"}, marks("ns/b"), {"managed-by": "terraform"}):
        with pytest.raises(RemoteUnmanaged):
            require_ours_or_known(found, push("x", recorded=True), "tag", known=True)


def test_two_names_are_nobodys() -> None:
    assert marks_of([*marks("ns/a").items(), (OWNER, "ns/a"), ("team", "x")]) == marks("ns/a")
    with pytest.raises(RemoteUnmanaged, match="names two PushSecrets"):
        marks_of([(OWNER, "ns/a"), (OWNER, "ns/b")])

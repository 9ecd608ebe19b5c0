"""What a search finds."""

import pytest

from external.providers.protocol import ProviderDenied
from tests.conformance.providers.reading import found
from tests.conformance.providers.subject import Subject


def test_a_search_by_name(subject: Subject, key: str) -> None:
    for name in ("one", "two"):
        subject.put(f"{key}-{name}", name.encode(), None)
    subject.put(f"other-{key}", b"x", None)

    given = found(subject, name={"regexp": f"(^|[/_]){key}-(one|two)$"})

    assert {name.rpartition("-")[2]: each for name, each in given.items()} == {
        "one": subject.as_found(b"one"),
        "two": subject.as_found(b"two"),
    }


def test_a_search_by_tags(subject: Subject, key: str) -> None:
    subject.put_tagged(f"{key}-one", b"1", {"team": key, "env": "prod"})
    subject.put_tagged(f"{key}-two", b"2", {"team": key, "env": "test"})
    subject.put(f"{key}-three", b"3", None)

    given = found(subject, tags={"team": key, "env": "prod"})

    assert list(given.values()) == [subject.as_found(b"1")]
    assert next(iter(given)).endswith(f"{key}-one")
    both = found(subject, tags={"team": key}, name={"regexp": "two$"})
    assert list(both.values()) == [subject.as_found(b"2")]


def test_a_search_below_a_path(subject: Subject, key: str) -> None:
    inside, outside = subject.path_of(key), subject.path_of(f"not{key}")
    subject.put(f"{inside}one", b"1", None)
    subject.put(f"{outside}one", b"2", None)

    given = found(subject, path=subject.find_path(inside), name={"regexp": "one"})

    assert list(given.values()) == [subject.as_found(b"1")]


def test_a_search_that_finds_nothing_is_empty(subject: Subject, key: str) -> None:
    assert found(subject, name={"regexp": f"^{key}$"}) == {}


def test_a_search_goes_through_all_pages(subject: Subject, key: str) -> None:
    assert subject.page, "a subject whose lists are whole says so in SPARED"
    for number in range(subject.page + 1):
        subject.put(f"{key}-{number}", b"v", None)

    with subject.small_pages():
        assert len(found(subject, name={"regexp": f"{key}-"})) == subject.page + 1


def test_a_search_by_a_broken_expression_is_refused(subject: Subject, key: str) -> None:
    """An empty result would take the keys of the target away."""
    with pytest.raises(ProviderDenied, match=r"could not compile find\.name\.regexp"):
        found(subject, name={"regexp": f"{key}("})

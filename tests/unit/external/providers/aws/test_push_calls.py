"""Which tags a push sets and removes."""

import pytest

from external.providers.aws.push_calls import tag_changes

MARK = {"managed-by": "external-secrets"}


@pytest.mark.parametrize(
    ("found", "wanted", "added", "removed"),
    [
        ({}, None, MARK, []),
        (MARK, None, {}, []),
        (MARK | {"other": "x"}, None, {}, []),
        (MARK | {"other": "x"}, {}, {}, []),
        (MARK | {"a": "1", "other": "x"}, {"a": "2"}, {"a": "2"}, ["other"]),
        (MARK | {"aws:x": "1", "coffer.dev/push-secret": "ns/a", "a": "2"}, {"a": "2"}, {}, []),
    ],
)
def test_tags_of_others_go_only_where_the_entry_lists_tags(
    found: dict[str, str], wanted: dict[str, str] | None, added: dict[str, str], removed: list[str]
) -> None:
    assert tag_changes(found, wanted, MARK) == (added, removed)

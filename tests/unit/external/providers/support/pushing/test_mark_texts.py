"""Marks as tags without values."""

from external.providers.support.pushing.mark_texts import is_mark, mark_tags, marks_in


def test_marks_come_back_from_the_tags_that_they_became() -> None:
    tags = mark_tags("team-a/app")

    assert tags == ["managed-by=external-secrets", "coffer.dev/push-secret=team-a/app"]
    assert marks_in(["team", *tags, "managed-by=x"]) == {
        "managed-by": "external-secrets",
        "coffer.dev/push-secret": "team-a/app",
    }
    assert marks_in(["managed-by", "a=b"]) == {}


def test_a_long_name_is_cut_to_the_room_there_is() -> None:
    [_, tag] = mark_tags(f"team-a/{'x' * 200}", 100)
    assert len(tag.removeprefix("coffer.dev/push-secret=")) == 100


def test_only_a_mark_is_one() -> None:
    assert [is_mark(each) for each in ("managed-by=external-secrets", "managed-by=x", "coffer.dev/push-secret=")] == [
        True,
        False,
        True,
    ]

"""Faults of files in words, without their content and without names of Python."""

from pathlib import Path

import pytest

from manager.access.explanations import file_fault
from manager.core.documents import Unreadable, read_yaml


@pytest.mark.parametrize(
    ("path", "words"),
    [("none", "no such file or directory"), (".", "is a directory"), ("a\0b", "not a usable path")],
)
def test_a_file_that_cannot_be_opened_is_told_as_the_system_does(tmp_path: Path, path: str, words: str) -> None:
    with pytest.raises((OSError, ValueError)) as caught:
        (tmp_path / path).read_text()

    assert file_fault(caught.value) == words


def test_a_file_that_is_no_text_is_told_without_its_bytes() -> None:
    with pytest.raises(UnicodeError) as caught:
        b"\xff".decode()

    assert file_fault(caught.value) == "it is no text in UTF-8"


def test_a_malformed_yaml_is_told_by_its_line() -> None:
    with pytest.raises(Unreadable) as caught:
        read_yaml("a: 1\nb: [canary\nc: 1\n")

    assert file_fault(caught.value) == "it is no YAML, see line 3"

"""A backup replaces a file only if nothing in it is lost."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from sealed.keys.backup import lost_by
from sealed.manifests.documents import InputError


def key(content: str) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": content}, "data": {"tls.key": content}}


def backup(path: Path, *keys: str) -> Path:
    path.write_text(yaml.safe_dump({"apiVersion": "v1", "kind": "List", "items": [key(each) for each in keys]}))
    return path


def test_a_file_that_does_not_exist_or_is_empty_loses_nothing(tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.touch()

    assert lost_by(tmp_path / "none", []) == ""
    assert lost_by(empty, []) == ""


def test_an_earlier_backup_of_the_same_keys_loses_nothing(tmp_path: Path) -> None:
    assert lost_by(backup(tmp_path / "keys.yaml", "a"), [key("b"), key("a")]) == ""


@pytest.mark.parametrize(
    ("there", "said"),
    [
        (("a", "z"), "holds a key that is not in this cluster"),
        (("c", "z"), "holds 2 keys that are not in this cluster"),
    ],
)
def test_keys_of_another_cluster_would_be_lost(tmp_path: Path, there: tuple[str, ...], said: str) -> None:
    assert lost_by(backup(tmp_path / "keys.yaml", *there), [key("a")]) == said


@pytest.mark.parametrize("content", ["precious", "kind: Secret\n", "- 1\n", "{", "data: {tls.key: [1]}\n"])
def test_what_is_no_backup_would_be_lost(tmp_path: Path, content: str) -> None:
    path = tmp_path / "file"
    path.write_text(content)

    assert lost_by(path, [key("a")])


def test_a_file_that_cannot_be_read_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="Is a directory"):
        lost_by(tmp_path, [])

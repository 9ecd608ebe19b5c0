"""A layer comes back as it was saved; one that was changed since, or is not there, does not."""

import os
from pathlib import Path

import pytest

from tests.cluster import layers as module
from tests.cluster.layers import Layers, chained, content


@pytest.fixture
def layers(tmp_path: Path) -> Layers:
    (tmp_path / "cache").mkdir()
    return Layers(tmp_path / "cache")


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    root = tmp_path / "tree"
    (root / "bin").mkdir(parents=True)
    (root / "bin" / "program").write_text("one")
    (root / "bin" / "program").chmod(0o755)
    (root / "link").symlink_to("bin/program")
    return root


def test_a_layer_comes_back_as_it_was(layers: Layers, tree: Path, tmp_path: Path) -> None:
    layers.save("a1", tree)

    assert layers.restore("a1", tmp_path / "back")
    assert (tmp_path / "back" / "link").read_text() == "one"
    assert (tmp_path / "back" / "link").is_symlink()
    assert os.access(tmp_path / "back" / "bin" / "program", os.X_OK)


def test_a_layer_that_is_not_there_leaves_no_folder(layers: Layers, tmp_path: Path) -> None:
    assert not layers.restore("a1", tmp_path / "back")
    assert not (tmp_path / "back").exists()


def test_a_layer_whose_file_was_written_in_place_is_not_used(layers: Layers, tree: Path, tmp_path: Path) -> None:
    layers.save("a1", tree)
    (tree / "bin" / "program").write_text("two!")

    assert not layers.restore("a1", tmp_path / "back")


def test_a_file_that_is_replaced_leaves_the_layer_as_it_was(layers: Layers, tree: Path, tmp_path: Path) -> None:
    layers.save("a1", tree)
    (tree / "fresh").write_text("two!")
    (tree / "fresh").replace(tree / "bin" / "program")

    assert layers.restore("a1", tmp_path / "back")
    assert (tmp_path / "back" / "bin" / "program").read_text() == "one"


def test_the_layers_that_were_not_used_for_longest_go(
    layers: Layers, tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_LAYERS", 2)
    for at, key in enumerate(("a1", "a2")):
        layers.save(key, tree)
        os.utime(tmp_path / "cache" / key, (at, at))
    assert layers.restore("a1", tmp_path / "used")

    layers.save("a3", tree)

    assert {each.name for each in (tmp_path / "cache").iterdir()} == {"a1", "a3"}


def test_a_key_depends_on_all_that_came_before(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("one")
    before = content([("file", file)])
    file.write_text("two")

    assert content([("file", file)]) != before
    assert chained("", "a", "b") != chained("", "ab")
    assert chained(chained("", "a"), "b") != chained(chained("", "c"), "b")

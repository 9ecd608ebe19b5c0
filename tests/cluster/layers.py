"""Keeps what a command of a Dockerfile left, by content, as a container engine keeps layers.

A layer is a tree of hard links. A command that writes into a file of an earlier layer in place would change that layer
too: such a layer is noticed by the sizes and times of its files, and not used.
"""

import hashlib
import os
import shutil
from collections.abc import Iterable
from pathlib import Path

MAX_LAYERS = 16  # a quarter of a gigabyte each at most; layers share files


def chained(before: str, *parts: bytes | str) -> str:
    """Return the key of a layer from the key of the one below and from what its command depends on."""
    digest = hashlib.sha256(before.encode())
    for each in parts:
        content = each.encode() if isinstance(each, str) else each
        digest.update(f"{len(content)} ".encode() + content)
    return digest.hexdigest()[:24]


def content(files: Iterable[tuple[str, Path]]) -> bytes:
    """Return a hash of names and contents of files."""
    digest = hashlib.sha256()
    for name, path in sorted(files):
        digest.update(f"{name}\0{hashlib.sha256(path.read_bytes()).hexdigest()}\n".encode())
    return digest.digest()


class Layers:
    """The layers in one folder of the cache.

    Args:
        folder: on the file system of the trees that are assembled, or files are copied.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def restore(self, key: str, root: Path) -> bool:
        """Put a layer into an empty place; return False if there is none."""
        layer = self._folder / key
        try:
            if (layer / "listing").read_text() != _listing(layer / "tree"):
                return False
            shutil.copytree(layer / "tree", root, symlinks=True, copy_function=_linked)
            os.utime(layer)
        except OSError:  # it is not there, or another process is removing it
            shutil.rmtree(root, ignore_errors=True)
            return False
        return True

    def save(self, key: str, root: Path) -> None:
        """Keep a tree as the layer of this key, and remove the layers that were not used for longest."""
        fresh = self._folder / f".{key}.{os.getpid()}"
        shutil.rmtree(fresh, ignore_errors=True)
        shutil.copytree(root, fresh / "tree", symlinks=True, copy_function=_linked)
        (fresh / "listing").write_text(_listing(fresh / "tree"))
        shutil.rmtree(self._folder / key, ignore_errors=True)
        fresh.rename(self._folder / key)
        layers = sorted(self._folder.glob("[0-9a-f]*"), key=lambda each: each.stat().st_mtime)
        for old in layers[:-MAX_LAYERS]:
            shutil.rmtree(old, ignore_errors=True)


def _linked(source: str, target: str) -> str:
    try:
        os.link(source, target)
    except OSError:  # another file system
        shutil.copy2(source, target)
    return target


def _listing(tree: Path) -> str:
    """Return sizes and times of all files, hashed."""
    digest = hashlib.sha256()
    for folder, _, names in sorted(os.walk(tree)):
        for name in sorted(names):
            about = Path(folder, name).lstat()
            digest.update(f"{folder[len(str(tree)) :]}/{name} {about.st_size} {about.st_mtime_ns}\n".encode())
    return digest.hexdigest()

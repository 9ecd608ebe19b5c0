"""The Pythons of this machine, and whether the image's version is among them."""

import re
import shutil
import subprocess
from pathlib import Path

DOCKERFILE = Path(__file__).parents[2] / "Dockerfile"


def image_version() -> str:
    """Return the version that the Dockerfile names, such as 3.13."""
    found = re.search(r"python:(\d+\.\d+)", DOCKERFILE.read_text())
    if found is None:
        raise ValueError("the Dockerfile names no version of Python")
    return found[1]


def image_python() -> Path | None:
    """Return an interpreter of the image's version, None if the machine has none."""
    return python(image_version())


def python(version: str) -> Path | None:
    """Return a working interpreter of a version such as 3.13, None if the machine has none."""
    name = f"python{version}"
    versions = sorted((Path.home() / ".pyenv" / "versions").glob(f"{version}.*/bin/{name}"))
    for each in (shutil.which(name), *versions):
        if each and _runs(Path(each)):
            return Path(each).resolve()
    return None


def _runs(python: Path) -> bool:
    tried = subprocess.run([python, "-c", "import ssl, ctypes"], capture_output=True, check=False)
    return tried.returncode == 0

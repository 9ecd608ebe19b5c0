"""Writes the bill of materials of what is shipped, as CycloneDX: `make sbom`.

It lists the Python packages of the image, as the Dockerfile resolves them from requirements.lock, with their hashes,
and the Go modules that the template sandbox is compiled from, as go.sum proves them. The same commit gives the same
file.
"""

import base64
import re
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from cyclonedx.model import HashAlgorithm, HashType, Property
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.output.json import JsonV1Dot6
from packageurl import PackageURL

from manager.cli.version import go_release
from tools.generated import ROOT
from tools.template import SOURCES
from tools.version import version

IMAGE_PYTHON = re.compile(r"^ARG PYTHON=python:(\d+\.\d+)", re.MULTILINE)
LOCKED = re.compile(r"^(?P<name>[\w.-]+)==(?P<version>\S+)[^\n]*\n(?P<hashes>(?:    --hash=.*\n?)*)", re.MULTILINE)
SHA256 = re.compile(r"--hash=sha256:([0-9a-f]{64})")
REQUIRED = re.compile(r"(?:^\t|=> )(?P<module>\S+) v(?P<version>\S+)", re.MULTILINE)
SUM = re.compile(r"^(?P<module>\S+) v(?P<version>[^\s/]+) h1:(?P<digest>\S+)$", re.MULTILINE)


def python_components(locked: str) -> Iterator[Component]:
    """Return a component for each package of a lock; its hashes are those of its files, one of which is installed."""
    for found in LOCKED.finditer(locked):
        purl = PackageURL("pypi", name=found["name"].lower(), version=found["version"])
        files = [Property(name="coffer:sha256", value=each) for each in SHA256.findall(found["hashes"])]
        yield _library(found["name"], found["version"], purl, properties=files)


def go_components(module: str, sums: str, release: str) -> Iterator[Component]:
    """Return a component for Go itself, whose library is in the sandbox, and for each module that go.mod requires."""
    yield _library("stdlib", release, PackageURL("golang", name="stdlib", version=release))
    digests = {(found["module"], found["version"]): found["digest"] for found in SUM.finditer(sums)}
    for found in REQUIRED.finditer(module):
        digest = digests.get((found["module"], found["version"]))
        if digest is None:  # go.mod replaces it, and names the other module with `=>`
            continue
        namespace, _, name = found["module"].rpartition("/")
        version = f"v{found['version']}"
        content = HashType(alg=HashAlgorithm.SHA_256, content=base64.b64decode(digest).hex())
        purl = PackageURL("golang", namespace=namespace or None, name=name, version=version)
        yield _library(found["module"], version, purl, hashes=[content])


def _library(name: str, version: str, purl: PackageURL, **proof: Any) -> Component:
    return Component(
        name=name, version=version, type=ComponentType.LIBRARY, purl=purl, bom_ref=purl.to_string(), **proof
    )


def bill(components: Iterator[Component], revision: str, committed: datetime) -> Bom:
    """Return the bill of a commit."""
    bom = Bom(components=components, serial_number=uuid5(NAMESPACE_URL, f"coffer:{revision}"))
    bom.metadata.timestamp = committed
    bom.metadata.component = Component(
        name="coffer",
        version=version(),
        type=ComponentType.CONTAINER,
        bom_ref="coffer",
        properties=[Property(name="coffer:revision", value=revision)],
    )
    bom.register_dependency(bom.metadata.component, bom.components)
    return bom


def locked_for_the_image() -> str:
    """Return the lock of the image, resolved as the Dockerfile does. Raises CalledProcessError."""
    found = IMAGE_PYTHON.search((ROOT / "Dockerfile").read_text())
    if found is None:
        raise ValueError("Dockerfile: no line `ARG PYTHON=python:…`")
    command = ["uv", "pip", "compile", "pyproject.toml", "--all-extras", "--constraint", "requirements.lock"]
    options = ["--generate-hashes", "--no-header", "--no-annotate", "--quiet", "--python-version", found[1]]
    return _output(str(Path(sys.executable).with_name(command[0])), *command[1:], *options)


def main() -> int:
    """Print the bill of the checkout's commit."""
    revision, seconds = _output("git", "log", "-1", "--format=%H %ct").split()
    parts = [
        *python_components(locked_for_the_image()),
        *go_components((SOURCES / "go.mod").read_text(), (SOURCES / "go.sum").read_text(), go_release()),
    ]
    bom = bill(iter(parts), revision, datetime.fromtimestamp(int(seconds), UTC))
    sys.stdout.write(JsonV1Dot6(bom).output_as_string(indent=2) + "\n")
    return 0


def _output(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT).stdout


if __name__ == "__main__":
    sys.exit(main())

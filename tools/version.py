"""Writes the version of pyproject.toml, the only place where it is written by hand, into the chart and the README."""

import re
import sys
import tomllib
from collections.abc import Mapping
from pathlib import Path

from tools.generated import ROOT, Generated

CHART = ROOT / "charts" / "coffer" / "Chart.yaml"
README = ROOT / "README.md"
PLACES = {
    CHART: r"(?m)^((?:version|appVersion): )\S+$",
    README: r"(registry\.example/coffer:)[\w.]*\w",
}
"""File -> what stands before the version, in a group, and the version."""


def version() -> str:
    """Return the version of the project."""
    return str(tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"])


def rendered() -> Mapping[Path, str]:
    """Return the files as they are to be."""
    return {path: re.sub(place, rf"\g<1>{version()}", path.read_text()) for path, place in PLACES.items()}


VERSION = Generated("version", rendered, "make docs")


if __name__ == "__main__":
    sys.exit(VERSION.main())

"""Renders many sets of values in one run of helm: each is a dependency of one parent chart, under a name of its own."""

import re
import subprocess
from collections.abc import Iterable, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import yaml

from tests.cluster import build
from tests.controller import CHART

Objects = list[dict[str, Any]]
Values = Mapping[str, Any]
NAMESPACE = "kube-system"


def helm(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run helm."""
    return subprocess.run(
        [str(build.binary("helm")), *arguments], capture_output=True, text=True, check=False, timeout=120
    )


def documents(cases: Mapping[str, Values], *flags: str) -> dict[str, list[str]]:
    """Return case -> documents, without CRDs, which take long to read; a case's name has letters, digits, dashes."""
    own = yaml.load((CHART / "Chart.yaml").read_text(), Loader=yaml.CSafeLoader)
    needs = [{"name": own["name"], "version": own["version"], "alias": name} for name in cases]
    parent = {"apiVersion": "v2", "name": "parent", "version": "0.1.0", "dependencies": needs}
    values = {name: _without_crds(each) for name, each in cases.items()}
    with TemporaryDirectory() as folder:
        (Path(folder) / "charts").mkdir()
        (Path(folder) / "charts" / "coffer").symlink_to(CHART)
        (Path(folder) / "Chart.yaml").write_text(yaml.safe_dump(parent))
        (Path(folder) / "values.yaml").write_text(yaml.safe_dump(values))
        done = helm("template", "coffer", folder, f"--namespace={NAMESPACE}", *flags)
    assert done.returncode == 0, done.stderr
    found: dict[str, list[str]] = {name: [] for name in cases}
    for document in re.split(r"(?m)^---$", done.stdout):
        source = re.search(r"(?m)^# Source: parent/charts/([^/]+)/", document)
        if source:
            found[source[1]].append(document)
    return found


def many(cases: Mapping[str, Values], *flags: str) -> dict[str, Objects]:
    """Return case -> objects, as `documents` does."""
    return {name: parsed(found) for name, found in documents(cases, *flags).items()}


def parsed(found: Iterable[str]) -> Objects:
    """Return the objects of documents."""
    return [each for text in found if (each := yaml.load(text, Loader=yaml.CSafeLoader))]


def _without_crds(values: Values) -> Values:
    return {**values, "crds": {"install": False, **values.get("crds", {})}}


def at(objects: Objects, place: str) -> Any:
    """Return the value at `Kind/name path.to[0].it`; None where there is no such object or field.

    A dot inside a key is written as a colon.
    """
    which, _, path = place.partition(" ")
    kind, _, name = which.partition("/")
    here: Any = next((each for each in objects if (each["kind"], each["metadata"]["name"]) == (kind, name)), None)
    for step in re.findall(r"[^.\[\]]+", path):
        if here is None:
            return None
        if isinstance(here, list):
            here = here[int(step)] if int(step) < len(here) else None
        else:
            here = here.get(step.replace(":", "."))
    return here

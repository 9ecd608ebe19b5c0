"""Writes the chart's CRDs from the models, and its list of generators from their registry.

With --check it only tells which differ.
"""

import json
import sys
from pathlib import Path

import yaml

import external.crds
import sealed.api
from external.generators.registry import ALL, CLUSTER_GENERATORS
from manager.kube.crds import render
from tools.generated import Generated

CHART = Path(__file__).parent.parent / "charts" / "coffer"
FOLDER = CHART / "crds"
GENERATORS = CHART / "files" / "generators.json"


def rendered() -> dict[str, str]:
    """Return file name -> YAML of every CustomResourceDefinition."""
    custom = (*sealed.api.CRDS, *external.crds.CRDS)
    return {f"{each.resource.plural}.yaml": yaml.safe_dump(render(each), sort_keys=False, width=120) for each in custom}


def generators() -> str:
    """Return the resources of generators, as the chart's RBAC rules name them."""
    found = {"cluster": [CLUSTER_GENERATORS.plural], "namespaced": sorted(each.resource.plural for each in ALL)}
    return json.dumps(found, indent=2) + "\n"


def files() -> dict[Path, str]:
    """Return path -> text of every file that this tool makes."""
    return {FOLDER / name: text for name, text in rendered().items()} | {GENERATORS: generators()}


CRDS = Generated("CRDs", files, "make crds", only=FOLDER)


if __name__ == "__main__":
    sys.exit(CRDS.main())

"""Writes the chart's CRDs from the models, its lists of generators and of providers' ports from their registries.

With --check it only tells which differ.
"""

import json
import sys
from pathlib import Path

import yaml

import external.crds
import sealed.api
from external.generators.registry import ALL, CLUSTER_GENERATORS
from external.providers.registry import KINDS
from manager.kube.crds import render
from tools.generated import Generated

CHART = Path(__file__).parent.parent / "charts" / "coffer"
FOLDER = CHART / "files" / "crds"
GENERATORS = CHART / "files" / "generators.json"
PROVIDERS = CHART / "files" / "providers.json"


def rendered() -> dict[str, str]:
    """Return file name -> YAML of every CustomResourceDefinition."""
    custom = (*sealed.api.CRDS, *external.crds.CRDS)
    return {f"{each.resource.plural}.yaml": yaml.safe_dump(render(each), sort_keys=False, width=120) for each in custom}


def generators() -> str:
    """Return the resources of generators, as the chart's RBAC rules name them."""
    found = {"cluster": [CLUSTER_GENERATORS.plural], "namespaced": sorted(each.resource.plural for each in ALL)}
    return json.dumps(found, indent=2) + "\n"


def ports() -> str:
    """Return provider -> the ports on which it usually listens, as the chart's NetworkPolicy opens them."""
    return json.dumps({kind.name: list(kind.ports) for kind in KINDS}, indent=2) + "\n"


def files() -> dict[Path, str]:
    """Return path -> text of every file that this tool makes."""
    lists = {GENERATORS: generators(), PROVIDERS: ports()}
    return {FOLDER / name: text for name, text in rendered().items()} | lists


CRDS = Generated("CRDs", files, "make crds", only=FOLDER)


if __name__ == "__main__":
    sys.exit(CRDS.main())

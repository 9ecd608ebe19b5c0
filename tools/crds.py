"""Writes the chart's CRDs from the models, and its list of generators from their registry.

With --check it only tells whether they differ.
"""

import json
import sys
from pathlib import Path

import yaml

import external.crds
import sealed.api
from external.generators.registry import ALL, CLUSTER_GENERATORS
from manager.kube.crds import render

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


def main() -> int:
    """Write the files, or compare them."""
    files = {FOLDER / name: text for name, text in rendered().items()} | {GENERATORS: generators()}
    if "--check" in sys.argv:
        stale = [path.name for path, text in files.items() if _present(path) != text]
        print(f"differ from the models, run make crds: {', '.join(stale)}" if stale else "CRDs are current")  # noqa: T201
        return 1 if stale else 0
    FOLDER.mkdir(parents=True, exist_ok=True)
    for path, text in files.items():
        path.write_text(text)
    return 0


def _present(path: Path) -> str:
    return path.read_text() if path.exists() else ""


if __name__ == "__main__":
    sys.exit(main())

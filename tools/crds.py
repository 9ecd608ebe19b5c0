"""Writes charts/coffer/crds from the models; with --check only tells which differ."""

import sys
from pathlib import Path

import yaml

import external.crds
import sealed.api
from manager.kube.crds import render
from tools.generated import Generated

FOLDER = Path(__file__).parent.parent / "charts" / "coffer" / "crds"


def rendered() -> dict[str, str]:
    """Return file name -> YAML of every CustomResourceDefinition."""
    custom = (*sealed.api.CRDS, *external.crds.CRDS)
    return {f"{each.resource.plural}.yaml": yaml.safe_dump(render(each), sort_keys=False, width=120) for each in custom}


CRDS = Generated("CRDs", lambda: {FOLDER / name: text for name, text in rendered().items()}, "make crds", only=FOLDER)


if __name__ == "__main__":
    sys.exit(CRDS.main())

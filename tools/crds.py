"""Writes charts/coffer/crds from the models; with --check only tells whether they differ."""

import sys
from pathlib import Path

import yaml

import external.crds
import sealed.api
from manager.kube.crds import render

FOLDER = Path(__file__).parent.parent / "charts" / "coffer" / "crds"


def rendered() -> dict[str, str]:
    """Return file name -> YAML of every CustomResourceDefinition."""
    custom = (*sealed.api.CRDS, *external.crds.CRDS)
    return {f"{each.resource.plural}.yaml": yaml.safe_dump(render(each), sort_keys=False, width=120) for each in custom}


def main() -> int:
    """Write the files, or compare them."""
    files = rendered()
    if "--check" in sys.argv:
        stale = [name for name, text in files.items() if _present(FOLDER / name) != text]
        print(f"differ from the models, run make crds: {', '.join(stale)}" if stale else "CRDs are current")  # noqa: T201
        return 1 if stale else 0
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (FOLDER / name).write_text(text)
    return 0


def _present(path: Path) -> str:
    return path.read_text() if path.exists() else ""


if __name__ == "__main__":
    sys.exit(main())

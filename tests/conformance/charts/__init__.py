"""Facts of the originals' charts: the path of every value, and the type of its default."""

from copy import deepcopy
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent


def keys(chart: str) -> dict[str, str]:
    """Return path -> type of the values of a chart."""
    lines = (FOLDER / f"{chart}.txt").read_text().splitlines()
    rows = [line.rpartition(" ") for line in lines if line and not line.startswith("#")]
    return {path: kind for path, _, kind in rows}


def nested(values: dict[str, Any]) -> dict[str, Any]:
    """Return the values file of path -> value; what is set first stays."""
    found: dict[str, Any] = {}
    for path, value in values.items():
        here = found
        *parents, name = path.split(".")
        for each in parents:
            here = here.setdefault(each, {})
        here.setdefault(name, deepcopy(value))  # other paths may be put into it
    return found

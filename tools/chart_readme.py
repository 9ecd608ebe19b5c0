"""Writes charts/coffer/README.md from the comments of values.yaml; with --check only tells whether it differs."""

import json
import sys
from itertools import groupby

from tools.chart_values import CHART, VALUES, Value, values
from tools.generated import Generated

FILE = CHART / "README.md"
MAX_DEFAULT_CHARACTERS = 60
HEAD = """# The chart of Coffer

Made from `charts/coffer/values.yaml` by `make docs`.

```sh
helm install coffer charts/coffer --namespace kube-system --set image.repository=registry.example/coffer
helm upgrade coffer charts/coffer --namespace kube-system --reuse-values --set replicaCount=3
helm uninstall coffer --namespace kube-system    # CRDs, their objects and all Secrets stay
```

A key that is not in these tables is refused before anything is rendered. Values of the originals' charts are refused
with what they are here, or why they have no counterpart: `coffer migrate values` translates a whole file. Labels,
annotations and pull secrets are added to those of `global`; of other values that are in both places, the one outside
`global` wins.

CRDs come with the release, `helm upgrade` updates them, and `helm uninstall` leaves them. A CRD that the cluster has
from elsewhere is left as it is: `coffer crds diff` compares it with ours, `coffer crds apply` updates it.
"""


def rendered() -> str:
    """Return the page."""
    parts = [HEAD]
    for section, each in groupby(values(VALUES.read_text()), lambda value: value.path.partition(".")[0]):
        parts.append(_section(section, list(each)))
    return _joined(parts)


def _section(name: str, found: list[Value]) -> str:
    """Return the table of a mapping, or the row of a value at the top."""
    if len(found) == 1:
        return _row(found[0])
    head = f"\n## {name}\n\n{found[0].about}\n".replace("\n\n\n", "\n")
    rows = "".join(_row(each) for each in found if each.leaf or (each.about and each is not found[0]))
    return f"{head}\n| value | default | meaning |\n|---|---|---|\n{rows}"


def _joined(parts: list[str]) -> str:
    """Put the values at the top into one table before the sections."""
    rows = "".join(part for part in parts if part.startswith("| "))
    sections = "".join(part for part in parts[1:] if not part.startswith("| "))
    return f"{parts[0]}\n## At the top\n\n| value | default | meaning |\n|---|---|---|\n{rows}{sections}"


def _row(value: Value) -> str:
    default = json.dumps(value.default) if value.leaf else ""
    if len(default) > MAX_DEFAULT_CHARACTERS:
        default = "see `values.yaml`"
    elif default:
        default = f"`{default}`"
    return f"| `{value.path}` | {default} | {value.about.replace('|', chr(92) + '|')} |\n"


PAGE = Generated("README of the chart", lambda: {FILE: rendered()}, "make docs")


if __name__ == "__main__":
    sys.exit(PAGE.main())

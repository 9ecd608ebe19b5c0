"""docs/acceptance-sealed.md names tests that exist."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[3]
PAGE = ROOT / "docs" / "acceptance-sealed.md"
SHORT = {"U/": "tests/unit/sealed/", "E/": "tests/e2e/"}


def named() -> list[tuple[Path, str]]:
    """Return file and function of every test that the page names."""
    found = re.findall(r"\b((?:U/|E/|tests/)[\w/]+\.py)(?:::(\w+))?", PAGE.read_text().partition("\n## ")[2])
    return [(ROOT / (SHORT[path[:2]] + path[2:] if path[:2] in SHORT else path), test) for path, test in found]


def test_every_test_that_the_page_names_is_there() -> None:
    missing = [
        f"{path.name}::{test}"
        for path, test in named()
        if not path.exists() or (test and f"def {test}(" not in path.read_text())
    ]

    assert len(named()) > 100
    assert not missing


def test_every_row_names_a_test() -> None:
    rows = [line for line in PAGE.read_text().splitlines() if line.startswith("| ") and "---" not in line]

    assert [row for row in rows if ".py" not in row.rpartition(" | ")[2]] == [
        "| the original | ours |",
        "| the original | ours |",
        "| the original | ours |",
        "| the original | ours |",
        "| the original | ours |",
        "| gap | ours |",
        "| decision | test |",
    ]

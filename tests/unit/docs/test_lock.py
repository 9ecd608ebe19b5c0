"""requirements.lock is what pyproject.toml asks for, with a hash for everything."""

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[3]


def pinned() -> dict[str, str]:
    """Return name -> version of every dependency that pyproject.toml names."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    groups = [
        project["project"]["dependencies"],
        *project["project"]["optional-dependencies"].values(),
        *project["dependency-groups"].values(),
    ]
    pairs = [re.fullmatch(r"([\w.-]+)(?:\[[\w,-]+\])?==([\w.]+)", each) for group in groups for each in group]
    assert all(pairs), "every dependency is pinned to one version"
    return {pair[1].lower(): pair[2] for pair in pairs if pair}


def locked() -> dict[str, str]:
    """Return name -> version of every entry of the lock; each has a hash."""
    entries = re.findall(
        r"^([\w.-]+)==([\w.]+)(.*?)(?=^\S|\Z)", (ROOT / "requirements.lock").read_text(), re.MULTILINE | re.DOTALL
    )
    assert all("--hash=sha256:" in rest for _, _, rest in entries)
    return {name.lower(): version for name, version, _ in entries}


def test_the_lock_has_what_the_project_asks_for() -> None:
    lock = locked()

    assert {name: lock.get(name) for name in pinned()} == pinned(), "run make lock"


def test_no_address_of_a_registry_is_in_the_lock() -> None:
    assert "://" not in (ROOT / "requirements.lock").read_text()

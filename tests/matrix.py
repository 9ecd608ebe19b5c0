"""Runs the tests on every Python and every Kubernetes that Coffer supports: `make matrix`.

Variables choose: PYTHONS="3.11 3.14" (`image`: the one of the Dockerfile), KUBERNETES="1.36"; `none` leaves one out.
A Python that this machine does not have is skipped, and the summary says so. A Kubernetes that is not in the cache is
fetched, which takes minutes.
"""

import os
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

from tests.cluster.programs import kubernetes_modules
from tests.cluster.pythons import image_version, python

ROOT = Path(__file__).parent.parent
SUPPORTED_PYTHONS = ("3.11", "3.12", "3.13", "3.14")
UNIT_TESTS = (*(f"tests/unit/{each}" for each in ("external", "manager", "reflector", "sealed")), "tests/hazard")
"""The tests of the image's content; tests of chart, pages and tools do not depend on its Python."""
CLUSTER_TESTS = ("tests/e2e",)
OPTIONS = ("-m", "not soak", "-n", "2", "--dist", "loadgroup", "--no-loadscope-reorder")


class Result(NamedTuple):
    """One line of the summary."""

    what: str
    outcome: str
    """passed, FAILED, or skipped with the reason."""


def chosen(variable: str, known: tuple[str, ...]) -> tuple[str, ...]:
    """Return the versions that a variable selects; all versions if it is empty."""
    words = os.environ.get(variable, "").replace(",", " ").split()
    return tuple(each for each in words if each != "none") if words else known


def on_python(version: str) -> Result:
    """Run the unit tests on one Python, in its own environment with the locked packages."""
    version = image_version() if version == "image" else version
    what = f"Python {version}, unit tests"
    interpreter = python(version)
    if interpreter is None:
        return Result(what, "skipped: this machine does not have it")
    home = ROOT / ".venv" / f"python{version}"
    own, uv = str(home / "bin" / "python"), str(Path(sys.executable).parent / "uv")
    steps = [
        [uv, "venv", "--quiet", "--allow-existing", "--python", str(interpreter), str(home)],
        [uv, "pip", "sync", "--quiet", "--compile-bytecode", "--python", own, "--require-hashes", "requirements.lock"],
        [uv, "pip", "install", "--quiet", "--python", own, "--no-deps", "--editable", "."],
        [own, "-m", "pytest", *UNIT_TESTS, *OPTIONS],
    ]
    return Result(what, "passed" if all(_run(each) for each in steps) else "FAILED")


def on_kubernetes(minor: str) -> Result:
    """Run the end-to-end tests on one minor of Kubernetes."""
    what = f"Kubernetes {minor}, end-to-end tests"
    if minor not in kubernetes_modules():
        return Result(what, f"skipped: no folder in tests/cluster/modules; there is {', '.join(kubernetes_modules())}")
    done = _run([sys.executable, "-m", "pytest", *CLUSTER_TESTS, *OPTIONS], COFFER_KUBERNETES=minor)
    return Result(what, "passed" if done else "FAILED")


def _run(command: list[str], **environment: str) -> bool:
    return subprocess.run(command, cwd=ROOT, check=False, env={**os.environ, **environment}).returncode == 0


def main() -> int:
    """Run everything selected, even after a failure, and print a summary; return the exit code."""
    results = [on_python(each) for each in chosen("PYTHONS", SUPPORTED_PYTHONS)]
    results += [on_kubernetes(each) for each in chosen("KUBERNETES", tuple(kubernetes_modules()))]
    for each in results:
        print(f"{each.what}: {each.outcome}")
    return 1 if any(each.outcome == "FAILED" for each in results) else 0


if __name__ == "__main__":
    sys.exit(main())

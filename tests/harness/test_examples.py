"""Property tests draw the same examples whatever was imported before, and new ones when they explore."""

import subprocess
import sys

import pytest

PROGRAM = """
import sys
from tests import examples
examples.choose(explore=sys.argv[1] == "explore")
from hypothesis import given, settings, strategies as st
drawn = []
for name in sys.argv[2:]:
    __import__(name)

@settings(max_examples=50)
@given(st.text(), st.integers(), st.binary())
def test(a, b, c):
    drawn.append((a, b, c))

test()
print(drawn)
"""


def drawn(how: str, *imported: str) -> str:
    """Return the examples that a new process draws."""
    command = [sys.executable, "-c", PROGRAM, how, *imported]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    return done.stdout


def test_examples_do_not_depend_on_what_was_imported_before() -> None:
    assert drawn("same") == drawn("same", "manager.kube.resources", "sealed.api", "external.api.store")


@pytest.mark.parametrize("variable", ["", "CI", "GITHUB_ACTIONS"])
def test_what_explores_draws_others_each_time(variable: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(variable or "OUTSIDE_OF_CI", "true")

    assert drawn("explore") != drawn("explore")

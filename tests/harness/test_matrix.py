"""`make matrix` runs the selected versions, and reports the ones that it skips."""

import pytest

from tests import matrix


@pytest.fixture
def commands(monkeypatch: pytest.MonkeyPatch) -> list[tuple[list[str], dict[str, str]]]:
    """The recorded commands; all of them succeed."""
    seen: list[tuple[list[str], dict[str, str]]] = []

    def run(command: list[str], **environment: str) -> bool:
        seen.append((command, environment))
        return True

    monkeypatch.setattr(matrix, "_run", run)
    return seen


def test_a_python_that_the_machine_lacks_is_skipped(
    monkeypatch: pytest.MonkeyPatch, commands: list[tuple[list[str], dict[str, str]]]
) -> None:
    monkeypatch.setattr(matrix, "python", lambda _version: None)

    assert matrix.on_python("3.14").outcome == "skipped: this machine does not have it"
    assert commands == []


def test_a_kubernetes_runs_under_its_variable(commands: list[tuple[list[str], dict[str, str]]]) -> None:
    assert matrix.on_kubernetes("1.36").outcome == "passed"
    ((command, environment),) = commands
    assert "tests/e2e" in command
    assert environment == {"COFFER_KUBERNETES": "1.36"}


def test_a_kubernetes_without_a_folder_is_skipped(commands: list[tuple[list[str], dict[str, str]]]) -> None:
    assert matrix.on_kubernetes("1.2").outcome.startswith("skipped: no folder")
    assert commands == []


def test_a_failure_fails_and_the_rest_still_runs(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PYTHONS", "3.11,3.12")
    monkeypatch.setenv("KUBERNETES", "none")
    monkeypatch.setattr(matrix, "on_python", lambda v: matrix.Result(v, "FAILED" if v == "3.11" else "passed"))

    assert matrix.main() == 1
    assert capsys.readouterr().out == "3.11: FAILED\n3.12: passed\n"


def test_empty_variables_choose_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONS", "")

    assert matrix.chosen("PYTHONS", ("3.11", "3.12")) == ("3.11", "3.12")

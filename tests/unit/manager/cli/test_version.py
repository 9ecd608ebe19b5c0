"""`coffer version` says which build this is."""

import json
import os
import subprocess
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from manager import VERSION
from manager.cli.main import main
from manager.cli.version import REVISION, checked_out, go_modules, go_release


def test_the_first_line_is_the_version_alone() -> None:
    """Scripts read it."""
    assert CliRunner().invoke(main, ["version"]).output.splitlines()[0] == f"coffer version: {VERSION}"
    assert CliRunner().invoke(main, ["--version"]).output == f"coffer version: {VERSION}\n"


@pytest.mark.parametrize(("given", "shown"), [("0123abcd", "0123abcd"), ("", "unknown")])
def test_the_revision_is_the_images(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, given: str, shown: str) -> None:
    monkeypatch.setenv(REVISION, given)
    monkeypatch.setattr("manager.cli.version.SOURCES", tmp_path)

    assert f"revision: {shown}\n" in CliRunner().invoke(main, ["version"]).output
    for form, read in (("json", json.loads), ("yaml", yaml.safe_load)):
        assert read(CliRunner().invoke(main, ["version", "-o", form]).output)["revision"] == shown


def test_the_revision_of_a_checkout_is_its_commit(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in [each for each in os.environ if each.startswith("GIT_")]:
        monkeypatch.delenv(name)
    git = ["git", "-C", str(tmp_path), "-c", "user.name=a", "-c", "user.email=a@example"]
    for words in (["init", "-q"], ["commit", "-q", "--allow-empty", "-m", "one"]):
        subprocess.run([*git, *words], check=True)
    commit = subprocess.run([*git, "rev-parse", "HEAD"], check=True, capture_output=True, text=True).stdout.strip()

    assert checked_out(tmp_path) == commit
    (tmp_path / "new").write_text("")
    subprocess.run([*git, "add", "new"], check=True)
    assert checked_out(tmp_path) == f"{commit}-dirty"


def test_without_a_checkout_or_git_there_is_no_revision(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert checked_out(tmp_path) == ""
    (tmp_path / ".git").write_text("gitdir: nowhere")
    assert checked_out(tmp_path) == ""
    monkeypatch.setenv("PATH", str(tmp_path))
    assert checked_out(tmp_path) == ""


def test_the_sandbox_is_described_by_what_it_is_compiled_from() -> None:
    assert go_release().split(".")[0] == "1"
    assert go_modules()["github.com/Masterminds/sprig/v3"] == "3.3.0"
    assert not any("indirect" in each for each in go_modules().values())


def test_the_packages_have_the_versions_of_the_lock() -> None:
    packages = json.loads(CliRunner().invoke(main, ["version", "-o", "json"]).output)["packages"]

    assert {"kopf", "cryptography", "boto3"} <= packages.keys()

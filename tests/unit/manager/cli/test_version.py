"""`coffer version` says which build this is."""

import json

import pytest
from click.testing import CliRunner

from manager import VERSION
from manager.cli.main import main
from manager.cli.version import REVISION, go_modules, go_release


def test_the_first_line_is_the_version_alone() -> None:
    """Scripts read it."""
    assert CliRunner().invoke(main, ["version"]).output.splitlines()[0] == f"coffer version: {VERSION}"
    assert CliRunner().invoke(main, ["--version"]).output == f"coffer version: {VERSION}\n"


@pytest.mark.parametrize(("given", "shown"), [("0123abcd", "0123abcd"), ("", "unknown")])
def test_the_revision_is_the_images(monkeypatch: pytest.MonkeyPatch, given: str, shown: str) -> None:
    monkeypatch.setenv(REVISION, given)

    assert f"revision: {shown}\n" in CliRunner().invoke(main, ["version"]).output
    assert json.loads(CliRunner().invoke(main, ["version", "-o", "json"]).output)["revision"] == shown


def test_the_sandbox_is_described_by_what_it_is_compiled_from() -> None:
    assert go_release().split(".")[0] == "1"
    assert go_modules()["github.com/Masterminds/sprig/v3"] == "3.3.0"
    assert not any("indirect" in each for each in go_modules().values())


def test_the_packages_have_the_versions_of_the_lock() -> None:
    packages = json.loads(CliRunner().invoke(main, ["version", "-o", "json"]).output)["packages"]

    assert {"kopf", "cryptography", "boto3"} <= packages.keys()

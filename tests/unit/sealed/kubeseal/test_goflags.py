"""Flags and variables of kubeseal are parsed as Go's flag packages parse them."""

import json
from pathlib import Path

import pytest
import yaml

from manager import VERSION
from tests.builders.kubeseal_command import CERTIFICATE, NAMELESS, kubeseal, opened, sealing

pytestmark = pytest.mark.usefixtures("folder")


@pytest.mark.parametrize(
    "flags",
    [
        ["-o=yaml", "-n=ns"],
        ["-oyaml", "-nns"],
        ["--format=yaml", "--namespace=ns"],
        ["--format", "yaml", "--namespace", "ns"],
        ["--raw=false", "-o", "yaml", "--fetch-cert=false"],
        ["--allow-empty-data", "-o", "yaml"],
        ["--allow-empty-data=true", "-o", "yaml"],
        ["ignored", "-o", "yaml", "ignored", "too"],
        ["-o", "yaml", "--", "--fetch-cert", "--bogus"],
    ],
)
def test_flags_are_understood_as_go_programs_understand_them(flags: list[str]) -> None:
    result = sealing(*flags)

    assert result.exit_code == 0, result.stderr
    assert result.stdout.startswith("---\n")


def test_flags_may_stand_before_and_after_what_is_ignored() -> None:
    result = kubeseal("x", "--fetch-cert", "y", "--cert", "cert.pem", "z")

    assert result.stdout_bytes == CERTIFICATE


@pytest.mark.parametrize(
    ("flags", "problem"),
    [
        (["--bogus"], "--bogus"),
        (["-x"], "-x"),
        (["-w"], "-w"),
        (["--cert"], "--cert"),
        (["--fetch-cert=maybe"], "--fetch-cert"),
        (["--scope", "wide"], "must be one of: strict, namespace-wide, cluster-wide"),
        (["--scope", "STRICT"], "must be one of: strict, namespace-wide, cluster-wide"),
    ],
)
def test_a_flag_that_is_not_understood_shows_the_usage(flags: list[str], problem: str) -> None:
    result = kubeseal(*flags)

    assert result.exit_code == 2
    assert "Usage: kubeseal" in result.stderr
    assert problem in result.stderr
    assert result.stdout == ""


def test_help_names_every_flag_of_this_version() -> None:
    result = kubeseal("--help")

    assert result.exit_code == 0
    for flag in ("--secret-file", "--sealed-secret-file", "--format", "--cert", "--fetch-cert", "--scope", "--name"):
        assert flag in result.stdout
    for flag in ("--namespace", "--raw", "--from-file", "--allow-empty-data", "--kubeconfig", "--context", "--version"):
        assert flag in result.stdout
    assert "sealed-secrets-controller]" in result.stdout
    assert "kube-" in result.stdout
    assert kubeseal("-h").stdout == result.stdout


def test_the_version_is_printed_as_the_original_prints_it() -> None:
    assert kubeseal("--version").stdout == f"kubeseal version: v{VERSION}\n"
    assert kubeseal("--version=true").stdout == f"kubeseal version: v{VERSION}\n"


def test_a_mode_that_is_switched_off_is_no_matter() -> None:
    assert sealing("--validate=false", "--re-encrypt=false").exit_code == 0


VARIABLES = {
    "SEALED_SECRETS_CERT": "cert.pem",
    "SEALED_SECRETS_FORMAT": "yaml",
    "SEALED_SECRETS_SCOPE": "namespace-wide",
    "SEALED_SECRETS_NAMESPACE": "variable",
    "SEALED_SECRETS_NAME": "named",
}


def test_every_flag_has_a_variable() -> None:
    result = kubeseal(stdin=NAMELESS, env=VARIABLES)
    document = yaml.safe_load(result.stdout)

    assert result.stdout.startswith("---\n")
    assert document["metadata"] == {
        "name": "named",
        "namespace": "variable",
        "annotations": {"sealedsecrets.bitnami.com/namespace-wide": "true"},
    }


def test_a_flag_beats_its_variable_and_an_empty_variable_is_none() -> None:
    assert sealing("-o", "json", stdin=NAMELESS, env=VARIABLES).stdout.startswith("{")
    assert json.loads(sealing(env={"SEALED_SECRETS_NAME": "", "SEALED_SECRETS_SCOPE": ""}).stdout)["metadata"] == {
        "name": "a",
        "namespace": "ns",
    }


def test_a_flag_unsets_a_switch_that_its_variable_sets() -> None:
    env = {"SEALED_SECRETS_FETCH_CERT": "true"}

    assert sealing(env=env).stdout_bytes == CERTIFICATE
    assert sealing("--fetch-cert=false", env=env).stdout.startswith("{")


def test_variables_name_files_too(folder: Path) -> None:
    env = {"SEALED_SECRETS_SECRET_FILE": "secret.yaml", "SEALED_SECRETS_SEALED_SECRET_FILE": "x.yaml"}

    assert kubeseal("--cert", "cert.pem", env=env).exit_code == 0
    assert opened((folder / "x.yaml").read_text()) == {"password": "canary-11d0"}

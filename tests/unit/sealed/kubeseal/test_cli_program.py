"""kubeseal as a program of its own: starts fast, loads little, survives odd surroundings."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.builders.sealed_vectors import certificate, pem, private_key

PROGRAM = Path(sys.executable).with_name("kubeseal")
SECRET = b"metadata: {name: a, namespace: ns, annotations: {who: \xc3\xa9}}\nstringData: {k: v}\n"
HEAVY = ("kopf", "boto3", "botocore", "aiohttp", "pydantic", "structlog", "kubernetes", "cryptography", "yaml", "re2")


def run(*arguments: str, stdin: bytes = b"", **environment: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [PROGRAM, *arguments], input=stdin, capture_output=True, check=False, timeout=60, env=os.environ | environment
    )


@pytest.fixture
def cert(tmp_path: Path) -> str:
    (tmp_path / "cert.pem").write_bytes(certificate(private_key()))
    return str(tmp_path / "cert.pem")


def loaded_by(code: str) -> set[str]:
    """Return which heavy packages a fresh interpreter has loaded after running some code."""
    report = f"{code}\nimport sys, json; print(json.dumps([each for each in {HEAVY!r} if each in sys.modules]))"
    done = subprocess.run([sys.executable, "-c", report], capture_output=True, check=True, timeout=60)
    return set(json.loads(done.stdout.splitlines()[-1]))


def test_the_command_line_alone_loads_nothing_heavy() -> None:
    assert loaded_by("import sealed.kubeseal.cli") == set()


def test_help_loads_nothing_heavy() -> None:
    assert loaded_by("from sealed.kubeseal.cli import main; main(['--help'], standalone_mode=False)") == set()


def test_sealing_with_a_local_certificate_loads_no_client(cert: str) -> None:
    arguments = ["--cert", cert, "--fetch-cert"]

    loaded = loaded_by(f"from sealed.kubeseal.cli import main; main({arguments!r}, standalone_mode=False)")

    assert loaded == {"cryptography", "yaml"}


SLOW = ["asyncio", "email", "importlib.metadata", "http.client", "ssl", "urllib.request", "tempfile"]
SLOW += ["cryptography.x509"]


def slow_after(*arguments: str) -> set[str]:
    """Return which slow modules one run has loaded."""
    code = f"from sealed.kubeseal.cli import main; main({list(arguments)!r}, standalone_mode=False)"
    report = f"{code}\nimport sys, json; print(json.dumps([each for each in {SLOW!r} if each in sys.modules]))"
    done = subprocess.run([sys.executable, "-c", report], capture_output=True, check=True, timeout=60)
    return set(json.loads(done.stdout.splitlines()[-1]))


def test_sealing_offline_loads_only_what_it_needs(cert: str, tmp_path: Path) -> None:
    (tmp_path / "secret.yaml").write_bytes(SECRET)

    assert slow_after("--cert", cert, "-f", str(tmp_path / "secret.yaml")) == set()


def test_opening_without_templates_loads_no_sandbox(cert: str, tmp_path: Path) -> None:
    (tmp_path / "key.pem").write_bytes(pem(private_key()))
    sealed = run("--cert", cert, stdin=SECRET).stdout
    (tmp_path / "sealed.json").write_bytes(sealed)
    arguments = ("--recovery-unseal", "--recovery-private-key", str(tmp_path / "key.pem"))

    assert not {"asyncio", "http.client"} & slow_after(*arguments, "-f", str(tmp_path / "sealed.json"))


def test_a_secret_goes_through_the_installed_program(cert: str) -> None:
    done = run("--cert", cert, stdin=SECRET)

    assert done.returncode == 0
    assert done.stderr == b""
    assert json.loads(done.stdout)["spec"]["template"]["metadata"]["annotations"] == {"who": "é"}


@pytest.mark.parametrize("form", ["json", "yaml"])
def test_the_output_is_utf_8_whatever_the_terminal_speaks(cert: str, form: str) -> None:
    plain = {"LC_ALL": "C", "LANG": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "PYTHONIOENCODING": "ascii"}

    done = run("--cert", cert, "-o", form, stdin=SECRET, **plain)

    assert done.returncode == 0, done.stderr
    assert "é".encode() in done.stdout


def test_errors_and_usage_have_the_exit_codes_of_the_original(cert: str) -> None:
    assert run("--cert", cert, stdin=b"nothing").returncode == 1
    assert run("--cert", "/no/such").stderr == b"error: open /no/such: no such file or directory\n"
    assert run("--no-such-flag").returncode == 2


def test_a_reader_that_goes_away_is_no_traceback(cert: str) -> None:
    with subprocess.Popen(
        [PROGRAM, "--cert", cert], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdin
        assert process.stdout
        assert process.stderr
        process.stdout.close()
        process.stdin.write(SECRET)
        process.stdin.close()
        errors = process.stderr.read()

    assert process.returncode == 1
    assert b"Traceback" not in errors

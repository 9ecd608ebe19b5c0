"""The command as a user types it: flags, variables, streams, files, and what it says when something is wrong."""

import json
import stat
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import Result

from manager.core.secret_value import SecretValue
from sealed.crypto.wire_format import Scope, decode_blob, scope_of, unseal
from tests.builders.kubeseal_command import CERTIFICATE, NAMELESS, SECRET, TWO, kubeseal, opened, refused, sealing
from tests.builders.sealed_vectors import certificate, private_key

pytestmark = pytest.mark.usefixtures("folder")


def test_a_secret_is_sealed_from_stdin_to_stdout() -> None:
    result = sealing()

    assert result.exit_code == 0
    assert result.stderr == ""
    assert result.stdout.startswith('{\n  "kind": "SealedSecret",\n  "apiVersion": "bitnami.com/v1alpha1",\n')
    assert result.stdout.endswith("}\n")
    assert json.loads(result.stdout)["metadata"] == {"name": "a", "namespace": "ns"}
    assert opened(result.stdout) == {"password": "canary-11d0"}
    assert "canary" not in result.stdout


def test_a_secret_is_sealed_from_a_file_into_a_file_of_its_owner(folder: Path) -> None:
    result = kubeseal("--cert", "cert.pem", "-f", "secret.yaml", "-w", "sealed.yaml")

    assert (result.exit_code, result.output) == (0, "")
    assert (
        (folder / "sealed.yaml").read_text().startswith("---\napiVersion: bitnami.com/v1alpha1\nkind: SealedSecret\n")
    )
    assert opened((folder / "sealed.yaml").read_text()) == {"password": "canary-11d0"}
    assert stat.S_IMODE((folder / "sealed.yaml").stat().st_mode) == 0o600


@pytest.mark.parametrize(
    ("target", "flags", "starts"),
    [
        ("x.json", [], "{"),
        ("x.json", ["-o", "yaml"], "---\n"),
        ("x", [], "{"),
        ("x.yaml", [], "---\n"),
        ("x.yml", ["-o", "json"], "---\n"),
    ],
)
def test_the_ending_yaml_of_the_output_file_forces_yaml(
    folder: Path, target: str, flags: list[str], starts: str
) -> None:
    assert sealing("-w", target, *flags).exit_code == 0
    assert (folder / target).read_text().startswith(starts)


@pytest.mark.parametrize(
    ("form", "starts"),
    [("json", "{"), ("JSON", "{"), ("", "{"), ("yaml", "---\n"), ("YAML", "---\n"), ("Yaml", "---\n")],
)
def test_the_format_may_be_written_in_any_case(form: str, starts: str) -> None:
    assert sealing("--format", form).stdout.startswith(starts)


def test_another_format_is_refused() -> None:
    refused(sealing("-o", "xml"), "unsupported output format: xml")


def test_a_separator_precedes_each_yaml_document() -> None:
    text = sealing("-o", "yaml", stdin=TWO).stdout

    assert text.startswith("---\n")
    assert not text.rstrip().endswith("---")
    assert text.count("---\n") == 2
    assert [each["metadata"]["name"] for each in yaml.safe_load_all(text)] == ["a", "b"]


def test_json_documents_follow_one_another() -> None:
    text = sealing(stdin=TWO).stdout
    first, second = text.split("}\n{")

    assert [json.loads(each)["metadata"]["name"] for each in (first + "}", "{" + second)] == ["a", "b"]


def test_a_failing_document_ends_the_stream(folder: Path) -> None:
    stdin = TWO.replace("name: b", "nom: b")

    result = sealing(stdin=stdin)

    assert result.exit_code == 1
    assert result.stderr == "error: missing metadata.name in input Secret\n"
    assert json.loads(result.stdout)["metadata"]["name"] == "a"


def test_a_document_that_fails_leaves_the_output_file_alone(folder: Path) -> None:
    (folder / "x.yaml").write_text("old")

    refused(sealing("-w", "x.yaml", stdin=TWO.replace("name: b", "nom: b")), "missing metadata.name in input Secret")

    assert (folder / "x.yaml").read_text() == "old"
    assert {each.name for each in folder.iterdir()} == {"cert.pem", "secret.yaml", "value", "x.yaml"}


def test_the_certificate_is_printed_byte_for_byte(folder: Path) -> None:
    text = b"before\r\n" + CERTIFICATE + b"\xffafter"
    (folder / "odd.pem").write_bytes(text)

    assert kubeseal("--fetch-cert", "--cert", "odd.pem").stdout_bytes == text


def test_the_certificate_may_be_written_to_a_file(folder: Path) -> None:
    result = kubeseal("--fetch-cert", "--cert", "cert.pem", "-w", "copy.pem")

    assert (result.exit_code, result.output) == (0, "")
    assert (folder / "copy.pem").read_bytes() == CERTIFICATE


def test_fetching_does_not_wait_for_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sealed.kubeseal.commands._stdin", lambda _: pytest.fail("read standard input"))

    assert kubeseal("--fetch-cert", "--cert", "cert.pem").exit_code == 0


@pytest.mark.parametrize(
    ("flags", "problem"),
    [
        (["--cert", "missing.pem"], "open missing.pem: no such file or directory"),
        (["--cert", "value"], "data does not contain any valid RSA or ECDSA certificates"),
        (["-f", "missing", "--cert", "missing.pem"], "Could not read file specified with --secret-file"),
        (["-f", "."], "Could not read file specified with --secret-file"),
        (["-w", "no/x.yaml", "--cert", "cert.pem"], "open no/x.yaml: no such file or directory"),
        (["--cert", "."], "open .: is a directory"),
        (
            ["--cert", "cert.pem", "-n", "b"],
            'namespace mismatch: input secret is in namespace "ns" but "b" was specified',
        ),
        (["--from-file", "value"], "--from-file requires --raw"),
    ],
)
def test_what_cannot_be_done_is_one_line_on_standard_error(flags: list[str], problem: str) -> None:
    refused(kubeseal(*flags, stdin=SECRET), problem)


def test_an_expired_certificate_seals_nothing(folder: Path) -> None:
    (folder / "old.pem").write_bytes(certificate(private_key(), lasts=timedelta(hours=1)))

    result = kubeseal("--cert", "old.pem", stdin=SECRET)

    assert result.exit_code == 1
    assert result.stderr.startswith("error: failed to encrypt using an expired certificate on ")
    assert kubeseal("--cert", "old.pem", "--fetch-cert").exit_code == 0


@pytest.mark.parametrize("stdin", ["", "foo", "{", b"\xff\xfe", "a: b: c", SECRET.encode("utf-16")])
def test_input_that_holds_no_secret_is_an_error(stdin: str | bytes) -> None:
    refused(sealing(stdin=stdin), "no secrets found. Ensure the input is valid and UTF-8 encoded")


def test_a_secret_without_data_needs_a_flag() -> None:
    empty = "metadata: {name: a, namespace: ns}\n"

    result = sealing(stdin=empty)

    assert result.exit_code == 1
    assert "--allow-empty-data" in result.stderr
    assert json.loads(sealing("--allow-empty-data", stdin=empty).stdout)["spec"]["encryptedData"] == {}


def test_nothing_of_a_secret_is_in_an_error() -> None:
    for stdin in (
        SECRET.replace("canary", "[canary"),
        SECRET.replace("stringData", "data"),
        SECRET + "type: {a: canary}",
    ):
        result = sealing(stdin=stdin)

        assert result.exit_code == 1
        assert "canary" not in result.output


@pytest.mark.parametrize("scope", list(Scope))
def test_each_scope_can_be_asked_for(scope: Scope) -> None:
    document = json.loads(sealing("--scope", scope).stdout)

    assert scope_of(document["metadata"].get("annotations", {})) is scope
    assert opened(json.dumps(document)) == {"password": "canary-11d0"}


def test_an_empty_scope_is_strict() -> None:
    assert "annotations" not in json.loads(sealing("--scope=").stdout)["metadata"]


def test_the_name_flag_renames_every_document() -> None:
    names = [
        each["metadata"]["name"] for each in yaml.safe_load_all(sealing("-o=yaml", "--name", "n", stdin=TWO).stdout)
    ]

    assert names == ["n", "n"]


def config(folder: Path, *contexts: str) -> str:
    named = [{"name": each, "context": {"namespace": f"of-{each}", "cluster": "c", "user": "u"}} for each in contexts]
    path = folder / "kubeconfig"
    path.write_text(json.dumps({"current-context": contexts[0], "contexts": named, "clusters": [], "users": []}))
    return str(path)


def namespace(result: Result) -> str:
    document = json.loads(result.stdout)
    assert document["metadata"]["namespace"] == document["spec"]["template"]["metadata"]["namespace"]
    assert opened(result.stdout) == {"password": "canary-11d0"}
    return str(document["metadata"]["namespace"])


def test_the_namespace_comes_from_the_flag_or_the_context(folder: Path) -> None:
    path = config(folder, "one", "two")

    assert namespace(sealing("--kubeconfig", path, stdin=NAMELESS)) == "of-one"
    assert namespace(sealing("--kubeconfig", path, "--context", "two", stdin=NAMELESS)) == "of-two"
    assert namespace(sealing("--kubeconfig", path, "-n", "flag", stdin=NAMELESS)) == "flag"
    assert namespace(sealing("--kubeconfig", path)) == "ns", "a context's namespace is no contradiction"


def test_without_any_namespace_the_user_is_told(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBECONFIG", "missing")
    refused(sealing(stdin=NAMELESS), "secret must declare a namespace")

    for path, problem in (("missing", "no such file or directory"), (str(folder / "value"), "not a kubeconfig")):
        result = sealing("--kubeconfig", path, stdin=NAMELESS)
        assert result.exit_code == 1
        assert problem in result.stderr


def test_without_a_certificate_or_a_cluster_the_user_is_told(folder: Path) -> None:
    result = kubeseal("--kubeconfig", "missing", stdin=SECRET)

    assert result.exit_code == 1
    assert result.stderr.startswith("error: invalid configuration: ")


def value(result: Result, bound_to: bytes) -> bytes:
    assert result.exit_code == 0, result.stderr
    assert "\n" not in result.stdout
    return unseal(private_key(), decode_blob(result.stdout), bound_to).reveal()


@pytest.mark.parametrize(
    ("flags", "bound_to"),
    [
        (["-n", "ns", "--name", "a"], b"ns/a"),
        (["-n", "ns", "--scope", "namespace-wide"], b"ns"),
        (["-n", "ns", "--name", "a", "--scope", "namespace-wide"], b"ns"),
        (["--scope", "cluster-wide"], b""),
        (["-n", "ns", "--name", "a", "--scope", "cluster-wide"], b""),
    ],
)
def test_one_value_is_sealed_as_it_is(flags: list[str], bound_to: bytes) -> None:
    assert value(sealing("--raw", *flags, stdin=b"v\n\xff"), bound_to) == b"v\n\xff"
    assert value(sealing("--raw", "--from-file", "value", *flags), bound_to) == b"v\n"
    assert value(sealing("--raw", "--from-file", "key=value", *flags), bound_to) == b"v\n"


def test_one_value_may_be_empty() -> None:
    assert value(sealing("--raw", "--scope", "cluster-wide", stdin=""), b"") == b""


def test_one_value_may_be_written_to_a_file(folder: Path) -> None:
    result = sealing("--raw", "--scope", "cluster-wide", "--from-file", "value", "-w", "out")

    assert (result.exit_code, result.output) == (0, "")
    assert unseal(private_key(), decode_blob((folder / "out").read_text()), b"") == SecretValue(b"v\n")


def test_one_value_takes_its_namespace_from_the_context(folder: Path) -> None:
    path = config(folder, "one")

    assert value(sealing("--raw", "--name", "a", "--kubeconfig", path, stdin="v"), b"of-one/a") == b"v"


@pytest.mark.parametrize(
    ("flags", "problem"),
    [
        (["--name", "a"], "must provide the --namespace flag with --raw and --scope strict"),
        (["-n", "ns"], "must provide the --name flag with --raw and --scope strict"),
        (["--scope", "namespace-wide"], "must provide the --namespace flag with --raw and --scope namespace-wide"),
        (
            ["-n", "ns", "--name", "a", "--from-file", "a", "--from-file", "b"],
            "must provide only one --from-file when encrypting a single item with --raw",
        ),
        (["-n", "ns", "--name", "a", "--from-file", "missing"], "open missing: no such file or directory"),
        (["-n", "ns", "--name", "a", "--from-file", "k=a=b"], "open a=b: no such file or directory"),
    ],
)
def test_one_value_needs_to_know_for_whom_it_is(flags: list[str], problem: str) -> None:
    refused(sealing("--raw", *flags, stdin="v", env={"KUBECONFIG": "missing"}), problem)


def test_a_terminal_is_told_what_is_expected(monkeypatch: pytest.MonkeyPatch) -> None:
    def terminal(*_: Any) -> bool:
        return True

    monkeypatch.setattr("click.testing._NamedTextIOWrapper.isatty", terminal, raising=False)

    result = sealing()

    assert result.stderr == "(tty detected: expecting json/yaml k8s resource in stdin)\n"
    assert opened(result.stdout) == {"password": "canary-11d0"}

"""What `coffer` commands that ask a cluster have in common."""

import json
from collections.abc import Iterator
from pathlib import Path

import aiohttp
import click
import pytest
import structlog
import yaml
from click.testing import CliRunner, Result

from manager.cli.main import main
from manager.command_line import Told, cluster_options, namespace_options, output_option, show, tell_nothing, told
from manager.core.errors import AccessError, ApiError, CofferError, Conflict, Forbidden, NotFound, Unreachable


@click.command(cls=Told)
@cluster_options
@namespace_options
@output_option
def command(kubeconfig: str, context: str, namespace: str, output: str) -> None:
    """Print what it was given."""
    structlog.get_logger(__name__).warning("said to nobody")
    if context == "bad":
        raise AccessError("nobody is there")
    show(output, [f"line {namespace}\x1b"], [{"namespace": namespace, "at": kubeconfig}], [f"thing/{namespace}"])


def run(*arguments: str) -> Result:
    return CliRunner().invoke(command, arguments)


def test_every_form_of_output() -> None:
    assert run("-n", "x").output == "line x?\n"
    assert run("-n", "x", "-o", "name").output == "thing/x\n"
    for form, read in (("json", json.loads), ("yaml", yaml.safe_load)):
        assert read(run("-n", "x", "-o", form).output)["items"] == [{"namespace": "x", "at": ""}]
    assert run("-o", "wide").exit_code == 2


@pytest.mark.parametrize("arguments", [["-A", "-n", "x"], ["-n", "x", "-A"], ["--namespace=x", "--all-namespaces"], []])
def test_all_namespaces_win_over_one(arguments: list[str]) -> None:
    assert run(*arguments, "-o", "name").output == "thing/\n"


def test_an_error_is_one_line_with_what_helps() -> None:
    result = run("--context", "bad")

    assert result.exit_code == 1
    assert result.output == "Error: nobody is there; --kubeconfig and --context choose another cluster or user\n"


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (Forbidden(403, "Forbidden", "list secrets"), "`kubectl auth can-i list secrets -A`"),
        (Forbidden(403, "Forbidden", "list secrets in namespace app"), "`kubectl auth can-i list secrets -n app`"),
        (Forbidden(403, "Forbidden", "get Secret app/x"), "`kubectl auth can-i get secrets -n app`"),
        (Forbidden(403, "Forbidden", "get metadata of Secret app/x"), "`kubectl auth can-i get secrets -n app`"),
        (
            Forbidden(403, "Forbidden", "get CustomResourceDefinition x"),
            "`kubectl auth can-i get customresourcedefinitions.apiextensions.k8s.io`",
        ),
        (
            Forbidden(403, "Forbidden", "list clustersecretstores"),
            "`kubectl auth can-i list clustersecretstores.external-secrets.io`",
        ),
        (Forbidden(403, "Forbidden", "discover /apis/x/v1"), "`kubectl auth can-i get /apis/x/v1`"),
        (Forbidden(401, "Unauthorized", "list secrets"), "log in again"),
        (NotFound(404, "NotFound", "list externalsecrets"), "is Coffer's chart installed there?"),
        (Unreachable(0, "ClientOSError", "list secrets"), "no answer from the API server"),
    ],
)
def test_every_refusal_names_what_to_do(error: ApiError, words: str) -> None:
    text = told(error)

    assert words in text
    assert "--context" in text
    assert "Client" not in text


@pytest.mark.parametrize("error", [CofferError("as it is"), Conflict(409, "Conflict", "update x")])
def test_other_errors_are_told_as_they_are(error: CofferError) -> None:
    assert told(error) == str(error)


def test_a_token_that_cannot_be_had_is_told_in_our_words() -> None:
    error = Unreachable(0, "ClientConnectionError", "list secrets")
    error.__cause__ = aiohttp.ClientConnectionError("getting credentials: exec: executable x not found")

    assert "getting credentials: exec: executable x not found" in told(error)


@pytest.mark.parametrize(
    "arguments",
    [["mirrors"], ["cost"], ["crds", "diff"], ["status"], ["migrate", "check"], ["keys", "list"], ["run"]],
    ids=" ".join,
)
def test_every_command_says_how_a_cluster_is_chosen_if_none_is_configured(
    arguments: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("KUBECONFIG", "KUBERNETES_SERVICE_HOST"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr("manager.runtime.logging.setup", lambda *_: None)

    result = CliRunner().invoke(main, arguments)

    assert result.output == (
        "Error: no cluster is configured: KUBECONFIG and ~/.kube/config name none, and this is no Pod; "
        "--kubeconfig and --context choose another cluster or user\n"
    )


@pytest.mark.parametrize("name", ["mirrors", "cost", "keys list"])
def test_commands_tell_in_one_way_that_nobody_answers(name: str, tmp_path: Path) -> None:
    config = {
        "current-context": "c",
        "clusters": [{"name": "c", "cluster": {"server": "https://127.0.0.1:1"}}],
        "contexts": [{"name": "c", "context": {"cluster": "c", "user": "c"}}],
    }
    (tmp_path / "config").write_text(yaml.safe_dump(config))

    result = CliRunner().invoke(main, [*name.split(), "--kubeconfig", str(tmp_path / "config")])

    assert result.exit_code == 1
    assert "connect: connection refused" in result.output
    assert "; --kubeconfig and --context choose another cluster or user" in result.output
    assert "Client" not in result.output


@pytest.mark.parametrize(
    ("arguments", "meant"),
    [(["mirror"], "mirrors"), (["migrate", "chekc"], "check"), (["keys", "lst"], "list"), (["stat"], "status")],
)
def test_a_misspelt_command_gets_the_nearest_one(arguments: list[str], meant: str) -> None:
    result = CliRunner().invoke(main, arguments)

    assert result.exit_code == 2
    assert f"No such command '{arguments[-1]}'. Did you mean '{meant}'?" in result.output


def test_annotations_without_a_plan_are_refused() -> None:
    result = CliRunner().invoke(main, ["mirrors", "reflection-allowed=true"])

    assert result.exit_code == 1
    assert "ANNOTATIONS need --plan" in result.output


@pytest.mark.parametrize(
    ("namespace", "says"), [("", "No resources found\n"), ("x", "No resources found in namespace x\n")]
)
def test_an_empty_list_is_told_on_standard_error(namespace: str, says: str, capsys: pytest.CaptureFixture[str]) -> None:
    tell_nothing("table", [], namespace)
    assert capsys.readouterr() == ("", says)

    tell_nothing("table", ["x"], namespace)
    tell_nothing("json", [], namespace)
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("arguments", [["mirrors"], ["cost"], ["keys", "list"], ["seal", "edit", "x"]])
def test_every_command_takes_the_same_options(arguments: list[str]) -> None:
    found = CliRunner().invoke(main, [*arguments, "--help"]).output

    assert all(flag in found for flag in ("--kubeconfig", "--context", "-n, --namespace"))


def groups(command: click.Group, name: str = "coffer") -> Iterator[tuple[str, click.Group]]:
    """Yield every group of commands with its name."""
    yield name, command
    context = click.Context(command)
    for each in command.list_commands(context):
        found = command.get_command(context, each)
        if isinstance(found, click.Group):
            yield from groups(found, f"{name} {each}")


@pytest.mark.parametrize(("name", "group"), list(groups(main)), ids=[name for name, _ in groups(main)])
def test_the_list_of_commands_is_whole_on_a_narrow_terminal(name: str, group: click.Group) -> None:
    listed = group.get_help(click.Context(group, info_name=name, terminal_width=80))

    assert "..." not in listed.partition("Commands:")[2]

"""`coffer migrate values`: where it reads, what it prints where, and its exit codes."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import pytest
import yaml
from click.testing import CliRunner, Result

from manager.cli.migrate.commands import migrate
from manager.cli.migrate.values_command import newest_record, read_release_values
from manager.core.errors import SettingsError
from manager.kube.resources import SECRETS
from tests.builders.api_in_memory import MemoryApi
from tests.unit.manager.cli.migrate.test_releases import secret

if TYPE_CHECKING:
    from manager.kube.client import KubeClient

LOST, WRONG = 1, 2
SECRET_TEXT = "hunter2"


def run(*arguments: str, stdin: str = "") -> Result:
    return CliRunner().invoke(migrate, ["values", *arguments], input=stdin)


def record(revision: str, status: str = "deployed", **content: Any) -> Any:
    found = secret("", **content)
    found["metadata"] = {
        "name": f"sh.helm.release.v1.c.v{revision}",
        "namespace": "ops",
        "labels": {"owner": "helm", "name": "c", "status": status, "version": revision},
    }
    return found


async def read(*records: Any, chart: str = "external-secrets") -> Any:
    api = MemoryApi()
    for each in records:
        api.put(SECRETS, each)
    return await read_release_values(cast("KubeClient", api), chart, "c", "ops")


def test_the_last_file_wins_and_values_are_printed_alone(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("concurrent: 2\nwebhook: {port: 1}\nlog: {level: debug, timeEncoding: iso8601}")

    done = run(
        "--from=external-secrets", f"--values={tmp_path / 'a.yaml'}", "--values=-", stdin="log: {level: error}\n"
    )

    assert done.exit_code == 0
    assert yaml.safe_load(done.stdout) == {
        "settings": {"external": {"concurrency": 2}, "process": {"log_level": "ERROR"}}
    }
    assert [line.split(":")[0] for line in done.stderr.splitlines()] == ["  webhook", "  log.timeEncoding"]


def test_what_is_lost_comes_first_and_gives_the_exit_code() -> None:
    done = run(
        "--from=external-secrets",
        "--values=-",
        "--output=json",
        stdin="webhook: {port: 1}\nprocessSecretStore: false\n",
    )

    assert done.exit_code == LOST
    assert json.loads(done.stdout) == {}
    assert [line[:3] for line in done.stderr.splitlines()] == ["! p", "  w"]


def test_an_empty_file_is_an_empty_translation() -> None:
    done = run("--from=reflector", "--values=-", stdin="# nothing\n")

    assert (done.exit_code, done.stdout, done.stderr) == (0, "{}\n", "")


def test_a_control_character_in_a_key_stays_out_of_the_terminal() -> None:
    done = run("--from=reflector", "--values=-", stdin='"a\\e[31m": 1\n')

    assert done.stderr.startswith("! a?[31m: ")


@pytest.mark.parametrize(
    ("arguments", "stdin", "says"),
    [
        (["--from=reflector"], "", "-f FILE, or --release"),
        (["--from=reflector", "--values=-", "--release=a"], "", "-f FILE, or --release"),
        (["--from=reflector", "--release=a"], "", "-n NAMESPACE"),
        (
            ["--from=reflector", "--values=-"],
            f"a: 1\nb: [{SECRET_TEXT}\nc: 1",
            "cannot be read: it is no YAML, see line 3",
        ),
        (["--from=reflector", "--values=/tmp"], "", "cannot be read: is a directory"),
        (["--from=reflector", "--values=-"], f"- {SECRET_TEXT}", "not a mapping"),
        (["--from=reflector", "--values=/nowhere/values.yaml"], "", "cannot be read: no such file or directory"),
        (["--from=vault", "--values=-"], "", "'vault' is not one of"),
    ],
)
def test_what_cannot_be_read_is_said_without_its_content(arguments: list[str], stdin: str, says: str) -> None:
    done = run(*arguments, stdin=stdin)

    assert done.exit_code == WRONG
    assert says in done.stderr
    assert SECRET_TEXT not in done.output


async def test_the_last_deployed_revision_is_read() -> None:
    chart = {"metadata": {"name": "external-secrets", "version": "2.0.0"}}
    records = [record("9", chart=chart, config={"concurrent": 9}), record("10", chart=chart, config={"concurrent": 10})]

    assert await read(*records, record("11", "failed", chart=chart)) == {"concurrent": 10}


async def test_a_release_of_a_chart_that_depends_on_the_original_is_read() -> None:
    values = {"external-secrets": {"concurrent": 3}}

    assert await read(record("1", config=values)) == values


async def test_another_release_is_refused() -> None:
    with pytest.raises(SettingsError, match="its chart is c, not external-secrets"):
        await read(record("1"))
    with pytest.raises(SettingsError, match="no deployed release"):
        await read(record("1", "uninstalled"))
    with pytest.raises(SettingsError, match="cannot be read"):
        await read({**record("1"), "data": {"release": "!"}})


def test_a_record_without_a_number_is_the_oldest() -> None:
    odd, first = record("x"), record("1")

    assert newest_record([odd, first]) is first
    assert newest_record([]) is None

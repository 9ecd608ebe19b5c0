"""What `coffer keys …` and `coffer seal edit` have done, in the forms that programs read."""

import json
import stat
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner, Result

from manager.cli.main import main
from manager.command_line import FORMS
from sealed.cluster.kube_access import Refused
from tests.builders.kubeseal_command import sealing
from tests.builders.sealed_module import sealed_secret
from tests.builders.sealed_vectors import pem, private_key
from tests.command_tree import commands
from tests.unit.sealed.keys.test_keyring import StandIn, new, old


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> StandIn:
    stand_in = StandIn(old(), new())
    monkeypatch.setattr("sealed.commands.KubeAccess", lambda _access: stand_in)
    return stand_in


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, arguments, catch_exceptions=False)


def items(*arguments: str) -> Any:
    """Return the items that a command prints as YAML, and check that JSON says the same."""
    return yaml.safe_load(run(*arguments, "-o", "yaml").stdout)["items"]


def test_a_new_key_is_told_by_name(cluster: StandIn) -> None:
    made = json.loads(run("keys", "rotate", "--key-size", "2048", "-o", "json").stdout)

    assert made["kind"] == "List"
    (key,) = made["items"]
    assert (key["namespace"], key["state"]) == ("kube-system", "current")
    assert cluster.closed
    assert key["name"] in cluster.keys


def test_what_no_key_is_named_for_is_counted_by_why(cluster: StandIn) -> None:
    def failed(name: str) -> Any:
        status = {"observedGeneration": 1, "conditions": [{"type": "Synced", "status": "False"}]}
        return {"metadata": {"namespace": "ns", "name": name, "generation": 1}, "status": status}

    cluster.sealed = [failed("a"), failed("b"), {"metadata": {"namespace": "ns", "name": "c"}}]

    *_, unknown, unopened = run("keys", "list").stdout.splitlines()

    assert unknown == "1 SealedSecret does not say which key opened it; `coffer keys retire` tries it."
    assert unopened == "2 SealedSecrets could not be opened; their conditions say why."
    assert run("keys", "list", "--objects").stdout.splitlines()[-3:] == [unopened, "    ns/a", "    ns/b"]


@pytest.mark.parametrize(("status", "advised"), [(401, True), (403, True), (500, False)])
def test_a_user_without_the_right_is_told_how_another_is_chosen(
    cluster: StandIn, monkeypatch: pytest.MonkeyPatch, status: int, advised: bool
) -> None:
    def refuse(_path: str) -> Any:
        raise Refused(status, "secrets is forbidden")

    monkeypatch.setattr(cluster, "get", refuse)

    result = run("keys", "list")

    assert result.stderr.startswith("Error: secrets is forbidden")
    assert ("--kubeconfig and --context choose another cluster or user" in result.stderr) is advised


def test_saved_and_restored_keys_are_told_one_by_one(
    cluster: StandIn, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = tmp_path / "keys.yaml"

    saved = items("keys", "backup", str(file))

    assert {(each["name"], each["state"]) for each in saved} == {("old", "saved"), ("new", "saved")}
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    empty = StandIn(new())
    monkeypatch.setattr("sealed.commands.KubeAccess", lambda _access: empty)
    restored = items("keys", "restore", str(file))
    assert {(each["name"], each["state"]) for each in restored} == {("old", "restored"), ("new", "present")}


def test_a_backup_does_not_replace_what_is_not_in_it(cluster: StandIn, tmp_path: Path) -> None:
    file = tmp_path / "keys.yaml"
    file.write_text("precious")

    refused = run("keys", "backup", str(file))

    assert (refused.exit_code, file.read_text()) == (1, "precious")
    assert "is no backup of keys: name another file, or add --overwrite" in refused.stderr
    assert run("keys", "backup", str(file), "--overwrite").exit_code == 0
    assert run("keys", "backup", str(file)).exit_code == 0, "nothing is lost"
    assert "keys of namespace kube-system" in run("keys", "backup", str(file)).stdout


def test_a_key_that_is_needed_is_told_and_stays(cluster: StandIn) -> None:
    cluster.sealed = [sealed_secret({"k": "x"})]

    result = run("keys", "retire", "old", "-o", "json")

    (key,) = json.loads(result.stdout)["items"]
    assert (key["name"], key["state"], key["lookedAt"]) == ("old", "needed", 1)
    assert len(key["needing"]) == 1
    assert result.exit_code == 1
    assert "old stays" in result.stderr
    assert not cluster.patched


def test_a_retired_key_is_told_by_its_name_alone(cluster: StandIn) -> None:
    result = run("keys", "retire", "old", "-o", "name")

    assert (result.stdout, result.exit_code) == ("secret/old\n", 0)
    assert cluster.patched


@pytest.mark.usefixtures("folder")
def test_edited_items_are_told_by_name_and_without_values(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("key.pem").write_bytes(pem(private_key()))
    text = "metadata: {name: a, namespace: ns}\nstringData: {password: canary-old, user: canary-me}\n"
    assert sealing("-w", "sealed.yaml", stdin=text).exit_code == 0

    def editor(*, filename: str) -> None:
        page = Path(filename).read_text()
        Path(filename).write_text(page.replace("canary-old", "canary-new").replace("  user: canary-me\n", ""))

    monkeypatch.setattr("click.edit", editor)
    flags = ("--cert", "cert.pem", "--recovery-private-key", "key.pem")

    result = run("seal", "edit", "sealed.yaml", *flags, "-o", "json")

    wanted = {"name": "a", "file": "sealed.yaml", "sealed": ["password"], "removed": ["user"]}
    assert json.loads(result.stdout)["items"] == [wanted]
    assert "canary" not in result.output
    monkeypatch.setattr("click.edit", lambda *, filename: None)
    assert items("seal", "edit", "sealed.yaml", *flags) == [wanted | {"sealed": [], "removed": []}]


def test_every_command_with_a_cluster_has_all_output_formats() -> None:
    """But for `run`, whose output is its log, and `migrate values`, whose output is a file."""
    found = {
        name: [tuple(getattr(each.type, "choices", ())) for each in command.params if "--output" in each.opts]
        for name, command in commands(main)
        if any("--kubeconfig" in each.opts for each in command.params)
    }

    assert found.pop("run") == []
    assert found.pop("migrate values") == [("yaml", "json")]
    assert found
    assert set(map(tuple, found.values())) == {(FORMS,)}, found

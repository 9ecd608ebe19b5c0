"""`coffer migrate` as it is typed: default command, exit codes, forms of output, and no value in any of them."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner, Result

from manager.cli.main import main
from manager.core.errors import AccessError, Forbidden
from manager.kube.resources import NAMESPACES, SEALED_SECRETS, SECRETS
from tests.builders.migration_cluster import ClusterStandIn, three_originals

VALUE = "hunter2-hunter2"


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> ClusterStandIn:
    """A safe cluster with a SealedSecret whose Secret has a value."""
    stand_in = three_originals(keep=True)
    meta = {"namespace": "ns", "name": "s", "uid": "u", "generation": 1}
    status = {"conditions": [{"type": "Synced", "status": "True"}]}
    stand_in.put(SEALED_SECRETS, {"metadata": meta, "spec": {"encryptedData": {}}, "status": status})
    owner = {"apiVersion": "bitnami.com/v1alpha1", "kind": "SealedSecret", "name": "s", "uid": "u", "controller": True}
    held = {"namespace": "ns", "name": "s", "ownerReferences": [owner], "labels": {"x": VALUE}}
    stand_in.put(SECRETS, {"metadata": held, "data": {"k": VALUE}})

    async def connect(*_: object) -> None:
        return None

    monkeypatch.setattr("manager.kube.connection.connect", connect)
    monkeypatch.setattr("manager.kube.client.KubeClient", lambda *_: stand_in)
    return stand_in


def run(*words: str, **more: Any) -> Result:
    return CliRunner().invoke(main, ["migrate", *words], **more)


@pytest.mark.parametrize("words", [(), ("--plan",), ("plan",), ("--only", "move"), ("--plan", "--context", "x")])
def test_without_a_command_the_plan_is_printed(cluster: ClusterStandIn, words: tuple[str, ...]) -> None:
    done = run(*words)

    assert done.exit_code == 0, done.output
    assert done.stdout.startswith("# The move\n# 1. ")
    assert cluster.closed


def test_the_plan_is_a_script_of_comments_and_commands(cluster: ClusterStandIn) -> None:
    lines = run("plan", "--only", "undo").stdout.splitlines()

    assert lines[0] == "# The way back before an original is uninstalled"
    assert {line.split(" ")[0] for line in lines} == {"#", "helm", "kubectl", "coffer"}


def test_a_safe_cluster_ends_with_zero_and_one_that_is_not_with_one(cluster: ClusterStandIn) -> None:
    assert run("check").exit_code == 0

    cluster.release(
        "external-secrets", "kube-system", "external-secrets", {"externalsecrets.external-secrets.io": False}, 2
    )
    done = run("check")

    assert done.exit_code == 1
    assert done.stdout.splitlines()[-1] == "not safe: 1 finding must be cured (marked !)"
    assert run("check", "--without", "external").exit_code == 0


def test_a_namespace_is_checked_alone_and_must_exist(cluster: ClusterStandIn) -> None:
    assert run("check", "-n", "nowhere").exit_code == 2
    assert "there is no namespace nowhere" in run("check", "-n", "nowhere").output

    cluster.put(NAMESPACES, {"metadata": {"name": "app"}})
    assert run("check", "-n", "app").stdout.splitlines()[-1].endswith("in namespace app; leave -n out for the others")


@pytest.mark.parametrize(
    ("failure", "told"),
    [
        (Forbidden(403, "Forbidden", "list clusterroles"), "this user has no right to it"),
        (AccessError("no configuration"), "no configuration"),
    ],
)
def test_a_cluster_that_cannot_be_read_ends_with_two(cluster: ClusterStandIn, failure: Any, told: str) -> None:
    cluster.failures["clusterroles"] = failure

    done = run("check")

    assert done.exit_code == 2
    assert told in done.stderr


@pytest.mark.parametrize(
    "words",
    [
        ("check", "--nothing"),
        ("verify",),
        ("verify", "no-file"),
        ("plan", "--original-chart", "x=y"),
        ("check", "-o", "x"),
    ],
)
def test_wrong_words_end_with_two(cluster: ClusterStandIn, words: tuple[str, ...]) -> None:
    assert run(*words).exit_code == 2


@pytest.mark.parametrize("command", ["check", "plan"])
def test_a_scope_is_refused(cluster: ClusterStandIn, tmp_path: Path, command: str) -> None:
    """Verdicts do not know a scope: they would call served what an installation in a scope does not read."""
    config = tmp_path / "settings.yaml"
    config.write_text("modules: {scope: [team-a]}\n")

    done = run(command, "--config", str(config))

    assert done.exit_code == 2
    assert "modules.scope: a move is judged for the whole cluster only" in done.output


def test_objects_that_stay_are_counted_and_named_on_request(cluster: ClusterStandIn) -> None:
    cluster.objects["", "secrets"][-1]["metadata"].pop("labels")
    short, long = run("check").stdout, run("check", "--all").stdout

    assert "sealed    SealedSecret: 1 nothing" in short
    assert "SealedSecret ns/s" not in short
    assert "   nothing  SealedSecret ns/s" in long


@pytest.mark.parametrize("words", [("check", "--all"), ("plan",)])
@pytest.mark.parametrize("form", ["table", "json", "yaml", "name"])
def test_no_form_of_output_has_a_value(cluster: ClusterStandIn, words: tuple[str, ...], form: str) -> None:
    done = run(*words, "-o", form)

    assert VALUE not in done.output
    if form in ("json", "yaml"):
        found = yaml.safe_load(done.stdout)
        assert found["kind"] == "List"
        assert found["items"]


def test_machines_get_every_object_and_every_hazard(cluster: ClusterStandIn) -> None:
    items = json.loads(run("check", "-o", "json").stdout)["items"]

    assert items[0] == {
        "module": "sealed",
        "kind": "SealedSecret",
        "namespace": "ns",
        "name": "s",
        "verdict": "differs",
        "why": "the Secret is written once: metadata.labels is not what the SealedSecret says",
        "mustBeCured": False,
        "nextRead": None,
    }
    assert {each["hazard"] for each in items if "hazard" in each} == {"writer"}


def saved(tmp_path: Path) -> str:
    file = str(tmp_path / "before.json")
    assert run("check", "--save", file).exit_code == 0
    assert VALUE not in Path(file).read_text()
    return file


def test_an_unchanged_cluster_is_verified(cluster: ClusterStandIn, tmp_path: Path) -> None:
    done = run("verify", saved(tmp_path))

    assert done.exit_code == 0
    lines = done.stdout.splitlines()
    assert lines[0].startswith("5 objects since 20")
    assert lines[0].endswith(
        ": 5 as they were, 0 lost, 0 replaced (another uid), 0 rewritten, 0 refreshed, 0 read too early"
    )
    assert "   reflector: the original kube-system/reflector runs" in lines
    assert "not counted without --metrics" in lines[-1]


def test_what_was_rewritten_or_lost_is_named(cluster: ClusterStandIn, tmp_path: Path) -> None:
    file = saved(tmp_path)
    cluster.objects["", "secrets"][-1]["metadata"]["resourceVersion"] = "2"
    cluster.remove(SEALED_SECRETS, "s")

    done = run("verify", file)

    assert done.exit_code == 1
    assert "!  lost  SealedSecret ns/s" in done.stdout
    assert "!  rewritten  Secret ns/s" in done.stdout
    items = json.loads(run("verify", file, "-o", "json").stdout)["items"]
    assert {(each["name"], each["state"]) for each in items if each["failed"]} == {("s", "lost"), ("s", "rewritten")}


@pytest.mark.parametrize(("calls", "code"), [("3.0", 1), ("0.0", 0)])
def test_calls_of_providers_are_counted_from_the_metrics(
    cluster: ClusterStandIn, tmp_path: Path, calls: str, code: int
) -> None:
    page = f'coffer_provider_calls_total{{call="GetSecretValue",provider="AWS",status="success"}} {calls}\n'

    done = run("verify", saved(tmp_path), "--metrics", "-", input=page)

    assert done.exit_code == code
    assert ("AWS GetSecretValue 3" in done.stdout) is bool(code)

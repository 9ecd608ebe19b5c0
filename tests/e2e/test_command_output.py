"""No command prints a value of a Secret, or lets a tenant write to the terminal, in any form of output."""

import json
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner, Result

from manager.cli.main import main
from tests.builders.hostile_text import HARMFUL, HOSTILE
from tests.builders.manifests import (
    allowed,
    canary,
    external_secret,
    fake,
    push_secret,
    sealed_secret,
    secret,
    store,
)
from tests.command_tree import commands
from tests.e2e.oracles import assert_nothing_leaked
from tests.e2e.world import World

FORMS = ("table", "json", "yaml", "name")
READ_OR_WRITE_MORE = {
    "completion": "it reads nothing",
    "version": "it reads nothing",
    "run": "its log is searched after every test",
    "crds apply": "it writes CRDs, whose texts `crds diff` prints too",
    "keys backup": "it writes keys into a file on purpose",
    "keys restore": "it prints names of keys as `keys list` does",
    "keys retire": "it prints names of keys as `keys list` does",
    "keys rotate": "it prints names of keys as `keys list` does",
    "migrate values": "it reads values of a chart",
    "migrate verify": "it compares what `migrate check` has read",
    "seal edit": "it shows values to an editor on purpose",
}
"""Commands that are not run here, and why."""
MARKED = "hostile"


def asked(ns: str, file: str, home: str) -> dict[str, list[str]]:
    """Return the arguments of each command that is run."""
    own = f"--controller-namespace={home}"
    return {
        "cost": [],
        "crds diff": [],
        "doctor": [own],
        "explain": ["secret", f"{ns}/external", own],
        "keys list": ["-n", home],
        "lint": [file],
        "migrate check": ["--controller-namespace", home],
        "migrate plan": ["--controller-namespace", home],
        "mirrors": [own],
        "plan": ["-f", file],
        "refresh": ["es/external", f"es/{MARKED}", "-n", ns, "--timeout=2"],
        "status": [own],
        "tree": ["secret", f"{ns}/external", own],
    }


def test_every_command_is_run_here_or_has_a_reason() -> None:
    named = {name for name, _ in commands(main)}

    assert set(asked("", "", "")) | set(READ_OR_WRITE_MORE) == named


@pytest.mark.timeout(400)
def test_no_command_prints_values_or_control_characters(world: World, tmp_path: Path) -> None:
    assert world.coffer is not None
    ns, team, values = world.namespace(), world.namespace(), [canary() for _ in range(4)]
    manifests = [
        sealed_secret(world.certificate, ns, "sealed", {"a": values[0]}),
        store(ns, "store", fake({"a": values[1]})),
        external_secret(ns, "external", "store", {"A": "a"}),
        secret(ns, "source", {"k": values[2]}, annotations=allowed(team, auto=team)),
        push_secret(ns, "push", "store", {"k": "pushed"}),
        *_hostile(ns, values[3]),
    ]
    world.apply(*manifests)
    world.await_data(ns, "sealed", {"a": values[0]})
    world.await_data(ns, "external", {"A": values[1]})
    world.await_data(team, "source", {"k": values[2]})
    world.await_condition("externalsecrets", ns, MARKED, "False")
    file = tmp_path / "manifests.yaml"
    file.write_text(yaml.safe_dump_all(manifests))

    texts = []
    cluster = f"--kubeconfig={world.plane.kubeconfig}"
    for name, arguments in asked(ns, str(file), world.coffer.installation.namespace).items():
        for form in FORMS if name not in {"refresh", "migrate check", "migrate plan"} else ("table", "json"):
            options = [*arguments, "-o", form, *([] if name == "lint" else [cluster])]
            done = CliRunner().invoke(main, [*name.split(), *options], catch_exceptions=False)
            assert done.exit_code in {0, 1}, (name, done.output)
            texts.append((f"{name} -o {form}", done.output))
            _require_plain(name, form, done)

    for kind, place in (("es", MARKED), ("store", "store"), ("sealedsecret", "sealed"), ("secret", "source")):
        done = CliRunner().invoke(main, ["explain", kind, f"{ns}/{place}", cluster], catch_exceptions=False)
        texts.append((f"explain {kind}", done.output))
        _require_plain("explain", "table", done)
    assert_nothing_leaked(values, texts)
    assert any(payload.strip("\x1b[]")[:4] in text for payload in HOSTILE for _, text in texts), "they were printed"


def _hostile(ns: str, value: str) -> list[dict[str, object]]:
    """Return objects with payloads in every text that a tenant may choose freely."""
    remote = {f"k{at}": f"{payload} absent" for at, payload in enumerate(HOSTILE) if "\x00" not in payload}
    external = external_secret(ns, MARKED, "store", remote)
    source = secret(ns, f"{MARKED}-source", {"k": value}, annotations=allowed("x"))
    source["metadata"]["annotations"] |= {
        "reflector.v1.k8s.emberstack.com/reflection-allowed-namespaces": ",".join(HOSTILE[:3]) + "(",
        "reflector.coffer.dev/keys": HOSTILE[1],
    }
    return [external, source]


def _require_plain(name: str, form: str, done: Result) -> None:
    """Fail if the output has a character that controls a terminal, or is no JSON or YAML where it should be."""
    assert not (HARMFUL - {"\n"}) & set(done.output), (name, form)
    if form in ("json", "yaml"):
        read = json.loads if form == "json" else yaml.safe_load
        assert read(done.stdout)["kind"] == "List", name

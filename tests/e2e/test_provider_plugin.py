"""A provider of another package in a real cluster: its fields in the CRDs, its stores, one that is not installed."""

import importlib
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.builders.manifests import canary, external_secret, secret, store
from tests.cluster.kube import ApiError
from tests.conformance.providers.test_page import written
from tests.controller import COMMAND, Coffer, Installation
from tests.e2e.conftest import QUICK, SMALL_KEY, finish
from tests.e2e.world import World

STORES = ("secretstores", "clustersecretstores")


class Plugin:
    """The package of docs/write-a-provider.md, installed into a folder, and a server of its service."""

    def __init__(self, folder: Path) -> None:
        written(folder)
        self.variables = {"PYTHONPATH": str(folder)}
        subject = importlib.import_module("acme_provider.subject")
        self.server: Any = subject.AcmeSubject()

    def crds(self, arena: World, *options: str) -> None:
        """Run `coffer crds apply` for the CRDs of stores."""
        command: list[str | Path] = [
            COMMAND,
            "crds",
            "apply",
            *options,
            *STORES,
            "--kubeconfig",
            arena.plane.kubeconfig,
        ]
        done = subprocess.run(command, env=self.variables, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture
def plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Plugin]:
    monkeypatch.syspath_prepend(str(tmp_path))
    made = Plugin(tmp_path)
    yield made
    made.server.stop()


@pytest.fixture
def coffer(arena: World, plugin: Plugin) -> Iterator[Coffer]:
    """A controller with the plug-in, and with one that nobody has installed; the CRDs have its fields meanwhile."""
    installation = Installation(arena.plane, arena.kube)
    flags = [SMALL_KEY, *QUICK, "--external-provider-plugins=acme,gone"]
    made = Coffer(installation, flags=flags, environment=plugin.variables)
    plugin.crds(arena, "--provider-plugins", "acme")
    try:
        made.start()
        made.wait_leading()
        yield made
        finish(made)
    finally:
        plugin.crds(arena, "--narrow")
        arena.kube.delete("namespaces", installation.namespace)


def test_a_plug_in_is_a_provider_like_all_others(arena: World, coffer: Coffer, plugin: Plugin) -> None:
    ns, value = arena.namespace(), canary()
    plugin.server.put(f"{ns}-db", value.encode(), None)
    spec = {"acme": {**plugin.server.spec(), "tokenSecretRef": {"name": "login", "key": "token"}}}
    token = plugin.server.secrets()["login"]["token"].decode()
    arena.apply(secret(ns, "login", {"token": "wrong"}), store(ns, "acme", spec))
    arena.apply(external_secret(ns, "app", "acme", {"password": f"{ns}-db"}))
    arena.await_condition("secretstores", ns, "acme", "False", text="403")

    arena.apply(secret(ns, "login", {"token": token}))

    arena.await_data(ns, "app", {"password": value})
    arena.await_ready("secretstores", ns, "acme")
    found = coffer.metrics()
    assert found['coffer_provider_plugin_loaded{plugin="acme"}'] == 1
    assert found['coffer_provider_plugin_loaded{plugin="gone"}'] == 0
    assert "provider plug-in not loaded" in coffer.log.read_text()

    with pytest.raises(ApiError, match="urll"):
        arena.apply(store(ns, "misspelt", {"acme": {"urll": "x", "tokenSecretRef": {"name": "login"}}}))

"""From the original controller to Coffer and back: neither rewrites the other's data, and all statuses are correct."""

import base64
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from sealed.crypto.wire_format import Scope
from tests.builders.manifests import SEALED, canary, sealed_secret
from tests.cluster.audit import Mark, Request
from tests.cluster.kube import Object
from tests.controller import Coffer, Installation
from tests.e2e.conftest import QUICK, SMALL_KEY, finish
from tests.e2e.original import Original, unavailable
from tests.e2e.world import World

LABEL = f"{SEALED}sealed-secrets-key"
SKIP = {f"{SEALED}skip-set-owner-references": "true", f"{SEALED}managed": "true"}
SHAPES: list[dict[str, Any]] = [
    {},
    {"scope": Scope.NAMESPACE_WIDE},
    {"scope": Scope.CLUSTER_WIDE},
    {"metadata": {"labels": {"app": "x"}, "annotations": {"note": "kept"}}},
    {"type": "example.com/own"},
    {"immutable": True},
    {"data": {"url": "https://{{ .k }}@db", "plain": "text"}},
    {"metadata": {"annotations": SKIP}},
]
"""The templates of the 500 objects, in turn."""
pytestmark = [
    pytest.mark.soak,
    pytest.mark.skipif(bool(unavailable()), reason=unavailable() or "can run"),
]


@dataclass
class Switch:
    """One cluster whose SealedSecrets the original reconciles, then Coffer, then the original again."""

    arena: World
    installation: Installation
    original: Original
    ns: str

    def keys(self) -> list[Object]:
        """Return the sealing keys, newest first."""
        found = self.arena.kube.list("secrets", self.installation.namespace, labelSelector=f"{LABEL}=active")
        return sorted(found, key=lambda each: int(each["metadata"]["resourceVersion"]), reverse=True)

    def await_keys(self, number: int) -> bytes:
        """Wait for this many keys; return the newest certificate."""
        found = self.arena.kube.wait_until(self.keys, lambda keys: len(keys) == number, timeout=60)
        return _decoded(found[0]["data"]["tls.crt"])

    def seal(self, certificate: bytes, names: Iterator[str]) -> None:
        """Apply SealedSecrets of every form."""
        for at, name in enumerate(names):
            shape = SHAPES[at % len(SHAPES)]
            self.arena.apply(sealed_secret(certificate, self.ns, name, {"k": canary()}, **shape))

    def await_true(self, count: int) -> None:
        """Wait until this many SealedSecrets are synced in their present generation."""

        def untrue() -> list[str]:
            found = self.arena.kube.list("sealedsecrets", self.ns)
            assert len(found) == count
            return [each["metadata"]["name"] for each in found if not _true(each)]

        self.arena.kube.wait_until(untrue, lambda names: not names, timeout=30 + count / 5)

    def secrets(self) -> list[Object]:
        """Return every Secret of the SealedSecrets, with its resourceVersion."""
        return self.arena.kube.list("secrets", self.ns)

    def writes(self, mark: Mark, user: str) -> list[Request]:
        """Return a controller's writes of Secrets."""
        return [each for each in self.arena.audit.writes(mark, user=user) if each.resource == "secrets"]


@pytest.fixture
def switch(arena: World) -> Iterator[Switch]:
    """A cluster without a controller."""
    installation = Installation(arena.plane, arena.kube)
    original = Original(arena.plane, arena.kube, installation.namespace)
    yield Switch(arena, installation, original, arena.namespace())
    arena.kube.delete("namespaces", installation.namespace)


def test_500_objects_go_to_coffer_and_back_without_data_writes(switch: Switch) -> None:
    arena, half = switch.arena, 250
    with switch.original as original:
        switch.seal(switch.await_keys(1), (f"old-{at}" for at in range(half)))
        original.new_key()
        switch.seal(switch.await_keys(2), (f"new-{at}" for at in range(half)))
        switch.await_true(2 * half)
    left, mark = switch.secrets(), arena.mark()

    coffer = Coffer(switch.installation, flags=[SMALL_KEY, *QUICK], environment=arena.moto.environment())
    arena.coffer = coffer
    with coffer:
        arena.kube.wait_until(lambda: coffer.metric("coffer_sealed_objects", 'key="unknown"') == 0, timeout=120)
        switch.await_true(2 * half)
        taken_over = switch.secrets(), switch.writes(mark, switch.installation.user)
        assert coffer.certificate() == _decoded(switch.keys()[0]["data"]["tls.crt"])
        assert len(switch.keys()) == 2, "no key is made where there are good ones"

        switch.seal(coffer.certificate(), (f"coffers-{at}" for at in range(16)))
        switch.await_true(2 * half + 16)
    finish(coffer)
    left_by_coffer, mark = switch.secrets(), arena.mark()

    with switch.original:
        arena.kube.wait_until(
            lambda: _count_original_events(switch, mark), lambda found: found >= 2 * half + 16, timeout=120
        )
        switch.await_true(2 * half + 16)
        back = switch.secrets()
        changed = canary()
        arena.apply(
            sealed_secret(_decoded(switch.keys()[0]["data"]["tls.crt"]), switch.ns, "coffers-0", {"k": changed})
        )
        arena.await_data(switch.ns, "coffers-0", {"k": changed})
        switch.await_true(2 * half + 16)

    assert taken_over == (left, [])
    assert back == left_by_coffer


def _count_original_events(switch: Switch, mark: Mark) -> int:
    """Count the original's Events about its objects: it posts one for each at every start."""
    found = switch.arena.audit.writes(mark, user=switch.original.user)
    return sum(each.resource == "events" for each in found)


def _true(sealed: Object) -> bool:
    status = sealed.get("status") or {}
    now = status.get("observedGeneration") == sealed["metadata"]["generation"]
    return now and [each["status"] for each in status["conditions"]] == ["True"]


def _decoded(text: str) -> bytes:
    return base64.b64decode(text)

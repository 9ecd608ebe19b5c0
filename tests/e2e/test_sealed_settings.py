"""Settings of the sealed module, and keys that are added and removed, on a real API server."""

import json
import signal
from collections.abc import Iterator

import pytest
import urllib3

from tests.builders.manifests import SEALED, canary, encoded, sealed_secret, secret
from tests.cluster.kube import Object
from tests.cluster.wait import wait_until
from tests.controller import Coffer, Installation
from tests.e2e.conftest import QUICK, SMALL_KEY, MakeCoffer, finish
from tests.e2e.test_sealed import foreign_key
from tests.e2e.world import World

LABEL = f"{SEALED}sealed-secrets-key"
ALONE = ("modules.external=false", "modules.reflector=false")
PROMISED_SECONDS = 5.0  # seconds until an added or removed key takes effect


def test_only_selected_objects_are_touched_and_repaired(arena: World, arena_coffer: MakeCoffer) -> None:
    controller = arena_coffer("coffer-0", "--label-selector=mine=yes", "--sealed-repair-drift=true")
    ns, values = arena.namespace(), {"k": canary()}
    mine = sealed_secret(controller.certificate(), ns, "mine", values)
    mine["metadata"]["labels"] = {"mine": "yes"}

    arena.apply(sealed_secret(controller.certificate(), ns, "other", values), mine)
    arena.await_data(ns, "mine", values)
    arena.await_ready("sealedsecrets", ns, "mine")
    arena.kube.patch("secrets", "mine", ns, {"data": {"k": encoded("edited"), "more": ""}})

    arena.await_data(ns, "mine", values)
    assert arena.data(ns, "other") is None
    assert "status" not in arena.kube.get("sealedsecrets", "other", ns)

    controller.process.signal(signal.SIGUSR1)
    wait_until(lambda: controller.metrics()["coffer_sealing_keys"] == 2, timeout=20, what="the key that was asked for")


def test_changes_of_keys_take_effect_at_once(arena: World, arena_coffer: MakeCoffer) -> None:
    """Malformed, relabelled and removed keys."""
    controller = arena_coffer()
    home, own = controller.installation.namespace, controller.certificate()
    labels = {LABEL: "active"}
    ns, values, key = arena.namespace(), {"k": canary()}, foreign_key()

    arena.apply(secret(home, "broken", {"tls.key": "x", "tls.crt": "y"}, labels=labels))
    await_metric(controller, "coffer_sealing_keys_broken", 1)
    [told] = arena.kube.wait_until(lambda: arena.kube.events(home, "broken"), timeout=PROMISED_SECONDS)
    arena.apply(secret(home, "second", key, type="kubernetes.io/tls", labels=labels))
    await_metric(controller, "coffer_sealing_keys", 2)
    arena.kube.patch("secrets", "second", home, {"metadata": {"labels": {LABEL: "compromised"}}})
    await_metric(controller, "coffer_sealing_keys", 1)
    arena.apply(sealed_secret(key["tls.crt"].encode(), ns, "app", values))
    arena.await_condition("sealedsecrets", ns, "app", "False", text="tried 1 key")
    arena.kube.patch("secrets", "second", home, {"metadata": {"labels": {LABEL: "active"}}})

    arena.await_data(ns, "app", values, timeout=PROMISED_SECONDS)
    assert controller.certificate() == own, "the older certificate does not seal"
    assert (told["type"], told["reason"]) == ("Warning", "SealingKeyUnusable")
    assert "tls.crt" in told["message"]
    arena.kube.delete("secrets", "second", home)
    await_metric(controller, "coffer_sealing_keys", 1)


def await_metric(controller: Coffer, name: str, value: float) -> None:
    """Wait at most as long as promised."""
    wait_until(lambda: controller.metrics()[name] == value, timeout=PROMISED_SECONDS, what=f"{name} to be {value:g}")


@pytest.fixture
def guarded(arena: World) -> Iterator[Coffer]:
    """A controller that requires tokens, with the rights that its chart gives it for this."""
    installation = Installation(arena.plane, arena.kube, "settings.sealed.require_token=true")
    coffer = Coffer(installation, flags=[SMALL_KEY, *QUICK], environment=arena.moto.environment())
    with coffer:
        yield coffer
    finish(coffer)
    arena.kube.delete("namespaces", installation.namespace)


def test_a_token_needs_the_right_to_the_path(arena: World, guarded: Coffer) -> None:
    ns = arena.namespace()
    sealed = sealed_secret(guarded.certificate(), ns, "app", {"k": canary()})
    allowed, other = (account(arena, ns, name) for name in ("allowed", "other"))
    role = {"apiVersion": "rbac.authorization.k8s.io/v1", "metadata": {"name": f"verify-{ns}"}}
    subject = {"kind": "ServiceAccount", "name": "allowed", "namespace": ns}
    reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": f"verify-{ns}"}
    arena.apply(
        {**role, "kind": "ClusterRole", "rules": [{"nonResourceURLs": ["/v1/verify"], "verbs": ["post"]}]},
        {**role, "kind": "ClusterRoleBinding", "roleRef": reference, "subjects": [subject]},
    )

    answers = {
        "allowed": wait_until(lambda: ask(guarded, "/v1/verify", sealed, allowed), lambda status: status == 200),
        "other path": ask(guarded, "/v1/rotate", sealed, allowed),
        "other": ask(guarded, "/v1/verify", sealed, other),
        "none": ask(guarded, "/v1/verify", sealed, ""),
        "nonsense": ask(guarded, "/v1/verify", sealed, "nonsense"),
    }

    assert answers == {"allowed": 200, "other path": 403, "other": 403, "none": 401, "nonsense": 401}


def account(arena: World, ns: str, name: str) -> str:
    """Create a ServiceAccount and return its token."""
    arena.kube.create({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"namespace": ns, "name": name}})
    return arena.kube.token(name, ns)


def ask(controller: Coffer, path: str, sealed: Object, token: str) -> int:
    """Post a SealedSecret; return the status, once the rate limit lets the request through."""
    headers = {"Authorization": f"Bearer {token}"} if token else {}

    def status() -> int:
        with urllib3.PoolManager(retries=False, timeout=5.0) as pool:
            return pool.request("POST", controller.url + path, body=json.dumps(sealed), headers=headers).status

    return wait_until(status, lambda found: found != 429, timeout=10, what="an answer")


def test_limited_to_namespaces_roles_are_enough(arena: World) -> None:
    """Nothing outside of these namespaces is read."""
    named, other, closed = (arena.namespace() for _ in range(3))
    installation = Installation(arena.plane, arena.kube, *ALONE, f"settings.sealed.additional_namespaces={{{named}}}")
    assert not [each for each in installation.manifests if each["kind"].startswith("Cluster")]
    flags = [SMALL_KEY, f"--sealed-additional-namespaces={named},{closed}"]  # it has no rights in the second namespace
    coffer = Coffer(installation, flags=flags, environment=arena.moto.environment())
    arena.coffer = coffer
    values, mark = {"k": canary()}, arena.mark()
    with coffer:
        arena.apply(*(sealed_secret(coffer.certificate(), ns, "app", values) for ns in (other, closed, named)))
        arena.await_data(named, "app", values)
        arena.await_ready("sealedsecrets", named, "app")
        arena.kube.delete("secrets", "app", named)
        arena.await_data(named, "app", values)
        arena.await_event(named, "app", "Unsealed")
        requests = arena.audit.requests(mark, user=installation.user)
        assert "status" not in arena.kube.get("sealedsecrets", "app", other)
        assert arena.data(other, "app") is None
        assert {each.namespace for each in requests if each.code == 403} == {closed}
        about = [each for each in requests if each.resource in {"secrets", "sealedsecrets"}]
        assert {each.namespace for each in about} == {named, closed, installation.namespace}

        grant(arena, installation, named, closed)
        arena.await_data(closed, "app", values, timeout=30)
    finish(coffer)
    arena.kube.delete("namespaces", installation.namespace)


def grant(arena: World, installation: Installation, like: str, where: str) -> None:
    """Copy the rights of one namespace to another."""
    for each in installation.manifests:
        if each["kind"] in {"Role", "RoleBinding"} and each["metadata"]["namespace"] == like:
            arena.apply({**each, "metadata": {"namespace": where, "name": each["metadata"]["name"]}})

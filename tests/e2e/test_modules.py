"""Each module alone works with the rights that the chart gives it, and the other modules do nothing."""

from collections.abc import Callable

import pytest

from tests.builders.manifests import allowed, canary, config_map, external_secret, fake, sealed_secret, secret, store
from tests.controller import Coffer, Installation
from tests.e2e.conftest import QUICK, SMALL_KEY, finish
from tests.e2e.world import World

MODULES = ("sealed", "external", "reflector")


def sealed(world: World, ns: str, value: str) -> None:
    """Unseal, change and restore."""
    world.apply(sealed_secret(world.certificate, ns, "app", {"key": "first"}))
    world.await_data(ns, "app", {"key": "first"})
    world.apply(sealed_secret(world.certificate, ns, "app", {"key": value}))
    world.await_data(ns, "app", {"key": value})
    world.kube.delete("secrets", "app", ns)
    world.await_data(ns, "app", {"key": value})


def external(world: World, ns: str, value: str) -> None:
    """Sync from a namespace's store and from a cluster's, and clean up."""
    policy = {"deletionPolicy": "Delete"}
    world.apply(store(ns, "store", fake({"remote": value})), external_secret(ns, "app", "store", {"key": "remote"}))
    world.apply(external_secret(ns, "going", "store", {"key": "remote"}, target=policy))
    world.await_data(ns, "app", {"key": value})
    world.await_data(ns, "going", {"key": value})
    world.kube.delete("externalsecrets", "going", ns)
    world.await_gone("externalsecrets", ns, "going")
    world.await_ready("externalsecrets", ns, "app")


def reflector(world: World, ns: str, value: str) -> None:
    """Push a Secret and a ConfigMap, change and withdraw."""
    target = world.namespace("target")
    annotations = allowed(target, auto=target)
    world.apply(secret(ns, "app", {"key": "first"}, annotations=annotations))
    world.apply(config_map(ns, "map", {"key": "first"}, annotations=annotations))
    world.await_data(target, "app", {"key": "first"})
    world.kube.wait_until(lambda: world.kube.get("configmaps", "map", target))
    world.apply(secret(ns, "app", {"key": value}, annotations=annotations))
    world.await_data(target, "app", {"key": value})
    world.kube.delete("secrets", "app", ns)
    world.await_gone("secrets", target, "app")


WORK: dict[str, Callable[[World, str, str], None]] = {"sealed": sealed, "external": external, "reflector": reflector}


@pytest.mark.parametrize("module", MODULES)
def test_a_module_works_alone_with_the_rights_of_its_own(arena: World, module: str) -> None:
    switches = [f"modules.{each}={str(each == module).lower()}" for each in MODULES]
    installation = Installation(arena.plane, arena.kube, *switches)
    coffer = Coffer(installation, flags=[SMALL_KEY, *QUICK], environment=arena.moto.environment())
    arena.coffer, mark = coffer, arena.mark()
    try:
        coffer.start()
        coffer.wait_ready()
        coffer.wait_leading()
        WORK[module](arena, arena.namespace(), canary())

        asked = arena.audit.requests(mark, user=installation.user)
        synced = [series for series in coffer.metrics() if series.startswith("coffer_synced")]
        certificate = coffer.http("/v1/cert.pem").status
    finally:
        finish(coffer)
        arena.kube.delete("namespaces", installation.namespace)
    assert not [each for each in asked if each.code == 403 and each.namespace in ("", *arena.namespaces)]
    assert synced == [f'coffer_synced{{module="{module}"}}']
    assert (certificate == 200) is (module == "sealed")

"""Kubernetes' own roles let a team use our kinds, only in its own namespace."""

from contextlib import closing
from uuid import uuid4

import pytest

from tests.builders.manifests import external_secret, fake, sealed_secret, secret, store
from tests.cluster.kube import ApiError, Kube
from tests.e2e.world import World

RBAC = "rbac.authorization.k8s.io"


def member(world: World, ns: str, role: str) -> Kube:
    """Return a client of a user who has one of Kubernetes' roles in a namespace."""
    name = f"user-{uuid4().hex[:6]}"
    world.apply(
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": name, "namespace": ns}},
        {
            "apiVersion": f"{RBAC}/v1",
            "kind": "RoleBinding",
            "metadata": {"name": name, "namespace": ns},
            "roleRef": {"apiGroup": RBAC, "kind": "ClusterRole", "name": role},
            "subjects": [{"kind": "ServiceAccount", "name": name, "namespace": ns}],
        },
    )
    return Kube(world.plane.url, world.plane.ca_file, token=world.kube.token(name, ns))


@pytest.mark.parametrize("role", ["edit", "admin"])
def test_who_may_edit_a_namespace_may_make_our_kinds_in_it(world: World, role: str) -> None:
    ns, other = world.namespace(), world.namespace()
    manifests = [
        sealed_secret(world.certificate, ns, "sealed", {"a": "1"}),
        store(ns, "store", fake({"remote": "1"})),
        external_secret(ns, "external", "store", {"a": "remote"}),
    ]

    with closing(member(world, ns, role)) as user:
        world.kube.wait_until(lambda: user.apply(*manifests), what="the aggregated role")
        world.await_data(ns, "sealed", {"a": "1"})
        world.await_data(ns, "external", {"a": "1"})
        user.delete("externalsecrets", "external", ns)
        with pytest.raises(ApiError, match="403"):
            user.apply(store(other, "store", fake({"remote": "1"})))
        with pytest.raises(ApiError, match="403"):
            user.apply(store("", other, fake({"remote": "1"})))


def test_who_may_view_a_namespace_sees_our_kinds_and_no_secret(world: World) -> None:
    ns = world.namespace()
    world.apply(store(ns, "store", fake({"remote": "1"})), secret(ns, "secret", {"a": "1"}))

    with closing(member(world, ns, "view")) as user:
        assert world.kube.wait_until(lambda: user.get("secretstores", "store", ns), what="the aggregated role")
        for kind in ("sealedsecrets", "externalsecrets"):
            assert user.list(kind, ns) == []
        with pytest.raises(ApiError, match="403"):
            user.apply(store(ns, "mine", fake({"remote": "1"})))
        with pytest.raises(ApiError, match="403"):
            user.get("secrets", "secret", ns)

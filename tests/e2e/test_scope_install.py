"""An administrator of some namespaces, without rights in the cluster, installs Coffer for these with real helm."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from subprocess import CompletedProcess

import pytest
import yaml

from tests.controller import CHART
from tests.e2e.test_chart import helm
from tests.e2e.test_tenant_rights import RBAC
from tests.e2e.world import World

FOR_THE_CLUSTER = Path(__file__).parents[2] / "examples" / "scoped-releases.yaml"
USER = "namespace-admin"


def administrate(arena: World, *namespaces: str) -> None:
    """Give the user Kubernetes' role admin in some namespaces, and wait until it holds there."""
    for namespace in namespaces:
        arena.apply(
            {
                "apiVersion": f"{RBAC}/v1",
                "kind": "RoleBinding",
                "metadata": {"name": "admin", "namespace": namespace},
                "roleRef": {"apiGroup": RBAC, "kind": "ClusterRole", "name": "admin"},
                "subjects": [{"apiGroup": RBAC, "kind": "User", "name": USER}],
            }
        )
        arena.kube.wait_until(partial(may, arena, namespace), what="the aggregated role")


def may(arena: World, namespace: str) -> bool:
    """Return True if the user may do what Coffer does with the status of SealedSecrets."""
    about = {"namespace": namespace, "verb": "patch", "group": "bitnami.com", "resource": "sealedsecrets"}
    spec = {"user": USER, "resourceAttributes": {**about, "subresource": "status"}}
    asked = {"apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview", "metadata": {}, "spec": spec}
    return bool(arena.kube.create(asked)["status"]["allowed"])


@pytest.fixture
def prepared(arena: World) -> Iterator[None]:
    """What the cluster's administrator does once, besides the CRDs."""
    role = yaml.safe_load(FOR_THE_CLUSTER.read_text())
    arena.apply(role)
    yield
    arena.kube.delete("clusterroles", role["metadata"]["name"])


def as_user(arena: World, *arguments: str) -> CompletedProcess[str]:
    return helm(arena.plane, f"--kube-as-user={USER}", *arguments)


def roles(arena: World) -> dict[str, set[str]]:
    """Return the Roles that helm made in each of the test's namespaces."""
    return {
        namespace: {each["metadata"]["name"] for each in arena.kube.list("roles", namespace)}
        for namespace in arena.namespaces
    }


@pytest.mark.usefixtures("prepared")
def test_an_administrator_of_namespaces_installs_changes_and_removes_it(arena: World) -> None:
    home, first, second, other = (arena.namespace(each) for each in ("home", "first", "second", "other"))
    administrate(arena, home, first, second)
    own = {"coffer", "coffer-scope", "coffer-service-proxier"}

    def install(*scope: str) -> CompletedProcess[str]:
        arguments = ("--install", "coffer", str(CHART), f"--namespace={home}")
        return as_user(arena, "upgrade", *arguments, f"--set=scope={{{','.join(scope)}}}")

    done = install(first)
    assert done.returncode == 0, done.stderr
    assert roles(arena) == {home: own, first: {"coffer-scope"}, second: set(), other: set()}
    assert arena.kube.get("deployments", "coffer", home)
    for kind in ("clusterroles", "clusterrolebindings"):
        assert not [each for each in arena.kube.list(kind) if each["metadata"]["name"] == "coffer"]

    done = install(first, second)
    assert done.returncode == 0, done.stderr
    assert roles(arena)[second] == {"coffer-scope"}

    refused = install(first, second, other)
    assert refused.returncode != 0
    assert "forbidden" in refused.stderr
    assert roles(arena)[other] == set()

    done = as_user(arena, "uninstall", "coffer", f"--namespace={home}")
    assert done.returncode == 0, done.stderr
    assert not any(roles(arena).values())


@pytest.mark.usefixtures("prepared")
def test_a_second_release_for_a_namespace_is_refused(arena: World) -> None:
    one, two, shared = (arena.namespace(each) for each in ("one", "two", "shared"))
    administrate(arena, one, two, shared)

    def install(home: str) -> CompletedProcess[str]:
        return as_user(arena, "install", "coffer", str(CHART), f"--namespace={home}", f"--set=scope={{{shared}}}")

    done = install(one)
    assert done.returncode == 0, done.stderr

    refused = install(two)

    assert refused.returncode != 0
    assert 'Role "coffer-scope" in namespace' in refused.stderr
    as_user(arena, "uninstall", "coffer", f"--namespace={one}")

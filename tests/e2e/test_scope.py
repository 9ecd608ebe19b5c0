"""Three modules limited to some namespaces: Roles there suffice, and nothing elsewhere is read or written."""

from collections.abc import Iterator
from contextlib import closing

import pytest

from tests.builders.manifests import (
    allowed,
    canary,
    external_secret,
    fake,
    generated,
    reflects,
    sealed_secret,
    secret,
    store,
)
from tests.cluster.audit import Request
from tests.cluster.controlplane import ControlPlane
from tests.cluster.kube import Object
from tests.cluster.moto import Moto
from tests.controller import Coffer, Installation
from tests.e2e.conftest import QUICK, SMALL_KEY, finish
from tests.e2e.story import Story
from tests.e2e.test_chart import running
from tests.e2e.test_rights import exercise_namespaces
from tests.e2e.world import World

FLAGS = ("--process-sweep-interval=2",)
ASKED_BY_ADMISSION = {("external-secrets.io", "externalsecrets/finalizers", "update")}
"""The admission plugin OwnerReferencesPermissionEnforcement checks it when a target blocks its owner's deletion."""

Right = tuple[str, str, str]
"""API group, resource with subresource, verb."""


class Scoped(World):
    """Namespaces that a controller is limited to, and others."""

    def limit(self, *within: str) -> None:
        """Start a controller for these namespaces."""
        self.within = within
        self.elsewhere = self.namespace("elsewhere")
        self.installation = Installation(self.plane, self.kube, f"scope={{{','.join(within)}}}")
        self.coffer = Coffer(self.installation, flags=(SMALL_KEY, *QUICK, *FLAGS), environment=self.moto.environment())
        self.began = self.mark()
        self.coffer.start()
        self.coffer.wait_leading()

    def asked(self) -> list[Request]:
        """Return the controller's requests for resources."""
        return [each for each in self.audit.requests(self.began, user=self.installation.user) if each.resource]

    def await_looks(self, number: int) -> None:
        """Wait until the controller has looked at its namespaces so often from now on."""
        mark, user = self.mark(), self.installation.user

        def looks() -> int:
            found = self.audit.requests(mark, user=user)
            return sum(each.resource == "namespaces" for each in found)

        self.kube.wait_until(looks, lambda found: found >= number * len(self.within), timeout=60, what="looks")

    def stop(self) -> None:
        """Stop the controller, and search its output for values."""
        if self.coffer is not None:
            finish(self.coffer)
            self.kube.delete("namespaces", self.installation.namespace)


@pytest.fixture
def scoped(arena_plane: ControlPlane, moto: Moto) -> Iterator[Scoped]:
    """A control plane whose controller the test starts for some namespaces."""
    with closing(arena_plane.client()) as kube:
        world = Scoped(arena_plane, kube, moto)
        yield world
        world.stop()
        world.close()


def given(installation: Installation, home: bool) -> set[Right]:
    """Return the rights in Coffer's own namespace, or those in each namespace of the scope."""
    return {
        (group, resource, verb)
        for namespace, rule in installation.rules()
        if (namespace == installation.namespace) is home
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }


def used(requests: list[Request]) -> set[Right]:
    """Return the rights that requests needed."""
    return {(each.group, "/".join(filter(None, (each.resource, each.subresource))), each.verb) for each in requests}


def test_every_right_of_a_scope_is_used_and_none_is_missing(scoped: Scoped) -> None:
    """One of its Roles stands for all: they are equal. Coffer's own namespace is not in the scope."""
    story = Story(scoped)
    scoped.limit(story.app, story.rabbit, story.service, story.pushed)
    running(scoped, story.service, "reflector")  # looks like an original, and may write nowhere

    story.run()
    exercise_namespaces(scoped, story.app, story.service)
    home, label = scoped.installation.namespace, {"sealedsecrets.bitnami.com/sealed-secrets-key": "active"}
    scoped.apply(secret(home, "broken", {"tls.key": "x", "tls.crt": "y"}, labels=label))
    scoped.await_event(home, "broken", "SealingKeyUnusable")
    scoped.await_looks(2)

    asked = scoped.asked()
    assert {each.code for each in asked if each.code >= 400} <= {404, 409}
    assert {each.namespace for each in asked} == {*scoped.within, home}
    within = given(scoped.installation, home=False)
    assert within - used([each for each in asked if each.namespace != home]) == ASKED_BY_ADMISSION
    assert given(scoped.installation, home=True) == used([each for each in asked if each.namespace == home])


def manifests(world: Scoped, value: str) -> list[Object]:
    """Return what another installation would work on."""
    ns = world.elsewhere
    return [
        sealed_secret(world.certificate, ns, "sealed", {"k": value}),
        store(ns, "store", fake({"remote": value})),
        external_secret(ns, "external", "store", {"k": "remote"}),
        secret(ns, "source", {"k": value}, annotations=allowed()),
        secret(ns, "pushing", {"k": value}, annotations=allowed(auto="")),
        secret(ns, "pulling", {"k": "x"}, annotations=reflects(world.within[0], "source")),
    ]


def test_neighbours_are_left_alone_and_users_are_told(scoped: Scoped) -> None:
    first, second = scoped.namespace("first"), scoped.namespace("second")
    scoped.limit(first, second)
    value, elsewhere = canary(), scoped.elsewhere
    scoped.apply(*manifests(scoped, value))
    before = [scoped.kube.list(kind, elsewhere) for kind in ("secrets", "externalsecrets", "secretstores")]
    cluster = {"name": "cluster", "kind": "ClusterSecretStore"}
    scoped.apply(
        store(first, "store", fake({"remote": value})),
        external_secret(first, "good", "store", {"k": "remote"}),
        external_secret(first, "bad", "cluster", {"k": "remote"}, secretStoreRef=cluster),
        external_secret(first, "worse", "store", {}, dataFrom=[generated("ClusterGenerator", "made")]),
        secret(first, "source", {"k": value}, annotations=allowed(auto=f"{second},{elsewhere}")),
        secret(second, "pulled", {"k": "x"}, annotations=reflects(first, "source")),
        secret(second, "foreign", {"k": "x"}, annotations=reflects(elsewhere, "source")),
    )

    scoped.await_data(first, "good", {"k": value})
    scoped.await_data(second, "source", {"k": value})
    scoped.await_data(second, "pulled", {"k": value})
    for name in ("bad", "worse"):
        scoped.await_condition("externalsecrets", first, name, "False", text="limited to namespaces (modules.scope)")
    told = scoped.await_event(first, "source", "OutsideScope", f"{elsewhere} matches none of the namespaces")
    scoped.await_event(second, "foreign", "OutsideScope", f"Secret {elsewhere}/source is outside")
    scoped.kube.patch("namespaces", second, None, {"metadata": {"labels": {"coffer.dev/refuse-push": "true"}}})
    scoped.await_gone("secrets", second, "source")

    quiet, user = scoped.mark(), scoped.installation.user
    scoped.await_looks(2)
    assert not scoped.audit.writes(quiet, user=user, ignoring=["leases"]), "a quiet scope writes nothing"
    assert len(scoped.events(first, "source", "OutsideScope")) == told["count"] == 1
    assert scoped.data(second, "foreign") == {"k": "x"}
    asked = scoped.asked()
    assert {each.namespace for each in asked} == {first, second, scoped.installation.namespace}
    assert not [each for each in asked if each.code == 403]
    after = [scoped.kube.list(kind, elsewhere) for kind in ("secrets", "externalsecrets", "secretstores")]
    assert after == before

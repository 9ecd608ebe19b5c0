"""Which running Deployment counts as an original: labels prove nothing where tenants have Deployments."""

import asyncio
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any

import pytest

from manager.core.errors import ApiError, Forbidden, Unreachable
from manager.kube.resources import DEPLOYMENTS, Body, Resource
from manager.runtime.metrics import Metrics
from manager.runtime.predecessors import (
    COFFER,
    Confinement,
    Installation,
    PredecessorGate,
    Rival,
    find_predecessor,
    find_rival,
    works_on,
)
from tests.builders.api_in_memory import no_jitter

WITHIN = Confinement("home", ("one", "two"))


class Server:
    """Answers lists of Deployments by namespace, and reviews by the namespace that they ask about."""

    selector = "app.kubernetes.io/name=reflector"

    def __init__(self, *places: str, ready: int | None = 1) -> None:
        self.deployments = {place: [deployment(ready)] for place in places}
        self.answers: dict[str, bool | ApiError] = {}
        self.lists: dict[str, ApiError] = {}
        self.searched: list[str] = []
        self.reviews: list[tuple[str, Body]] = []

    async def pages(
        self, resource: Resource, *, namespace: str, selector: str
    ) -> AsyncIterator[tuple[list[Body], str]]:
        assert resource is DEPLOYMENTS
        assert selector == self.selector
        self.searched.append(namespace)
        if namespace in self.lists:
            raise self.lists[namespace]
        yield self.deployments.get(namespace, []), "1"

    async def post(self, _resource: Resource, path: str, body: Body) -> Body:
        self.reviews.append((path, body))
        place = body["spec"]["resourceAttributes"].get("namespace", "")
        answer = self.answers.get(place, False)
        if isinstance(answer, ApiError):
            raise answer
        return {"metadata": {}, "status": {"allowed": answer}}


def deployment(ready: int | None) -> Body:
    spec = {"template": {"spec": {"serviceAccountName": "unsealer"}}}
    return {"metadata": {"namespace": "there", "name": "it"}, "spec": spec, "status": {"readyReplicas": ready}}


async def found(server: Any, within: Confinement | None = None) -> str:
    return await find_predecessor(server, "reflector", within)


@pytest.mark.parametrize(("ready", "name"), [(1, "there/it"), (0, ""), (None, "")])
async def test_only_a_running_original_counts(ready: int | None, name: str) -> None:
    server = Server("", ready=ready)
    server.answers[""] = True

    assert await found(server) == name


async def test_who_may_not_write_everywhere_is_no_original_whatever_its_labels() -> None:
    """Or any tenant could stop a module for the whole cluster."""
    server = Server("")

    assert await found(server) == ""

    ((path, asked),) = server.reviews
    assert path == "/apis/authorization.k8s.io/v1/subjectaccessreviews"
    assert asked["spec"]["user"] == "system:serviceaccount:there:unsealer"
    assert asked["spec"]["resourceAttributes"] == {"verb": "create", "resource": "secrets"}


@pytest.mark.parametrize("within", [None, WITHIN])
async def test_where_rights_cannot_be_asked_for_a_running_original_counts(within: Confinement | None) -> None:
    server = Server("one" if within else "")
    server.answers = dict.fromkeys(("", "one", "two"), Forbidden(403, "Forbidden", "create"))

    assert await found(server, within) == "there/it"


async def test_at_home_labels_are_proof_where_no_tenant_has_deployments() -> None:
    server = Server("home")

    assert await found(server, WITHIN) == "there/it"
    assert (server.searched, server.reviews) == (["home"], [])


@pytest.mark.parametrize(("second", "name"), [(True, "there/it"), (False, "")])
async def test_within_namespaces_only_who_may_write_in_all_is_an_original(second: bool, name: str) -> None:
    """A tenant may write in its own namespace, and would stop the module in the others."""
    server = Server("two")
    server.answers = {"one": True, "two": second}

    assert await found(server, WITHIN) == name

    assert server.searched == ["home", "one", "two"]
    where = [f"/apis/authorization.k8s.io/v1/namespaces/{each}/localsubjectaccessreviews" for each in ("one", "two")]
    assert [path for path, _ in server.reviews] == where
    asked = server.reviews[1][1]
    assert asked["kind"] == "LocalSubjectAccessReview"
    assert asked["metadata"]["namespace"] == asked["spec"]["resourceAttributes"]["namespace"] == "two"


async def test_a_namespace_that_may_not_be_searched_hides_no_other() -> None:
    server = Server("two")
    server.lists["one"] = Forbidden(403, "Forbidden", "list")
    server.answers = {"one": True, "two": True}

    assert await found(server, WITHIN) == "there/it"


async def test_an_original_that_cannot_be_looked_for_is_taken_as_absent() -> None:
    server = Server("")
    server.lists[""] = Forbidden(403, "Forbidden", "list")

    assert await found(server) == ""


async def test_without_an_api_server_nothing_is_concluded() -> None:
    listing, asking = Server(""), Server("")
    listing.lists[""] = asking.answers[""] = Unreachable(503, "Unavailable", "list")

    for server in (listing, asking):
        with pytest.raises(Unreachable):
            await found(server)


HOME = Installation("home")


class Coffers(Server):
    """Has Deployments of Coffer in the whole cluster, whose ServiceAccounts may write everywhere."""

    def __init__(self, *deployments: Body) -> None:
        super().__init__()
        self.deployments, self.answers = {"": list(deployments)}, {"": True}

    async def pages(
        self, resource: Resource, *, namespace: str, selector: str
    ) -> AsyncIterator[tuple[list[Body], str]]:
        self.selector = selector
        async for items in super().pages(resource, namespace=namespace, selector=selector):
            yield items if selector == COFFER else ([], "1")


def coffer(namespace: str, created: int, *arguments: str, ready: int | None = 1) -> Body:
    body = deployment(ready)
    body["metadata"] |= {"namespace": namespace, "creationTimestamp": f"2026-01-0{created}T00:00:00Z"}
    body["spec"]["template"]["spec"]["containers"] = [{"args": ["run", *arguments]}]
    return body


@pytest.mark.parametrize(
    ("deployments", "rival"),
    [
        ([coffer("home", 2)], None),
        ([coffer("home", 2), coffer("other", 1)], Rival("other/it", older=True)),
        ([coffer("home", 2), coffer("other", 3)], Rival("other/it", older=False)),
        ([coffer("home", 2), coffer("young", 3), coffer("old", 1)], Rival("old/it", older=True)),
        ([coffer("home", 2), coffer("above", 2)], Rival("above/it", older=True)),
        ([coffer("home", 2), coffer("other", 1, ready=0)], None),
        ([coffer("home", 2, ready=None), coffer("other", 3)], Rival("other/it", older=False)),
        ([coffer("home", 2), coffer("other", 1, "--modules-reflector=false")], None),
        ([coffer("other", 9)], Rival("other/it", older=True)),
    ],
)
async def test_of_two_installations_the_younger_finds_the_older(deployments: list[Body], rival: Rival | None) -> None:
    server: Any = Coffers(*deployments)

    assert await find_rival(server, "reflector", HOME) == rival


async def test_labels_alone_make_no_installation_of_coffer() -> None:
    """Or any tenant could stop every module."""
    server: Any = Coffers(coffer("home", 2), coffer("tenant", 1))
    server.answers[""] = False

    assert await find_rival(server, "reflector", HOME) is None


@pytest.mark.parametrize(
    ("module", "arguments", "works"),
    [
        ("external", (), True),
        ("external", ("--external-controller-class=b",), False),
        ("sealed", ("--external-controller-class=b",), True),
        ("sealed", ("--modules-sealed=false",), False),
        ("sealed", ("--modules-external=false",), True),
    ],
)
def test_who_works_on_a_module_stands_in_the_arguments(module: str, arguments: tuple[str, ...], *, works: bool) -> None:
    assert works_on(coffer("other", 1, *arguments), module, "default") is works


@pytest.mark.parametrize(
    ("created", "takeover", "waits", "gauges"),
    [(1, False, True, (1, 1)), (3, False, False, (0, 1)), (1, True, False, (0, 0))],
)
async def test_only_the_younger_installation_waits(
    created: int, takeover: bool, waits: bool, gauges: tuple[int, int]
) -> None:
    server: Any = Coffers(coffer("home", 2), coffer("other", created))
    metrics = Metrics()
    gate = PredecessorGate(server, metrics, no_jitter(), takeover, 600.0, HOME)
    module: Any = SimpleNamespace(name="reflector")

    waiting = asyncio.ensure_future(gate.wait(module))
    await asyncio.wait([waiting], timeout=0 if waits else None)

    assert waiting.done() is not waits
    shown = (metrics.observing.labels("reflector"), metrics.rivals.labels("reflector"))
    assert tuple(each._value.get() for each in shown) == gauges
    waiting.cancel()

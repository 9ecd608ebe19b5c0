"""Which running Deployment counts as an original: labels prove nothing where tenants have Deployments."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from manager.core.errors import ApiError, Forbidden, Unreachable
from manager.kube.resources import DEPLOYMENTS, Body, Resource
from manager.runtime.predecessors import Confinement, find_predecessor

WITHIN = Confinement("home", ("one", "two"))


class Server:
    """Answers lists of Deployments by namespace, and reviews by the namespace that they ask about."""

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
        assert selector == "app.kubernetes.io/name=reflector"
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

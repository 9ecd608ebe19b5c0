"""Reads of GitLab: projects, groups, environments, pages, and what is refused."""

from collections.abc import Iterator
from typing import Any

import pytest
from aiohttp import web

from external.providers.protocol import (
    ProviderDenied,
    ProviderError,
    ProviderUnavailable,
    SearchRequest,
    SecretAbsent,
    SecretRequest,
)
from manager.core.errors import NeedsHuman
from tests.builders.generators import Desk
from tests.builders.providers import connected, found_texts, provider_context, text
from tests.doubles.faults import status
from tests.doubles.gitlab.variables import GitLabVariables, page_of

AUTH = {"SecretRef": {"accessToken": {"name": "gitlab", "key": "token"}}}


@pytest.fixture(scope="module")
def running() -> Iterator[GitLabVariables]:
    with GitLabVariables() as server:
        yield server


@pytest.fixture
def server(running: GitLabVariables) -> GitLabVariables:
    running.variables, running.above = {"projects/g/app": [], "groups/1": [], "groups/2": []}, {}
    running.calls.clear()
    running.faults.clear()
    return running


def client(server: GitLabVariables, token: str = GitLabVariables.token, **fields: Any) -> Any:
    spec = {"url": f"{server.url}/", "auth": AUTH, "projectID": "g/app", **fields}
    return connected("gitlab", spec, provider_context(Desk(gitlab_token=token)))


def test_one_list_serves_all_keys(server: GitLabVariables) -> None:
    for number in range(230):
        server.put("projects/g/app", f"KEY_{number}", str(number))
    made = client(server, groupIDs=["1"])
    found = made.read([SecretRequest(f"KEY-{number}") for number in range(100)])

    assert [each.reveal().decode() for each in found.values()] == [str(number) for number in range(100)]
    assert server.calls == {"projects/g/app variables": 3}, "groups are not asked for what the project has"


def test_the_last_group_wins_and_each_by_its_scope(server: GitLabVariables) -> None:
    server.put("groups/1", "ONLY", "first")
    for group, scope in (("1", "*"), ("1", "prod"), ("2", "*"), ("2", "prod")):
        server.put(f"groups/{group}", "KEY", f"{group} {scope}", scope)

    assert text(client(server, groupIDs=["1", "2"], environment="prod"), "KEY") == "2 prod"
    assert text(client(server, groupIDs=["2", "1"], environment="prod"), "KEY") == "1 prod"
    assert text(client(server, groupIDs=["1", "2"]), "KEY") == "2 *"
    assert text(client(server, groupIDs=["1", "2"], projectID=None), "ONLY") == "first"
    server.put("projects/g/app", "KEY", "project")
    assert text(client(server, groupIDs=["1", "2"], environment="prod"), "KEY") == "project"


def test_groups_above_the_project_are_asked_from_the_nearest(server: GitLabVariables) -> None:
    server.above["g/app"] = [(number, "g" * number) for number in range(10, 135)] + [(1, "g"), (2, "g/sub")]
    for number in (*range(10, 135), 1, 2):
        server.put(f"groups/{number}", "KEY", str(number))

    assert text(client(server, inheritFromGroups=True), "KEY") == "134", "of all pages"


def test_what_no_list_has_is_absent_and_an_empty_value_is_not(server: GitLabVariables) -> None:
    server.put("projects/g/app", "EMPTY", "")
    server.put("projects/g/app", "HIDDEN", None, hidden=True)

    with pytest.raises(SecretAbsent):
        text(client(server), "NONE")
    with pytest.raises(ProviderDenied, match="no secret string for key: EMPTY: it is empty"):
        text(client(server), "EMPTY")
    with pytest.raises(ProviderDenied, match="HIDDEN: it is hidden, and GitLab shows it to nobody"):
        text(client(server), "HIDDEN")


def deleting(server: GitLabVariables, times: int) -> None:
    """Delete the first variable before each second page of the next lists."""
    place = server.variables["projects/g/app"]

    async def answer(request: web.Request) -> web.Response:
        if request.query["page"] == "2":
            place.pop(0)
        return page_of(request, place)

    server.faults.next(answer, "/variables", times)


def test_a_list_that_changes_between_its_pages_is_read_again(server: GitLabVariables) -> None:
    """A deletion moves an entry to the page that was read already."""
    for number in range(230):
        server.put("projects/g/app", f"KEY_{number}", "v")
    deleting(server, 3)
    assert len(client(server).find(SearchRequest(name="KEY"))) == 229
    deleting(server, 3)
    assert text(client(server), "KEY_101") == "v"
    deleting(server, 6)
    with pytest.raises(ProviderUnavailable, match="another number of entries than X-Total says"):
        client(server).find(SearchRequest(name="KEY"))


def test_what_a_list_of_pages_lacks_is_asked_for_by_its_key(server: GitLabVariables) -> None:
    for number in range(101):
        server.put("projects/g/app", f"KEY_{number}", "v", "prod")
    server.put("projects/g/app", "TEST", "v", "test")
    shown = [each for each in server.variables["projects/g/app"] if each["key"] != "KEY_7"]

    async def without(request: web.Request) -> web.Response:
        return page_of(request, shown)

    made = client(server, environment="prod")
    server.faults.next(without, "/variables", 2)
    with pytest.raises(ProviderUnavailable, match="ProjectVariable: a variable that exists is not in the list"):
        text(made, "KEY_7")
    for key in ("NONE", "TEST"):
        with pytest.raises(SecretAbsent):
            text(made, key)
    with pytest.raises(SecretAbsent):
        text(client(server), "NONE")
    server.faults.always.append(("/variables/NONE", status(404, '{"message": "404 Project Not Found"}')))
    with pytest.raises(ProviderDenied, match="ProjectVariable: 404: 404 Project Not Found"):
        text(made, "NONE")


def test_the_lists_of_a_read_have_one_budget(server: GitLabVariables) -> None:
    for group in ("1", "2"):
        server.put(f"groups/{group}", "BIG", "x" * (5 << 20))
    made = client(server, groupIDs=["1", "2"])
    with pytest.raises(ProviderDenied, match="GroupVariablesList: the lists of the store take more than 8 MiB"):
        text(made, "NONE")
    with pytest.raises(ProviderDenied, match="more than 200 groups"):
        text(client(server, groupIDs=[str(number) for number in range(201)]), "NONE")


def test_a_project_that_is_not_seen_is_no_absence(server: GitLabVariables) -> None:
    with pytest.raises(ProviderDenied, match="ProjectVariablesList: 404: 404 Project Not Found"):
        text(client(server, projectID="other"), "KEY")
    with pytest.raises(ProviderDenied, match="GroupVariablesList: 404"):
        text(client(server, groupIDs=["9"]), "KEY")


def test_a_search_takes_what_a_read_would(server: GitLabVariables) -> None:
    server.put("projects/g/app", "APP_A", "project")
    server.put("groups/1", "APP_A", "group", "prod")
    server.put("groups/1", "APP_B", "b", "prod")
    server.put("groups/1", "APP_C", "c", "test")
    made = client(server, groupIDs=["1"], environment="prod")

    assert found_texts(made.find(SearchRequest(name="^APP"))) == {"APP_A": "project", "APP_B": "b"}
    tags = (("environment_scope", "prod"),)
    assert found_texts(made.find(SearchRequest(name="_B", tags=tags))) == {"APP_B": "b"}
    opened = client(server, groupIDs=["1"]).find(SearchRequest(name="_C", tags=(("environment_scope", "test"),)))
    assert found_texts(opened) == {"APP_C": "c"}


@pytest.mark.parametrize(
    ("search", "said"),
    [
        (SearchRequest(), "'find.name' is mandatory"),
        (SearchRequest(name="a", path="b"), "'find.path' is not implemented"),
        (SearchRequest(name="("), "could not compile"),
        (SearchRequest(name="a", tags=(("team", "x"),)), "only environment_scope is implemented"),
        (SearchRequest(name="a", tags=(("environment_scope", "*"),)), "another one than the store's environment"),
        (SearchRequest(name="a", tags=(("environment_scope", ""),)), "another one than the store's environment"),
    ],
)
def test_a_search_that_means_more_than_it_says_is_refused(server: GitLabVariables, search: Any, said: str) -> None:
    with pytest.raises(ProviderDenied, match=said):
        client(server, environment="prod").find(search)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"projectID": None}, "projectID and groupIDs are missing"),
        ({"projectID": None, "groupIDs": ["1"], "inheritFromGroups": True}, "it needs projectID"),
        ({"groupIDs": ["1"], "inheritFromGroups": True}, "defining groupIDs and inheritFromGroups"),
    ],
)
def test_fields_that_do_not_go_together_are_named(server: GitLabVariables, changes: Any, said: str) -> None:
    with pytest.raises(NeedsHuman, match=said):
        client(server, **changes)


def test_the_token_is_checked_with_the_store(server: GitLabVariables) -> None:
    client(server, groupIDs=["1"]).validate()
    assert server.calls == {"projects/g/app variables": 1, "groups/1 variables": 1}
    with pytest.raises(ProviderDenied, match="401: 401 Unauthorized") as raised:
        client(server, "canary-token").validate()
    assert "canary" not in str(raised.value)


@pytest.mark.parametrize("changes", [{"version": "1"}, {"metadata": True}])
def test_what_gitlab_does_not_have_is_refused(server: GitLabVariables, changes: Any) -> None:
    server.put("projects/g/app", "K", "v")
    request = SecretRequest("K", **changes)
    found = client(server).read([request])[request]
    assert isinstance(found, ProviderError)
    assert "not implemented in the GitLab provider" in str(found)


def test_where_it_looked(server: GitLabVariables) -> None:
    where = client(server, groupIDs=["1"], environment="prod").location(SecretRequest("K"))
    assert where == "GitLab, project g/app, group 1, environment prod"
    assert client(server, inheritFromGroups=True).location(SecretRequest("K")).endswith("above it, environment *")

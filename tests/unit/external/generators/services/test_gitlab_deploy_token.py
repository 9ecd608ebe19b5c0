"""Deploy tokens, against a server that checks what GitLab's documentation says."""

from collections.abc import Iterator
from typing import Any

import pytest

from external.generators.protocol import Announced, Generated
from external.generators.services.gitlab_deploy_token import GITLAB_DEPLOY_TOKENS, PAGE
from external.providers.protocol import ConnectContext, ProviderDenied, ProviderError, ProviderUnavailable
from manager.core.errors import NeedsHuman
from tests.builders.generators import Desk, generate, generator_context, revoke, texts
from tests.doubles.gitlab import GitLab


@pytest.fixture
def gitlab() -> Iterator[GitLab]:
    with GitLab() as running:
        yield running


def spec(gitlab: GitLab, **changes: Any) -> dict[str, Any]:
    auth = {"token": {"secretRef": {"name": "gitlab", "key": "token"}}}
    whole = {"url": f"{gitlab.url}/", "projectID": gitlab.project, "name": "ci", "scopes": ["read_registry"]}
    return {name: value for name, value in {**whole, "auth": auth, **changes}.items() if value is not None}


def desk(token: str = GitLab.access_token) -> Desk:
    return Desk(gitlab_token=token)


async def token(gitlab: GitLab, context: Any = None, **changes: Any) -> Generated:
    context = context or generator_context(desk())
    return await generate(GITLAB_DEPLOY_TOKENS, context, **spec(gitlab, **changes))


@pytest.mark.parametrize("place", [{}, {"projectID": None, "groupID": "7"}])
async def test_a_token_of_a_project_or_group_and_its_end(gitlab: GitLab, place: Any) -> None:
    made = await token(gitlab, **place)

    assert texts(made)["token"] == "gldt-1"
    assert texts(made)["username"].startswith("coffer-")
    assert made.expires_at is None
    await revoke(GITLAB_DEPLOY_TOKENS, made.state or {}, generator_context(desk()), **spec(gitlab, **place))
    assert gitlab.tokens == {}


async def test_user_and_end_are_sent_as_asked(gitlab: GitLab) -> None:
    made = await token(gitlab, username="bot", expiresAt="2030-01-01T00:00:00Z", scopes=["write_registry"])

    assert texts(made)["username"] == "bot"
    found = gitlab.tokens[1]
    assert (found["expires_at"], found["scopes"]) == ("2030-01-01T00:00:00Z", ["write_registry"])


async def lost(gitlab: GitLab) -> tuple[Announced, ConnectContext]:
    """Create a token whose answer is lost."""
    gitlab.silent = True
    context = generator_context(desk())

    async def given() -> Any:
        return context

    make = await GITLAB_DEPLOY_TOKENS.prepare(spec(gitlab), "spec").make(given)
    assert isinstance(make, Announced)
    with pytest.raises(ProviderUnavailable, match="CreateDeployToken: 502"):
        make()
    return make, context


async def test_a_token_whose_answer_was_lost_is_found_by_its_user(gitlab: GitLab) -> None:
    for at in range(PAGE + 3):
        gitlab._created("projects/group%2Fapp", {"name": f"other-{at}", "scopes": ["read_registry"]})
    make, context = await lost(gitlab)
    assert len(gitlab.tokens) == PAGE + 4

    await revoke(GITLAB_DEPLOY_TOKENS, make.state, context, **spec(gitlab))
    await revoke(GITLAB_DEPLOY_TOKENS, make.state, context, **spec(gitlab))

    assert len(gitlab.tokens) == PAGE + 3
    assert all(each["name"].startswith("other") for each in gitlab.tokens.values())


async def test_a_token_that_moves_between_two_pages_counts_as_created(gitlab: GitLab) -> None:
    for at in range(PAGE):
        gitlab._created("projects/group%2Fapp", {"name": f"other-{at}", "scopes": ["read_registry"]})
    make, context = await lost(gitlab)
    gitlab.vanishing = True
    with pytest.raises(ProviderUnavailable, match="the list changes while it is read"):
        await revoke(GITLAB_DEPLOY_TOKENS, make.state, context, **spec(gitlab))
    gitlab.vanishing = False
    await revoke(GITLAB_DEPLOY_TOKENS, make.state, context, **spec(gitlab))
    assert all(each["name"].startswith("other") for each in gitlab.tokens.values())


@pytest.mark.parametrize("number", [1, 99])
async def test_a_state_of_the_original_ends_its_token(gitlab: GitLab, number: int) -> None:
    """It has no user name; a token that is gone already is a success."""
    await token(gitlab)
    state = {"url": gitlab.url, "projectID": gitlab.project, "groupID": "", "tokenID": number}

    await revoke(GITLAB_DEPLOY_TOKENS, state, generator_context(desk()), **spec(gitlab))

    assert len(gitlab.tokens) == (0 if number == 1 else 1)


async def test_a_refusal_names_the_host_and_no_token(gitlab: GitLab) -> None:
    with pytest.raises(ProviderDenied, match=r"GitLab 127.0.0.1:\d+: CreateDeployToken: 401: check") as raised:
        await token(gitlab, generator_context(desk("swordfish")))
    assert "swordfish" not in str(raised.value)
    with pytest.raises(ProviderDenied, match="404"):
        await token(gitlab, projectID="other")


async def test_neither_or_both_places_are_refused(gitlab: GitLab) -> None:
    for changes in ({"projectID": None}, {"groupID": "7"}):
        with pytest.raises(NeedsHuman, match="exactly one of projectID or groupID"):
            await token(gitlab, **changes)
    with pytest.raises(ProviderError, match="it names no project or group"):
        await revoke(GITLAB_DEPLOY_TOKENS, {"tokenID": 1}, generator_context(desk()), **spec(gitlab))

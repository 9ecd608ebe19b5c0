"""Tokens of service accounts, against a server that checks what Grafana's documentation says."""

import time
from collections.abc import Iterator
from typing import Any

import pytest

from external.generators.protocol import Announced, Generated
from external.generators.services.grafana import GRAFANAS, PAGE
from external.providers.protocol import ProviderDenied, ProviderUnavailable
from manager.core.errors import NeedsHuman
from tests.builders.generators import Desk, generate, generator_context, revoke, texts
from tests.doubles.grafana import Grafana

BEARER = {"token": {"name": "grafana", "key": "token"}}
BASIC = {"basic": {"username": "admin", "password": {"name": "grafana", "key": "password"}}}


@pytest.fixture
def grafana() -> Iterator[Grafana]:
    with Grafana() as running:
        yield running


def spec(grafana: Grafana, **changes: Any) -> dict[str, Any]:
    account = {"name": "ci", "role": "Viewer"}
    return {"url": f"{grafana.url}/", "auth": BEARER, "serviceAccount": account, **changes}


def context(token: str = Grafana.token) -> Any:
    return generator_context(Desk(grafana_token=token, grafana_password=Grafana.password))


async def token(grafana: Grafana, **changes: Any) -> Generated:
    return await generate(GRAFANAS, context(), **spec(grafana, **changes))


@pytest.mark.parametrize("auth", [BEARER, BASIC])
async def test_an_account_is_created_once_and_has_a_token_each_time(grafana: Grafana, auth: Any) -> None:
    grafana.account("ci-other")
    first, second = await token(grafana, auth=auth), await token(grafana, auth=auth)

    assert [each["name"] for each in grafana.accounts.values()] == ["ci-other", "ci"]
    assert texts(first)["login"] == texts(second)["login"] == "sa-1-ci"
    assert grafana.alive(texts(first)["token"])
    assert first.expires_at is None
    state: Any = first.state
    assert {"id", "login", "tokenID"} <= state["serviceAccount"].keys(), "as the original has it"
    await revoke(GRAFANAS, state, context(), **spec(grafana, auth=auth))
    await revoke(GRAFANAS, state, context(), **spec(grafana, auth=auth))
    assert not grafana.alive(texts(first)["token"])
    assert grafana.alive(texts(second)["token"])


async def test_a_life_is_asked_for_and_ends_the_values(grafana: Grafana) -> None:
    made = await token(grafana, serviceAccount={"name": "ci", "role": "Viewer", "secondsToLive": 600})

    assert 590 < (made.expires_at or 0) - time.time() <= 600
    assert [each["seconds"] for each in grafana.tokens.values()] == [600]


async def test_an_account_that_moves_between_two_pages_is_not_created_again(grafana: Grafana) -> None:
    for at in range(PAGE):
        grafana.account(f"ci-{at}")
    grafana.account("ci")
    grafana.vanishing = True

    with pytest.raises(ProviderUnavailable, match="the list changes while it is read"):
        await token(grafana, serviceAccount={"name": "ci", "role": "Viewer"})
    assert sum(each["name"] == "ci" for each in grafana.accounts.values()) == 1


async def test_a_token_whose_answer_was_lost_is_found_by_its_name(grafana: Grafana) -> None:
    for at in range(PAGE + 2):
        grafana.account(f"ci-{at}")
    grafana.silent, given = True, context()

    async def taken() -> Any:
        return given

    make = await GRAFANAS.prepare(spec(grafana), "spec").make(taken)
    assert isinstance(make, Announced)
    with pytest.raises(ProviderUnavailable, match="CreateToken: 502"):
        make()
    assert len(grafana.tokens) == 1

    await revoke(GRAFANAS, make.state, given, **spec(grafana))

    assert grafana.tokens == {}


async def test_a_state_without_a_token_ends_nothing(grafana: Grafana) -> None:
    await token(grafana)
    for state in ({}, {"serviceAccount": None}, {"serviceAccount": {"name": "never"}}):
        await revoke(GRAFANAS, state, context(), **spec(grafana))
    assert len(grafana.tokens) == 1


async def test_a_refusal_names_the_host_and_no_token(grafana: Grafana) -> None:
    with pytest.raises(
        ProviderDenied, match=r"Grafana 127.0.0.1:\d+: SearchServiceAccounts: 401: check auth"
    ) as raised:
        await generate(GRAFANAS, context("swordfish"), **spec(grafana))
    assert "swordfish" not in str(raised.value)
    with pytest.raises(NeedsHuman, match=r"spec.auth: token or basic must be set"):
        await token(grafana, auth={})

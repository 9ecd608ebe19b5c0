"""Who may look: tokens and rights are asked for once a minute, and never without bound."""

import asyncio
from typing import Any

import pytest

from manager.core.errors import Unreachable
from manager.kube.resources import EXTERNAL_SECRETS, SEALED_SECRETS, Body, Resource
from manager.status_page.viewers import KNOWN_SECONDS, MAX_CHECKS, MAX_REVIEWS, MAX_VIEWERS, Refused, Viewers
from tests.builders.api_in_memory import HandClock


class Reviews:
    """An API server that knows tokens `t…`; `t1` may list ExternalSecrets in namespace `one`, `all` everything."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.away = False
        self.slow: asyncio.Event | None = None

    async def post(self, resource: Resource, _path: str, body: Body) -> Body:
        self.asked.append(resource.kind)
        if self.slow is not None:
            await self.slow.wait()
        if self.away:
            raise Unreachable(0, "", "post")
        spec = body["spec"]
        if resource.kind == "TokenReview":
            known = spec["token"].startswith(("t", "all"))
            return {"status": {"authenticated": known, "user": {"username": spec["token"]} if known else {}}}
        what = spec["resourceAttributes"]
        own = (what["resource"], what.get("namespace"), what["verb"]) == ("externalsecrets", "one", "list")
        return {"status": {"allowed": spec["user"] == "all" or (spec["user"] == "t1" and own)}}


@pytest.fixture
def scene() -> tuple[Reviews, HandClock, Viewers]:
    api, clock = Reviews(), HandClock()
    client: Any = api
    return api, clock, Viewers(client, clock)


async def refused(viewers: Viewers, authorization: str) -> int:
    with pytest.raises(Refused) as error:
        await viewers.admitted(authorization)
    return error.value.status


@pytest.mark.parametrize("given", ["", "Bearer", "Bearer ", "Basic dDE6", "Bearer unknown"])
async def test_a_token_that_nobody_knows_is_refused(scene: tuple[Reviews, HandClock, Viewers], given: str) -> None:
    assert await refused(scene[2], given) == 401


async def test_a_viewer_may_list_what_the_api_server_says(scene: tuple[Reviews, HandClock, Viewers]) -> None:
    viewers = scene[2]
    viewer = await viewers.admitted("Bearer t1")
    assert viewer.name == "t1"
    assert await viewers.may(viewer, "list", EXTERNAL_SECRETS, "one")
    assert not await viewers.may(viewer, "list", EXTERNAL_SECRETS, "two")
    assert not await viewers.may(viewer, "list", EXTERNAL_SECRETS, "")
    assert not await viewers.may(viewer, "list", SEALED_SECRETS, "one")


async def test_tokens_and_rights_are_asked_for_once_a_minute(scene: tuple[Reviews, HandClock, Viewers]) -> None:
    api, clock, viewers = scene
    for _ in range(5):
        await viewers.may(await viewers.admitted("Bearer all"), "list", EXTERNAL_SECRETS, "")
        await viewers.may(await viewers.admitted("Bearer all"), "list", EXTERNAL_SECRETS, "one")
    assert api.asked == ["TokenReview", "SubjectAccessReview"]

    clock.pass_by(KNOWN_SECONDS + 1)
    viewer = await viewers.admitted("Bearer all")
    assert await viewers.may(viewer, "list", EXTERNAL_SECRETS, "")
    assert api.asked == ["TokenReview", "SubjectAccessReview"] * 2


async def test_no_answer_admits_nobody(scene: tuple[Reviews, HandClock, Viewers]) -> None:
    api, _, viewers = scene
    viewer = await viewers.admitted("Bearer t1")
    api.away = True
    assert await refused(viewers, "Bearer t2") == 503
    with pytest.raises(Refused, match="503"):
        await viewers.may(viewer, "list", EXTERNAL_SECRETS, "one")


async def test_a_flood_of_unknown_tokens_leaves_known_viewers_alone(scene: tuple[Reviews, HandClock, Viewers]) -> None:
    api, _, viewers = scene
    await viewers.admitted("Bearer t1")
    api.slow = asyncio.Event()
    waiting = [asyncio.create_task(refused(viewers, f"Bearer x{at}")) for at in range(MAX_CHECKS)]
    await asyncio.sleep(0)
    assert await refused(viewers, "Bearer another") == 503
    assert (await viewers.admitted("Bearer t1")).name == "t1"
    api.slow.set()
    assert await asyncio.gather(*waiting) == [401] * MAX_CHECKS


async def test_one_viewer_asks_for_a_bounded_number_of_rights(scene: tuple[Reviews, HandClock, Viewers]) -> None:
    api, clock, viewers = scene
    viewer = await viewers.admitted("Bearer t1")
    for at in range(int(MAX_REVIEWS)):
        assert not await viewers.may(viewer, "list", EXTERNAL_SECRETS, f"n{at}")
    assert not await viewers.may(viewer, "list", EXTERNAL_SECRETS, "over")
    asked = len(api.asked)
    with pytest.raises(Refused, match="429"):
        await viewers.may(viewer, "list", EXTERNAL_SECRETS, "more")
    assert len(api.asked) == asked

    clock.pass_by(KNOWN_SECONDS)
    assert not await viewers.may(viewer, "list", EXTERNAL_SECRETS, "later")


async def test_the_oldest_viewers_are_forgotten(scene: tuple[Reviews, HandClock, Viewers]) -> None:
    api, _, viewers = scene
    for at in range(MAX_VIEWERS + 1):
        await viewers.admitted(f"Bearer t{at}")
    before = len(api.asked)
    await viewers.admitted(f"Bearer t{MAX_VIEWERS}")
    assert len(api.asked) == before
    await viewers.admitted("Bearer t0")
    assert len(api.asked) == before + 1

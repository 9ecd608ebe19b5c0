"""The one HTTP client of the providers: redirects, tokens, and which error a failed request becomes."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest
from aiohttp import web

from external.providers.protocol import ProviderDenied, ProviderUnavailable
from external.providers.support.egress import EgressPolicy
from external.providers.support.http import (
    MAX_REDIRECTS,
    HttpAnswer,
    HttpClient,
    HttpOptions,
    HttpRequest,
    Redirects,
    TokenHeader,
)
from external.providers.support.tokens import IssuedToken, TokenKeeper
from manager.core.documents import ANSWER, Caps
from manager.core.secret_value import SecretValue
from tests.cluster.serving import Served


@dataclass
class Site:
    """An HTTP server that answers as it is told and remembers its requests."""

    answer: Callable[[web.Request], web.Response] = lambda _: web.Response(text="ok")
    requests: list[tuple[str, str, str, str]] = field(default_factory=list)
    counted: list[tuple[str, str, str]] = field(default_factory=list)
    url: str = ""

    async def handle(self, request: web.Request) -> web.StreamResponse:
        body = await request.text()
        self.requests.append((request.method, request.path_qs, request.headers.get("X-Token", ""), body))
        return self.answer(request)

    def client(
        self,
        token: TokenKeeper | SecretValue | None = None,
        redirects: Redirects = Redirects.NONE,
        max_bytes: int = 1000,
    ) -> HttpClient:
        options = HttpOptions(
            label="Vendor",
            egress=EgressPolicy(("127.0.0.0/8",)),
            count=lambda *call: self.counted.append(call),
            timeout_seconds=5,
            max_answer_bytes=max_bytes,
            redirects=redirects,
            token_header=TokenHeader("X-Token", "T ", 403),
        )
        return HttpClient(options, token)


@pytest.fixture
def site() -> Iterator[Site]:
    made = Site()
    served = Served(made.handle)
    made.url = served.start()
    yield made
    served.stop()


def request(site: Site, path: str = "/a", **more: str) -> HttpRequest:
    return HttpRequest("Call", "POST", site.url + path, body=b"body", **more)  # type: ignore[arg-type]


def redirect(to: str, status: int = 307) -> Callable[[web.Request], web.Response]:
    def answer(asked: web.Request) -> web.Response:
        return (
            web.Response(text="there") if asked.path == "/b" else web.Response(status=status, headers={"Location": to})
        )

    return answer


def test_without_redirects_the_redirect_is_the_answer(site: Site) -> None:
    site.answer = redirect("/b")

    answer = site.client().send(request(site))

    assert (answer.status, answer.location) == (307, "/b")
    assert len(site.requests) == 1


@pytest.mark.parametrize(("status", "method", "body"), [(302, "POST", "body"), (307, "POST", "body"), (303, "GET", "")])
def test_a_redirect_keeps_the_request_but_for_see_other(site: Site, status: int, method: str, body: str) -> None:
    site.answer = redirect("/b", status)

    answer = site.client(SecretValue(b"t"), Redirects.SAME_HOST).send(request(site))

    assert (answer.status, answer.content) == (200, b"there")
    assert site.requests[1] == (method, "/b", "T t", body)
    assert site.counted == [("Vendor", "Call", "success")] * 2


@pytest.mark.parametrize(("redirects", "follows"), [(Redirects.SAME_HOST, False), (Redirects.ANY_HOST, True)])
def test_another_host_sees_a_token_only_where_permitted(site: Site, redirects: Redirects, follows: bool) -> None:
    site.answer = redirect(site.url.replace("127.0.0.1", "localhost") + "/b")
    client = site.client(SecretValue(b"t"), redirects)

    if follows:
        assert client.send(request(site)).content == b"there"
        assert site.requests[1][2] == "T t"
    else:
        with pytest.raises(ProviderDenied, match="failed: the answer redirects to another host"):
            client.send(request(site, failed="failed"))
        assert len(site.requests) == 1


def test_no_redirect_leads_from_https_to_http(site: Site) -> None:
    """The token would cross the network in the clear."""
    client = site.client(SecretValue(b"t"), Redirects.ANY_HOST)

    with pytest.raises(ProviderDenied, match="redirects from https to http"):
        client._require_permitted("https://host/a", "http://host/a", "Call")


def test_redirects_end(site: Site) -> None:
    site.answer = redirect("/a")

    with pytest.raises(ProviderDenied, match=f"Call: more than {MAX_REDIRECTS} redirects"):
        site.client(redirects=Redirects.SAME_HOST).send(request(site))
    assert len(site.requests) == MAX_REDIRECTS + 1


def issuing(*tokens: str, lasting: float = 1e9) -> tuple[TokenKeeper, list[IssuedToken | None]]:
    """Return a keeper of these tokens, and what it was called with."""
    asked: list[IssuedToken | None] = []

    def issue(before: IssuedToken | None) -> IssuedToken:
        asked.append(before)
        return IssuedToken(SecretValue(tokens[len(asked) - 1].encode()), lasting)

    return TokenKeeper(issue), asked


def test_a_refused_token_is_replaced_once(site: Site) -> None:
    site.answer = lambda asked: web.Response(status=200 if asked.headers["X-Token"] == "T second" else 403)
    keeper, asked = issuing("first", "second", "third")

    assert site.client(keeper).send(request(site)).status == 200
    assert [each[2] for each in site.requests] == ["T first", "T second"]
    assert asked == [None, None]

    site.answer = lambda _: web.Response(status=403)
    assert site.client(keeper).send(request(site)).status == 403
    assert len(site.requests) == 4, "one more try, not for ever"


def test_a_fixed_token_that_is_refused_is_not_sent_again(site: Site) -> None:
    site.answer = lambda _: web.Response(status=403)

    answer = site.client(SecretValue(b"fixed\n")).send(request(site))

    assert (answer.status, answer.token) == (403, "fixed")
    assert len(site.requests) == 1


def test_a_token_near_its_end_is_replaced_with_it_in_hand() -> None:
    keeper, asked = issuing("first", "second", lasting=0)

    assert [keeper.current(), keeper.current()] == [SecretValue(b"first"), SecretValue(b"second")]
    assert [each and each.value for each in asked] == [None, SecretValue(b"first")]


def test_a_token_that_another_thread_has_replaced_stays() -> None:
    keeper, _ = issuing("first", "second")
    keeper.current()

    keeper.drop(SecretValue(b"older"))

    assert keeper.take() == SecretValue(b"first")
    assert keeper.take() is None


def test_a_request_that_cannot_be_sent_needs_a_person(site: Site) -> None:
    split = HttpRequest("Call", "GET", site.url, headers={"X-Key": "a\r\nX-Admin: yes"})

    with pytest.raises(ProviderDenied, match=r"^Call: a header holds what HTTP does not allow there$"):
        site.client().send(split)
    assert site.counted == [("Vendor", "Call", "error")]


def test_a_server_that_does_not_answer_may_answer_later(site: Site) -> None:
    with pytest.raises(ProviderUnavailable, match=r"^failed: connection refused$"):
        site.client().send(HttpRequest("Call", "GET", "http://127.0.0.1:1/", failed="failed"))


def test_an_answer_has_a_size(site: Site) -> None:
    site.answer = lambda _: web.Response(text="x" * 11)

    with pytest.raises(ProviderDenied, match="larger than 10 bytes"):
        site.client(max_bytes=10).send(request(site))


@pytest.mark.parametrize(("status", "temporary"), [(200, False), (404, False), (429, True), (500, True), (503, True)])
def test_which_statuses_are_temporary(status: int, temporary: bool) -> None:
    assert HttpAnswer("Call", status, b"").temporary is temporary


@pytest.mark.parametrize(("content", "text"), [(b"<html>", "no JSON"), (b"", "no JSON"), (b"[]", "no object")])
def test_an_answer_that_is_no_object_is_the_servers_fault(content: bytes, text: str) -> None:
    with pytest.raises(ProviderUnavailable, match=f"^Call: 200: the answer is {text}$"):
        HttpAnswer("Call", 200, content).json_object(ANSWER)


def test_nothing_secret_is_shown_by_an_answer_or_a_request() -> None:
    sent = HttpRequest("Call", "GET", "http://host/", headers={"A": "canary"}, json={"a": "canary"}, body=b"canary")

    assert "canary" not in repr(sent) + repr(HttpAnswer("Call", 200, b"canary", "canary", "canary"))


@pytest.mark.parametrize(
    ("content", "body"),
    [
        (b'{"message": "no"}', {"message": "no"}),
        (b"<html>", {}),
        (b"[1]", {}),
        (b"", {}),
        (b'{"a": {"a": {"a": {}}}}', {}),
    ],
)
def test_a_refusal_that_is_no_object_says_nothing(content: bytes, body: dict[str, str]) -> None:
    assert HttpAnswer("Call", 400, content).error_body(Caps(size=100, values=10, levels=2)) == body

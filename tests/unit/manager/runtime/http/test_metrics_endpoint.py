"""/metrics by HTTPS and for callers with the right to it: over real sockets, beside an API server in memory."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from cryptography import x509

from manager.core.errors import SettingsError, Unreachable
from manager.kube.resources import Body, Resource
from manager.kube.token_check import TokenCheck
from manager.runtime.http import metrics_endpoint
from manager.runtime.http.health import serve
from manager.runtime.http.metrics_endpoint import (
    ADMITTED_SECONDS,
    MAX_ADMITTED,
    MAX_CHECKS,
    Certificate,
    Scrapers,
    route,
)
from tests.builders.api_in_memory import HandClock
from tests.cluster.certificates import Authority, Pair

HOST = "127.0.0.1"


class ApiServer:
    """Knows the tokens `good…`, which may get /metrics, and `poor`, which may not."""

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
            known = spec["token"].startswith(("good", "poor"))
            return {"status": {"authenticated": known, "user": {"username": spec["token"]} if known else {}}}
        wanted = {"path": "/metrics", "verb": "get"}
        return {"status": {"allowed": spec["user"].startswith("good") and spec["nonResourceAttributes"] == wanted}}


class Scene:
    """The endpoint on a socket."""

    def __init__(self) -> None:
        self.api, self.clock = ApiServer(), HandClock()
        client: Any = self.api
        self.scrapers = Scrapers(TokenCheck(client, "get"), self.clock)
        self.url = ""

    async def status(self, authorization: str = "") -> int:
        headers = {"Authorization": authorization} if authorization else {}
        async with aiohttp.ClientSession() as session, session.get(f"{self.url}/metrics", headers=headers) as answer:
            body = await answer.text()
            assert (answer.status == 200) is (body == "coffer_leader 1\n")
            return answer.status


@asynccontextmanager
async def served(scrapers: Scrapers | None, tls: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    runner = await serve(f"{HOST}:0", [route(lambda: b"coffer_leader 1\n", scrapers)], tls)
    try:
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()


@pytest.fixture
async def scene() -> AsyncIterator[Scene]:
    found = Scene()
    async with served(found.scrapers) as port:
        found.url = f"http://{HOST}:{port}"
        yield found


@pytest.mark.parametrize(
    ("authorization", "status"),
    [
        ("", 401),
        ("Basic good", 401),
        ("Bearer ", 401),
        ("Bearer wrong", 401),
        ("Bearer poor", 403),
        ("Bearer good", 200),
        ("bearer good", 200),
    ],
)
async def test_only_a_token_with_the_right_gets_the_metrics(scene: Scene, authorization: str, status: int) -> None:
    assert await scene.status(authorization) == status


async def test_without_a_token_the_api_server_is_not_asked(scene: Scene) -> None:
    assert await scene.status() == 401
    assert scene.api.asked == []


async def test_an_admitted_token_is_checked_once_a_minute(scene: Scene) -> None:
    for _ in range(3):
        assert await scene.status("Bearer good") == 200
    assert scene.api.asked == ["TokenReview", "SubjectAccessReview"]

    scene.clock.pass_by(ADMITTED_SECONDS)
    scene.api.away = True
    assert await scene.status("Bearer good") == 503


async def test_a_refused_token_is_not_remembered(scene: Scene) -> None:
    assert [await scene.status("Bearer poor") for _ in range(2)] == [403, 403]
    assert len(scene.api.asked) == 4


async def test_a_flood_of_tokens_is_refused_and_known_scrapers_go_on(scene: Scene) -> None:
    assert await scene.status("Bearer good") == 200
    scene.api.slow = asyncio.Event()
    before = len(scene.api.asked)
    flood = [asyncio.create_task(scene.status(f"Bearer wrong{at}")) for at in range(MAX_CHECKS + 5)]
    done = 0
    while done < 5:
        await asyncio.wait(flood, timeout=1, return_when=asyncio.FIRST_COMPLETED)
        done = sum(each.done() for each in flood)

    assert len(scene.api.asked) - before == MAX_CHECKS
    assert await scene.status("Bearer good") == 200
    scene.api.slow.set()
    assert sorted(await asyncio.gather(*flood)) == [401] * MAX_CHECKS + [503] * 5


async def test_a_known_scraper_is_checked_again_during_a_flood(scene: Scene) -> None:
    """Otherwise whoever keeps all checks busy ends its metrics a minute later."""
    assert await scene.status("Bearer good") == 200
    scene.clock.pass_by(ADMITTED_SECONDS)
    scene.api.slow = asyncio.Event()
    flood = [asyncio.create_task(scene.status(f"Bearer wrong{at}")) for at in range(MAX_CHECKS)]
    while len(scene.api.asked) < 2 + MAX_CHECKS:
        await asyncio.sleep(0)

    known = asyncio.create_task(scene.status("Bearer good"))
    while len(scene.api.asked) < 3 + MAX_CHECKS and not known.done():
        await asyncio.sleep(0)
    scene.api.slow.set()

    assert await known == 200
    assert await asyncio.gather(*flood) == [401] * MAX_CHECKS


async def test_an_outage_of_the_api_server_forgets_no_scraper(scene: Scene) -> None:
    assert await scene.status("Bearer good") == 200
    scene.clock.pass_by(ADMITTED_SECONDS)
    scene.api.away = True
    assert await scene.status("Bearer good") == 503

    scene.api.away, scene.api.slow = False, asyncio.Event()
    asked = len(scene.api.asked)
    flood = [asyncio.create_task(scene.status(f"Bearer wrong{at}")) for at in range(MAX_CHECKS)]
    while len(scene.api.asked) < asked + MAX_CHECKS:
        await asyncio.sleep(0)
    known = asyncio.create_task(scene.status("Bearer good"))
    while len(scene.api.asked) < asked + MAX_CHECKS + 1 and not known.done():
        await asyncio.sleep(0)
    scene.api.slow.set()

    assert await known == 200
    await asyncio.gather(*flood)


async def test_remembered_tokens_are_bounded(scene: Scene) -> None:
    for at in range(MAX_ADMITTED + 1):
        assert await scene.status(f"Bearer good{at}") == 200
    before = len(scene.api.asked)

    assert await scene.status(f"Bearer good{MAX_ADMITTED}") == 200
    assert len(scene.api.asked) == before
    assert await scene.status("Bearer good0") == 200
    assert len(scene.api.asked) == before + 2


async def serial(port: int, authority: Authority) -> int:
    """Return the serial number of the certificate that a port shows; the client checks it."""
    context = ssl.create_default_context(cafile=str(authority.file))
    _, writer = await asyncio.open_connection(HOST, port, ssl=context)
    shown: bytes = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    writer.close()
    await writer.wait_closed()
    return x509.load_der_x509_certificate(shown).serial_number


def of(pair: Pair) -> int:
    return x509.load_pem_x509_certificate(pair.certificate.read_bytes()).serial_number


def place(folder: Path, pair: Pair) -> tuple[str, str]:
    """Put a pair where the process looks for it."""
    certificate, key = folder / "tls.crt", folder / "tls.key"
    certificate.write_bytes(pair.certificate.read_bytes())
    key.write_bytes(pair.key.read_bytes())
    return str(certificate), str(key)


async def test_a_renewed_certificate_is_served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metrics_endpoint, "RELOAD_SECONDS", 0.01)
    authority = Authority.create(tmp_path)
    first, second = (authority.server(name, [HOST]) for name in ("first", "second"))
    certificate = Certificate(*place(tmp_path, first))
    current = asyncio.create_task(certificate.keep_current())
    async with served(None, certificate.context) as port:
        assert await serial(port, authority) == of(first)
        place(tmp_path, second)

        while await serial(port, authority) != of(second):
            assert not current.done()
    current.cancel()


async def test_half_a_renewal_leaves_the_old_certificate(tmp_path: Path) -> None:
    authority = Authority.create(tmp_path)
    first, second = (authority.server(name, [HOST]) for name in ("first", "second"))
    files = place(tmp_path, first)
    certificate = Certificate(*files)
    async with served(None, certificate.context) as port:
        Path(files[0]).write_bytes(second.certificate.read_bytes())
        certificate.reload()
        assert await serial(port, authority) == of(first)
        Path(files[1]).unlink()
        certificate.reload()
        assert await serial(port, authority) == of(first)

        place(tmp_path, second)
        certificate.reload()
        assert await serial(port, authority) == of(second)


async def test_https_answers_no_plain_http(tmp_path: Path) -> None:
    authority = Authority.create(tmp_path)
    certificate = Certificate(*place(tmp_path, authority.server("one", [HOST])))
    async with served(None, certificate.context) as port, aiohttp.ClientSession() as session:
        with pytest.raises(aiohttp.ClientError):
            await session.get(f"http://{HOST}:{port}/metrics")


NO_PAIR = "it is no pair in PEM with process.metrics_key_file"


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (None, r"\S+/tls\.crt: no such file or directory"),
        ("", NO_PAIR),
        ("-----BEGIN CERTIFICATE-----\ncanary\n-----END CERTIFICATE-----\n", NO_PAIR),
    ],
)
def test_a_certificate_that_cannot_be_used_ends_the_start(tmp_path: Path, content: str | None, says: str) -> None:
    files = tmp_path / "tls.crt", tmp_path / "tls.key"
    for each in files:
        if content is not None:
            each.write_text(content)

    with pytest.raises(SettingsError, match=rf"process\.metrics_cert_file: cannot be used: {says}$"):
        Certificate(*map(str, files))

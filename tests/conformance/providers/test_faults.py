"""What becomes of a service that refuses, throttles, hangs, drips, redirects, or answers by half or with rubbish.

None of it is an absence: an absence may delete a target. Each error is one line without what was pushed.
"""

import asyncio
from collections.abc import Callable, Collection

import pytest
from aiohttp import web

from external.providers.protocol import ProviderDenied, ProviderError, ProviderUnavailable, SecretAbsent
from external.providers.push import PushRefused, RemoteUnmanaged
from tests.cluster.serving import abort
from tests.conformance.providers.faulty import CANARY, FaultyService, attempts, reads
from tests.conformance.providers.subject import PATIENT_SECONDS, Subject

HASTY_SECONDS = 0.5
DRIP_SECONDS = 0.05
ENDLESS_BYTES = 1 << 20
MAX_REQUESTS = 10  # of one call that is redirected in a circle
OTHER_FORMS = ("", "[]", "{}", '{"data":null}', '{"data":[1]}', '"text"', "7", "null")


def assert_all(
    subject: Subject,
    service: FaultyService,
    error: type[ProviderError] | tuple[type[ProviderError], ...],
    timeout: float = PATIENT_SECONDS,
    left: Collection[str] = (),
) -> dict[str, str]:
    """Assert that every call fails in one way and none tells the value; return what each says."""
    client, told = subject.client(url=service.url, timeout=timeout), dict[str, str]()
    for name, attempt in attempts(subject, client).items():
        if name in left:
            continue
        with pytest.raises(error) as raised:
            attempt()
        told[name] = str(raised.value)
        assert not isinstance(raised.value, SecretAbsent | PushRefused | RemoteUnmanaged), name
        assert CANARY.decode() not in told[name]
        assert "\n" not in told[name]
    return told


def test_a_denied_call_says_which_right_it_needs(subject: Subject, service: FaultyService) -> None:
    service.says(*subject.denied)

    told = assert_all(subject, service, ProviderDenied)

    assert subject.refused_push in told.get("push", subject.refused_push)


def test_a_throttled_call_is_tried_again_later(subject: Subject, service: FaultyService) -> None:
    service.says(*subject.throttled)

    assert_all(subject, service, ProviderUnavailable)


def test_a_call_without_an_answer_ends(subject: Subject, service: FaultyService) -> None:
    async def never(_: web.Request) -> web.Response:
        await asyncio.Event().wait()
        return web.Response()

    service.answer = never

    assert_all(subject, service, ProviderUnavailable, HASTY_SECONDS)


def test_half_an_answer_is_no_answer(subject: Subject, service: FaultyService) -> None:
    async def half(asked: web.Request) -> web.StreamResponse:
        answer = web.StreamResponse(headers={"Content-Length": "1000", "Content-Type": "application/json"})
        await answer.prepare(asked)
        await answer.write(b'{"kind":"Secret","da')
        return abort(asked)

    service.answer = half

    assert_all(subject, service, ProviderUnavailable)


def test_an_answer_that_drips_ends(subject: Subject, service: FaultyService) -> None:
    """A time-out of a socket begins again with each byte."""

    async def drips(asked: web.Request) -> web.StreamResponse:
        answer = web.StreamResponse(headers={"Content-Type": "application/json"})
        await answer.prepare(asked)
        while True:
            await answer.write(b" ")
            await asyncio.sleep(DRIP_SECONDS)

    service.answer = drips

    assert_all(subject, service, ProviderUnavailable, HASTY_SECONDS)


def test_an_answer_without_end_is_cut(subject: Subject, service: FaultyService) -> None:
    """It would fill the memory that all tenants share."""

    async def endless(asked: web.Request) -> web.StreamResponse:
        answer = web.StreamResponse(headers={"Content-Type": "application/json"})
        await answer.prepare(asked)
        while True:
            await answer.write(b" " * ENDLESS_BYTES)

    service.answer = endless

    for attempt in reads_of(subject, service):
        with pytest.raises((ProviderDenied, ProviderUnavailable)):
            attempt()


def test_garbage_is_no_answer(subject: Subject, service: FaultyService) -> None:
    """A page that says "welcome" with 200: a proxy or a captive portal."""
    for body in ("<html><body>Welcome</body></html>", "{", "\x00\x01", "NaN"):
        service.says(200, body)

        assert_all(subject, service, ProviderUnavailable)


def test_an_answer_of_another_form_is_no_answer(subject: Subject, service: FaultyService) -> None:
    for body in (*OTHER_FORMS, *subject.other_forms):
        service.says(200, body)

        left = [name for name, bodies in subject.formless.items() if body in bodies]
        assert_all(subject, service, ProviderUnavailable, left=left)


def test_redirects_end(subject: Subject, service: FaultyService) -> None:
    service.says(307, "", Location=f"{service.url}/again")

    told = assert_all(subject, service, (ProviderDenied, ProviderUnavailable))

    assert len(service.asked) <= MAX_REQUESTS * len(told)


def test_another_host_gets_no_credential(subject: Subject, service: FaultyService) -> None:
    other = FaultyService()
    try:
        service.says(307, "", Location=f"{other.url}/taken")

        assert_all(subject, service, (ProviderDenied, ProviderUnavailable))

        assert service.asked
        assert other.asked == []
    finally:
        other.stop()


def reads_of(subject: Subject, service: FaultyService) -> list[Callable[[], object]]:
    """Return the calls of a patient client that read."""
    client = subject.client(url=service.url)
    return [each for name, each in reads(subject, client).items() if name not in subject.without]

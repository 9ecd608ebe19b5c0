"""Under whose credentials a secret is read, and who shares what was read."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from external.metrics import ExternalMetrics
from external.providers.protocol import ProviderDenied, ProviderError, ProviderUnavailable, SecretRequest
from external.providers.session import ProviderSession
from external.reading.identity_queue import MaxAge
from external.reading.reader import SharedReader
from external.reading.thread_pool import ThreadPool
from manager.core.clock import SystemClock
from manager.core.errors import NeedsHuman
from tests.cluster.certificates import Authority
from tests.conformance.providers.reading import value
from tests.conformance.providers.subject import Subject

ASKERS = 12
ALWAYS = float("-inf")


def test_a_working_credential_is_valid(subject: Subject) -> None:
    subject.client().validate()


def test_a_credential_that_is_gone_is_named(subject: Subject) -> None:
    name = next(iter(subject.secrets()))

    with pytest.raises(NeedsHuman, match=name):
        subject.client(secrets={})


def test_a_refused_credential_is_denied_until_it_is_rotated(subject: Subject, key: str) -> None:
    subject.put(key, b"v", None)
    wrong = subject.wrong_secrets()
    client = subject.client(secrets=wrong)

    with pytest.raises(ProviderDenied) as told:
        value(subject, key, client)

    shown = [each.decode() for given in wrong.values() for each in given.values()]
    assert not any(each in str(told.value) for each in shown if len(each) > 5)
    assert value(subject, key, subject.client()) == b"v"


def test_an_unknown_authority_is_not_trusted(subject: Subject, key: str, tmp_path: Path) -> None:
    pem = Authority.create(tmp_path).file.read_text()
    client = subject.client(**subject.trusting(pem))

    with pytest.raises(ProviderUnavailable):
        value(subject, key, client)


def test_a_closed_client_does_not_raise(subject: Subject, key: str) -> None:
    subject.put(key, b"v", None)
    client = subject.client()
    assert value(subject, key, client) == b"v"

    client.close()
    client.close()


async def _asked(sessions: list[ProviderSession], key: str) -> list[Any]:
    """Ask once for each session at the same time; return values and errors."""
    clock, threads = SystemClock(), ThreadPool(8, 60)
    reader = SharedReader(threads, clock, ExternalMetrics(CollectorRegistry()), patience=60)

    async def ask(number: int, session: ProviderSession) -> Any:
        given = await reader.read([(session, SecretRequest(key))], MaxAge(number, ALWAYS, 120))
        coming = next(iter(given.values())).coming
        return coming.exception() or coming.result()

    try:
        return await asyncio.gather(*(ask(number, each) for number, each in enumerate(sessions)))
    finally:
        threads.close()


def test_askers_share_a_read(subject: Subject, key: str) -> None:
    subject.put(key, b"v", None)
    client = subject.client()
    client.read([SecretRequest(subject.remote_key(key))])
    subject.calls.clear()
    client.read([SecretRequest(subject.remote_key(key))])
    alone = subject.calls.total()
    subject.calls.clear()

    given = asyncio.run(_asked([ProviderSession(client, ("store",), "tenant")] * ASKERS, subject.remote_key(key)))

    assert subject.calls.total() == alone
    assert not [each for each in given if isinstance(each, ProviderError)]


def test_identities_share_nothing(subject: Subject, key: str) -> None:
    """A tenant without the right gets nothing of what a tenant with the right has read a moment ago."""
    subject.put(key, b"v", None)
    mine = ProviderSession(subject.client(), ("mine",), "tenant")
    theirs = ProviderSession(subject.client(secrets=subject.wrong_secrets()), ("theirs",), "other")

    one, two = asyncio.run(_asked([mine, theirs], subject.remote_key(key)))

    assert not isinstance(one, ProviderError)
    assert isinstance(two, ProviderDenied)

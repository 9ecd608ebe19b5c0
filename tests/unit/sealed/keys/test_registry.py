"""The keys of this cluster: whatever a key Secret holds, the others stay, and an old picture never wins."""

import asyncio
import base64
from collections.abc import Callable
from concurrent.futures import Executor, Future
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from sealed.keys.registry import KeyRegistry
from tests.builders.sealed_module import Inline, key_secret
from tests.builders.sealed_vectors import certificate, other_key, pem, private_key

NAME = ("coffer", "key-1")


class Changes:
    """Counts how often the set of keys has changed."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self) -> None:
        self.count += 1


class Held(Executor):
    """Starts a call at once, and ends it when it is let go."""

    def __init__(self) -> None:
        self.begun = asyncio.Event()
        self._calls: list[tuple[Future[Any], Callable[[], Any]]] = []

    def submit(self, function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        self._calls.append((future, partial(function, *args, **kwargs)))
        self.begun.set()
        return future

    def let_go(self) -> None:
        for future, call in self._calls:
            future.set_result(call())


@pytest.fixture
def changes() -> Changes:
    return Changes()


@pytest.fixture
def registry(changes: Changes) -> KeyRegistry:
    return KeyRegistry(Inline(), "CertNotBefore", changes)


def ids(registry: KeyRegistry) -> list[str]:
    return [each.id for each in registry.keys]


def odd_version() -> bytes:
    """Return a certificate whose version does not exist."""
    der = bytearray(x509.load_pem_x509_certificate(certificate(private_key())).public_bytes(Encoding.DER))
    der[der.index(bytes.fromhex("a003020102")) + 4] = 9
    return b"-----BEGIN CERTIFICATE-----\n" + base64.encodebytes(bytes(der)) + b"-----END CERTIFICATE-----\n"


BROKEN = {
    "no key": {"tls.key": b""},
    "no certificate": {"tls.crt": b""},
    "no PEM": {"tls.key": b"\xff\x00"},
    "truncated": {"tls.key": pem(private_key())[:400]},
    "a version of certificate that does not exist": {"tls.crt": odd_version()},
}


@pytest.mark.parametrize("data", BROKEN.values(), ids=list(BROKEN))
async def test_a_malformed_key_is_named_and_the_others_stay(registry: KeyRegistry, data: dict[str, Any]) -> None:
    await registry.put(key_secret("good", other_key()))

    await registry.put(key_secret(**data))

    assert [each.secret for each in registry.broken] == [NAME]
    assert registry.broken[0].problem
    assert len(registry.keys) == 1


async def test_nothing_that_goes_wrong_while_a_key_is_read_escapes(
    registry: KeyRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    def odd(*_: object) -> Any:
        raise RuntimeError("canary-5c11")

    monkeypatch.setattr("sealed.keys.registry.read_key", odd)

    await registry.put(key_secret())

    assert registry.broken[0].problem == "it cannot be read (RuntimeError)"


async def test_the_newest_certificate_is_the_current_key(registry: KeyRegistry) -> None:
    await registry.put(key_secret("new", other_key(), cert=certificate(other_key(), begins=timedelta(hours=-1))))
    await registry.put(key_secret("old"))

    assert registry.current is not None
    assert registry.current.secret == ("coffer", "new")


async def test_one_key_in_two_secrets_has_the_newer_certificate(registry: KeyRegistry) -> None:
    newer = certificate(private_key(), begins=timedelta(hours=-1))
    await registry.put(key_secret("a", cert=newer))
    await registry.put(key_secret("b"))

    [key] = registry.keys
    assert key.certificate == newer


async def test_an_older_state_does_not_replace_a_newer_one(registry: KeyRegistry) -> None:
    await registry.put(key_secret(version="9"))
    before = ids(registry)

    await registry.put(key_secret(key=other_key(), version="8"))

    assert ids(registry) == before


async def test_a_key_is_known_when_put_returns_though_the_watch_brought_it_first(changes: Changes) -> None:
    """The leader asks at once whether the key that it made is the current one."""
    held = Held()
    registry = KeyRegistry(held, "CertNotBefore", changes)
    secret = key_secret("made", private_key())
    by_watch = asyncio.create_task(registry.put(secret))
    await held.begun.wait()

    by_leader = asyncio.create_task(registry.put(secret))
    await asyncio.sleep(0)
    assert not by_leader.done()
    held.let_go()

    await by_leader
    assert registry.current is not None
    await by_watch


async def test_a_key_made_after_a_list_is_not_dropped_by_it(registry: KeyRegistry, changes: Changes) -> None:
    """Otherwise the moment without a key would make another one."""
    await registry.put(key_secret(version="9"))

    registry.keep_only(set(), "coffer", "8")
    registry.remove(NAME, "8")

    assert len(registry.keys) == 1
    assert changes.count == 1


async def test_a_key_that_a_newer_list_does_not_show_is_gone(registry: KeyRegistry, changes: Changes) -> None:
    await registry.put(key_secret(version="9"))
    await registry.put(key_secret("elsewhere", other_key(), namespace="keys", version="9"))

    registry.keep_only(set(), "coffer", "10")

    assert [each.secret for each in registry.keys] == [("keys", "elsewhere")]
    assert changes.count == 3


async def test_the_key_that_worked_is_tried_first(registry: KeyRegistry) -> None:
    await registry.put(key_secret("new", other_key(), cert=certificate(other_key(), begins=timedelta(hours=-1))))
    await registry.put(key_secret("old"))
    new, old = ids(registry)

    registry.worked(frozenset({old}))

    assert [identity for identity, _ in registry.trial_order()] == [old, new]
    assert registry.current is not None
    assert registry.current.id == new


async def test_no_part_of_a_key_is_shown(registry: KeyRegistry) -> None:
    await registry.put(key_secret())

    assert "PRIVATE" not in repr(registry.keys)


async def test_a_key_with_a_foreign_certificate_opens_but_never_seals(registry: KeyRegistry) -> None:
    """The original hands it out, and whatever is sealed with it is lost."""
    await registry.put(key_secret("good"))
    newer = certificate(private_key(), begins=timedelta(hours=-1))

    await registry.put(key_secret("mixed-up", other_key(), cert=newer))

    assert registry.current is not None
    assert registry.current.secret == ("coffer", "good")
    assert len(registry.trial_order()) == 2
    assert [each.secret for each in registry.broken] == [("coffer", "mixed-up")]

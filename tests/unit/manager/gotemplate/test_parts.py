"""The small parts: the form of messages, the watchdog, and keys made outside."""

import threading
import time
import weakref

import pytest
from cryptography.hazmat.primitives.asymmetric import dsa, rsa
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from hypothesis import given
from hypothesis import strategies as st

from manager.gotemplate import keys, requests, watchdog, wire
from manager.gotemplate.instance import Instance, Machine
from manager.gotemplate.keys import KeyMaker, KeyTooLate, Kind
from manager.gotemplate.model import Limits, Template
from manager.gotemplate.requests import Scope
from manager.gotemplate.watchdog import TICK_SECONDS, Watchdog
from tests.unit.manager.gotemplate.conftest import plain


@given(st.lists(st.binary(max_size=300)), st.sampled_from(wire.Status), st.booleans())
def test_an_answer_has_the_form_of_a_request_after_two_bytes(
    fields: list[bytes], status: wire.Status, random: bool
) -> None:
    assert wire.answer(bytes([status, random]) + wire.request(fields)) == (status, random, fields)


def test_keys_of_any_characters_reach_the_sandbox() -> None:
    parts = requests.render(Template.eso("k", "é"), plain(**{"a.b-é": "1"}), Scope.VALUES, Limits())

    assert parts[-3:] == ["é".encode(), "a.b-é".encode(), b"1"]
    assert parts[7] == b"1"


def test_all_values_and_names_are_known_to_the_redaction() -> None:
    values, names = requests.flat({"auth": plain(token="t"), "remoteRef": plain(key="k")})

    assert [value.reveal() for value in values] == [b"t", b"k"]
    assert names == ["auth", "token", "remoteRef", "key"]


def test_the_watchdog_ticks_while_something_runs_and_rests_otherwise() -> None:
    ticked = threading.Event()
    dog = Watchdog(ticked.set)
    assert dog._thread is None, "no thread before the first render"

    with dog.watching():
        assert ticked.wait(5)
    dog.close()

    ticked.clear()
    assert dog._thread
    assert not dog._thread.is_alive()


def test_a_deadline_is_never_shorter_than_asked() -> None:
    assert Watchdog.ticks(2.0) * TICK_SECONDS > 2.0
    assert Watchdog.ticks(0.0) == 1


@pytest.mark.parametrize(
    ("kind", "head", "type_", "size"),
    [
        (Kind.RSA_2048, b"-----BEGIN RSA PRIVATE KEY-----\n", rsa.RSAPrivateKey, 2048),
        (Kind.RSA_4096, b"-----BEGIN RSA PRIVATE KEY-----\n", rsa.RSAPrivateKey, 4096),
        (Kind.DSA_2048, b"-----BEGIN DSA PRIVATE KEY-----\n", dsa.DSAPrivateKey, 2048),
    ],
)
def test_keys_have_the_traditional_form(kind: Kind, head: bytes, type_: type, size: int) -> None:
    maker = KeyMaker()
    pem = maker.make(kind, 60)
    maker.close()

    key = load_pem_private_key(pem, None)
    assert pem.startswith(head)
    assert isinstance(key, type_)
    assert getattr(key, "key_size", 0) == size


def test_a_key_that_comes_too_late_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    release = threading.Event()

    def never(kind: Kind) -> bytes:
        release.wait(60)
        return b""

    monkeypatch.setattr(keys, "_pem", never)
    maker = KeyMaker()
    with pytest.raises(KeyTooLate):
        maker.make(Kind.RSA_2048, 0.05)

    assert not release.is_set(), "it is still being made"
    release.set()
    maker.close()


@pytest.mark.usefixtures("built_template")
def test_an_instance_leaves_nothing_behind() -> None:
    machine = Machine(Limits())
    kept = []
    for _ in range(20):
        instance = Instance(machine)
        kept.append(weakref.ref(instance))
        instance.close()
        del instance
    machine.close()

    assert [each() for each in kept if each()] == []


@pytest.mark.usefixtures("built_template")
def test_the_sandbox_asks_for_nothing_of_the_host_but_wasi_and_keys() -> None:
    """And WASI is given without arguments, environment, folders or sockets."""
    machine = Machine(Limits())
    asked = {(each.module, each.name) for each in machine.module.imports}
    machine.close()

    assert {name for module, name in asked if module != "wasi_snapshot_preview1"} == {"new_key"}


def test_a_render_that_gets_no_processor_is_not_timed_by_the_clock_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a busy node a template has its two seconds of work all the same."""
    ticks: list[float] = []
    enough = threading.Event()

    def tick() -> None:
        ticks.append(time.thread_time())
        enough.set()

    monkeypatch.setattr(watchdog, "MAX_STRETCH", 1_000_000)
    dog = Watchdog(tick)
    with dog.watching():
        before = time.thread_time()
        while not enough.is_set():
            pass  # works
        worked = time.thread_time() - before
        seen = len(ticks)
        threading.Event().wait(5 * TICK_SECONDS)  # the clock goes on, the thread does not
    dog.close()

    assert worked >= TICK_SECONDS / 2
    assert len(ticks) <= seen + 1, "what it worked before it was seen to wait"

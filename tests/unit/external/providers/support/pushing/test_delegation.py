"""An error of a push tells what the service said, but nothing of what was sent to it."""

import pytest

from external.providers.protocol import ProviderDenied, ProviderError, ProviderUnavailable, SecretAbsent
from external.providers.push import Pushed, PushRefused, PushRequest, RemoteRef, RemoteUnmanaged
from external.providers.support.pushing.delegation import DelegatesPushes
from manager.core.secret_value import SecretValue


class Failing:
    """Fails every push."""

    deletes_property = False

    def __init__(self, error: ProviderError) -> None:
        self.error = error

    def push(self, request: PushRequest) -> Pushed:
        raise self.error


def told(error: ProviderError, value: bytes) -> ProviderError:
    asked = PushRequest(RemoteRef("k"), "a", {"a": SecretValue(value)}, "ns/a", recorded=False)
    pusher: object = Failing(error)
    with pytest.raises(ProviderError) as raised:
        DelegatesPushes(pusher).push(asked)  # type: ignore[arg-type]
    return raised.value


@pytest.mark.parametrize(
    ("said", "value", "shown"),
    [
        ("Put: 400: name is too long", b"hunter2-and-more", "Put: 400: name is too long"),
        ("Put: 400: Value 'hunter2-and-more' is odd", b"hunter2-and-more", "Put: 400: ***"),
        ("Put: 400: Value 'hunter2-and-m …", b"hunter2-and-more", "Put: 400: ***"),
        ("Put: 400: pin 4711 is odd", b"4711", "Put: 400: ***"),
        ("Put: 400: odd", b"odd", "Put: 400: odd"),
        ("Put: hunter2-and-more", b"hunter2-and-more", "***"),
        ("Put: 400: odd", b"\xff" * 40, "Put: 400: odd"),
        ("Put: 400: odd", b"", "Put: 400: odd"),
    ],
)
def test_a_repeated_value_is_hidden(said: str, value: bytes, shown: str) -> None:
    found = told(ProviderDenied(said), value)

    assert (type(found), str(found)) == (ProviderDenied, shown)


def test_an_absence_in_the_middle_of_a_push_is_no_absence() -> None:
    """The caller of a read deletes targets for it."""
    assert type(told(SecretAbsent("gone"), b"value")) is ProviderUnavailable


@pytest.mark.parametrize("kind", [PushRefused, RemoteUnmanaged])
def test_our_own_texts_stay(kind: type[ProviderError]) -> None:
    assert str(told(kind("data[].metadata.spec.tags is wrong"), b"tags")) == "data[].metadata.spec.tags is wrong"

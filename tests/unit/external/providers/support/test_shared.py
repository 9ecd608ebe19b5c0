"""Connections that outlive a call."""

from external.providers.support.shared import MAX_IDENTITIES, SharedConnections


def test_each_identity_has_a_place_of_its_own() -> None:
    shared = SharedConnections()
    assert shared.of("a").current() is None
    shared.of("a").keep("connection")

    assert (shared.of("a").current(), shared.of("b").current()) == ("connection", None)


def test_the_least_used_is_dropped() -> None:
    shared = SharedConnections()
    for name in ("first", "second"):
        shared.of(name).keep(name)
    for at in range(MAX_IDENTITIES - 1):
        shared.of("first")
        shared.of(str(at))

    assert (shared.of("first").current(), shared.of("second").current()) == ("first", None)

"""What an ExternalSecret made is mirrored as the administrator says: warn, deny or allow (DESIGN.md 4a, 6)."""

from dataclasses import dataclass

import pytest

from tests.e2e.conftest import MakeCoffer
from tests.e2e.manifests import allowed, canary, external_secret, fake, reflects, secret, store
from tests.e2e.world import World


@dataclass
class Chain:
    """A Secret that an ExternalSecret made, a mirror that pulls it, and one that pulls that mirror."""

    world: World
    source: str
    pulls: str
    pushed: str

    @classmethod
    def build(cls, world: World) -> "Chain":
        """Apply everything."""
        chain = cls(world, world.namespace(), world.namespace(), world.namespace())
        manifest = external_secret(chain.source, "db", "store", {"password": "remote"})
        manifest["metadata"]["annotations"] = allowed(f"{chain.pulls},{chain.pushed}", auto=chain.pushed)
        pulling = reflects(chain.source, "db") | allowed()
        world.apply(
            secret(chain.pulls, "first", {"x": "x"}, annotations=pulling),
            secret(chain.pulls, "second", {"x": "x"}, annotations=reflects(chain.pulls, "first")),
            manifest,
        )
        return chain

    def rotate(self) -> str:
        """Change the value at the provider; return it once the ExternalSecret has it."""
        value = canary()
        self.world.apply(store(self.source, "store", fake({"remote": value})))
        self.world.await_data(self.source, "db", {"password": value})
        return value


@pytest.mark.parametrize("policy", ["allow", "warn"])
def test_where_it_is_allowed_mirrors_of_any_depth_follow(arena: World, arena_coffer: MakeCoffer, policy: str) -> None:
    coffer = arena_coffer("coffer-0", f"--reflector-provenance={policy}")
    chain = Chain.build(arena)

    for _ in range(2):
        value = {"password": chain.rotate()}
        arena.await_data(chain.pulls, "first", value)
        arena.await_data(chain.pulls, "second", value)
        arena.await_data(chain.pushed, "db", value)

    if policy == "warn":
        event = arena.await_event(chain.source, "db", "MirrorsExternalSecret", "its own identity")
        assert event["type"] == "Warning"
        assert coffer.metric("coffer_mirror_provenance", "warn") >= 1, "the state outlives the Event"
    else:
        assert not arena.events(chain.source, "db", "MirrorsExternalSecret")


def test_where_it_is_denied_nothing_is_mirrored(arena: World, arena_coffer: MakeCoffer) -> None:
    coffer = arena_coffer("coffer-0", "--reflector-provenance=deny")
    chain = Chain.build(arena)

    chain.rotate()

    arena.await_event(chain.source, "db", "MirrorDenied")
    control = arena.namespace()
    arena.apply(secret(chain.source, "plain", {"a": "1"}, annotations=allowed(control, auto="")))
    arena.await_data(control, "plain", {"a": "1"})
    assert arena.data(chain.pushed, "db") is None
    assert arena.data(chain.pulls, "first") == arena.data(chain.pulls, "second") == {"x": "x"}
    assert coffer.metric("coffer_mirror_provenance", "deny") >= 1


def test_what_was_mirrored_before_it_was_denied_is_frozen_not_removed(arena: World, arena_coffer: MakeCoffer) -> None:
    first = arena_coffer("coffer-0")
    chain = Chain.build(arena)
    before = {"password": chain.rotate()}
    arena.await_data(chain.pulls, "second", before)
    arena.await_data(chain.pushed, "db", before)
    first.stop()

    arena_coffer("coffer-1", "--reflector-provenance=deny").wait_leading()
    chain.rotate()
    arena.await_event(chain.source, "db", "MirrorDenied")

    assert arena.data(chain.pulls, "first") == arena.data(chain.pushed, "db") == before

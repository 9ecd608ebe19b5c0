"""Mirrors of an ExternalSecret's target follow the administrator's setting: warn, deny or allow."""

from dataclasses import dataclass

from tests.builders.manifests import allowed, canary, external_secret, fake, reflects, secret, store
from tests.e2e.conftest import MakeCoffer
from tests.e2e.world import World


@dataclass
class Chain:
    """An ExternalSecret's target, a mirror that pulls it, and one that pulls that mirror."""

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
        """Change the value at the provider; return it once the target has it."""
        value = canary()
        self.world.apply(store(self.source, "store", fake({"remote": value})))
        self.world.await_data(self.source, "db", {"password": value})
        return value


def test_where_it_is_allowed_mirrors_of_any_depth_follow(arena: World, arena_coffer: MakeCoffer) -> None:
    arena_coffer("coffer-0", "--reflector-provenance=allow")
    chain = Chain.build(arena)

    for _ in range(2):
        value = {"password": chain.rotate()}
        arena.await_data(chain.pulls, "first", value)
        arena.await_data(chain.pulls, "second", value)
        arena.await_data(chain.pushed, "db", value)

    assert not arena.events(chain.source, "db", "MirrorsExternalSecret")


def test_denied_provenance_stops_new_mirrors_and_freezes_old(arena: World, arena_coffer: MakeCoffer) -> None:
    warning = arena_coffer("coffer-0")
    old = Chain.build(arena)
    before = {"password": old.rotate()}
    arena.await_data(old.pulls, "second", before)
    arena.await_data(old.pushed, "db", before)
    assert warning.metric("coffer_mirror_provenance", "warn") >= 1, "the state outlives the Event"
    warning.stop()

    denying = arena_coffer("coffer-1", "--reflector-provenance=deny")
    denying.wait_leading()
    new = Chain.build(arena)
    for chain in (old, new):
        chain.rotate()
        arena.await_event(chain.source, "db", "MirrorDenied")
    control = arena.namespace()
    arena.apply(secret(new.source, "plain", {"a": "1"}, annotations=allowed(control, auto="")))
    arena.await_data(control, "plain", {"a": "1"})

    assert arena.data(old.pulls, "first") == arena.data(old.pulls, "second") == arena.data(old.pushed, "db") == before
    assert arena.data(new.pushed, "db") is None
    assert arena.data(new.pulls, "first") == arena.data(new.pulls, "second") == {"x": "x"}
    assert denying.metric("coffer_mirror_provenance", "deny") >= 1

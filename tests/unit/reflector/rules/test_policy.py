"""The administrator's rules: between which namespaces mirrors are made."""

import pytest

from manager.core.errors import SettingsError
from reflector.rules.policy import Policy
from tests.builders.reflector_module import ALLOWED, AUTO, ReflectorModule


@pytest.mark.parametrize(
    ("allow", "deny", "source", "target", "permitted"),
    [
        ((), (), "a", "b", True),
        (("a -> b",), (), "a", "b", True),
        (("a->b",), (), "b", "a", False),
        (("platform -> *", "team-a -> team-a-*"), (), "platform", "x", True),
        (("platform -> *", "team-a -> team-a-*"), (), "team-a", "team-a-dev", True),
        (("platform -> *", "team-a -> team-a-*"), (), "team-a", "team-b", False),
        ((), ("* -> prod-*",), "a", "prod-1", False),
        (("* -> *",), ("dev-* -> prod-*",), "dev-1", "prod-1", False),
        (("* -> *",), ("dev-* -> prod-*",), "test", "prod-1", True),
    ],
)
def test_rules(allow: tuple[str, ...], deny: tuple[str, ...], source: str, target: str, permitted: bool) -> None:
    assert Policy(allow, deny).permits(source, target) is permitted


@pytest.mark.parametrize("rule", ["a", "a ->", "-> b", "a -> b -> c", ""])
def test_a_rule_that_cannot_be_read_stops_the_start(rule: str) -> None:
    with pytest.raises(SettingsError, match="platform ->"):
        ReflectorModule(deny=(rule,))


async def test_a_push_stays_within_the_rules_and_says_what_they_keep_out() -> None:
    bench = ReflectorModule(allow=("src -> team-1",))
    bench.secret("src", "one", AUTO)
    await bench.settle()

    assert (bench.value("team-1"), bench.value("team-2")) == ("one", None)
    [(namespace, message)] = bench.told("DeniedByPolicy")
    assert namespace == "src"
    assert "team-2" in message


async def test_a_pushed_mirror_that_the_rules_forbid_now_goes_and_a_pull_is_frozen() -> None:
    bench = ReflectorModule(deny=("src -> team-*",))
    version = bench.secret("src", "two", AUTO)["metadata"]["resourceVersion"]
    bench.mirror("team-1", "one", version)
    bench.pull("team-2", name="mine")
    await bench.settle()

    assert (bench.value("team-1"), bench.value("team-2", "mine")) == (None, "placeholder")
    assert ("team-2", "the administrator's rules keep Secret src/s out of this namespace; data is left as it is") in (
        bench.told("DeniedByPolicy")
    )


async def test_who_may_not_push_does_not_win_the_name_either() -> None:
    bench = ReflectorModule(deny=("squatter -> *",))
    bench.namespace("squatter")
    bench.secret("squatter", "evil", AUTO, creationTimestamp="2020-01-01T00:00:00Z")
    bench.secret("src", "one", AUTO)
    await bench.settle()

    assert (bench.value("team-1"), bench.value("team-2")) == ("one", "one")
    assert bench.value("squatter") == "evil"


async def test_a_pull_is_served_where_the_rules_permit_it() -> None:
    bench = ReflectorModule(allow=("src -> team-1",))
    bench.secret("src", "one", ALLOWED)
    bench.pull("team-1")
    bench.pull("team-2")
    await bench.settle()

    assert (bench.value("team-1"), bench.value("team-2")) == ("one", "placeholder")

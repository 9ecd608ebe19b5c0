"""What a target says of the states whose credentials it holds."""

from collections.abc import Sequence

import pytest

from external.generators.states import HELD, held_in, held_text

OTHER = "other/0=gen-x,other/2=gen-y"


@pytest.mark.parametrize(
    ("before", "states", "after"),
    [
        ("", (("0", "gen-a"),), "app/0=gen-a"),
        ("", (), "app/="),
        ("", None, None),
        (OTHER, (("1", "gen-a"), ("1", "gen-b")), f"{OTHER},app/1=gen-a,app/1=gen-b"),
        (f"app/0=gen-old,{OTHER}", (("0", "gen-a"),), f"{OTHER},app/0=gen-a"),
        (f"app/0=gen-old,{OTHER}", None, OTHER),
        ("app/0=gen-old", (), "app/="),
    ],
)
def test_each_external_secret_says_its_own(
    before: str, states: Sequence[tuple[str, str]] | None, after: str | None
) -> None:
    """Several may merge into one target: none takes the word of another away."""
    found = held_text({HELD: before}, "app", states)

    assert found == after
    annotations = {} if found is None else {HELD: found}
    assert held_in(annotations, "app") == (None if states is None else tuple(states))
    assert held_in(annotations, "other") == held_in({HELD: before}, "other")


@pytest.mark.parametrize("text", ["", ",", "nonsense", "=,/", "other/0", "app"])
def test_what_makes_no_sense_says_nothing(text: str) -> None:
    assert held_in({HELD: text}, "app") is None

"""What becomes of a state: by the word of its target, and by its deadline."""

from datetime import UTC, datetime
from typing import Any

import pytest

from external.generator_states.plan import Decision, Verdict, decide

NOW = 1_000.0


def state(deadline: float | None) -> dict[str, Any]:
    moment = None if deadline is None else datetime.fromtimestamp(deadline, UTC).isoformat()
    return {"metadata": {"name": "one"}, "spec": {"garbageCollectionDeadline": moment}}


@pytest.mark.parametrize(
    ("held", "deadline", "decision"),
    [
        ({"one"}, None, Decision(Verdict.KEEP)),
        ({"other"}, None, Decision(Verdict.FLAG)),
        (set(), None, Decision(Verdict.FLAG)),
        (None, None, Decision(Verdict.KEEP)),
        ({"one"}, NOW - 1, Decision(Verdict.UNFLAG)),
        ({"one"}, NOW + 1, Decision(Verdict.UNFLAG)),
        ({"other"}, NOW + 5, Decision(Verdict.KEEP, 5.0)),
        (None, NOW + 5, Decision(Verdict.KEEP, 5.0)),
        ({"other"}, NOW, Decision(Verdict.END)),
        (None, NOW - 1, Decision(Verdict.END)),
    ],
)
def test_the_target_has_the_word_and_then_the_deadline(held: Any, deadline: float | None, decision: Decision) -> None:
    assert decide(state(deadline), held, NOW) == decision


@pytest.mark.parametrize(
    "spec", [None, "text", {"garbageCollectionDeadline": 5}, {"garbageCollectionDeadline": "soon"}]
)
def test_a_deadline_that_makes_no_sense_ends_nothing(spec: Any) -> None:
    assert decide({"metadata": {"name": "one"}, "spec": spec}, None, NOW) == Decision(Verdict.KEEP)

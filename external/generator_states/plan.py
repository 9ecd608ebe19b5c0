"""Decide what becomes of a GeneratorState. Pure.

The target says which states it holds. A state that it does not name gets a deadline; one that it names has none.
What is past its deadline and in no target is ended.
"""

from collections.abc import Collection
from dataclasses import dataclass
from enum import Enum

from external.generators.states import deadline_of
from manager.kube.resources import Body


class Verdict(Enum):
    """What is done with a state."""

    KEEP = "keep"
    FLAG = "flag"
    """Give it a deadline: its target holds other values now."""
    UNFLAG = "unflag"
    """Remove its deadline: its target holds its values."""
    END = "end"
    """Delete it, which ends its values at the provider."""


@dataclass(frozen=True, slots=True)
class Decision:
    """What is done, and when it is looked at again."""

    verdict: Verdict
    after: float | None = None
    """Seconds until the state is looked at again; None: after the next change."""


def decide(state: Body, held: Collection[str] | None, now: float) -> Decision:
    """Decide what becomes of a state that is not being deleted.

    Args:
        state: the state as the API server has it.
        held: the states that the target of its owner names, or its PushSecret; None if it says nothing: the states
            of external-secrets have no other word than their deadline.
        now: Unix time.

    """
    name, deadline = state["metadata"]["name"], deadline_of(state)
    holds = held is not None and name in held
    if deadline is None:
        return Decision(Verdict.KEEP if holds or held is None else Verdict.FLAG)
    if holds:
        return Decision(Verdict.UNFLAG)
    if now < deadline:
        return Decision(Verdict.KEEP, deadline - now)
    return Decision(Verdict.END)

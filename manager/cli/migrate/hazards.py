"""What outside of the objects themselves can go wrong in a move."""

from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """Where a hazard stands."""

    CRD = "crd"
    WEBHOOK = "webhook"
    ROLE = "role"
    WRITER = "writer"
    VALUE = "value"


@dataclass(frozen=True)
class Hazard:
    """One hazard, and what to do about it."""

    kind: Kind
    module: str
    about: str
    """Kind and name of the object."""
    problem: str
    cure: str = ""
    blocks: bool = False
    """True if it must be cured before the move."""

"""What a module will do with an object that an original controller left. Pure; names only, never values."""

from dataclasses import dataclass
from enum import StrEnum

from manager.kube.managed_fields import owned_keys
from manager.kube.resources import Body, Key


class Verdict(StrEnum):
    """What Coffer does with an object, compared with the original."""

    NOTHING = "nothing"
    """It stays as it is."""
    ADOPT = "adopt"
    """Its owner agrees, so Coffer writes it to make it its own."""
    DIFFERS = "differs"
    """Coffer does something else than the original did."""
    UNSERVED = "not served"
    """Coffer does not work on it."""


@dataclass(frozen=True, slots=True)
class ObjectFinding:
    """What happens to one object."""

    module: str
    key: Key
    verdict: Verdict
    why: str = ""
    blocks: bool = False
    """True if moving the object as it is loses what works today."""
    due: float | None = None
    """Unix time of the next read at a provider; None if none is planned."""
    target: Key | None = None
    """The Secret, or the mirror, that must stay as it is."""


def other_writers(metadata: Body, managers: frozenset[str]) -> str:
    """Return the field managers that wrote data beside the expected ones, as one text; empty if there are none."""
    entries = (str(each.get("manager", "")) for each in metadata.get("managedFields") or ())
    found = {name for name in entries if name not in managers and owned_keys(metadata, name, "data")}
    return ", ".join(sorted(found))

"""Status conditions as Kubernetes defines them: one for each type, the transition time changes with the status."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from manager.core.clock import rfc3339

Condition = dict[str, Any]

LONGEST_MESSAGE = 4096  # a message may quote names, and a spec may hold a MiB of them


def brief(message: str) -> str:
    """Return a message shortened to what fits into a condition."""
    return message if len(message) <= LONGEST_MESSAGE else message[: LONGEST_MESSAGE - 2] + " …"


def find_condition(conditions: object, kind: str) -> Condition | None:
    """Return the condition of a type, None if the list has none or is malformed."""
    if isinstance(conditions, list):
        for condition in conditions:
            if isinstance(condition, dict) and condition.get("type") == kind:
                return condition
    return None


def without_condition(conditions: object, kind: str) -> list[Condition]:
    """Return the list without the condition of a type, so that the next one gets a new transition time."""
    old = find_condition(conditions, kind)
    return [each for each in conditions if each is not old] if isinstance(conditions, list) else []


def set_condition(conditions: object, new: Condition, now: datetime) -> list[Condition]:
    """Return the list with `new` (type, status, reason, message) in place of the old condition of its type.

    `lastTransitionTime` changes only with the status.
    """
    old = find_condition(conditions, new["type"])
    others = without_condition(conditions, new["type"])
    same = old is not None and old.get("status") == new["status"] and old.get("lastTransitionTime")
    moment = old["lastTransitionTime"] if same and old is not None else rfc3339(now)
    return [*others, {**new, "lastTransitionTime": moment}]


def same_condition(
    old: Condition | None, new: Condition, fields: Sequence[str] = ("status", "reason", "message")
) -> bool:
    """Return True if a write would change only times."""
    return old is not None and all(old.get(name, "") == new.get(name, "") for name in fields)

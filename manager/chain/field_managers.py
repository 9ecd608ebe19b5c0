"""Who wrote the data of a Secret, and when, by the API server's own record. Pure."""

from manager.chain.model import Manager
from manager.core.clock import parse_rfc3339
from manager.kube.managed_fields import owned_keys
from manager.kube.resources import Body


def managers(metadata: Body, section: str = "data") -> tuple[Manager, ...]:
    """Return the field managers of an object's data, the last writer first."""
    found: dict[str, Manager] = {}
    for entry in metadata.get("managedFields") or ():
        name = str(entry.get("manager", ""))
        keys = owned_keys({"managedFields": [entry]}, name, section) - {"."}
        if keys:
            known = found.get(name, Manager(name, None, ()))
            found[name] = Manager(name, _later(known.at, _time(entry.get("time"))), tuple(sorted({*known.keys, *keys})))
    return tuple(sorted(found.values(), key=lambda each: (-(each.at or 0.0), each.name)))


def changed_at(metadata: Body, section: str = "data") -> float | None:
    """Return when the data of an object was last written, at the latest; None if that is not recorded.

    The API server renews the time of a manager's entry whenever it changes a field that it owns, also an annotation.
    """
    times = [each.at for each in managers(metadata, section) if each.at is not None]
    return max(times, default=_time(metadata.get("creationTimestamp")))


def _time(text: object) -> float | None:
    found = parse_rfc3339(text)
    return None if found is None else found.timestamp()


def _later(one: float | None, other: float | None) -> float | None:
    return max((each for each in (one, other) if each is not None), default=None)

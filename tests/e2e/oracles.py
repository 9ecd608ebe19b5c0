"""Checks after every test: no leaked values, nothing written by kopf, well-formed conditions."""

import base64
import json
from collections.abc import Iterable, Iterator
from urllib.parse import quote

from tests.cluster.kube import Object
from tests.e2e.health import assert_honest

WINDOW = 12  # characters of a value that count as a leak; shorter pieces occur by chance
HIDDEN = {"data", "stringData", "spec"}  # a fake store's spec contains its values


class Canaries:
    """Finds pieces of secret values in texts: raw, URL-encoded, hex, and base64 at each of its three alignments."""

    def __init__(self, values: Iterable[str]) -> None:
        self._pieces = {piece for value in values for form in _forms(value) for piece in _windows(form)}

    def found(self, text: str) -> str:
        """Return where a piece occurs, with the text around it; empty if it does not."""
        at = next((at for at, piece in enumerate(_windows(text)) if piece in self._pieces), None)
        return "" if at is None else f"at {at}: …{text[max(0, at - 80) : at]}[here]"


def assert_nothing_leaked(values: Iterable[str], texts: Iterable[tuple[str, str]]) -> None:
    """Fail if any of the named texts contains a piece of any value."""
    canaries = Canaries(values)
    leaks = {name: found for name, text in texts if (found := canaries.found(text))}
    assert not leaks, f"secret values leaked: {json.dumps(leaks, indent=1)}"


def assert_sound(objects: Iterable[tuple[str, Object]], values: Iterable[str]) -> None:
    """Check objects of the given kinds: no leak outside the data, no trace of kopf, sound conditions, honest health.

    An annotation or field of kopf could contain Secret data; its finalizer would block deletion without Coffer.
    """
    texts = []
    for kind, each in objects:
        metadata, name = each["metadata"], f"{kind} {each['metadata']['namespace']}/{each['metadata']['name']}"
        about = json.dumps([metadata.get("annotations"), metadata.get("finalizers")])
        assert "kopf" not in about, f"kopf left something on {name}"
        assert "coffer.dev/never-set" not in about, f"kopf's finalizer on {name}"
        _assert_conditions_sound(name, each)
        assert_honest(kind, each)
        texts.append((name, _public(each)))
    assert_nothing_leaked(values, texts)


def _assert_conditions_sound(name: str, each: Object) -> None:
    conditions = (each.get("status") or {}).get("conditions") or []
    types = [condition["type"] for condition in conditions]
    assert len(types) == len(set(types)), f"{name} has two conditions of one type"
    for condition in conditions:
        assert condition["status"] in {"True", "False", "Unknown"}, name
        assert condition.get("reason"), f"{name}: a condition without a reason"
        assert condition.get("lastTransitionTime"), f"{name}: a condition without a transition time"
        assert condition["status"] == "True" or condition.get("message"), f"{name}: a failure without a word"


def _public(each: Object) -> str:
    return json.dumps({key: value for key, value in each.items() if key not in HIDDEN})


def _forms(value: str) -> Iterator[str]:
    raw = value.encode()
    yield from (value, quote(value, safe=""), raw.hex())
    for shift in range(3):
        text = base64.b64encode(b"\0" * shift + raw).decode()
        yield text[-(-shift * 8 // 6) : -4]  # without the characters that contain bits of the neighbours


def _windows(text: str) -> Iterator[str]:
    return (text[at : at + WINDOW] for at in range(len(text) - WINDOW + 1))

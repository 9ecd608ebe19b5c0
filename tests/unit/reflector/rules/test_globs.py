"""The original's own unit cases, restated: 31 of selectors, 6 of labels, 21 of globs."""

from typing import Any

import pytest

from manager.kube.auto_mirrors import PREFIX
from manager.kube.resources import NAMESPACES, SECRETS, Key
from manager.kube.selectors import SelectorError, parse_selector
from reflector.rules.annotations import Marks, problems, read
from reflector.rules.globs import administrators
from tests.builders.reflector_module import AUTO, ReflectorModule

PRODUCTION, STAGING = {"env": "production"}, {"env": "staging"}


def selected(selector: str, labels: dict[str, str]) -> bool:
    """Tell whether a namespace is selected; a selector that cannot be read selects nothing, a blank one everything."""
    if not selector.strip():
        return True
    try:
        return all(each.holds(labels) for each in parse_selector(selector))
    except SelectorError:
        return False


@pytest.mark.parametrize(
    ("selector", "labels", "answer"),
    [
        ("", {}, True),
        ("  ", {}, True),
        ("env=production", PRODUCTION, True),
        ("env=production", STAGING, False),
        ("env==production", PRODUCTION, True),
        ("env!=production", STAGING, True),
        ("env!=production", PRODUCTION, False),
        ("env!=production", {}, True),
        ("env", PRODUCTION, True),
        ("env", {}, False),
        ("!env", {}, True),
        ("!env", PRODUCTION, False),
        ("env=production,tier=frontend", {**PRODUCTION, "tier": "frontend"}, True),
        ("env=production,tier=frontend", {**PRODUCTION, "tier": "backend"}, False),
        ("env in (production,staging)", STAGING, True),
        ("env in (production,staging)", {"env": "dev"}, False),
        ("env notin (production,staging)", {"env": "dev"}, True),
        ("env notin (production,staging)", PRODUCTION, False),
        ("app.kubernetes.io/name=reflector", {"app.kubernetes.io/name": "reflector"}, True),
    ],
)
def test_a_selector(selector: str, labels: dict[str, str], answer: bool) -> None:
    assert selected(selector, labels) is answer


@pytest.mark.parametrize(
    "selector",
    [
        *(
            ",",
            ",,",
            ", ,",
            "!",
            "!=value",
            "=value",
            "env in (prod",
            "env in prod)",
            "env in ()",
            "()",
            "=",
            "-env=prod",
        ),
        *("env-=prod", ".env=prod", "env name=prod", f"{'k' * 64}=prod"),
    ],
)
def test_a_selector_that_cannot_be_read_selects_nothing(selector: str) -> None:
    assert not selected(selector, {"env": "prod"})


def marks(**annotations: str) -> Marks:
    found = read({f"{PREFIX}reflection-{name.replace('_', '-')}": text for name, text in annotations.items()})
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("names", "labels", "answer"),
    [("", PRODUCTION, True), ("other", STAGING, False), ("team", STAGING, True), ("other", PRODUCTION, True)],
)
def test_names_or_labels_permit(names: str, labels: dict[str, str], answer: bool) -> None:
    found = marks(allowed="true", allowed_namespaces=names, allowed_namespaces_selector="env=production")

    assert found.permits("team", labels) is answer


def test_a_push_by_the_selector_alone() -> None:
    found = marks(allowed="true", auto_enabled="true", auto_namespaces_selector="env=production")

    assert found.pushes("team", PRODUCTION)
    assert not found.pushes("team", STAGING)


def test_errors_name_the_annotation() -> None:
    good, key = "env=prod", "reflection-allowed-namespaces-selector"
    assert problems(marks(allowed="true", allowed_namespaces_selector=good)) == ()
    assert key in problems(marks(allowed="true", allowed_namespaces_selector="=prod"))[0]
    assert problems(marks(allowed_namespaces_selector="", auto_namespaces_selector="")) == ()


@pytest.mark.parametrize(
    ("before", "after", "same"),
    [
        (None, {}, True),
        ({"a": "1", "b": "2"}, {"b": "2", "a": "1"}, True),
        ({"a": "1"}, {"a": "2"}, False),
        ({"a": "1"}, {"a": "1", "b": "2"}, False),
        ({"a": "1", "b": "2"}, {"a": "1"}, False),
        ({"a": "1"}, {"b": "1"}, False),
    ],
)
async def test_only_other_labels_of_a_namespace_bring_the_sources_back(before: Any, after: Any, same: bool) -> None:
    bench = ReflectorModule()
    bench.secret("src", "one", AUTO)
    bench.put(NAMESPACES, {"name": "team-1", **({"labels": before} if before is not None else {})})
    await bench.settle()
    bench.put(NAMESPACES, {"name": "team-1", "labels": after, "annotations": {"touched": "1"}})
    bench.see()

    queued = len(bench.module.controllers[0].queue)
    assert queued == (0 if same else 1)
    assert bench.stage.cache.get(Key(SECRETS, "src", "s"))


@pytest.mark.parametrize(
    ("globs", "namespace", "excluded"),
    [
        ("", "team", False),
        ("   ", "team", False),
        (" , ,", "team", False),
        ("team", "", False),
        ("team", "team", True),
        ("team", "teams", False),
        (" a , team ", "team", True),
        (",a,,team,", "team", True),
        ("ephie-*", "ephie-1", True),
        ("ephie-*", "other-1", False),
        ("*", "anything", True),
        ("*-temp", "x-temp", True),
        ("*-temp", "temp-x", False),
        ("ns-?", "ns-a", True),
        ("ns-?", "ns-1", True),
        ("ns-?", "ns-ab", False),
        ("a,b-*,c", "b-1", True),
        ("ns.special", "nsxspecial", False),
        ("ns.special", "ns.special", True),
        ("ns[1]", "ns1", False),
        ("ns[1]", "ns[1]", True),
        ("TEAM-*", "team-1", True),
    ],
)
def test_a_glob_of_excluded_namespaces(globs: str, namespace: str, excluded: bool) -> None:
    assert administrators("reflector.excluded_namespaces", globs.split(",")).match(namespace) is excluded

"""A matrix of all situations of a mirror, as a table on the real API server."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import pytest

from tests.builders.manifests import MIRROR, canary, reflects, secret
from tests.cluster.kube import Object
from tests.e2e.world import World

AUTO, VERSION = f"{MIRROR}auto-reflects", f"{MIRROR}reflected-version"


@dataclass
class Case:
    """One source, a namespace that it is pushed to and one that pulls from it, with present and earlier values."""

    world: World
    source: str
    pushed: str
    pulled: str
    name: str
    first: str
    """The source's first value."""
    value: str
    """The source's present value."""

    @classmethod
    def build(cls, world: World, row: "Row") -> "Case":
        """Prepare the start of the row: everything as the initial annotations require."""
        value, stage = canary(), row.stage
        source, pushed, pulled = world.namespace("src"), world.namespace(stage=stage), world.namespace(stage=stage)
        case = cls(world, source, pushed, pulled, f"shared-{world.unique}", value, value)
        case.pull()
        if row.start is not None:
            case.make(row.start)
            allowed, pushes = ({key} <= set(row.start.split()) for key in ("allowed", "auto-enabled"))
            for namespace, held in ((pushed, allowed and pushes), (pulled, allowed)):
                if held and stage == "prod":
                    world.await_data(namespace, case.name, {"key": value})
        return case

    def annotations(self, keys: str) -> dict[str, str]:
        """Return the annotations with these names (separated by spaces) and this case's values."""
        values = {
            "allowed": "true",
            "allowed-namespaces": f"{self.pushed},{self.pulled}",
            "allowed-namespaces-selector": "stage=prod",
            "auto-enabled": "true",
            "auto-namespaces": f"{self.pushed}",
        }
        return {f"{MIRROR}reflection-{key}": values[key] for key in keys.split()}

    def make(self, keys: str, **body: object) -> None:
        """Create the source."""
        manifest = secret(self.source, self.name, {"key": self.value}, annotations=self.annotations(keys))
        self.world.apply(manifest | body)

    def pull(self) -> None:
        """Create the pulled mirror."""
        annotations = reflects(self.source, self.name)
        self.world.apply(secret(self.pulled, self.name, {"own": "placeholder"}, annotations=annotations))

    def annotate(self, **changes: str | None) -> None:
        """Change the source's annotations; underscores stand for dashes."""
        named = {f"{MIRROR}reflection-{key.replace('_', '-')}": text for key, text in changes.items()}
        self.world.kube.annotate("secrets", self.name, self.source, named)

    def allow(self) -> None:
        """Replace all annotations of the source."""
        self.world.kube.annotate("secrets", self.name, self.source, self.annotations(EVERYTHING))

    def label(self, namespace: str, stage: str) -> None:
        """Change the label of a namespace."""
        self.world.kube.patch("namespaces", namespace, None, {"metadata": {"labels": {"stage": stage}}})

    def edit(self, namespace: str, **patch: object) -> None:
        """Change the object with the source's name in a namespace."""
        self.world.kube.patch("secrets", self.name, namespace, dict(patch))

    def mark(self, namespace: str, **marks: str | None) -> None:
        """Change the marks of a mirror; underscores stand for dashes."""
        named = {f"{MIRROR}{key.replace('_', '-')}": text for key, text in marks.items()}
        self.world.kube.annotate("secrets", self.name, namespace, named)

    def spoil(self, namespace: str, **marks: str) -> None:
        """Edit the data of a mirror, and optionally its `reflected-version`."""
        annotations = {f"{MIRROR}reflected-{key}": text for key, text in marks.items()}
        self.edit(namespace, stringData={"key": "spoilt", "more": "x"}, metadata={"annotations": annotations})

    def orphan(self) -> None:
        """Create an object that looks like a pushed mirror of the source."""
        annotations = reflects(self.source, self.name) | {AUTO: "True", VERSION: "5"}
        made = secret(self.pushed, self.name, {"key": "orphan"}, annotations=annotations)
        self.world.kube.apply(made, manager="unknown")  # the API server's name for a writer without a User-Agent

    def delete(self, namespace: str) -> None:
        """Delete the object with the source's name in a namespace."""
        self.world.kube.delete("secrets", self.name, namespace)

    def rotate(self) -> None:
        """Change the source's value."""
        self.value = canary()
        self.edit(self.source, stringData={"key": self.value})

    def again(self) -> None:
        """Delete the source and create it again with another value."""
        self.delete(self.source)
        self.value = canary()
        self.make(EVERYTHING)

    def find(self, namespace: str) -> Object | None:
        """Return the object with the source's name in a namespace."""
        found: Object | None = self.world.kube.find("secrets", self.name, namespace)
        return found

    def expect(self, namespace: str, state: str) -> None:
        """Wait until a namespace is in a state.

        `current`: has the source's value; `gone`: has no object; a reason: such an Event was posted and the first
        value is still there; `kept`: the same, with an Event on the source, whose annotation cannot be read; `own`: the
        object from before the source is untouched; `any`: not checked.
        """
        if state == "current":
            self.world.await_data(namespace, self.name, {"key": self.value})
        elif state == "gone":
            self.world.await_gone("secrets", namespace, self.name)
        elif state == "kept":
            self.world.await_event(self.source, self.name, "InvalidAnnotation")
            assert self.world.data(namespace, self.name) == {"key": self.first}
        elif state == "own":
            assert self.world.data(namespace, self.name) == {"own": "placeholder"}
        elif state != "any":
            self.world.await_event(namespace, self.name, state)
            assert self.world.data(namespace, self.name) == {"key": self.first}


EVERYTHING = "allowed allowed-namespaces auto-enabled auto-namespaces"
SELECTED = "allowed allowed-namespaces-selector auto-enabled"
FROZEN = "SourceNotPermitted"


@dataclass(frozen=True)
class Row:
    """One row of the matrix."""

    what: str
    start: str | None
    """The source's annotations at the start, by name; None: there is no source."""
    change: Callable[[Case], object]
    pushed: str = "current"
    pulled: str = "current"
    stage: str = "prod"
    """The label of the two namespaces at the start."""
    rotate: bool = True
    """Whether the source gets another value after the change, to show what does not follow it."""


MATRIX = [
    Row("the source gains its annotations", "", Case.allow),
    Row("the source's data changes", EVERYTHING, Case.rotate),
    Row("allowed list narrowed to the pull", EVERYTHING, lambda c: c.annotate(allowed_namespaces=c.pulled), "gone"),
    Row(
        "allowed list narrowed to the push",
        EVERYTHING,
        lambda c: c.annotate(allowed_namespaces=c.pushed),
        pulled=FROZEN,
    ),
    Row("auto list narrowed", EVERYTHING, lambda c: c.annotate(auto_namespaces="nobody"), "gone"),
    Row("auto list is no expression", EVERYTHING, lambda c: c.annotate(auto_namespaces="*"), "kept"),
    Row("auto-enabled removed", EVERYTHING, lambda c: c.annotate(auto_enabled=None), "gone"),
    Row("auto-enabled false", EVERYTHING, lambda c: c.annotate(auto_enabled="false"), "gone"),
    Row("allowed removed", EVERYTHING, lambda c: c.annotate(allowed=None), "gone", FROZEN),
    Row("allowed false", EVERYTHING, lambda c: c.annotate(allowed="False"), "gone", FROZEN),
    Row("source deleted", EVERYTHING, lambda c: c.delete(c.source), "gone", "SourceNotFound", rotate=False),
    Row("source deleted and made again", EVERYTHING, Case.again),
    Row("source never existed", None, Case.orphan, "gone", "own", rotate=False),
    Row("source made after the pull", None, lambda c: c.make(EVERYTHING)),
    Row("permission comes later", "auto-enabled", Case.allow),
    Row(
        "namespace labels change to match",
        SELECTED,
        lambda c: (c.label(c.pushed, "prod"), c.label(c.pulled, "prod")),
        stage="dev",
    ),
    Row("the push's namespace labels change away", SELECTED, lambda c: c.label(c.pushed, "dev"), "gone"),
    Row("the pull's namespace labels change away", SELECTED, lambda c: c.label(c.pulled, "dev"), pulled=FROZEN),
    Row("a user deletes a pushed mirror", EVERYTHING, lambda c: c.delete(c.pushed), rotate=False),
    Row("a user edits a pushed mirror", EVERYTHING, lambda c: c.spoil(c.pushed), rotate=False),
    Row("a user edits a pull", EVERYTHING, lambda c: c.spoil(c.pulled), rotate=False),
    Row("a user blanks the version of a pull", EVERYTHING, lambda c: c.spoil(c.pulled, version=""), rotate=False),
    Row("a user blanks the version of a push", EVERYTHING, lambda c: c.spoil(c.pushed, version=""), rotate=False),
    Row("a user zeroes the version of a pull", EVERYTHING, lambda c: c.spoil(c.pulled, version="0"), rotate=False),
    Row("a mirror's timestamp is garbage", EVERYTHING, lambda c: c.mark(c.pushed, reflected_at='"garbage"')),
    Row("a mirror is made immutable", EVERYTHING, lambda c: c.edit(c.pushed, immutable=True)),
    Row("a pull is deleted", EVERYTHING, lambda c: c.delete(c.pulled), pulled="gone"),
    Row("a pull is deleted and made again", EVERYTHING, lambda c: (c.delete(c.pulled), c.pull())),
]


@pytest.mark.parametrize("row", MATRIX, ids=lambda row: row.what.replace(" ", "-"))
def test_scenario(world: World, row: Row) -> None:
    case = Case.build(world, row)

    row.change(case)
    if row.rotate:
        case.rotate()

    case.expect(case.pushed, row.pushed)
    case.expect(case.pulled, row.pulled)
    source = case.find(case.source)
    assert source is None or AUTO not in source["metadata"]["annotations"], "a source is never made a mirror"


def test_what_is_not_copied_rewrites_no_mirror(world: World) -> None:
    case = Case.build(world, MATRIX[1])
    control = world.namespace()

    def versions() -> list[str]:
        found = (case.find(each) for each in (case.pushed, case.pulled))
        return [each["metadata"]["resourceVersion"] for each in found if each]

    before = versions()
    case.edit(case.source, metadata={"labels": {"a": "label"}})
    case.annotate(auto_namespaces=f"{case.pushed},{control}", allowed_namespaces=".*")
    world.await_data(control, case.name, {"key": case.value})

    assert versions() == before


def test_a_mirror_without_its_mark_is_left_alone(world: World) -> None:
    """Without the mark it cannot be proven ours, so it is neither written nor deleted."""
    case = Case.build(world, MATRIX[1])
    case.mark(case.pushed, reflects=None)
    world.await_event(case.source, case.name, "ConflictingObject", case.pushed)
    case.rotate()
    case.annotate(auto_enabled=None)
    case.expect(case.pulled, "current")

    assert world.data(case.pushed, case.name) == {"key": case.first}


def test_a_pushed_mirror_without_its_auto_mark_is_a_pull(world: World) -> None:
    case = Case.build(world, MATRIX[1])
    case.mark(case.pushed, auto_reflects=None)
    case.annotate(auto_enabled=None)
    case.rotate()

    case.expect(case.pushed, "current")


def test_a_recreated_namespace_gets_its_mirror_again(world: World) -> None:
    case = Case.build(world, MATRIX[1])
    world.kube.delete("namespaces", case.pushed)
    case.rotate()
    case.expect(case.pulled, "current")
    gone = partial(world.kube.find, "namespaces", case.pushed)
    world.kube.wait_until(gone, lambda found: not found, timeout=60)  # the namespace controller takes its time

    world.kube.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": case.pushed}})

    case.expect(case.pushed, "current")
    assert not world.events(case.source, case.name, "MirrorFailed")


def test_a_pushed_mirror_follows_its_sources_type(world: World) -> None:
    """A pull keeps its own type."""
    case = Case.build(world, MATRIX[1])
    case.delete(case.source)
    case.value = canary()
    case.make(EVERYTHING, type="example.com/other")

    made_anew = partial(world.kube.get, "secrets", case.name, case.pushed)
    world.kube.wait_until(made_anew, lambda found: found["type"] == "example.com/other")
    case.expect(case.pushed, "current")
    case.expect(case.pulled, "current")
    types = [world.kube.get("secrets", case.name, each)["type"] for each in (case.pushed, case.pulled)]
    assert types == ["example.com/other", "Opaque"]


def test_a_source_with_the_mirrors_name_is_never_overwritten(world: World) -> None:
    case = Case.build(world, MATRIX[1])
    other, value = world.namespace(), canary()
    world.apply(secret(other, case.name, {"key": value}, annotations=case.annotations("allowed auto-enabled")))
    case.annotate(allowed_namespaces=".*", auto_namespaces=f"{case.pushed},{other}")
    world.await_event(case.source, case.name, "ConflictingObject", other)
    world.kube.patch("namespaces", other, None, {"metadata": {"labels": {"touch": "1"}}})
    case.rotate()

    case.expect(case.pushed, "current")
    assert world.data(other, case.name) == {"key": value}


def test_after_a_restore_every_mirror_gets_the_new_version_once(world: World) -> None:
    case = Case.build(world, MATRIX[1])
    wanted = world.kube.get("secrets", case.name, case.source)["metadata"]["resourceVersion"]

    case.mark(case.pushed, reflected_version="999999999999")

    world.kube.wait_until(
        lambda: world.kube.get("secrets", case.name, case.pushed)["metadata"]["annotations"][VERSION],
        lambda found: found == wanted,
    )

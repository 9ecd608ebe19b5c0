"""`coffer mirrors`: list sources with their mirrors, or show what a change of annotations would do."""

from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass

from manager.core.clock import SystemClock
from manager.core.errors import SettingsError
from manager.kube.auto_mirrors import PREFIX
from manager.kube.cache import MetadataCache
from manager.kube.client import KubeClient
from manager.kube.resources import CONFIGMAPS, NAMESPACES, SECRETS, Body, Key, Resource, key_of
from manager.settings.model import ReflectorSettings
from reflector.plan import Do, Note, Plan, Step, plan
from reflector.rules.selection import PREFIX as OURS
from reflector.rules.selection import Selection, selection_of
from reflector.view import KINDS, View, ViewBuilder

KIND_NAMES = {"secret": SECRETS, "secrets": SECRETS, "configmap": CONFIGMAPS, "configmaps": CONFIGMAPS}
STATES = {
    Do.CREATE: "missing",
    Do.REFRESH: "outdated",
    Do.COMPARE: "written for an earlier version; its data may be the same",
    Do.REMOVE: "to be deleted",
}


@dataclass(frozen=True)
class Edit:
    """A planned change of the annotations of one object; None removes one."""

    key: Key
    annotations: Mapping[str, str | None]

    @classmethod
    def parse(cls, target: str, changes: tuple[str, ...]) -> "Edit":
        """Read `secret/NAMESPACE/NAME` and `annotation=value` or `annotation-`, as kubectl annotate does.

        The prefix may be left out. Raises SettingsError.
        """
        kind, *place = target.split("/")
        resource = KIND_NAMES.get(kind.lower())
        if resource is None or len(place) != 2 or not all(place):
            raise SettingsError("--plan: write secret/NAMESPACE/NAME or configmap/NAMESPACE/NAME")
        annotations: dict[str, str | None] = {}
        for change in changes:
            name, equals, value = change.partition("=")
            if not equals and not name.endswith("-"):
                raise SettingsError("--plan: write ANNOTATION=VALUE, or ANNOTATION- to take it away")
            annotations[_whole(name if equals else name[:-1])] = value if equals else None
        return cls(Key(resource, *place), annotations)

    def apply(self, body: Body) -> Body:
        """Return the object with the change."""
        meta = body["metadata"]
        merged = (meta.get("annotations") or {}) | dict(self.annotations)
        kept = {name: value for name, value in merged.items() if value is not None}
        return {**body, "metadata": {**meta, "annotations": kept}}


@dataclass(frozen=True)
class Listed:
    """One source as it is listed."""

    key: Key
    view: View
    decided: Plan
    states: Mapping[Key, str]
    """The state of each mirror that is shown, by namespace and name."""

    @property
    def notes(self) -> list[Note]:
        """The messages about the source itself."""
        return [each for each in self.decided.notes if each.about == self.key]


class MirrorListing:
    """The metadata of a cluster, read once.

    Args:
        settings: those of the controller, so that its rules decide here too.
        own_namespace: Coffer's.
        scope: the namespaces of the controller; None: the whole cluster.
    """

    def __init__(self, settings: ReflectorSettings, own_namespace: str, scope: frozenset[str] | None = None) -> None:
        self._cache = MetadataCache()
        self._scope = scope
        self._view_builder = ViewBuilder(self._cache, settings, own_namespace, SystemClock(), scope)
        self._provenance = settings.provenance
        self._edit: Edit | None = None
        self._body: Body | None = None

    async def read(self, client: KubeClient, edit: Edit | None = None) -> None:
        """List what decisions need, and remember the object of the edit.

        Raises ApiError, and SettingsError if the object does not exist.
        """
        self._edit = edit
        async for resource, body in self._bodies(client):
            self._cache.observe(resource, None, body)
            if edit is not None and key_of(resource, body) == edit.key:
                self._body = body
        if edit is not None and self._body is None:
            raise SettingsError(f"--plan: there is no {edit.key}")

    async def _bodies(self, client: KubeClient) -> AsyncIterator[tuple[Resource, Body]]:
        """Yield namespaces, Secrets and ConfigMaps as the controller sees them."""
        for name in sorted(self._scope or ()):
            body = await client.find(Key(NAMESPACES, "", name))
            if body is not None:
                yield NAMESPACES, body
        for resource in KINDS if self._scope else (NAMESPACES, *KINDS):
            for place in sorted(self._scope or ("",)):
                async for items, _ in client.pages(resource, namespace=place, metadata_only=True):
                    for body in items:
                        yield resource, body

    def tree(self, namespace: str = "") -> Iterator[str]:
        """Yield the lines of all sources; with a namespace, of those that lie or have mirrors there."""
        for each in self._listed(namespace):
            yield from _lines(each)

    def names(self, namespace: str = "") -> Iterator[str]:
        """Yield the names of the sources; with a namespace, of the sources and mirrors that lie there."""
        for each in self._listed(namespace):
            inside = [each.key] if namespace in ("", each.key.namespace) else list(each.states)
            yield from (f"{key.resource.kind.lower()}/{key.name}" for key in inside)

    def records(self, namespace: str = "") -> list[dict[str, object]]:
        """Return the sources and their mirrors for programs."""
        return [_record(each) for each in self._listed(namespace)]

    def states(self, namespace: str = "") -> Iterator[str]:
        """Yield the state of every mirror, and of each that is missing; with a namespace, of what concerns it."""
        yield from (state.partition("  ")[2] for each in self._listed(namespace) for state in each.states.values())

    def _listed(self, namespace: str = "") -> Iterator[Listed]:
        """Yield the sources; with a namespace, of one in another namespace the mirrors that lie there alone."""
        for key in sorted(self._sources(), key=lambda each: (each.namespace, each.name, each.resource.kind)):
            view = self._view_builder.view(key)
            decided = plan(view, self._provenance)
            found = sorted(states_of(view, decided).items(), key=lambda each: (each[0].namespace, each[0].name))
            near = namespace in ("", key.namespace)
            states = {at: state for at, state in found if near or at.namespace == namespace}
            if near or states:
                yield Listed(key, view, decided, states)

    def changes(self) -> Iterator[str]:
        """Yield what the change would create, update and delete, a line each and their numbers last.

        Of the object itself all that it asks for; of sources that it names or whose name it claims, what is new.
        """
        if self._edit is None or self._body is None:
            return
        key, shape = self._edit.key, selection_of(self._body["metadata"].get("annotations") or {})
        concerned = self._concerned(key)
        before = {each: self._plan(each) for each in concerned}
        self._cache.forget(key)
        self._cache.observe(key.resource, None, self._edit.apply(self._body))
        verbs, notes = self._asked(key, shape)
        for each in sorted(concerned | self._concerned(key) - {key}):
            was, will = before.get(each, Plan()), self._plan(each) if each != key else Plan()
            known = {step.target for step in was.steps}
            verbs |= {step.target: _verb(step) for step in will.steps if step.target not in {*known, *verbs}}
            notes += [note for note in will.notes if note not in was.notes]
        for target, verb in sorted(verbs.items(), key=lambda each: (each[1], each[0].namespace, each[0].name)):
            yield f"{verb:8}{target}"
        yield from (f"{note.reason}: {note.about}: {note.message}" for note in notes)
        numbers = (f"{verb} {sum(each == verb for each in verbs.values())}" for verb in ("create", "update", "delete"))
        yield ", ".join(numbers)

    def _asked(self, key: Key, shape: Selection) -> tuple[dict[Key, str], list[Note]]:
        """Return the steps after the edit; a changed selection updates its mirrors, or the object itself."""
        view = self._view_builder.view(key)
        decided = plan(view, self._provenance)
        verbs = {step.target: _verb(step) for step in decided.steps}
        if view.marks is not None and view.marks.shape != shape:
            verbs = {each.key: "update" for each in view.mirrors} | verbs
            if view.marks.reflects is not None and self._serves(Key(key.resource, *view.marks.reflects), key):
                verbs[key] = "update"
        return verbs, list(decided.notes)

    def _serves(self, source: Key, mirror: Key) -> bool:
        """Return True if a source exists and serves a pull."""
        view = self._view_builder.view(source)
        return view.meta is not None and all(note.about != mirror for note in plan(view, self._provenance).notes)

    def _plan(self, source: Key) -> Plan:
        return plan(self._view_builder.view(source), self._provenance)

    def _concerned(self, key: Key) -> set[Key]:
        """Return the sources that an object names, or whose mirrors may have the name that it or its mirrors have."""
        meta = self._cache.get(key)
        marks = meta.digest if meta is not None else None
        names = {key.name, (marks.target_name if marks is not None else "") or key.name}
        found = {each for name in names for each in self._view_builder.namesakes(Key(key.resource, "", name))}
        return found | ({Key(key.resource, *marks.reflects)} if marks is not None and marks.reflects else set())

    def _sources(self) -> set[Key]:
        return self._view_builder.sources() | self._view_builder.named()


def _lines(listed: Listed) -> Iterator[str]:
    unseen = "  (outside of modules.scope)" if listed.view.outside else "  (does not exist)"
    yield f"{listed.key}{'' if listed.view.meta else unseen}"
    yield from (f"!  {note.reason}: {note.message}" for note in listed.notes)
    for number, (target, state) in enumerate(listed.states.items(), 1):
        branch = "└─" if number == len(listed.states) else "├─"
        yield f"{branch} {target.namespace}/{target.name}  {state}"


def _record(listed: Listed) -> dict[str, object]:
    return {
        "kind": listed.key.resource.kind,
        "namespace": listed.key.namespace,
        "name": listed.key.name,
        "exists": None if listed.view.outside else bool(listed.view.meta),
        "notes": [{"reason": each.reason, "message": each.message} for each in listed.notes],
        "mirrors": [
            {"namespace": at.namespace, "name": at.name, "state": state} for at, state in listed.states.items()
        ],
    }


def states_of(view: View, decided: Plan) -> dict[Key, str]:
    """Return the state of each mirror, and of each that is missing."""
    notes = {note.about: note.reason for note in decided.notes}
    states: dict[Key, str] = {}
    for each in view.mirrors:
        route = "pushed" if each.marks is not None and each.marks.auto_reflects else "pulled"
        states[each.key] = f"{route}  {notes.get(each.key, 'unknown' if view.outside else 'current')}"
    for step in decided.steps:
        states[step.target] = f"{'pushed' if step.auto else 'pulled'}  {STATES[step.do]}"
    return states


def _verb(step: Step) -> str:
    return {Do.CREATE: "create", Do.REMOVE: "delete"}.get(step.do, "update")


def _whole(name: str) -> str:
    if "/" in name:
        return name
    return (PREFIX if name.startswith(("reflect", "auto-reflects")) else OURS) + name

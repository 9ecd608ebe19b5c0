"""Renders `spec.target.template` from the fetched values, in the sandbox."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from external.api.target import Template as Wanted
from external.api.target import TemplateFrom, TemplateSource
from external.errors import FAILED, Pending
from external.values.json_document import decode
from external.values.namespace_lock import NamespaceLock
from external.values.object_paths import PathError, Placement, parse_path
from manager.core.documents import Unreadable, read_json
from manager.core.errors import NeedsHuman, SandboxUnavailable, TemplateInvalid, TemplateLimit, WaitFor
from manager.core.secret_value import SecretValue
from manager.gotemplate.model import Template
from manager.gotemplate.render_time import RenderTime, measured
from manager.gotemplate.sandbox import Sandbox
from manager.kube.client import KubeClient
from manager.kube.references import resolve
from manager.kube.resources import CONFIGMAPS, SECRETS, Body, Key
from manager.kube.secret_data import decoded
from manager.kube.writer import SEALING_KEY_LABEL

RENDER_BUDGET_SECONDS = 30.0  # of all templates of one object
WAIT_SECONDS = 90.0  # waits included; a worker that is held longer counts as stuck
BUSY_DELAY_SECONDS = 10.0  # until an object that found the sandbox busy is tried again
RETRY_SECONDS = 600.0  # after an error of a template or the sandbox
MAX_SHOWN_KEYS = 10
UPDATE_FAILED = "UpdateFailed"


@dataclass(frozen=True, slots=True)
class Content:
    """The content of the target that this ExternalSecret owns."""

    data: Mapping[str, SecretValue]
    labels: Mapping[str, str] = field(default_factory=dict, repr=False)
    annotations: Mapping[str, str] = field(default_factory=dict, repr=False)
    type: str = ""
    finalizers: tuple[str, ...] = ()
    placements: tuple[Placement, ...] = field(default=(), repr=False)
    """Values for paths of an object of another kind, in this order."""
    random: bool = False
    """True if the same input may render differently (`now`, `genCA`)."""
    refresh_by: float | None = None
    """Unix time at which the values must be replaced; None if none of them ends."""
    held: str | None = None
    """What the target says of the GeneratorStates whose values it holds; None for nothing."""
    previous: str | None = None
    """What the target says of the last values that stay beside their successors; None for nothing."""
    made_at: str | None = None
    """What the target says of when its values were made; None for nothing."""


class Renderer:
    """Renders the templates of ExternalSecrets; each namespace has its own instance of the sandbox.

    Args:
        at: the field of the template, for errors.
        failing: with what an error begins.
    """

    def __init__(
        self,
        client: KubeClient,
        sandbox: Sandbox,
        turns: NamespaceLock,
        delimiters: tuple[str, str] = ("{{", "}}"),
        at: str = "spec.target.template",
        failing: str = "could not update secret",
    ) -> None:
        self._client = client
        self._sandbox = sandbox
        self._delimiters = delimiters
        self._turns = turns
        self.at = at
        self._failing = failing

    def failed(self, at: str, text: str) -> str:
        """Return the text of an error at a field."""
        return f"{self._failing}: {at}: {text}"

    async def content(
        self, owner: Key, wanted: Wanted, values: Mapping[str, SecretValue], *, free: bool = False
    ) -> Content:
        """Render the template with the fetched values.

        Args:
            free: the target is no Secret: templates may write to any path, and values are not copied.

        Raises:
            NeedsHuman: the template, or what it names, must change; the text names the place.
            WaitFor: a limit was reached, or what a template met in the values may be mended at the provider.
            Pending: other templates take long, or the sandbox is being compiled.

        """
        try:
            async with asyncio.timeout(WAIT_SECONDS):
                with measured() as spent:
                    return await _Rendering(self, owner, wanted, values, spent, free=free).done()
        except TimeoutError:
            raise Pending(FAILED, "the sandbox is busy with others", delay=BUSY_DELAY_SECONDS) from None

    async def read(self, owner: Key, source: TemplateSource, at: str, *, secret: bool) -> Mapping[str, str]:
        """Return the data of a ConfigMap or Secret of the owner's namespace."""
        key = resolve(owner, SECRETS if secret else CONFIGMAPS, source.name, None, at=at)
        body = await self._client.find(key)
        if body is None:
            raise NeedsHuman(FAILED, self.failed(at, f"{key} does not exist"), event=UPDATE_FAILED)
        if SEALING_KEY_LABEL in (body["metadata"].get("labels") or {}):
            raise NeedsHuman(FAILED, self.failed(at, "a sealing key is no template"), event=UPDATE_FAILED)
        return _texts(body, secret=secret)

    async def one(
        self, namespace: str, name: str, source: str, values: Mapping[str, SecretValue]
    ) -> tuple[SecretValue, bool]:
        """Render one text; a text without an action is returned as it is, without the sandbox."""
        if self._delimiters[0] not in source:
            return SecretValue(source.encode()), False
        async with self._turns.of(namespace):
            found = await self._sandbox.render(namespace, Template.eso(name, source, self._delimiters), values)
        return found.value, found.random

    async def several(
        self, namespace: str, source: str, values: Mapping[str, SecretValue]
    ) -> tuple[dict[str, SecretValue], bool]:
        """Render a text whose output is a YAML map of texts."""
        async with self._turns.of(namespace):
            found = await self._sandbox.render_map(namespace, Template.eso(source, source, self._delimiters), values)
        return found.values, found.random

    async def document(self, namespace: str, source: str, values: Mapping[str, SecretValue]) -> tuple[Any, bool]:
        """Render a text whose output is any YAML document."""
        async with self._turns.of(namespace):
            found = await self._sandbox.render_document(
                namespace, Template.eso(source, source, self._delimiters), values
            )
        return _read(found.value), found.random


class _Rendering:
    """One target that is being rendered."""

    def __init__(
        self,
        renderer: Renderer,
        owner: Key,
        wanted: Wanted,
        values: Mapping[str, SecretValue],
        spent: RenderTime,
        *,
        free: bool,
    ) -> None:
        self._renderer = renderer
        self._failed = renderer.failed
        self._owner = owner
        self._wanted = wanted
        self._values = values
        self._spent = spent
        self._random = False
        self._free = free
        self._placements: list[Placement] = []
        plain = not free and (wanted.merge_policy == "Merge" or not (wanted.data or wanted.template_from))
        self._made: dict[str, dict[str, SecretValue]] = {
            "data": dict(values) if plain else {},
            "annotations": {},
            "labels": {},
        }

    async def done(self) -> Content:
        """Render all parts; the later wins: templateFrom in order, data, then labels and annotations."""
        for index, source in enumerate(self._wanted.template_from or ()):
            async for place, named, scope in self._sources(source, f"{self._renderer.at}.templateFrom[{index}]"):
                await self._from(source, place, named, scope)
        await self._group("data", f"{self._renderer.at}.data", self._wanted.data)
        for name, given in _metadata(self._wanted).items():
            if self._free:  # used as written, without rendering
                self._made[name] |= {key: SecretValue(text.encode()) for key, text in given.items()}
            else:
                await self._group(name, f"{self._renderer.at}.metadata.{name}", given)
        labels, annotations = ({key: _text(each) for key, each in self._made[name].items()} for name in TEXTS)
        finalizers = tuple((self._wanted.metadata and self._wanted.metadata.finalizers) or ())
        data, kind = self._made["data"], self._wanted.type or ""
        return Content(data, labels, annotations, kind, finalizers, tuple(self._placements), self._random)

    async def _group(self, name: str, at: str, given: Mapping[str, str] | None) -> None:
        for key, text in (given or {}).items():
            self._made[name][key] = await self._value(f"{at}[{key}]", key, text)

    async def _sources(self, source: TemplateFrom, at: str) -> AsyncIterator[tuple[str, tuple[str, str], str]]:
        """Yield (place, (key, text), scope) in the original's order: ConfigMap, Secret, literal."""
        for name, given in (("configMap", source.config_map), ("secret", source.secret)):
            if given is None:
                continue
            place, secret = f"{at}.{name}", name == "secret"
            texts = await self._renderer.read(self._owner, given, place, secret=secret)
            for index, item in enumerate(given.items):
                if item.key not in texts:
                    text = f"error in {name.lower()} {given.name}: missing key {item.key}"
                    raise NeedsHuman(FAILED, self._failed(f"{place}.items[{index}]", text), event=UPDATE_FAILED)
                yield f"{place}.items[{index}]", (item.key, texts[item.key]), item.template_as
        if source.literal is not None:
            yield f"{at}.literal", ("literal", source.literal), "KeysAndValues"

    async def _from(self, source: TemplateFrom, at: str, named: tuple[str, str], scope: str) -> None:
        target, (key, text) = source.target.lower() or "data", named
        if target not in self._made:
            await self._place(source.target, at, text, scope)
            return
        if scope == "Values":
            found = {key: await self._value(at, key, text)}
        else:
            with self._placed(at):
                found, random = await self._renderer.several(self._owner.namespace, text, self._values)
                self._random |= random
        for name, value in found.items():
            failing = partial(self._undecoded, at, name)
            self._made[target][name] = decode(value, source.values_decoding_strategy, failing)

    def _undecoded(self, at: str, name: str, text: str) -> WaitFor:
        message = f"failed to decode rendered template value for key {name}: {text}"
        return WaitFor(FAILED, self._failed(at, message), delay=RETRY_SECONDS, event=UPDATE_FAILED)

    async def _place(self, target: str, at: str, text: str, scope: str) -> None:
        """Render a document for a path; a map is merged with the map at that path, but replaces it at the top."""
        try:
            steps = parse_path("spec" if target.lower() == "spec" else target)
        except PathError as error:
            raise NeedsHuman(FAILED, self._failed(at, f"target {target}: {error}"), event=UPDATE_FAILED) from None
        with self._placed(at):
            value = await self._document(text, scope)
        self._placements.append(Placement(steps, value, joins=scope != "Values" and len(steps) > 1))

    async def _document(self, text: str, scope: str) -> Any:
        try:
            value, random = await self._renderer.document(self._owner.namespace, text, self._values)
        except TemplateInvalid as error:
            if scope != "Values" or error.stage != "read":
                raise
            plain, random = await self._renderer.one(self._owner.namespace, "value", text, self._values)
            value = _text(plain)  # a text that is no YAML stays a text
        self._random |= random
        return value

    async def _value(self, at: str, key: str, text: str) -> SecretValue:
        with self._placed(at):
            value, random = await self._renderer.one(self._owner.namespace, key, text, self._values)
        self._random |= random
        return value

    @contextmanager
    def _placed(self, at: str) -> Iterator[None]:
        """Return an error of the engine with its field path and what to do. Raises WaitFor after a time-out."""
        if self._spent.seconds > RENDER_BUDGET_SECONDS:
            text = f"the templates take more than {RENDER_BUDGET_SECONDS:g} seconds together; let them do less"
            raise WaitFor(FAILED, self._failed(self._renderer.at, text), delay=RETRY_SECONDS, event=UPDATE_FAILED)
        try:
            yield
        except TemplateInvalid as error:
            if error.stage == "parse":
                text = f"unable to parse template: {error}; correct the template"
                raise NeedsHuman(FAILED, self._failed(at, text), event=UPDATE_FAILED) from None
            cure = f"correct the template, or the values of its keys: {_listed(self._values)}"
            text = f"unable to execute template: {error}; {cure}"
            raise WaitFor(FAILED, self._failed(at, text), delay=RETRY_SECONDS, event=UPDATE_FAILED) from None
        except (TemplateLimit, SandboxUnavailable) as error:
            raise WaitFor(FAILED, self._failed(at, str(error)), delay=RETRY_SECONDS, event=UPDATE_FAILED) from None


TEXTS = ("labels", "annotations")


def _metadata(wanted: Wanted) -> Mapping[str, Mapping[str, str]]:
    metadata = wanted.metadata
    return {"labels": (metadata and metadata.labels) or {}, "annotations": (metadata and metadata.annotations) or {}}


def _texts(body: Body, *, secret: bool) -> Mapping[str, str]:
    if not secret:
        return {name: str(text) for name, text in (body.get("data") or {}).items()}
    return {name: value.reveal().decode(errors="replace") for name, value in decoded(body).items()}


def _read(made: SecretValue) -> Any:
    try:
        return read_json(made.reveal())
    except Unreadable as error:
        raise TemplateInvalid("execute", f"what it makes cannot be taken in: {error}") from None


def _text(value: SecretValue) -> str:
    return value.reveal().decode(errors="replace")


def _listed(values: Mapping[str, SecretValue]) -> str:
    names = sorted(values)
    more = f" and {len(names) - MAX_SHOWN_KEYS} more" if len(names) > MAX_SHOWN_KEYS else ""
    return (", ".join(names[:MAX_SHOWN_KEYS]) or "no key") + more

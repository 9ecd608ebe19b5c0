"""`spec.target.template`: what the target holds, rendered from the fetched values in the sandbox (core 4.1 to 4.4)."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial

from external.clients import FAILED
from external.properties import decode
from external.target_model import Template as Wanted
from external.target_model import TemplateFrom, TemplateSource
from manager.errors import NeedsHuman, SandboxUnavailable, TemplateInvalid, TemplateLimit, WaitFor
from manager.gotemplate.model import Template
from manager.gotemplate.sandbox import Sandbox
from manager.kube.apply import SEALING_KEY_LABEL
from manager.kube.client import KubeClient
from manager.kube.references import resolve
from manager.kube.resources import CONFIGMAPS, SECRETS, Body, Key
from manager.kube.secretdata import decoded
from manager.plain import Plain

ALL_TOGETHER = 30.0  # seconds for the templates of one object; a worker that is held longer counts as stuck
LATER = 600.0  # seconds until what the templates or the sandbox could not do is tried once more
SHOWN_KEYS = 10
AT = "spec.target.template"
UPDATE_FAILED = "UpdateFailed"


@dataclass(frozen=True, slots=True)
class Content:
    """What the target shall hold beside what others have written."""

    data: Mapping[str, Plain]
    labels: Mapping[str, str] = field(default_factory=dict, repr=False)
    annotations: Mapping[str, str] = field(default_factory=dict, repr=False)
    type: str = ""
    finalizers: tuple[str, ...] = ()
    random: bool = False
    """The next render may differ though nothing has changed (`now`, `genCA`)."""


class Renderer:
    """Renders the templates of ExternalSecrets; each namespace's own instance of the sandbox does it."""

    def __init__(self, client: KubeClient, sandbox: Sandbox, delimiters: tuple[str, str] = ("{{", "}}")) -> None:
        self._client = client
        self._sandbox = sandbox
        self._delimiters = delimiters

    async def content(self, owner: Key, wanted: Wanted, values: Mapping[str, Plain]) -> Content:
        """Return what the template makes of the fetched values.

        Raises:
            NeedsHuman: the template, or what it names, must change; the text names the place.
            WaitFor: a limit was reached, or what a template met in the values may be mended at the provider.

        """
        try:
            async with asyncio.timeout(ALL_TOGETHER):
                return await _Rendering(self, owner, wanted, values).done()
        except TimeoutError:
            text = f"the templates take more than {ALL_TOGETHER:g} seconds together; let them do less"
            raise WaitFor(FAILED, _failed(AT, text), delay=LATER, event=UPDATE_FAILED) from None

    async def read(self, owner: Key, source: TemplateSource, at: str, *, secret: bool) -> Mapping[str, str]:
        """Return the texts of a ConfigMap or Secret of the owner's namespace."""
        key = resolve(owner, SECRETS if secret else CONFIGMAPS, source.name, None, at=at)
        body = await self._client.find(key)
        if body is None:
            raise NeedsHuman(FAILED, _failed(at, f"{key} does not exist"), event=UPDATE_FAILED)
        if SEALING_KEY_LABEL in (body["metadata"].get("labels") or {}):
            raise NeedsHuman(FAILED, _failed(at, "a sealing key is no template"), event=UPDATE_FAILED)
        return _texts(body, secret=secret)

    async def one(self, namespace: str, name: str, source: str, values: Mapping[str, Plain]) -> tuple[Plain, bool]:
        """Render one text; one without an action is its own output and needs no sandbox."""
        if self._delimiters[0] not in source:
            return Plain(source.encode()), False
        found = await self._sandbox.render(namespace, Template.eso(name, source, self._delimiters), values)
        return found.value, found.random

    async def several(self, namespace: str, source: str, values: Mapping[str, Plain]) -> tuple[dict[str, Plain], bool]:
        """Render a text whose output is a YAML map of texts."""
        found = await self._sandbox.render_map(namespace, Template.eso(source, source, self._delimiters), values)
        return found.values, found.random


class _Rendering:
    """One target in the making."""

    def __init__(self, renderer: Renderer, owner: Key, wanted: Wanted, values: Mapping[str, Plain]) -> None:
        self._renderer = renderer
        self._owner = owner
        self._wanted = wanted
        self._values = values
        self._random = False
        plain = wanted.merge_policy == "Merge" or not (wanted.data or wanted.template_from)
        self._made: dict[str, dict[str, Plain]] = {
            "data": dict(values) if plain else {},
            "annotations": {},
            "labels": {},
        }

    async def done(self) -> Content:
        """Render everything, later wins: templateFrom in order, data, then labels and annotations (4.1)."""
        for index, source in enumerate(self._wanted.template_from or ()):
            async for place, named, scope in self._sources(source, f"{AT}.templateFrom[{index}]"):
                await self._from(source, place, named, scope)
        metadata = self._wanted.metadata
        groups = {
            "data": (f"{AT}.data", self._wanted.data),
            "labels": (f"{AT}.metadata.labels", metadata and metadata.labels),
            "annotations": (f"{AT}.metadata.annotations", metadata and metadata.annotations),
        }
        for name, (at, given) in groups.items():
            for key, text in (given or {}).items():
                self._made[name][key] = await self._value(f"{at}[{key}]", key, text)
        labels, annotations = ({key: _text(each) for key, each in self._made[name].items()} for name in TEXTS)
        finalizers = tuple((metadata and metadata.finalizers) or ())
        kind = self._wanted.type or ""
        return Content(self._made["data"], labels, annotations, kind, finalizers, self._random)

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
                    raise NeedsHuman(FAILED, _failed(f"{place}.items[{index}]", text), event=UPDATE_FAILED)
                yield f"{place}.items[{index}]", (item.key, texts[item.key]), item.template_as
        if source.literal is not None:
            yield f"{at}.literal", ("literal", source.literal), "KeysAndValues"

    async def _from(self, source: TemplateFrom, at: str, named: tuple[str, str], scope: str) -> None:
        key, text = named
        if scope == "Values":
            found = {key: await self._value(at, key, text)}
        else:
            with self._placed(at):
                found, random = await self._renderer.several(self._owner.namespace, text, self._values)
                self._random |= random
        for name, value in found.items():
            failing = partial(_undecoded, at, name)
            self._made[source.target.lower() or "data"][name] = decode(value, source.values_decoding_strategy, failing)

    async def _value(self, at: str, key: str, text: str) -> Plain:
        with self._placed(at):
            value, random = await self._renderer.one(self._owner.namespace, key, text, self._values)
        self._random |= random
        return value

    @contextmanager
    def _placed(self, at: str) -> Iterator[None]:
        """Give an error of the engine its place and its cure."""
        try:
            yield
        except TemplateInvalid as error:
            if error.stage == "parse":
                text = f"unable to parse template: {error}; correct the template"
                raise NeedsHuman(FAILED, _failed(at, text), event=UPDATE_FAILED) from None
            text = f"unable to execute template: {error}; correct it, or what it is given: {_listed(self._values)}"
            raise WaitFor(FAILED, _failed(at, text), delay=LATER, event=UPDATE_FAILED) from None
        except (TemplateLimit, SandboxUnavailable) as error:
            raise WaitFor(FAILED, _failed(at, str(error)), delay=LATER, event=UPDATE_FAILED) from None


TEXTS = ("labels", "annotations")


def _texts(body: Body, *, secret: bool) -> Mapping[str, str]:
    if not secret:
        return {name: str(text) for name, text in (body.get("data") or {}).items()}
    return {name: value.reveal().decode(errors="replace") for name, value in decoded(body).items()}


def _text(value: Plain) -> str:
    return value.reveal().decode(errors="replace")


def _failed(at: str, text: str) -> str:
    return f"could not update secret: {at}: {text}"


def _undecoded(at: str, name: str, text: str) -> WaitFor:
    message = f"failed to decode rendered template value for key {name}: {text}"
    return WaitFor(FAILED, _failed(at, message), delay=LATER, event=UPDATE_FAILED)


def _listed(values: Mapping[str, Plain]) -> str:
    names = sorted(values)
    more = f" and {len(names) - SHOWN_KEYS} more" if len(names) > SHOWN_KEYS else ""
    return (", ".join(names[:SHOWN_KEYS]) or "no key") + more

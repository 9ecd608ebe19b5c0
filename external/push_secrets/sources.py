"""Read what a PushSecret pushes: Secrets, or what a generator makes, after its template."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from external.api.push_secret import PushSecretSpec
from external.api.selectors import selects
from external.generators.loading import GeneratorReader
from external.generators.runner import GeneratorRun, Generators
from external.generators.state_index import StateIndex
from external.generators.states import HELD, held_in, held_text
from external.providers.push import SourceMeta
from external.push_secrets.entries import Source
from external.push_secrets.view import ERRORED, PushSecret
from external.values.templates import Renderer
from manager.core.errors import NeedsHuman, Retry
from manager.kube.client import KubeClient
from manager.kube.resources import SECRETS, Body, Key
from manager.kube.secret_data import decoded
from manager.kube.writer import SEALING_KEY_LABEL, Patch, Writer

GENERATED = "___generated-secret"  # external-secrets' name of what a generator made
MAX_SOURCES = 100  # Secrets that one PushSecret may select
MAX_SOURCE_BYTES = 16 << 20  # of all their values


@dataclass(frozen=True)
class Observed:
    """The Secrets of a PushSecret as they are now, before their template."""

    bodies: tuple[Body, ...] | None = field(repr=False)
    """None for a generator."""
    stamp: tuple[str, ...]
    """Names and versions of the Secrets; empty for a generator."""
    gone: bool = False
    """Whether the Secret that is named does not exist."""
    partial: bool = False
    """Whether the bodies are metadata only: values are never listed."""

    @property
    def nothing(self) -> bool:
        """Whether a label selector matches no Secret."""
        return self.bodies == () and not self.gone


class Sources:
    """Reads Secrets of the PushSecret's namespace, and runs its generator."""

    def __init__(
        self, client: KubeClient, loading: GeneratorReader, generators: Generators, renderer: Renderer
    ) -> None:
        self._client = client
        self._loading = loading
        self._generators = generators
        self._renderer = renderer

    async def observe(self, push_secret: PushSecret, spec: PushSecretSpec) -> Observed:
        """Read the Secrets. Raises NeedsHuman for one that is never pushed, and for too many."""
        secret, namespace = spec.selector.secret, push_secret.key.namespace
        if secret is None:
            return Observed(None, ())
        if secret.name:
            body = await self._client.find(Key(SECRETS, namespace, secret.name))
            return Observed((), (), gone=True) if body is None else _observed([body])
        selector = secret.selector.model_dump(by_alias=True, exclude_none=True) if secret.selector else {}
        found: list[Body] = []
        text = selector_text(selector)
        async for items, _ in self._client.pages(SECRETS, namespace=namespace, selector=text):
            found += [each for each in items if selects(selector, each["metadata"].get("labels") or {})]
            if len(found) > MAX_SOURCES:
                raise NeedsHuman(ERRORED, f"spec.selector.secret.selector: it selects more than {MAX_SOURCES} Secrets")
        return replace(_observed(sorted(found, key=lambda each: str(each["metadata"]["name"]))), partial=True)

    async def read(self, push_secret: PushSecret, spec: PushSecretSpec, observed: Observed, run: "RunWhen") -> "Values":
        """Return the sources after their template.

        Raises:
            NeedsHuman, Retry, WaitFor, Pending: generator or template fail; the text names the place.

        """
        if observed.bodies is None:
            found = await self._generated(push_secret, spec, run)
        else:
            bodies = [await self._whole(each) for each in observed.bodies] if observed.partial else observed.bodies
            found = Values([_source(each) for each in bodies])
        if spec.template is not None:
            found = replace(found, sources=[await self._rendered(push_secret, spec, each) for each in found.sources])
        if sum(len(value) for each in found.sources for value in each.values.values()) > MAX_SOURCE_BYTES:
            raise NeedsHuman(ERRORED, f"the values to push have more than {MAX_SOURCE_BYTES} bytes together")
        return found

    def held(self, key: Key, values: "Values") -> None:
        """Note that the states of generated values are held: the values are used as long as they last."""
        self._generators.held(key, [name for _, name in values.states])

    def drop_generated(self, key: Key) -> None:
        """Drop the generated values of a PushSecret: the next pass that needs some makes new ones."""
        self._generators.forget(key)

    async def _whole(self, listed: Body) -> Body:
        """Read a Secret whose metadata was listed. Raises Retry if it has gone since."""
        meta = listed["metadata"]
        body = await self._client.find(Key(SECRETS, meta["namespace"], meta["name"]))
        if body is None:
            raise Retry(ERRORED, f"could not get source secret: Secret {meta['name']} has just been deleted")
        return body

    def forget(self, key: Key) -> None:
        """Drop the generated values of a PushSecret that is gone."""
        self._generators.forget(key)
        self._loading.forget(key)

    async def _generated(self, push_secret: PushSecret, spec: PushSecretSpec, run: "RunWhen") -> "Values":
        ref = spec.selector.generator_ref
        if ref is None:
            raise NeedsHuman(ERRORED, "spec.selector: no secret selector provided")
        reference, at = (ref.api_version, ref.kind, ref.name), "spec.selector.generatorRef"
        loaded = await self._loading.read(push_secret.key, [reference], push_secret.key)
        if loaded is None:
            raise NeedsHuman(ERRORED, f"{at}: another controller class serves the generator")
        asked = GeneratorRun(loaded, run.since, run.due, run.asked, run.now, push_secret.uid, refreshes=run.due)
        made = await self._generators.make(push_secret.key, {at: reference}, asked)
        values = made.entries[at]
        if isinstance(values, NeedsHuman):
            raise NeedsHuman(ERRORED, f"{at}: {values.message}")
        if isinstance(values, Exception):
            raise Retry(ERRORED, f"{at}: {values}")
        return Values([Source(GENERATED, values)], made.refresh_by, made.states)

    async def _rendered(self, push_secret: PushSecret, spec: PushSecretSpec, source: Source) -> Source:
        if spec.template is None:
            return source
        made = await self._renderer.content(push_secret.key, spec.template, source.values)
        labels, annotations = {**source.meta.labels, **made.labels}, {**source.meta.annotations, **made.annotations}
        return Source(source.name, {**source.values, **made.data}, SourceMeta(made.type, labels, annotations))


@dataclass(frozen=True)
class Values:
    """What is pushed."""

    sources: list[Source]
    refresh_by: float | None = None
    """Unix time at which generated values end; None if they do not."""
    states: tuple[tuple[str, str], ...] = ()
    """Slot and name of the GeneratorState of values that must be ended at their provider."""


@dataclass(frozen=True)
class RunWhen:
    """Whether a generator makes new values in this pass."""

    since: float | None
    """Unix time of the last success: what was made since then and not pushed everywhere is used."""
    due: bool
    asked: bool
    now: float


def _source(body: Body) -> Source:
    meta = body["metadata"]
    about = SourceMeta(str(body.get("type") or ""), meta.get("labels") or {}, meta.get("annotations") or {})
    return Source(str(meta["name"]), decoded(body), about)


def selector_text(selector: Body) -> str:
    """Return a label selector as a list request takes it."""
    parts = [f"{name}={value}" for name, value in (selector.get("matchLabels") or {}).items()]
    for each in selector.get("matchExpressions") or ():
        key, values = each["key"], ",".join(each.get("values") or ())
        written = {"In": f"{key} in ({values})", "NotIn": f"{key} notin ({values})"}
        written |= {"Exists": key, "DoesNotExist": f"!{key}"}
        parts.append(written[each["operator"]])
    return ",".join(parts)


def _observed(bodies: list[Body]) -> Observed:
    for each in bodies:
        if SEALING_KEY_LABEL in (each["metadata"].get("labels") or {}):
            raise NeedsHuman(ERRORED, f"Secret {each['metadata']['name']} is a sealing key, which is never pushed")
    about = (each["metadata"] for each in bodies)
    return Observed(tuple(bodies), tuple(f"{each['name']} {each['uid']} {each['resourceVersion']}" for each in about))


State = tuple[str, str]
"""Slot and name of a GeneratorState."""


class HeldStates:
    """Writes which GeneratorStates a PushSecret holds: what it has pushed of them, or may have, lives at providers.

    Its annotation says so, as that of a target does for an ExternalSecret. It names new values before the first of
    them is pushed, and drops earlier ones once all stores have the new ones: whichever write is the last before a
    crash, nothing is ended that a store has.

    Args:
        writer: the write gate.
        index: the states of each PushSecret: one that has some gets the annotation, also where somebody removed it.
    """

    def __init__(self, writer: Writer, index: StateIndex) -> None:
        self._writer = writer
        self._index = index

    async def add(self, push_secret: PushSecret, states: Sequence[State]) -> bool:
        """Name states whose values are about to be pushed; return False if all of them are named already."""
        held = _held(push_secret) or ()
        fresh = [each for each in states if each not in held]
        if fresh:
            await self._write(push_secret, [*held, *fresh])
        return bool(fresh)

    async def settle(self, push_secret: PushSecret, states: Sequence[State], *, replaces: bool, unused: bool) -> None:
        """Name only what stores have, after a pass in which every entry got where it should.

        Args:
            push_secret: the PushSecret.
            states: those of the values of this pass.
            replaces: whether the update policy lets stores have these values only.
            unused: whether none of the values of this pass got to a store.

        """
        held = _held(push_secret)
        if held is None and not (replaces and self._index.of(push_secret.uid)):
            return
        left = list(states) if replaces else [each for each in held or () if not (unused and each in states)]
        if held is None or left != list(held):
            await self._write(push_secret, left)

    async def _write(self, push_secret: PushSecret, states: Sequence[State]) -> None:
        meta = push_secret.metadata
        text = held_text({}, push_secret.key.name, states)
        patch = {"metadata": {"annotations": {HELD: text}}}
        written = await self._writer.apply(Patch(push_secret.key, meta["uid"], meta["resourceVersion"], patch))
        if written is not None:
            push_secret.replace({**push_secret.body, "metadata": written["metadata"]})


def _held(push_secret: PushSecret) -> tuple[State, ...] | None:
    annotations = push_secret.metadata.get("annotations") or {}
    text = annotations.get(HELD)
    return held_in({HELD: text}, push_secret.key.name) if isinstance(text, str) else None

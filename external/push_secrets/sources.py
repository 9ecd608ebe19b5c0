"""Read what a PushSecret pushes: Secrets, or what a generator makes, after its template."""

from dataclasses import dataclass, field, replace

from external.api.push_secret import PushSecretSpec
from external.api.selectors import selects
from external.generators.loading import GeneratorReader, LoadedGenerator
from external.generators.runner import GeneratorRun, Generators
from external.providers.push import SourceMeta
from external.push_secrets.entries import Source
from external.push_secrets.view import ERRORED, PushSecret
from external.values.templates import Renderer
from manager.core.errors import NeedsHuman, Retry
from manager.kube.client import KubeClient
from manager.kube.resources import SECRETS, Body, Key
from manager.kube.secret_data import decoded
from manager.kube.writer import SEALING_KEY_LABEL

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

    async def read(
        self, push_secret: PushSecret, spec: PushSecretSpec, observed: Observed, run: "RunWhen"
    ) -> tuple[list[Source], float | None]:
        """Return the sources after their template, and the Unix time at which generated values end, if they do.

        Raises:
            NeedsHuman, Retry, WaitFor, Pending: generator or template fail; the text names the place.

        """
        if observed.bodies is None:
            sources, ends = await self._generated(push_secret, spec, run)
        else:
            bodies = [await self._whole(each) for each in observed.bodies] if observed.partial else observed.bodies
            sources, ends = [_source(each) for each in bodies], None
        if spec.template is not None:
            sources = [await self._rendered(push_secret, spec, each) for each in sources]
        if sum(len(value) for each in sources for value in each.values.values()) > MAX_SOURCE_BYTES:
            raise NeedsHuman(ERRORED, f"the values to push have more than {MAX_SOURCE_BYTES} bytes together")
        return sources, ends

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

    async def _generated(
        self, push_secret: PushSecret, spec: PushSecretSpec, run: "RunWhen"
    ) -> tuple[list[Source], float | None]:
        ref = spec.selector.generator_ref
        if ref is None:
            raise NeedsHuman(ERRORED, "spec.selector: no secret selector provided")
        reference, at = (ref.api_version, ref.kind, ref.name), "spec.selector.generatorRef"
        loaded = await self._loading.read(push_secret.key, [reference], push_secret.key)
        if loaded is None:
            raise NeedsHuman(ERRORED, f"{at}: another controller class serves the generator")
        generator = loaded[reference]
        if isinstance(generator, LoadedGenerator) and generator.recipe.end is not None:
            cure = "let an ExternalSecret make them, and push its Secret"
            raise NeedsHuman(ERRORED, f"{at}: {ref.kind} makes values that must be ended at their provider; {cure}")
        made = await self._generators.make(
            push_secret.key, {at: reference}, GeneratorRun(loaded, run.since, run.due, run.asked, run.now)
        )
        values = made.entries[at]
        if isinstance(values, NeedsHuman):
            raise NeedsHuman(ERRORED, f"{at}: {values.message}")
        if isinstance(values, Exception):
            raise Retry(ERRORED, f"{at}: {values}")
        return [Source(GENERATED, values)], made.refresh_by

    async def _rendered(self, push_secret: PushSecret, spec: PushSecretSpec, source: Source) -> Source:
        if spec.template is None:
            return source
        made = await self._renderer.content(push_secret.key, spec.template, source.values)
        labels, annotations = {**source.meta.labels, **made.labels}, {**source.meta.annotations, **made.annotations}
        return Source(source.name, {**source.values, **made.data}, SourceMeta(made.type, labels, annotations))


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

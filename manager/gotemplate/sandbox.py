"""The interface for other packages: templates, JSON paths and regular expressions with Go's exact results."""

import asyncio
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple, NoReturn

from manager.core.errors import SandboxUnavailable, TemplateInvalid, TemplateLimit
from manager.core.secret_value import SecretValue
from manager.gotemplate import requests, wire
from manager.gotemplate.model import Limits, Rendered, RenderedMap, Template
from manager.gotemplate.pool import Pool
from manager.gotemplate.redact import Redaction
from manager.gotemplate.requests import Data, Groups, Scope
from manager.gotemplate.wire import Answer, Status

_STAGES: Final = {Status.PARSE_FAILED: "parse", Status.EXECUTE_FAILED: "execute", Status.NOT_A_MAP: "read"}


class JsonValue(NamedTuple):
    """The value at a JSON path."""

    text: SecretValue
    """A JSON string's own characters; everything else as it stands in the document."""
    raw: SecretValue
    """As it stands in the document."""


class Sandbox:
    """Renders for tenants. Every method may be called at any time; a namespace's calls run one after the other.

    Raises, from every method:
        TemplateInvalid: the template, path or expression must change.
        TemplateLimit: source, output, memory, depth or deadline.
        TemplateDelayed: it is being compiled; nothing is wrong with the template.
        SandboxUnavailable: it is not built.
    """

    def __init__(self, limits: Limits | None = None) -> None:
        self.limits: Final = limits or Limits()
        self._pool = Pool(self.limits)

    def prepare(self) -> None:
        """Start compiling the sandbox if necessary, so that the first template does not wait for it."""
        self._pool.prepare()

    async def render(self, namespace: str, template: Template, data: Data | Groups) -> Rendered:
        """Return the output, byte for byte Go's. Data of two levels is for the webhook provider."""
        answer = await self._rendered(namespace, template, data, Scope.VALUES)
        return Rendered(SecretValue(answer.fields[0]), answer.random)

    async def render_map(self, namespace: str, template: Template, data: Data) -> RenderedMap:
        """Return the output read as a YAML map of texts: external-secrets' KeysAndValues scope."""
        answer = await self._rendered(namespace, template, data, Scope.MAP)
        fields = iter(answer.fields)
        values = {key.decode(errors="replace"): SecretValue(value) for key, value in zip(fields, fields, strict=True)}
        return RenderedMap(values, answer.random)

    async def render_document(self, namespace: str, template: Template, data: Data) -> Rendered:
        """Return the output read as any YAML document, as JSON: KeysAndValues with a free target path."""
        answer = await self._rendered(namespace, template, data, Scope.ANY)
        return Rendered(SecretValue(answer.fields[0]), answer.random)

    async def json_get(self, namespace: str, document: SecretValue, path: str) -> JsonValue | None:
        """Return the value at a gjson path; None if there is none."""
        request = [b"json-get", document.reveal(), requests.encoded(path)]
        answer = await self._answered(namespace, request, Redaction([document], path))
        return JsonValue(SecretValue(answer.fields[0]), SecretValue(answer.fields[1])) if answer.fields else None

    async def json_set(
        self, namespace: str, document: SecretValue, path: str, value: SecretValue, *, raw: bool = False
    ) -> SecretValue:
        """Return the document with a text, or raw JSON, at an sjson path."""
        kind = b"raw" if raw else b"text"
        request = [b"json-set", document.reveal(), requests.encoded(path), value.reveal(), kind]
        answer = await self._answered(namespace, request, Redaction([document, value], path))
        return SecretValue(answer.fields[0])

    async def regex_replace(self, namespace: str, expression: str, replacement: str, texts: Sequence[str]) -> list[str]:
        """Return the texts after Go's regexp.ReplaceAllString."""
        request = [
            b"replace",
            requests.encoded(expression),
            requests.encoded(replacement),
            *map(requests.encoded, texts),
        ]
        answer = await self._answered(namespace, request, Redaction([], expression))
        return [text.decode(errors="replace") for text in answer.fields]

    def forget(self, namespace: str) -> None:
        """Free what is kept for a namespace that is gone."""
        self._pool.drop(namespace)

    async def close(self) -> None:
        """Wait for running renders, then free everything."""
        await self._pool.close()

    async def _rendered(self, namespace: str, template: Template, data: Data | Groups, scope: Scope) -> Answer:
        values, keys = requests.flat(data)
        redaction = Redaction(values, template.source, *keys, name=template.name, label=template.label)
        try:
            self._measure(template)
            return await self._answered(namespace, requests.render(template, data, scope, self.limits), redaction)
        except TemplateLimit as error:
            label = redaction.applied(template.label, executed=False)
            raise TemplateLimit(error.limit, f"template {label}: {error}") from None

    def _measure(self, template: Template) -> None:
        size = len(requests.encoded(template.source))
        if size > self.limits.source_bytes:
            message = f"the source has {size} bytes, more than {self.limits.source_bytes}; split it"
            raise TemplateLimit("source", message)

    async def _answered(self, namespace: str, request: Iterable[bytes], redaction: Redaction) -> Answer:
        answer = wire.answer(await self._pool.run(namespace, wire.request(request)))
        if answer.status is not Status.DONE:
            await self._refuse(answer, redaction)
        return answer

    async def _refuse(self, answer: Answer, redaction: Redaction) -> NoReturn:
        if answer.status is Status.OUTPUT_TOO_LARGE:
            message = f"the output has more than {self.limits.output_bytes} bytes; let the template make less"
            raise TemplateLimit("output", message)
        if answer.status is Status.BAD_REQUEST:
            raise SandboxUnavailable("the template sandbox and this program do not fit together; run `make template`")
        text, executed = answer.fields[0].decode(errors="replace"), answer.status is not Status.PARSE_FAILED
        # In a thread: a megabyte of source has many words to compare with.
        raise TemplateInvalid(
            _STAGES[answer.status], await asyncio.to_thread(redaction.applied, text, executed=executed)
        )

"""`spec.template.data`: Go templates over the decrypted values, rendered in the sandbox."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

from manager.core.errors import TemplateDelayed, TemplateInvalid, TemplateLimit
from manager.core.secret_value import SecretValue
from manager.gotemplate.model import Template
from manager.gotemplate.render_time import RenderTime, measured
from manager.gotemplate.sandbox import Sandbox
from sealed.crypto.unseal import MAX_FAILURES, MAX_NAME_CHARACTERS, UnsealFailed, mapping

RENDER_BUDGET_SECONDS = 30.0  # of all templates of one object
WAIT_SECONDS = 90.0  # including the wait for the sandbox; a worker that is busy longer counts as stuck
TOO_LONG_TOGETHER = f"the templates take more than {RENDER_BUDGET_SECONDS:g} seconds together; let them do less"
ACTION = "{{"


def templated(texts: object) -> bool:
    """Return True if a text of `spec.template.data` is a template."""
    return any(isinstance(text, str) and ACTION in text for text in mapping(texts).values())


@dataclass(frozen=True, slots=True)
class Filled:
    """The data of the Secret."""

    data: dict[str, SecretValue]
    unstable: frozenset[str] = frozenset()
    """Keys whose templates have another result each time: `now`, `randAlphaNum`, `genCA`."""


async def fill(sandbox: Sandbox, namespace: str, values: Mapping[str, SecretValue], texts: object) -> Filled:
    """Join decrypted values and `spec.template.data`.

    A decrypted value wins over a template of its name (0.37); null drops a key, which templates still see (0.40). A
    template sees the decrypted values, and of all other templates the source.

    Raises:
        UnsealFailed: a template cannot be rendered; the text holds no value.
        TemplateDelayed: the sandbox is being compiled or busy with others; try again soon.
        SandboxUnavailable: the sandbox is not built.

    """
    templates = {str(name): text for name, text in mapping(texts).items()}
    plain = {name: str(text) for name, text in templates.items() if text is not None and name not in values}
    context = {name: SecretValue(text.encode(errors="replace")) for name, text in plain.items()} | dict(values)
    data = {name: value for name, value in context.items() if templates.get(name, "") is not None}
    sources = {name: text for name, text in sorted(plain.items()) if ACTION in text}
    if not sources:
        return Filled(data)
    try:
        async with asyncio.timeout(WAIT_SECONDS):
            with measured() as spent:
                rendered, unstable = await _render(sandbox, namespace, sources, context, spent)
    except TimeoutError:
        raise TemplateDelayed("the sandbox is busy with others") from None
    return Filled(data | rendered, frozenset(unstable))


async def _render(
    sandbox: Sandbox, namespace: str, sources: Mapping[str, str], context: Mapping[str, SecretValue], spent: RenderTime
) -> tuple[dict[str, SecretValue], set[str]]:
    rendered: dict[str, SecretValue] = {}
    unstable: set[str] = set()
    problems: list[str] = []
    slow = False
    for name, source in sources.items():
        if spent.seconds > RENDER_BUDGET_SECONDS:
            problems.append(TOO_LONG_TOGETHER)
            slow = True
            break
        try:
            output = await sandbox.render(namespace, Template.sealed(name, source), context)
        except TemplateInvalid as error:
            problems.append(f"{error} ({name[:MAX_NAME_CHARACTERS]})")
        except TemplateLimit as error:  # the next template would reach it too, after more seconds
            problems.append(f"{error} ({name[:MAX_NAME_CHARACTERS]})")
            slow = error.limit == "deadline"
            break
        else:
            rendered[name] = output.value
            if output.random:
                unstable.add(name)
        if len(problems) == MAX_FAILURES:
            break
    if problems:
        raise UnsealFailed(tuple(problems), slow=slow)
    return rendered, unstable

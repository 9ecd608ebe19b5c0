"""Compile the templates of manifests in the controller's own sandbox, with placeholders instead of values."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from manager.chain.shapes import mapping
from manager.cli.lint.rules import ESO, SEALED
from manager.cli.manifests.reading import Manifest
from manager.cli.manifests.verdicts import Problem, Weight
from manager.core.errors import TemplateDelayed, TemplateInvalid, TemplateLimit
from manager.core.secret_value import SecretValue
from manager.gotemplate.model import Template
from manager.gotemplate.sandbox import Sandbox

ACTION = "{{"
PLACEHOLDER = SecretValue(b"placeholder")
MAX_TEMPLATES = 500  # of one object
PREPARATION_SECONDS = 120.0  # a sandbox that was never compiled on this machine takes a core for ten seconds
POLL_SECONDS = 0.2


@dataclass(frozen=True)
class Text:
    """One template of an object."""

    at: str
    """The field."""
    key: str
    source: str
    several: bool = False
    """Whether its output is a YAML map."""


def texts(manifest: Manifest) -> list[Text]:
    """Return the templates of a SealedSecret or an ExternalSecret, without those in other objects."""
    spec = mapping(manifest.body.get("spec"))
    if (manifest.group, manifest.kind) == (SEALED, "SealedSecret"):
        return list(_group("spec.template.data", mapping(mapping(spec.get("template")).get("data"))))[:MAX_TEMPLATES]
    if (manifest.group, manifest.kind) == (ESO, "ClusterExternalSecret"):
        return list(_of_target("spec.externalSecretSpec", mapping(spec.get("externalSecretSpec"))))[:MAX_TEMPLATES]
    if (manifest.group, manifest.kind) == (ESO, "ExternalSecret"):
        return list(_of_target("spec", spec))[:MAX_TEMPLATES]
    return []


def _of_target(at: str, spec: Mapping[str, Any]) -> Iterator[Text]:
    template = mapping(mapping(spec.get("target")).get("template"))
    yield from _group(f"{at}.target.template.data", mapping(template.get("data")))
    metadata = mapping(template.get("metadata"))
    for name in ("labels", "annotations"):
        yield from _group(f"{at}.target.template.metadata.{name}", mapping(metadata.get(name)))
    given = template.get("templateFrom")
    for index, each in enumerate(given if isinstance(given, list) else ()):
        literal = mapping(each).get("literal")
        if isinstance(literal, str):
            yield Text(f"{at}.target.template.templateFrom[{index}].literal", "literal", literal, several=True)


def _group(at: str, given: Mapping[str, Any]) -> Iterator[Text]:
    for key, source in given.items():
        if isinstance(source, str) and ACTION in source:
            yield Text(f"{at}[{key}]", str(key), source)


def known_keys(manifest: Manifest) -> tuple[set[str], bool]:
    """Return the names that templates may use, and whether there may be more that only the provider knows."""
    spec = mapping(manifest.body.get("spec"))
    if manifest.kind == "SealedSecret":
        return {str(each) for each in mapping(spec.get("encryptedData"))}, bool(spec.get("data"))
    spec = mapping(spec.get("externalSecretSpec")) if manifest.kind == "ClusterExternalSecret" else spec
    entries = spec.get("data")
    found = {str(mapping(each).get("secretKey")) for each in (entries if isinstance(entries, list) else ())}
    return found, bool(spec.get("dataFrom"))


async def problems(sandbox: Sandbox, manifest: Manifest) -> AsyncIterator[Problem]:
    """Yield the templates that do not compile, and those that fail for a key that no entry gives.

    Raises:
        SandboxUnavailable: the sandbox is not built.

    """
    names, more = known_keys(manifest)
    values = dict.fromkeys(sorted(names), PLACEHOLDER)
    for text in texts(manifest):
        try:
            await rendered(sandbox, manifest, text, values)
        except TemplateInvalid as error:
            if error.stage == "parse":
                yield Problem(f"{text.at}: unable to parse template: {error}; correct the template")
            elif not more and "map has no entry for key" in str(error):
                yield Problem(f"{text.at}: {error}; no entry gives this key")
            # Any other error may come of the placeholder, which is no number, certificate or JSON.
        except TemplateLimit as error:
            yield Problem(f"{text.at}: {error}")
        except TemplateDelayed:
            yield Problem(f"{text.at}: not compiled: the sandbox was busy; try again", Weight.WARNING)


async def rendered(
    sandbox: Sandbox, manifest: Manifest, text: Text, values: Mapping[str, SecretValue]
) -> Mapping[str, SecretValue]:
    """Return the keys that a template makes, with their values; wait while the sandbox is compiled for this machine.

    Raises TemplateInvalid, TemplateLimit, and TemplateDelayed if it takes too long.
    """
    end = time.monotonic() + PREPARATION_SECONDS
    while True:
        try:
            return await _once(sandbox, manifest, text, values)
        except TemplateDelayed:
            if time.monotonic() >= end:
                raise
        await asyncio.sleep(POLL_SECONDS)


async def _once(
    sandbox: Sandbox, manifest: Manifest, text: Text, values: Mapping[str, SecretValue]
) -> Mapping[str, SecretValue]:
    if manifest.kind == "SealedSecret":
        made = await sandbox.render(manifest.namespace, Template.sealed(text.key, text.source), values)
        return {text.key: made.value}
    if text.several:
        found = await sandbox.render_map(manifest.namespace, Template.eso(text.source, text.source), values)
        return found.values
    made = await sandbox.render(manifest.namespace, Template.eso(text.key, text.source), values)
    return {text.key: made.value}

"""Plan manifests against a cluster: what is wrong, what would change, and what cannot be known."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from external.api.external_secret import ExternalSecretSpec
from external.api.fields import parse
from manager.cli.lint import rules, templates
from manager.cli.lint.references import References
from manager.cli.lint.templates import PLACEHOLDER, known_keys, texts
from manager.cli.manifests.reading import Manifest
from manager.cli.manifests.verdicts import Judged, Problem, Weight, judged
from manager.cli.plan.asking import Asker, Wish, wishes
from manager.cli.plan.cluster import Cluster, key_of, stores_of, target_of, unplanned
from manager.cli.plan.keys import planned
from manager.cli.plan.ownership import refusal
from manager.cli.plan.sealed_values import UNKNOWABLE, bound_to, foreign
from manager.core.errors import NeedsHuman, SandboxUnavailable, TemplateDelayed, TemplateInvalid, TemplateLimit
from manager.gotemplate.sandbox import Sandbox
from sealed.cluster.controller_client import ControllerClient
from sealed.manifests.documents import InputError

if TYPE_CHECKING:
    from manager.kube.resources import Key


@dataclass
class Planner:
    """Plans manifests.

    Args:
        given: all manifests: they may name each other.
        cluster: what was read of the cluster; None without one.
        sandbox: compiles and renders templates.
        asker: asks stores; None if they are not to be asked.
        controller: opens nothing for us, but says whether it could; None if it is not to be asked.
        key: the public key of the cluster's certificate; None if it is not known.
        adopt_foreign: the administrator's setting.
    """

    given: Sequence[Manifest]
    cluster: Cluster | None
    sandbox: Sandbox
    asker: Asker | None = None
    controller: ControllerClient | None = None
    key: RSAPublicKey | None = None
    adopt_foreign: bool = False

    async def verdicts(self) -> list[Judged]:
        """Return the verdict on each manifest."""
        references = References(self.given)
        return [await self._one(each, references) for each in self.given if not unplanned(each)]

    async def _one(self, manifest: Manifest, references: References) -> Judged:
        problems = [*rules.problems(manifest), *references.problems(manifest)]
        notes: list[str] = []
        try:
            problems += [each async for each in templates.problems(self.sandbox, manifest)]
        except SandboxUnavailable as error:
            notes.append(f"templates were not rendered: {error}")
        if any(each.weight is Weight.FAULT for each in problems):
            return judged(manifest, problems, [*notes, "not planned: mend it first"])
        if manifest.kind == "SealedSecret":
            problems += await self._sealed(manifest, notes)
        if self.cluster is None:
            return judged(manifest, problems, notes)
        problems += self._references(manifest, self.cluster)
        problems += await self._asked(manifest, self.cluster)
        keys = await self._keys(manifest, self.cluster, notes, problems)
        return judged(manifest, problems, notes, keys)

    async def _keys(
        self, manifest: Manifest, cluster: Cluster, notes: list[str], problems: list[Problem]
    ) -> Mapping[str, tuple[str, ...]]:
        """Note what happens to the object and to the keys of its Secret; return the keys."""
        own, target = key_of(manifest), target_of(manifest)
        for key in filter(None, (own, target)):
            if key in cluster.unread:
                notes.append(f"{key}: not compared: {cluster.unread[key]}")
                return {}
        live = cluster.of(own)
        notes.append("it is created" if live is None else _same(manifest, live))
        if target is None:
            return {}
        secret = cluster.of(target)
        if manifest.kind != "Secret":
            reason = refusal(manifest, live, secret, adopt_foreign=self.adopt_foreign)
            if reason:
                problems.append(Problem(reason))
                return {}
        found = planned(manifest, live, secret, await self._rendered(manifest))
        notes += [f"{target}:", *found.lines()]
        return found.record()

    async def _rendered(self, manifest: Manifest) -> list[str]:
        """Return the names of the keys that literal templates make, from placeholders."""
        names, _ = known_keys(manifest)
        values = dict.fromkeys(sorted(names), PLACEHOLDER)
        found: list[str] = []
        for text in texts(manifest):
            if text.several:
                try:
                    found += await templates.rendered(self.sandbox, manifest, text, values)
                except (TemplateInvalid, TemplateLimit, TemplateDelayed, SandboxUnavailable):
                    continue  # what fails with a placeholder may not fail with a value
        return found

    async def _sealed(self, manifest: Manifest, notes: list[str]) -> list[Problem]:
        """Check sealed values against the certificate, and ask the controller whether it could open them."""
        found = [Problem(each) for each in foreign(manifest, self.key)] if self.key is not None else []
        notes.append(bound_to(manifest))
        if found:
            return [*found, Problem("seal these values again with `kubeseal`, for this cluster", Weight.WARNING)]
        if self.controller is None:
            notes.append(f"not asked whether it opens: {UNKNOWABLE}")
            return []
        try:
            if await asyncio.to_thread(self.controller.opens, manifest.body):
                notes.append("the controller can open it")
                return []
        except InputError as error:
            notes.append(f"not asked whether it opens: {str(error).splitlines()[0]}; {UNKNOWABLE}")
            return []
        text = "the controller cannot open it: it was sealed for another key, scope, namespace or name"
        return [Problem(f"{text}; seal it again with `kubeseal`")]

    def _references(self, manifest: Manifest, cluster: Cluster) -> list[Problem]:
        """Return the stores that are neither in the files nor in the cluster."""
        files = {key_of(each) for each in self.given}
        missing = [
            each
            for each in stores_of(manifest)
            if each not in files and each not in cluster.unread and cluster.of(each) is None
        ]
        return [Problem(f"{each} is neither in the files nor in the cluster") for each in missing]

    async def _asked(self, manifest: Manifest, cluster: Cluster) -> list[Problem]:
        """Ask the stores of an ExternalSecret for what its entries name."""
        if self.asker is None or manifest.kind != "ExternalSecret":
            return []
        try:
            spec = parse(ExternalSecretSpec, manifest.body.get("spec"), reason="Invalid")
        except NeedsHuman as error:
            return [Problem(error.message)]
        wanted: dict[Key, list[Wish]] = {}
        for each in wishes(manifest.namespace, spec):
            wanted.setdefault(each.store, []).append(each)
        found: list[Problem] = []
        for store, asked in wanted.items():
            body = cluster.of(store)
            if body is None:
                found.append(Problem(f"{store}: not asked: it is not in the cluster yet", Weight.WARNING))
                continue
            found += await self.asker.problems(store, body, manifest.namespace, asked)
        return found


def _same(manifest: Manifest, live: Mapping[str, object]) -> str:
    if manifest.kind in ("Secret", "ConfigMap"):
        return "it is there"
    return "its spec is the same" if manifest.body.get("spec") == live.get("spec") else "its spec is updated"

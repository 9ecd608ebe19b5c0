"""Assess what was read of a cluster: what becomes of every object, and what can go wrong. Pure."""

from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from external.generators.registry import ALL, CLUSTER_GENERATORS
from external.generators.states import GENERATOR_STATES
from external.migration import (
    Surroundings,
    cluster_finding,
    finding,
    store_finding,
    target_key,
    unserved_finding,
)
from manager.cli.migrate.crds import Served, crd_hazards
from manager.cli.migrate.hazards import Hazard, Kind
from manager.cli.migrate.listed import Listed
from manager.cli.migrate.originals import releases_of
from manager.cli.migrate.release_values import value_hazards
from manager.cli.migrate.roles import Rbac, Replacement, role_hazards
from manager.cli.migrate.webhooks import webhook_hazards
from manager.findings import ObjectFinding, Verdict
from manager.kube.cache import controller_of
from manager.kube.resources import (
    CLUSTER_EXTERNAL_SECRETS,
    CLUSTER_SECRET_STORES,
    EXTERNAL_SECRETS,
    NAMESPACES,
    SEALED_SECRETS,
    SECRET_STORES,
    SECRETS,
    Body,
    Key,
    key_of,
)
from manager.settings.model import Settings
from reflector.migration import findings as mirror_findings
from reflector.view import ViewBuilder
from sealed.migration import finding as sealed_finding
from sealed.selection import selection_of

NAMESPACED = (SEALED_SECRETS, EXTERNAL_SECRETS, SECRET_STORES, *(each.resource for each in ALL))
CLUSTER = (CLUSTER_EXTERNAL_SECRETS, CLUSTER_SECRET_STORES, CLUSTER_GENERATORS)
OLDER = {"external-secrets.io": "v1beta1"}
"""Versions that Coffer's own CRDs list beside the one that it reads."""
OURS = {
    f"{each.plural}.{each.group}": Served(
        each.version, frozenset({each.version, *filter(None, [OLDER.get(each.group)])})
    )
    for each in (*NAMESPACED, *CLUSTER, GENERATOR_STATES)
}
"""Every CRD that Coffer uses, by name; a test compares the CRDs themselves, whose models take a second to load."""
REPLACEMENT = Replacement(
    frozenset((each.group, each.plural) for each in NAMESPACED),
    frozenset((each.group, each.plural) for each in (*CLUSTER, GENERATOR_STATES)),
)
"""What charts/coffer/templates/aggregated.yaml gives; a test renders the chart and compares."""


@dataclass(frozen=True)
class Report:
    """What `coffer migrate check` says."""

    findings: tuple[ObjectFinding, ...]
    hazards: tuple[Hazard, ...]

    @property
    def safe(self) -> bool:
        """Whether nothing must be cured before the move."""
        return self.blocking == 0

    @property
    def blocking(self) -> int:
        """How many findings must be cured."""
        return sum(each.blocks for each in self.findings) + sum(each.blocks for each in self.hazards)

    def counts(self) -> dict[tuple[str, str], Counter[Verdict]]:
        """Return how many objects of each module and kind get which verdict."""
        found: dict[tuple[str, str], Counter[Verdict]] = {}
        for each in self.findings:
            found.setdefault((each.module, each.key.resource.kind), Counter())[each.verdict] += 1
        return found

    def without(self, modules: Collection[str]) -> "Report":
        """Return the report without modules that stay with their originals."""
        findings = (each for each in self.findings if each.module not in modules)
        return Report(tuple(findings), tuple(each for each in self.hazards if each.module not in modules))

    def within(self, namespace: str) -> "Report":
        """Return the findings of one namespace, with all hazards; all if it is empty."""
        kept = (each for each in self.findings if namespace in ("", each.key.namespace))
        return Report(tuple(kept), self.hazards)


def assessed(listed: Listed, builder: ViewBuilder, settings: Settings, own: str, now: float) -> Report:
    """Return the report.

    Args:
        listed: what was read.
        builder: the reflector's, on the cache of `listed`.
        settings: of the controller, so that its rules decide here too.
        own: Coffer's namespace.
        now: Unix time.

    """
    found = [*_sealed(listed, settings, own), *_external(listed, settings, now)]
    found += mirror_findings(builder, settings.reflector.provenance, listed.metadata)
    return Report(tuple(found), tuple(_hazards(listed)))


def _sealed(listed: Listed, settings: Settings, own: str) -> Iterator[ObjectFinding]:
    selection = selection_of(settings.sealed, own)
    for body in listed.of(SEALED_SECRETS):
        key = key_of(SEALED_SECRETS, body)
        secret = listed.metadata.get(Key(SECRETS, key.namespace, key.name))
        yield sealed_finding(body, secret, selection, settings.sealed)


def _external(listed: Listed, settings: Settings, now: float) -> Iterator[ObjectFinding]:
    stores = {
        key_of(resource, body): body
        for resource in (SECRET_STORES, CLUSTER_SECRET_STORES)
        for body in listed.of(resource)
    }
    generators = {each["metadata"]["name"]: each for each in listed.of(CLUSTER_GENERATORS)}
    around = Surroundings(stores, generators, settings.external, now)
    for body in listed.of(EXTERNAL_SECRETS):
        yield finding(body, listed.metadata.get(target_key(body)), around)
    for key, body in stores.items():
        yield store_finding(key.resource, body, settings.external)
    made: dict[str, list[Body]] = {}
    for body in listed.of(EXTERNAL_SECRETS):
        owner = controller_of(body["metadata"])
        made.setdefault(owner.uid if owner is not None else "", []).append(body)
    for body in listed.of(CLUSTER_EXTERNAL_SECRETS):
        yield cluster_finding(body, made.get(body["metadata"]["uid"], []), listed.cache.items(NAMESPACES))
    for resource, bodies in listed.bodies.items():
        if f"{resource.plural}.{resource.group}" not in OURS:
            yield from (unserved_finding(resource, each) for each in bodies)


def _hazards(listed: Listed) -> Iterator[Hazard]:
    for crd in listed.crds:
        yield from crd_hazards(crd, listed.releases, OURS, listed.count(crd))
    services = {(each["metadata"]["namespace"], each["metadata"]["name"]) for each in listed.services}
    running = {module for module, place in listed.live.items() if place}
    yield from webhook_hazards(listed.webhooks, services, running)
    deployments = [each for found in listed.deployments.values() for each in found]
    homes = frozenset(each["metadata"]["namespace"] for each in deployments)
    releases = releases_of(deployments)
    yield from role_hazards(Rbac(tuple(listed.cluster_roles), tuple(listed.bindings), releases, homes), REPLACEMENT)
    yield from value_hazards(listed.releases, releases)
    yield from (_cron_job(each) for each in listed.cron_jobs if not (each.get("spec") or {}).get("suspend"))
    for module, place in listed.live.items():
        if place:
            text = "it runs and writes: Coffer's module only observes until it stops"
            yield Hazard(Kind.WRITER, module, f"Deployment {place}", text, "scale it down, as the plan does")


def _cron_job(body: Body) -> Hazard:
    about = f"CronJob {body['metadata']['namespace']}/{body['metadata']['name']}"
    text = "it starts the original again and again, and Coffer looks for Deployments only: both would write"
    return Hazard(Kind.WRITER, "reflector", about, text, "suspend it", blocks=True)

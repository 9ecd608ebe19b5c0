"""The commands of the move and of the way back, in order, made from what was read. Pure."""

import shlex
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field

from manager.cli.migrate.assessment import Report
from manager.cli.migrate.crds import guarded, guards, module_of_crd, tracked_by
from manager.cli.migrate.listed import Listed
from manager.cli.migrate.originals import (
    NAME_LABEL,
    ORIGINALS,
    Original,
    ReleaseKey,
    chart_version,
    module_of,
    release_of,
)
from manager.cli.migrate.releases import Release
from manager.cli.migrate.webhooks import is_of_original, webhook_module
from manager.findings import Verdict
from manager.kube.resources import Body
from manager.kube.writer import SEALING_KEY_LABEL

MOVE, UNDO, BACK = "move", "undo", "back"
ASIDE = "coffer-sealing"
"""What Coffer's Service is called while the original's has that name."""
DEFAULT_NAMESPACE = "kube-system"
BEFORE = "before.json"


@dataclass(frozen=True)
class Step:
    """One command."""

    phase: str
    """`move`; `undo`, the way back before an original is uninstalled; or `back`, the way back afterwards."""
    module: str
    """Empty if it concerns all."""
    why: str
    command: str
    """Empty for what has no command."""


@dataclass(frozen=True)
class Charts:
    """Where charts are, and how commands reach the cluster."""

    coffer: str = "charts/coffer"
    originals: Mapping[str, str] = field(default_factory=dict)
    """Module -> chart of its original; its public repository otherwise."""
    kubeconfig: str = ""
    context: str = ""

    def kubectl(self, *words: str) -> str:
        """Return a kubectl command."""
        return shlex.join(["kubectl", *self._access("--context"), *words])

    def helm(self, *words: str) -> str:
        """Return a helm command."""
        return shlex.join(["helm", *self._access("--kube-context"), *words])

    def own(self, command: str, *words: str) -> str:
        """Return one of our commands."""
        return shlex.join(["coffer", *command.split(), *self._access("--context"), *words])

    def original(self, original: Original, version: str) -> list[str]:
        """Return the words by which helm finds an original's chart."""
        given = self.originals.get(original.module)
        if given:
            return [given]
        return [original.chart, "--repo", original.repository, *(["--version", version] if version else [])]

    def _access(self, context: str) -> list[str]:
        config = ["--kubeconfig", self.kubeconfig] if self.kubeconfig else []
        return [*config, *([context, self.context] if self.context else [])]


@dataclass(frozen=True)
class Moved:
    """One original as it runs."""

    original: Original
    deployments: list[Body]
    releases: list[ReleaseKey]
    version: str
    """Of its chart; empty if unknown."""

    @property
    def module(self) -> str:
        """The module that replaces it."""
        return self.original.module

    @property
    def writers(self) -> list[Body]:
        """The Deployments that write; not those that answer webhooks or keep certificates."""
        side = self.original.names[1:]
        return [each for each in self.deployments if (each["metadata"].get("labels") or {}).get(NAME_LABEL) not in side]


class Planner:
    """Makes the steps.

    Args:
        own: Coffer's namespace; empty for that of sealed-secrets, whose keys are there.
        without: modules that stay with their originals; so do those with objects that are not served.
    """

    def __init__(
        self, listed: Listed, report: Report, charts: Charts, own: str = "", without: Collection[str] = ()
    ) -> None:
        self._listed = listed
        self._report = report
        self._charts = charts
        unserved = {each.module for each in report.findings if each.blocks and each.verdict is Verdict.UNSERVED}
        self._unserved = unserved - set(without)
        self._staying = unserved | set(without)
        self._moved = [self._original(module) for module in ORIGINALS if listed.deployments.get(module)]
        self._own = own or next(iter(self._homes()), DEFAULT_NAMESPACE)

    def steps(self) -> list[Step]:
        """Return every step, those of the move first."""
        moving = [each for each in self._moved if each.module not in self._staying]
        found = [*self._prepare(moving), *self._stay(), *self._install()]
        found += [step for each in moving for step in self._take_over(each)]
        found += [step for each in moving for step in self._uninstall(each)]
        return [*found, *self._undo(moving), *self._back(moving)]

    def _prepare(self, moving: list[Moved]) -> Iterator[Step]:
        charts = self._charts
        for each in moving:
            for release in each.releases:
                get = charts.helm("get", "values", release.name, "-n", release.namespace, "-o", "yaml")
                command = f"(umask 077; {get} > {shlex.quote(_values(release))})"
                yield Step(MOVE, each.module, "save the original's values for the way back", command)
        for namespace in self._key_namespaces():
            command = charts.own("keys backup", "-n", namespace, f"sealing-keys-{namespace}.yaml")
            yield Step(MOVE, "sealed", "save the sealing keys; the file holds private keys, keep it safe", command)
        for each in moving:
            yield from self._keep(each)
        stay = [word for each in sorted(self._staying) for word in ("--without", each)]
        command = charts.own("migrate check", *stay, "--save", BEFORE)
        yield Step(MOVE, "", "record what is there; this ends with 1 while something must be cured: stop then", command)

    def _keep(self, moved: Moved) -> Iterator[Step]:
        """Yield what makes CRDs outlive an uninstall and a prune."""
        for owner in moved.releases:
            release = self._listed.releases.get(owner)
            if release is not None and not all(release.crds.values()) and moved.original.keep_value:
                why = "put keep into the release: `helm uninstall` would delete the CRDs with all of their objects"
                words = ["upgrade", owner.name, *self._charts.original(moved.original, moved.version)]
                words += ["-n", owner.namespace, "--reuse-values", "--set-string", moved.original.keep_value]
                yield Step(MOVE, moved.module, why, self._charts.helm(*words))
        tracked: dict[tuple[str, ...], list[str]] = {}
        for crd in self._crds(moved.module):
            if wanted := _missing_guards(crd):
                tracked.setdefault(wanted, []).append(crd["metadata"]["name"])
        for wanted, names in tracked.items():
            command = self._charts.kubectl("annotate", "crd", *names, *wanted, "--overwrite")
            yield Step(MOVE, moved.module, "keep a GitOps tool from pruning the CRDs; put it into Git too", command)

    def _stay(self) -> Iterator[Step]:
        for each in self._moved:
            if each.module in self._unserved:
                why = f"{each.original.product} stays: `coffer migrate check` names objects that are not served"
                yield Step(MOVE, each.module, why, "")

    def _install(self) -> Iterator[Step]:
        words = ["upgrade", "--install", "coffer", self._charts.coffer, "-n", self._own, "--create-namespace"]
        for module in sorted(self._staying):
            words += ["--set", f"modules.{module}=false"]
        keys = [each for each in self._key_namespaces() if each != self._own]
        if keys:
            words += ["--set", f"settings.sealed.key_namespaces={{{','.join(keys)}}}"]
        if self._service():
            words += ["--set", f"service.name={ASIDE}"]
        why = "install Coffer beside the originals; its modules only observe while they run"
        yield Step(MOVE, "", why, self._charts.helm(*words))

    def _take_over(self, moved: Moved) -> Iterator[Step]:
        """Yield what stops the original; its webhooks go on answering until it is uninstalled."""
        for namespace, names in _by_namespace(moved.writers).items():
            command = self._charts.kubectl("-n", namespace, "scale", *names, "--replicas=0")
            yield Step(MOVE, moved.module, "stop the original; Coffer takes over within 15 seconds", command)
        yield Step(MOVE, moved.module, "prove that nothing was rewritten or lost", self._verify())

    def _uninstall(self, moved: Moved) -> Iterator[Step]:
        charts = self._charts
        for kind, names in self._webhooks(moved.module).items():
            why = "delete its webhooks first: without a server they refuse writes"
            yield Step(MOVE, moved.module, why, charts.kubectl("delete", kind, *names))
        for release in moved.releases:
            command = charts.helm("uninstall", release.name, "-n", release.namespace)
            yield Step(MOVE, moved.module, "uninstall the original", command)
        for namespace, names in _by_namespace(self._unreleased(moved)).items():
            why = "delete the original's Deployment by name; leave its CRDs and Secrets"
            yield Step(MOVE, moved.module, why, charts.kubectl("-n", namespace, "delete", *names))
        service = self._service()
        if moved.module == "sealed" and service:
            words = ["upgrade", "coffer", charts.coffer, "-n", self._own, "--reuse-values"]
            words += ["--set", f"service.name={service}"]
            yield Step(MOVE, "sealed", "take the name of the Service that kubeseal looks for", charts.helm(*words))
        yield Step(MOVE, moved.module, "prove it again", self._verify())

    def _undo(self, moving: list[Moved]) -> Iterator[Step]:
        command = self._charts.helm("uninstall", "coffer", "-n", self._own, "--wait")
        yield Step(UNDO, "", "uninstall Coffer; CRDs, Secrets and sealing keys stay", command)
        for moved in moving:
            for each in moved.writers:
                meta, replicas = each["metadata"], each["spec"].get("replicas", 1)
                words = ["-n", meta["namespace"], "scale", f"deployment/{meta['name']}", f"--replicas={replicas}"]
                yield Step(UNDO, moved.module, "start the original again", self._charts.kubectl(*words))
        yield Step(UNDO, "", "prove that nothing was rewritten or lost on the way back", self._verify())

    def _back(self, moving: list[Moved]) -> Iterator[Step]:
        charts = self._charts
        words = ["uninstall", "coffer", "-n", self._own, "--wait"]
        yield Step(BACK, "", "uninstall Coffer; CRDs, Secrets and sealing keys stay", charts.helm(*words))
        for each in moving:
            for release in each.releases:
                words = ["install", release.name, *charts.original(each.original, each.version)]
                words += ["-n", release.namespace, "-f", _values(release)]
                if self._has_crds(release):  # some may have come with Coffer's chart, and helm refuses to import those
                    words += ["--set-string", each.original.keep_value, "--take-ownership"]
                yield Step(BACK, each.module, "install the original with its own values", charts.helm(*words))
            if self._unreleased(each):
                why = f"apply the manifest again that {each.original.product} was installed from"
                yield Step(BACK, each.module, why, "")
        yield Step(BACK, "", "prove that nothing was rewritten or lost on the way back", self._verify())

    def _verify(self) -> str:
        return self._charts.own("migrate verify", BEFORE)

    def _original(self, module: str) -> Moved:
        original, deployments = ORIGINALS[module], self._listed.deployments[module]
        releases: dict[ReleaseKey, None] = {}
        for each in deployments:
            owner = release_of(each["metadata"])
            if owner is not None and self._is_chart_of(original, self._listed.releases.get(owner)):
                releases[owner] = None
        versions = (chart_version(each["metadata"], original.chart) for each in deployments)
        return Moved(original, deployments, list(releases), next(filter(None, versions), ""))

    @staticmethod
    def _is_chart_of(original: Original, release: Release | None) -> bool:
        """Return True for a release of the original's own chart: an umbrella chart holds other things too."""
        return release is not None and release.chart == original.chart

    def _unreleased(self, moved: Moved) -> list[Body]:
        return [each for each in moved.deployments if release_of(each["metadata"]) not in moved.releases]

    def _has_crds(self, release: ReleaseKey) -> bool:
        found = self._listed.releases.get(release)
        return found is not None and bool(found.crds)

    def _key_namespaces(self) -> list[str]:
        """Return where the original's sealing keys are.

        Anyone may label a Secret as one; a key that a tenant made must not seal for all.
        """
        keys = {
            key.namespace
            for key, body in self._listed.metadata.items()
            if SEALING_KEY_LABEL in (body["metadata"].get("labels") or {})
        }
        return [each for each in self._homes() if each in keys]

    def _homes(self) -> list[str]:
        return sorted({each["metadata"]["namespace"] for each in self._listed.deployments.get("sealed", [])})

    def _crds(self, module: str) -> list[Body]:
        return [each for each in self._listed.crds if module_of_crd(each) == module]

    def _webhooks(self, module: str) -> dict[str, list[str]]:
        """Return the names of webhook configurations that are the original's beyond doubt, by kind."""
        found: dict[str, list[str]] = {}
        metas = (each["metadata"] for each in self._listed.services if module_of(each["metadata"]) == module)
        services = {(each["namespace"], each["name"]) for each in metas}
        for each in self._listed.webhooks:
            if webhook_module(each) == module and is_of_original(each, services):
                found.setdefault(each["kind"].lower(), []).append(each["metadata"]["name"])
        return found

    def _service(self) -> str:
        """Return the name of the original's Service for kubeseal in Coffer's namespace; empty if there is none."""
        metas = (each["metadata"] for each in self._listed.services if module_of(each["metadata"]) == "sealed")
        names = sorted(each["name"] for each in metas if each["namespace"] == self._own)
        return next((each for each in names if not each.endswith("-metrics")), "")


def _values(release: ReleaseKey) -> str:
    """Return a file for a release's values; releases of two namespaces may have one name."""
    return f"{release.namespace}.{release.name}-values.yaml"


def _missing_guards(crd: Body) -> tuple[str, ...]:
    """Return the annotations that a CRD needs to outlive a prune; none if no tool tracks it, or if it has them."""
    tool = tracked_by(crd["metadata"])
    return guards(crd["metadata"], tool) if tool and not guarded(crd["metadata"], tool) else ()


def _by_namespace(deployments: list[Body]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for each in deployments:
        found.setdefault(each["metadata"]["namespace"], []).append(f"deployment/{each['metadata']['name']}")
    return found

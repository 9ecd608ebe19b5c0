"""Find a running controller that Coffer replaces, or an older Coffer: two controllers must not write the same objects.

Replicas of one Coffer share a Lease in their namespace. An installation in another namespace has a Lease of its own, so
it is found by its Deployment; of two, the younger only observes.

Labels are no proof: any tenant may run a Deployment that carries them, and would stop a module for the whole cluster.
Only a controller has the right to write Secrets in every namespace. A process that is limited to some namespaces looks
in these alone, and asks each of them for the rights there. In Coffer's own namespace labels suffice: tenants have no
Deployments in it.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass

import structlog

from manager.core.clock import Jitter
from manager.core.errors import ApiError, Unreachable
from manager.kube.client import KubeClient
from manager.kube.resources import DEPLOYMENTS, LOCAL_SUBJECT_ACCESS_REVIEWS, SUBJECT_ACCESS_REVIEWS, Body
from manager.runtime.metrics import Metrics
from manager.runtime.module import Module
from manager.settings.model import ExternalSettings

SELECTORS: Mapping[str, tuple[str, ...]] = {
    "sealed": ("app.kubernetes.io/name=sealed-secrets", "name=sealed-secrets-controller"),
    "external": ("app.kubernetes.io/name=external-secrets",),
    "reflector": ("app.kubernetes.io/name=reflector",),
}
"""Labels on the originals' Deployments, as their charts and manifests set them."""

COFFER = "app.kubernetes.io/name=coffer"
POLL_SECONDS = 5.0  # between two checks whether an original has stopped
UNREACHABLE_SECONDS = 3.0  # until the next check after the API server did not answer

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Confinement:
    """Where a process that is limited to some namespaces looks for an original."""

    home: str
    """Coffer's own namespace."""
    namespaces: tuple[str, ...]
    """Those that it is limited to; its own may be among them."""

    @property
    def places(self) -> tuple[str, ...]:
        """Every namespace to search."""
        return tuple(dict.fromkeys((self.home, *self.namespaces)))


@dataclass(frozen=True)
class Installation:
    """This installation of Coffer, as others see it."""

    home: str
    """Its namespace."""
    controller_class: str = ExternalSettings.controller_class
    """External works on stores of this class only."""


@dataclass(frozen=True)
class Rival:
    """Another installation of Coffer that works on the same objects."""

    place: str
    """Namespace and name of its Deployment."""
    older: bool
    """Whether it is older than this one, which then only observes."""


@dataclass(frozen=True)
class PredecessorGate:
    """Keeps a module from writing while the controller that it replaces runs, or an older Coffer.

    Args:
        takeover: write although one of them runs.
        interval: seconds between two checks while the module works.
        own: this installation.
        within: where to look if the process may read some namespaces only; None: everywhere.
    """

    client: KubeClient
    metrics: Metrics
    jitter: Jitter
    takeover: bool
    interval: float
    own: Installation
    within: Confinement | None = None

    async def wait(self, module: Module) -> None:
        """Return once neither an original of the module runs nor an older Coffer."""
        gauge = self.metrics.observing.labels(module.name)
        while True:
            try:
                found = await self._find(module)
            except Unreachable:
                await asyncio.sleep(UNREACHABLE_SECONDS)
                continue
            gauge.set(1 if found else 0)
            if not found:
                return
            await asyncio.sleep(POLL_SECONDS)

    async def give_way(self, module: Module) -> None:
        """Pause the controllers of a module while another controller that was started later has priority, for ever."""
        while True:
            await asyncio.sleep(self.jitter.spread(self.interval))
            try:
                found = await self._find(module)
            except Unreachable:
                continue
            if found:
                for controller in module.controllers:
                    controller.pause()
                await self.wait(module)
                log.info("module goes on", module=module.name)
                for controller in module.controllers:
                    controller.go_on()

    async def _find(self, module: Module) -> bool:
        """Return True if another controller is to write, and log which."""
        if self.takeover:
            return False
        original = await find_predecessor(self.client, module.name, self.within)
        rival = await find_rival(self.client, module.name, self.own, self.within)
        self.metrics.rivals.labels(module.name).set(0 if rival is None else 1)
        if original:
            log.warning("an original controller is running; only observing", module=module.name, original=original)
        if rival is not None and rival.older:
            log.warning("an older Coffer is running; only observing", module=module.name, other=rival.place)
        elif rival is not None:
            log.warning("a younger Coffer is running, which only observes", module=module.name, other=rival.place)
        return bool(original) or (rival is not None and rival.older)


async def find_predecessor(client: KubeClient, module: str, within: Confinement | None = None) -> str:
    """Return `namespace/name` of a running original of a module, empty if there is none or we may not see it.

    Args:
        client: the API server.
        module: the name of the module.
        within: the namespaces to search; None: the whole cluster.

    """
    for selector in SELECTORS.get(module, ()):
        for place in within.places if within else ("",):
            async for body in _deployments(client, module, place, selector):
                if is_running(body) and ((within and place == within.home) or await may_write(client, body, within)):
                    return f"{body['metadata']['namespace']}/{body['metadata']['name']}"
    return ""


async def find_rival(
    client: KubeClient, module: str, own: Installation, within: Confinement | None = None
) -> Rival | None:
    """Return the oldest of the other installations of Coffer that run and work on a module's objects.

    A process whose namespace has no Deployment of Coffer, such as one on a developer's machine, counts as the youngest.
    """
    found = [
        body
        for place in (within.places if within else ("",))
        async for body in _deployments(client, module, place, COFFER)
    ]
    since = min((_age(each) for each in found if each["metadata"]["namespace"] == own.home), default=None)
    for body in sorted(found, key=_age):
        meta = body["metadata"]
        works = meta["namespace"] != own.home and is_running(body) and works_on(body, module, own.controller_class)
        if works and await may_write(client, body, within):
            return Rival(f"{meta['namespace']}/{meta['name']}", older=since is None or _age(body) < since)
    return None


def works_on(deployment: Body, module: str, controller_class: str) -> bool:
    """Return True if a Deployment of Coffer runs a module, and for this controller class, as its arguments say."""
    containers = deployment["spec"]["template"]["spec"].get("containers") or ()
    arguments = {str(each) for container in containers for each in container.get("args") or ()}
    if f"--modules-{module}=false" in arguments:
        return False
    named = (each.partition("=")[2] for each in arguments if each.startswith("--external-controller-class="))
    return module != "external" or next(named, ExternalSettings.controller_class) == controller_class


def is_running(deployment: Body) -> bool:
    """Return True if a Deployment has a replica that is ready."""
    return bool((deployment.get("status") or {}).get("readyReplicas"))


def _age(deployment: Body) -> tuple[str, str]:
    """Return what orders Deployments from old to young, the same for everybody who compares."""
    meta = deployment["metadata"]
    return str(meta.get("creationTimestamp", "")), meta["namespace"]


async def _deployments(client: KubeClient, module: str, place: str, selector: str) -> AsyncIterator[Body]:
    """Yield the Deployments with some labels in a namespace, none if we may not see them."""
    try:
        async for items, _ in client.pages(DEPLOYMENTS, namespace=place, selector=selector):
            for body in items:
                yield body
    except Unreachable:
        raise
    except ApiError as error:
        log.warning("cannot look for another controller", module=module, namespace=place, status=error.status)


async def labelled(client: KubeClient, module: str) -> AsyncIterator[Body]:
    """Yield the Deployments with the labels of a module's original, which any tenant may have set. Raises ApiError."""
    for selector in SELECTORS.get(module, ()):
        async for items, _ in client.pages(DEPLOYMENTS, selector=selector):
            for body in items:
                yield body


async def may_write(client: KubeClient, body: Body, within: Confinement | None = None) -> bool:
    """Return True if a Deployment's ServiceAccount may create Secrets in every namespace, or if that is unknown."""
    for namespace in within.namespaces if within else ("",):
        if not await _may_write_in(client, body, namespace):
            return False
    return True


async def _may_write_in(client: KubeClient, body: Body, place: str) -> bool:
    namespace = body["metadata"]["namespace"]
    account = body["spec"]["template"]["spec"].get("serviceAccountName") or "default"
    groups = ["system:serviceaccounts", f"system:serviceaccounts:{namespace}", "system:authenticated"]
    resource = LOCAL_SUBJECT_ACCESS_REVIEWS if place else SUBJECT_ACCESS_REVIEWS
    about = {"namespace": place} if place else {}
    review = {
        "apiVersion": resource.api_version,
        "kind": resource.kind,
        "metadata": about,
        "spec": {
            "user": f"system:serviceaccount:{namespace}:{account}",
            "groups": groups,
            "resourceAttributes": {"verb": "create", "resource": "secrets", **about},
        },
    }
    try:
        answer = await client.post(resource, resource.path(place), review)
    except Unreachable:
        raise
    except ApiError as error:
        log.warning("cannot ask for the rights of a Deployment", namespace=namespace, status=error.status)
        return True
    return bool((answer.get("status") or {}).get("allowed"))

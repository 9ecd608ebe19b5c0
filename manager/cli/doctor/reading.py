"""Read what the doctor looks at. Reads only, but for the questions for rights, which store nothing."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any

import aiohttp

from manager.chain.paused import SELECTOR
from manager.cli.crd_plan import Consent, decide
from manager.cli.crds import chosen
from manager.cli.doctor.checks import concerns_us
from manager.cli.doctor.facts import Facts
from manager.cli.doctor.findings import Area
from manager.cli.doctor.rights import Right, needed, review
from manager.cli.migrate.listed import WEBHOOKS
from manager.cli.migrate.webhooks import service_of
from manager.core.errors import ApiError, Forbidden, NotFound, Unreachable
from manager.kube.client import KubeClient
from manager.kube.resources import (
    CLUSTER_SECRET_STORES,
    CUSTOM_RESOURCE_DEFINITIONS,
    DEPLOYMENTS,
    EVENTS,
    LEASES,
    SECRET_STORES,
    SECRETS,
    SUBJECT_ACCESS_REVIEWS,
    Body,
    Key,
    Resource,
)
from manager.kube.writer import SEALING_KEY_LABEL
from manager.runtime.predecessors import find_predecessor

OUR_LABEL = "app.kubernetes.io/name=coffer"
QUOTAS = Resource("", "v1", "resourcequotas", "ResourceQuota")
ENDPOINT_SLICES = Resource("discovery.k8s.io", "v1", "endpointslices", "EndpointSlice")
SERVICE_LABEL = "kubernetes.io/service-name"
PAGE_OBJECTS = 250
AT_ONCE = 8  # questions to the API server that run at a time: its own limits count each user
NO_RIGHT = "this user has no right to it"
DEFAULT_ACCOUNT = "coffer"
FROM_HERE = (
    (Area.STORES, "DNS, proxies and network policies of the Pod are known only by what the conditions of stores say"),
)


@dataclass
class DoctorReader:
    """Reads the facts.

    Args:
        client: of the user who asks.
        facts: what is filled; it names namespace and Lease.
        namespace: whose stores and quotas are looked at; empty for all.
        agent: the User-Agent.
    """

    client: KubeClient
    facts: Facts
    namespace: str
    agent: str

    async def read(self) -> None:
        """Read everything; what this user may not read is noted. Raises ApiError if the API server does not answer."""
        await self._server_time()
        await self._try(Area.CONTROLLERS, self._controllers)
        await asyncio.gather(
            self._try(Area.RIGHTS, self._rights),
            self._try(Area.CRDS, self._crds),
            self._try(Area.KEYS, self._keys),
            self._try(Area.STORES, self._stores),
            self._try(Area.WEBHOOKS, self._webhooks),
            self._try(Area.QUOTAS, self._quotas),
            self._try(Area.DELETES, self._paused),
        )
        self.facts.unchecked += FROM_HERE

    async def _try(self, area: Area, read: Callable[[], Awaitable[None]]) -> None:
        try:
            await read()
        except Unreachable:
            raise
        except Forbidden as error:
            self.facts.unchecked.append((area, f"{error.place}: {NO_RIGHT}"))
        except ApiError as error:
            self.facts.unchecked.append((area, str(error)))

    async def _server_time(self) -> None:
        """Take the API server's time from the head of any answer."""
        connection = self.client.connection
        try:
            async with connection.session(self.agent) as session, session.get(f"{connection.server}/version") as answer:
                self.facts.server_time = parsedate_to_datetime(answer.headers["Date"]).timestamp()
        except (aiohttp.ClientError, TimeoutError, OSError, KeyError, ValueError) as error:
            self.facts.unchecked.append((Area.CLOCKS, f"the API server's time: {type(error).__name__}"))

    async def _controllers(self) -> None:
        facts = self.facts
        facts.lease = await self.client.find(Key(LEASES, facts.own, facts.lease_name))
        facts.deployments = await self._listed(DEPLOYMENTS, selector=OUR_LABEL)
        self._running()
        facts.leases = await self._listed(LEASES, fields=f"metadata.name={facts.lease_name}")
        found: dict[str, str] = {}
        for module in facts.modules:
            place = await find_predecessor(self.client, module)
            found |= {module: place} if place else {}
        facts.originals = found

    def _running(self) -> None:
        """Take modules and scope of the installation that runs, where it says them."""
        given = switches(self.facts.deployments, self.facts.own)
        off = {
            each for each in self.facts.modules if given.get(f"modules-{each}", "true").lower() in ("false", "0", "no")
        }
        self.facts.modules = tuple(each for each in self.facts.modules if each not in off)
        scope = tuple(each.strip() for each in given.get("modules-scope", "").split(",") if each.strip())
        self.facts.scope = scope or self.facts.scope

    async def _rights(self) -> None:
        """Ask for each right of Coffer's ServiceAccount, a few at a time."""
        deployed = next(
            (each for each in self.facts.deployments if each["metadata"]["namespace"] == self.facts.own), None
        )
        if not self.facts.account:
            name = _account(deployed) if deployed is not None else DEFAULT_ACCOUNT
            self.facts.account = f"{self.facts.own}:{name}"
        turns = asyncio.Semaphore(AT_ONCE)

        async def asked(right: Right) -> Right | None:
            async with turns:
                body = review(right, self.facts.account)
                answer = await self.client.post(SUBJECT_ACCESS_REVIEWS, SUBJECT_ACCESS_REVIEWS.path(), body)
            return None if (answer.get("status") or {}).get("allowed") else right

        wanted = needed(self.facts.modules, self.facts.own, self.facts.scope)
        answers = await asyncio.gather(*map(asked, wanted))
        self.facts.missing_rights = [each for each in answers if each is not None]

    async def _crds(self) -> None:
        ours = await asyncio.to_thread(chosen, ())
        groups = {"sealed": ("bitnami.com",), "external": ("external-secrets.io", "generators.external-secrets.io")}
        served = {group for module in self.facts.modules for group in groups.get(module, ())}
        wanted = [each for each in ours if each["spec"]["group"] in served]
        keys = [Key(CUSTOM_RESOURCE_DEFINITIONS, "", each["metadata"]["name"]) for each in wanted]
        live = await asyncio.gather(*map(self.client.find, keys))
        pairs = zip(wanted, live, strict=True)
        self.facts.crds = await asyncio.to_thread(lambda: [decide(each, found, Consent()) for each, found in pairs])

    async def _keys(self) -> None:
        self.facts.keys = await self._listed(SECRETS, self.facts.own, selector=SEALING_KEY_LABEL)

    async def _stores(self) -> None:
        for resource in (SECRET_STORES, CLUSTER_SECRET_STORES):
            try:
                found = await self._listed(resource, self.namespace if resource.namespaced else "")
            except NotFound:
                continue  # the check of CRDs tells it
            self.facts.stores += [(resource, each) for each in found]

    async def _webhooks(self) -> None:
        for resource in WEBHOOKS:
            self.facts.webhooks += [{**each, "kind": resource.kind} for each in await self._listed(resource)]
        hooks = [hook for each in self.facts.webhooks for hook in each.get("webhooks") or () if concerns_us(hook)]
        places = sorted({place for hook in hooks if (place := service_of(hook)) is not None})
        found = await asyncio.gather(*map(self._answers, places))
        self.facts.services = dict(zip(places, found, strict=True))

    async def _answers(self, place: tuple[str, str]) -> bool:
        """Return True if an endpoint of a Service is ready."""
        namespace, name = place
        slices = await self._listed(ENDPOINT_SLICES, namespace, selector=f"{SERVICE_LABEL}={name}")
        endpoints = [endpoint for each in slices for endpoint in each.get("endpoints") or ()]
        return any((each.get("conditions") or {}).get("ready", True) for each in endpoints)

    async def _quotas(self) -> None:
        self.facts.quotas = await self._listed(QUOTAS, self.namespace)

    async def _paused(self) -> None:
        self.facts.paused = await self._listed(EVENTS, self.namespace, fields=SELECTOR)

    async def _listed(self, resource: Resource, namespace: str = "", **choice: Any) -> list[Body]:
        found: list[Body] = []
        async for items, _ in self.client.pages(resource, namespace=namespace, most=PAGE_OBJECTS, **choice):
            found += items
        return found


def _account(deployment: Body) -> str:
    spec: Mapping[str, Any] = deployment["spec"]["template"]["spec"]
    return str(spec.get("serviceAccountName") or "default")


def switches(deployments: Sequence[Body], own: str) -> dict[str, str]:
    """Return the switches `--name=value` of Coffer's container in its namespace."""
    for body in deployments:
        if body["metadata"]["namespace"] != own:
            continue
        arguments = [
            str(each)
            for container in body["spec"]["template"]["spec"].get("containers") or ()
            for each in container.get("args") or ()
        ]
        return dict(
            each.removeprefix("--").split("=", 1) for each in arguments if each.startswith("--") and "=" in each
        )
    return {}

"""Ask stores of the cluster whether they have what manifests name. The values that come are dropped at once.

Only stores as they stand in the cluster are asked, with their own credentials: a store that is in the files alone could
send credentials of the cluster to whoever wrote the file. A store that acts as Coffer's own identity is not asked: this
machine has another one.
"""

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from external.api.external_secret import ExternalSecretSpec
from external.providers.catalogue import Catalogue
from external.providers.plugins import with_plugins
from external.providers.protocol import Client, ProviderError, SecretAbsent, SecretRequest
from external.stores.connect import Connector
from external.stores.summary import store_summary
from external.summaries import store_key
from manager.cli.manifests.verdicts import Problem, Weight
from manager.core.clock import SystemClock
from manager.core.errors import CofferError, NeedsHuman, Retry
from manager.core.fair_executor import FairExecutor
from manager.gotemplate.sandbox import Sandbox
from manager.kube.api_servers import ApiServers, published_in
from manager.kube.client import KubeClient
from manager.kube.resources import Body, Key
from manager.settings.model import Settings

THREADS = 4
WITHOUT_CREDENTIALS = ("fake", "webhook")
ANSWER_SECONDS = 60.0  # of one store, all its secrets together


@dataclass(frozen=True)
class Wish:
    """One secret that an entry names."""

    at: str
    """The field."""
    store: Key
    request: SecretRequest


def wishes(namespace: str, spec: ExternalSecretSpec) -> list[Wish]:
    """Return what the entries of an ExternalSecret name; searches and generators are not among it."""
    found = []
    for at, entry in spec.entries:
        store, secret = spec.store_of(entry), entry.secret
        if store is None or not store.name or secret is None:
            continue
        request = SecretRequest(
            secret.key, secret.version or "", secret.metadata_policy == "Fetch", secret.property or ""
        )
        found.append(Wish(at, store_key(namespace, store.name, store.kind), request))
    return found


class Asker:
    """Asks stores; used on one event loop, and closed at the end."""

    def __init__(self, client: KubeClient, settings: Settings, sandbox: Sandbox) -> None:
        self._threads = ThreadPoolExecutor(THREADS, "coffer-plan")
        readable = published_in(settings.modules.namespaces)
        servers = ApiServers(client, SystemClock(), readable=readable)
        executor = FairExecutor(self._threads, THREADS)
        self._catalogue = with_plugins(settings.external.provider_plugins)
        self._connector = Connector(client, servers, executor, settings.external, sandbox, self._catalogue)

    async def problems(self, store: Key, body: Body, consumer: str, wanted: Sequence[Wish]) -> list[Problem]:
        """Return what a store does not have of what is wanted, or why it was not asked."""
        reason = _unasked(body, self._catalogue)
        if reason:
            return [Problem(f"{store}: not asked: {reason}", Weight.WARNING)]
        whose = consumer if store_summary(body, self._catalogue).per_consumer else ""
        try:
            client = await self._connector.connect(store, body, whose, lambda *_: None, as_itself=False)
        except (NeedsHuman, Retry, ProviderError) as error:
            return [Problem(f"{store}: {getattr(error, 'message', error)}", Weight.WARNING)]
        except CofferError as error:
            return [Problem(f"{store}: not asked: {error}", Weight.WARNING)]
        try:
            return await asyncio.wait_for(asyncio.to_thread(_answers, client, wanted), ANSWER_SECONDS)
        except TimeoutError:
            return [Problem(f"{store}: no answer in {ANSWER_SECONDS:g} s", Weight.WARNING)]
        finally:
            await asyncio.to_thread(client.close)

    def close(self) -> None:
        """End the threads."""
        self._threads.shutdown(wait=False, cancel_futures=True)


def _unasked(body: Body, catalogue: Catalogue) -> str:
    spec = body.get("spec")
    provider = spec.get("provider") if isinstance(spec, dict) else None
    if not isinstance(provider, dict) or len(provider) != 1:
        return "it names no provider"
    if next(iter(provider)) in WITHOUT_CREDENTIALS or list(catalogue.references_of(provider)):
        return ""
    return "it acts as Coffer's own identity, which this machine has not"


def _answers(client: Client, wanted: Sequence[Wish]) -> list[Problem]:
    """Read what is wanted, in a thread, and keep only what is absent."""
    plain = {each: SecretRequest(each.request.key, each.request.version, each.request.metadata) for each in wanted}
    sends = bool(getattr(client, "sends_property", False))
    asked = {each: each.request if sends else plain[each] for each in wanted}
    requests = list(dict.fromkeys(asked.values()))
    found: dict[SecretRequest, object] = {}
    try:
        for at in range(0, len(requests), max(1, client.batch)):
            answers = client.read(requests[at : at + max(1, client.batch)])
            found |= {each: answer if isinstance(answer, ProviderError) else None for each, answer in answers.items()}
    except ProviderError as error:
        return [Problem(f"{wanted[0].store}: {error}", Weight.WARNING)]
    return [_problem(each, client, found.get(asked[each])) for each in wanted if found.get(asked[each]) is not None]


def _problem(wish: Wish, client: Client, error: object) -> Problem:
    where = client.location(wish.request)
    if isinstance(error, SecretAbsent):
        return Problem(f"{wish.at}: {wish.store} has no {wish.request.key} (looked in {where})")
    return Problem(f"{wish.at}: {wish.store}: {error}", Weight.WARNING)

"""One SecretStore or ClusterSecretStore: observe, validate, report."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from external.api.store_conditions import admits, only_partly, unreadable
from external.errors import FAILED, Pending
from external.providers.protocol import Client, ProviderDenied, ProviderError, SecretAbsent, ValidationUnknown
from external.providers.support.lookup import INVALID
from external.reading.thread_pool import ThreadPool
from external.stores.clients import Clients
from external.stores.connect import tenant_of
from external.stores.namespaces import TERMINATING_RETRY_SECONDS, is_terminating
from external.stores.summary import store_summary
from external.summaries import STORE_FINALIZER, StoreSummary
from manager.core.errors import NeedsHuman, ReconcileError, Retry
from manager.kube.conditions import brief, find_condition, same_condition, set_condition
from manager.kube.resources import CLUSTER_SECRET_STORES, NAMESPACES, Body, Key
from manager.kube.status import write_status
from manager.kube.writer import Patch
from manager.runtime.controller import NO_REQUEUE, Requeue, requeue_for
from manager.runtime.module import Context

COMPONENTS = {True: "cluster-secret-store", False: "secret-store"}
CREATE_FAILED = "unable to create client"
WAIT_SECONDS = 1.0  # that a worker waits for a provider
LOOK_AGAIN_SECONDS = 60.0  # until a validation that is still running is looked at again
MAX_NAMESPACES_NAMED = 5  # in an Event
VALIDATE_FAILED = "unable to validate store"


@dataclass(frozen=True)
class Outcome:
    """What validation found."""

    capabilities: str = ""
    unknown: bool = False
    """Whether only its use can show if it works."""
    error: ReconcileError | None = None


class StoreReconciler:
    """Validates stores and sets their condition; ExternalSecrets wake up by that condition, without polling.

    Args:
        wake: called with a store whose slow provider has answered; no worker waited for it.
        written: called with a store and what its status became, before the watch shows it.
        needed: returns True if a PushSecret needs the store to delete what it has pushed there.
    """

    def __init__(
        self,
        context: Context,
        clients: Clients,
        threads: ThreadPool,
        wake: Callable[[Key], None],
        written: Callable[[Key, Body], None] = lambda store, body: None,
        needed: Callable[[Key], bool] = lambda store: False,
    ) -> None:
        self._context = context
        self._clients = clients
        self._catalogue = clients.connector.catalogue
        self._threads = threads
        self._wake = wake
        self._written = written
        self._needed = needed
        self._running: dict[Key, tuple[Client, asyncio.Task[None]]] = {}

    async def reconcile(self, key: Key) -> Requeue:
        """Bring one store's condition up to date: observe, act, report."""
        try:
            digest = await self._still_valid(key)
        except Pending as pending:
            return Requeue(after=pending.delay)
        if digest is not None:
            return self._next(digest)
        body = await self._context.client.find(key)
        if body is None:
            self._clients.forget(key)
            return NO_REQUEUE
        if not self._clients.access.serves(key.resource, str((body.get("spec") or {}).get("controller") or "")):
            return NO_REQUEUE
        body = await self._held(key, body)
        if "deletionTimestamp" in body["metadata"]:
            return NO_REQUEUE
        try:
            outcome = await self._validate(key, body)
        except Pending as pending:
            return Requeue(after=pending.delay)
        except ReconcileError as error:
            if is_terminating(self._context.cache, key.namespace):
                return Requeue(after=self._context.jitter.spread(TERMINATING_RETRY_SECONDS))
            outcome = Outcome(error=error.alone())
        return await self._report(key, body, outcome)

    async def _still_valid(self, key: Key) -> StoreSummary | None:
        """Return the summary of a store that is ready and still valid, without a request to the API server."""
        meta = self._context.cache.get(key)
        client = self._clients.kept(key)
        if meta is None or meta.deleting or not meta.digest.ready or client is None:
            return None
        if meta.digest.finalizer != self._needed(key):
            return None
        try:
            await self._answer(key, client, slow=False)
        except ProviderError:
            return None  # the whole pass sets its condition
        digest: StoreSummary = meta.digest
        return digest

    async def _answer(self, key: Key, client: Client, *, slow: bool) -> None:
        """Validate a client, but wait only a moment for its provider. Raises ProviderError, Pending."""
        known = self._running.get(key)
        if known is None or known[0] is not client:
            task = asyncio.create_task(self._threads.run(tenant_of(key), client.validate, slow=slow))
            self._running[key] = known = (client, task)
            await asyncio.wait([task], timeout=WAIT_SECONDS)
            if not task.done():
                task.add_done_callback(lambda _: self._wake(key))
        if not known[1].done():
            raise Pending(FAILED, "the provider has not answered yet", delay=LOOK_AGAIN_SECONDS)
        del self._running[key]
        known[1].result()

    async def _held(self, key: Key, body: Body) -> Body:
        """Set the finalizer while PushSecrets need the store, otherwise remove it; return the store as it is then.

        A namespace that is deleted would lose its stores first, and what was pushed would stay behind. A store that is
        being deleted takes no new finalizer.
        """
        meta = body["metadata"]
        finalizers = meta.get("finalizers") or []
        needed = self._needed(key)
        if needed is (STORE_FINALIZER in finalizers) or (needed and "deletionTimestamp" in meta):
            return body
        others = [each for each in finalizers if each != STORE_FINALIZER]
        patch = {"metadata": {"finalizers": [*others, STORE_FINALIZER] if needed else others}}
        written = await self._context.writer.apply(Patch(key, meta["uid"], meta["resourceVersion"], patch))
        return body if written is None else {**body, "metadata": written["metadata"]}

    async def _validate(self, key: Key, body: Body) -> Outcome:
        meta = self._context.cache.get(key)
        if meta is not None and meta.digest.per_consumer:
            # It has other credentials for each consumer: only its use can show whether they are accepted.
            return Outcome(self._catalogue.capabilities(body))
        try:
            client = await self._clients.open(key, body)
        except ProviderError as error:
            raise _failed(CREATE_FAILED, error) from error
        except (NeedsHuman, Retry) as error:
            raise type(error)(INVALID, f"{CREATE_FAILED}: {error.message}") from error
        try:
            await self._answer(key, client, slow=_failed_before(body))
        except ValidationUnknown:
            return Outcome(unknown=True)
        except ProviderError as error:
            raise _failed(VALIDATE_FAILED, error) from error
        return Outcome(self._catalogue.capabilities(body))

    async def _report(self, key: Key, body: Body, outcome: Outcome) -> Requeue:
        condition = {"type": "Ready", "status": "True", "reason": "Valid", "message": "store validated"}
        if outcome.unknown:
            condition |= {"reason": "ValidationUnknown", "message": "could not determine validation status"}
        if outcome.error is not None:
            condition |= {"status": "False", "reason": outcome.error.reason, "message": brief(outcome.error.message)}
        status = body.get("status") or {}
        old = find_condition(status.get("conditions"), "Ready")
        news = not same_condition(old, condition)
        news = news or outcome.capabilities not in ("", status.get("capabilities"))  # it names another provider now
        if news:
            wanted: dict[str, Any] = {
                "conditions": set_condition(status.get("conditions"), condition, self._context.clock.now())
            }
            wanted |= {"capabilities": outcome.capabilities} if outcome.capabilities else {}
            self._written(key, await write_status(self._context.client, key, body, wanted))
        await self._tell(key, body, condition, news=news)
        if outcome.error is not None:
            return requeue_for(outcome.error)
        return self._next(store_summary(body, self._catalogue))

    async def _tell(self, key: Key, body: Body, condition: dict[str, str], *, news: bool) -> None:
        component = COMPONENTS[key.resource is CLUSTER_SECRET_STORES]
        post = self._context.events.normal if condition["reason"] == "Valid" else self._context.events.warning
        uid = body["metadata"]["uid"]
        if news or condition["status"] != "True":
            await post(key, uid, condition["reason"], condition["message"], component=component)
        for message in self._doubts(key, body):
            await self._context.events.warning(key, uid, "NamespaceRegexes", message, component=component)

    def _doubts(self, key: Key, body: Body) -> list[str]:
        """Return warnings about the namespaces that a cluster store admits; the store itself works."""
        conditions = store_summary(body, self._catalogue).conditions if key.resource is CLUSTER_SECRET_STORES else ()
        doubts = list(unreadable(conditions))
        left_out: dict[str, list[str]] = {}
        told = conditions and not self._context.settings.external.partial_namespace_regexes
        for each, meta in self._context.cache.items(NAMESPACES) if told else ():
            if not admits(conditions, each.name, meta.labels):
                for pattern in only_partly(conditions, each.name):
                    left_out.setdefault(pattern, []).append(each.name)
        for pattern, names in left_out.items():
            more = len(names) - MAX_NAMESPACES_NAMED
            shown = ", ".join(sorted(names)[:MAX_NAMESPACES_NAMED]) + (f" and {more} more" if more > 0 else "")
            text = f'spec.conditions: the expression "{pattern}" must match a whole name'
            doubts.append(f'{text}; external-secrets would also admit {shown}: write ".*{pattern}.*" to mean that')
        return doubts

    def _next(self, digest: StoreSummary) -> Requeue:
        interval = digest.interval or self._context.settings.external.store_requeue_interval
        return Requeue(after=self._context.jitter.spread(interval))


def _failed_before(body: Body) -> bool:
    ready = find_condition((body.get("status") or {}).get("conditions"), "Ready")
    return ready is not None and ready.get("status") != "True"


def _failed(text: str, error: ProviderError) -> ReconcileError:
    kind = NeedsHuman if isinstance(error, ProviderDenied | SecretAbsent) else Retry
    return kind(INVALID, f"{text}: {error}")

"""One PushSecret: observe, decide, push, clean up, report."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from external.errors import Pending
from external.metrics import PushMetrics
from external.providers.protocol import ProviderError
from external.push_secrets.cleanup import CleanUp
from external.push_secrets.delivery import Delivery, Pass
from external.push_secrets.memory import PushMemory, Remembered, stamp, versions_stamp
from external.push_secrets.outcome import DELETED, Outcome, success_message
from external.push_secrets.record import store_name
from external.push_secrets.refresh import due_in, known_of, reason_for
from external.push_secrets.report import Reporter
from external.push_secrets.sources import HeldStates, Observed, RunWhen, Sources
from external.push_secrets.stores import choose, selects_foreign
from external.push_secrets.versions import VersionLists
from external.push_secrets.view import ERRORED, SOURCE_DELETED, PushSecret
from external.push_summaries import PushSecretSummary
from external.refresh_reasons import Reason
from external.stores.clients import Clients
from manager.core.errors import NeedsHuman, ReconcileError
from manager.kube.conditions import find_condition
from manager.kube.resources import Key
from manager.runtime.controller import NO_REQUEUE, Requeue
from manager.runtime.module import Context

SOURCE_GRACE_SECONDS = 30.0  # until a Secret counts as deleted: GitOps tools delete and re-create


@dataclass(frozen=True)
class Parts:
    """What does the parts of a pass."""

    sources: Sources
    delivery: Delivery
    cleanup: CleanUp
    versions: VersionLists
    reporter: Reporter
    held: HeldStates
    metrics: PushMetrics


class PushReconciler:
    """Keeps providers as PushSecrets want them."""

    def __init__(self, context: Context, clients: Clients, parts: Parts, memory: PushMemory) -> None:
        self._context = context
        self._clients = clients
        self._parts = parts
        self._memory = memory

    async def reconcile(self, key: Key) -> Requeue:
        """Bring one PushSecret to its desired state."""
        settled = self._settled(key)
        if settled is not None:
            return settled
        began = self._context.clock.monotonic()
        try:
            return await self._worked(key)
        finally:
            if self._context.cache.get(key) is not None:
                self._parts.metrics.passed(key, self._context.clock.monotonic() - began)

    async def _worked(self, key: Key) -> Requeue:
        body = await self._context.client.find(key)
        if body is None:
            self._forget(key)
            return NO_REQUEUE
        push_secret = PushSecret(key, body)
        if self._foreign(push_secret):
            return NO_REQUEUE
        # Taken before anything is read: what changes from now on marks it again.
        stale = key in self._memory.stale
        self._memory.stale.discard(key)
        try:
            if "deletionTimestamp" in body["metadata"]:
                return await self._finish(push_secret)
            outcome = await self._pass(push_secret, stale=stale)
        except ReconcileError as error:
            outcome = Outcome(error=error.alone())
        except BaseException:
            if stale:
                self._memory.stale.add(key)
            raise
        if outcome is None:
            return NO_REQUEUE
        if stale and outcome.error is not None:
            self._memory.stale.add(key)
        return await self._parts.reporter.report(push_secret, outcome)

    def _settled(self, key: Key) -> Requeue | None:
        """Return when a converged PushSecret is due, by what the cache shows; None if a pass is needed."""
        meta = self._context.cache.get(key)
        if meta is None or meta.deleting:
            return None
        summary: PushSecretSummary = meta.digest
        known = known_of(summary, self._remembered(key, meta.uid))
        # What labels select is known only after a look at all Secrets or stores.
        unknown = summary.selects or bool(summary.selected_stores) or (summary.source is None and known.at is None)
        if unknown or summary.deletes != summary.finalizer:
            return None
        named = None if summary.source is None else self._context.cache.get(summary.source)
        if summary.source is not None and named is None:
            return None
        sources = (f"{summary.source.name} {named.uid} {named.version}",) if named and summary.source else ()
        now, stale = self._context.clock.now().timestamp(), key in self._memory.stale
        found = self._stamp(key, sources, summary, summary.stores)
        if reason_for(summary, known, found, now, stale=stale):
            return None
        after = due_in(summary, known, now)
        return Requeue(after=None if after is None else self._context.jitter.spread(max(1.0, after) * 1.0101, 0.01))

    def _remembered(self, key: Key, uid: str) -> Remembered | None:
        found = self._memory.known.get(key)
        return found if found is not None and found.uid == uid else None

    def _stamp(self, key: Key, sources: Sequence[str], summary: PushSecretSummary, stores: Iterable[Key]) -> str:
        """Return the stamp of all that is pushed from and to; names and versions, never values."""
        found = [(each, self._context.cache.get(each)) for each in summary.templates]
        templates = [f"{each}@{meta.version if meta else ''}" for each, meta in found]
        there = sorted({each for each in stores if self._context.cache.get(each) is not None}, key=str)
        identities = [f"{each} {' '.join(self._clients.identity(each, key.namespace))}" for each in there]
        return stamp([*sources, *templates, *identities])

    def _foreign(self, push_secret: PushSecret) -> bool:
        """Return True if all stores that it names or has pushed to are for other controllers; so is its finalizer."""
        stores = push_secret.summary.stores
        return bool(stores) and not any(self._clients.access.serves_store(each) for each in stores)

    async def _pass(self, push_secret: PushSecret, *, stale: bool) -> Outcome | None:
        spec = await push_secret.spec()
        stores = choose(spec, push_secret.key.namespace, self._context.cache, self._clients.access)
        if not stores.served and not stores.absent:
            return None  # all of them are for other controllers, or on their way out
        await self._parts.cleanup.set_finalizer(push_secret, present=spec.deletion_policy == "Delete")
        known = known_of(push_secret.summary, self._remembered(push_secret.key, push_secret.uid))
        started = self._context.clock.now().timestamp()
        this = Pass(push_secret, spec, stores, known, started)
        observed = await self._parts.sources.observe(push_secret, spec)
        if observed.gone or observed.nothing:
            return await self._without_source(this, observed)
        self._memory.gone_since.pop(push_secret.key, None)
        named = {each.key for each in stores.served} | stores.kept
        sources = self._stamp(push_secret.key, observed.stamp, push_secret.summary, named)
        reason = reason_for(push_secret.summary, known, sources, started, stale=stale)
        if not reason:
            return Outcome()
        if reason == Reason.DUE and known.sources == sources and observed.bodies is not None:
            confirmed = await self._confirmed(this, sources)
            if confirmed is not None:
                return confirmed
        return await self._push(this, observed, sources, reason)

    async def _confirmed(self, this: Pass, sources: str) -> Outcome | None:
        """Return that nothing has changed at the providers if their lists of versions prove it; None otherwise."""
        push_secret, found, oldest = this.push_secret, dict[tuple[Key, str], str](), this.started
        if not this.known.versions or this.known.refresh_by is not None:
            return None
        wanted: dict[Key, set[str]] = {}
        for claim in push_secret.summary.claims:
            if store_name(claim.store) in push_secret.record:
                wanted.setdefault(claim.store, set()).add(claim.remote_key)
        for store, keys in wanted.items():
            session = await self._clients.for_consumer(store, push_secret.key.namespace)
            try:
                listed = await self._parts.versions.of(session, frozenset(keys), push_secret.summary.interval)
            except ProviderError:
                return None  # the identity may not list, or nothing answers: values are compared
            if listed is None:
                return None
            found |= {(store, key): listed.versions.get(key, "") for key in keys}
            oldest = min(oldest, listed.at)
        if versions_stamp(found) != this.known.versions:
            return None
        return Outcome(
            synced=True, message=success_message(this.spec), at=oldest, sources=sources, versions=this.known.versions
        )

    async def _push(self, this: Pass, observed: Observed, sources: str, reason: Reason) -> Outcome:
        """Make the values, push what differs, and clean up."""
        due = Reason.DUE in reason
        targets = await self._parts.delivery.open(this)
        if all(each.client is None for each in targets):  # a generator would make what has no place
            return self._parts.delivery.unreachable(this, targets)
        run = RunWhen(this.known.at, due, Reason.ASKED in reason, this.started)
        values = await self._parts.sources.read(this.push_secret, this.spec, observed, run)
        replaces = this.spec.update_policy == "Replace"
        fresh = await self._parts.held.add(this.push_secret, values.states)
        if replaces:  # otherwise a store may keep what it has, and these values may be ended
            self._parts.sources.held(this.push_secret.key, values)
        # At a refresh that is due, equal is only what was compared since the last success.
        trusted = self._memory.of(this.push_secret.key, this.push_secret.uid).completed if due else 0.0
        outcome = await self._parts.delivery.deliver(this, targets, values.sources, trusted)
        if outcome.synced:
            unused = fresh and not outcome.wrote
            await self._parts.held.settle(this.push_secret, values.states, replaces=replaces, unused=unused)
            if unused and not replaces:  # they are about to be ended: a later pass must not push them
                self._parts.sources.drop_generated(this.push_secret.key)
        outcome.at, outcome.sources, outcome.refresh_by = this.started, sources, values.refresh_by
        return outcome

    async def _without_source(self, this: Pass, observed: Observed) -> Outcome:
        """Clean up after a Secret that is gone, if the policy says so; wait a while first."""
        push_secret = this.push_secret
        secret = this.spec.selector.secret
        recorded = push_secret.summary.recorded
        if not push_secret.summary.deletes or not recorded:
            if observed.nothing:
                return Outcome(synced=True, message=success_message(this.spec), at=this.started)
            ready = find_condition(push_secret.status.get("conditions"), "Ready") or {}
            if push_secret.summary.deletes and ready.get("reason") == SOURCE_DELETED:
                return Outcome(reason=SOURCE_DELETED, message=DELETED)
            name = secret.name if secret is not None else ""
            raise NeedsHuman(ERRORED, f'could not get source secret: Secret "{name}" does not exist in this namespace')
        now = self._context.clock.monotonic()
        since = self._memory.gone_since.setdefault(push_secret.key, now)
        if now - since < SOURCE_GRACE_SECONDS:
            raise Pending(ERRORED, "the source Secret is gone", delay=SOURCE_GRACE_SECONDS - (now - since) + 0.1)
        outcome = await self._parts.delivery.withdraw(this)
        if outcome.error is None and observed.gone:
            outcome.synced, outcome.reason, outcome.message = False, SOURCE_DELETED, DELETED
        outcome.at = this.started
        return outcome

    async def _finish(self, push_secret: PushSecret) -> Requeue:
        """Clean up after a deleted PushSecret; not after one that another controller pushes."""
        if await selects_foreign(push_secret, self._context.cache, self._clients.access):
            return NO_REQUEUE
        cleaned = await self._parts.cleanup.finish(push_secret)
        if not cleaned.errors:
            self._forget(push_secret.key)
            return NO_REQUEUE
        outcome = self._parts.delivery.undeleted(push_secret, cleaned)
        return await self._parts.reporter.report(push_secret, outcome)

    def _forget(self, key: Key) -> None:
        self._memory.forget(key)
        self._memory.generator_credentials.forget(key)
        self._parts.sources.forget(key)
        self._parts.metrics.forget(key)

"""One ExternalSecret: observe, plan, act, report."""

from collections.abc import MutableMapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import structlog

from external.api.external_secret import ExternalSecretSpec
from external.api.fields import parsed
from external.api.hashes import field_manager, owner_hash
from external.api.validation import require_allowed
from external.errors import FAILED, NeedsRemote, Pending, StoreUnavailable
from external.external_secrets.contention import Contention
from external.external_secrets.converged import Converged
from external.external_secrets.fetch import Fetched, Fetcher
from external.external_secrets.outcome import COMPONENT, EVENTS, MISSING, UNCHANGED, UPDATED, Outcome
from external.external_secrets.plan import (
    CREATED_BY,
    FINALIZER,
    MANAGED,
    Plan,
    View,
    content,
    orphan,
    others,
    without_ours,
)
from external.external_secrets.refresh import Refreshed, due_in, persist_due
from external.external_secrets.target import accepted, decide, proven, valid
from external.external_secrets.target_kinds import NotServed, TargetKinds
from external.external_secrets.unsynced import Unsynced
from external.generators.runner import Generators, Occasion, Recipes
from external.metrics import ExternalMetrics
from external.reading.expected_requests import ExpectedRequests
from external.reading.identity_queue import MaxAge
from external.reading.request_times import RequestTimes
from external.stores.namespaces import TERMINATING_RETRY_SECONDS, is_terminating
from external.summaries import ExternalSecretSummary, external_secret_summary
from external.values.templates import UPDATE_FAILED, Content, Renderer
from manager.core.clock import rfc3339
from manager.core.errors import AlreadyExists, Conflict, Forbidden, Invalid, NeedsHuman, ReconcileError, Retry, WaitFor
from manager.kube.cache import Meta
from manager.kube.conditions import brief, find_condition, same_condition, set_condition, without_condition
from manager.kube.resources import CONFIGMAPS, SECRETS, Body, Key, Resource
from manager.kube.status import write_status
from manager.kube.writer import Create, Delete, Patch, Update
from manager.runtime.controller import NO_REQUEUE, Requeue, requeue_for
from manager.runtime.module import Context

REFUSED_LATER = 600.0  # seconds until what the API server refused is sent once more
log = structlog.get_logger(__name__)


class Reconciler:
    """Keeps the target Secret of an ExternalSecret as fresh as it asks for.

    Args:
        written: target -> resourceVersion of our last write; the handlers read it.
        stale: ExternalSecrets whose store or credentials have changed since; the handlers fill it.
        wishes: when each ExternalSecret last wanted its values anew; the handlers fill it.
    """

    def __init__(
        self,
        context: Context,
        fetcher: Fetcher,
        generators: Generators,
        renderer: Renderer,
        kinds: TargetKinds,
        metrics: ExternalMetrics,
        written: MutableMapping[Key, str],
        stale: set[Key],
        wishes: RequestTimes,
        unsynced: Unsynced,
        expected: ExpectedRequests,
    ) -> None:
        self._context = context
        self._fetcher = fetcher
        self._generators = generators
        self._renderer = renderer
        self._kinds = kinds
        self._metrics = metrics
        self._written = written
        self._stale = stale
        self._wishes = wishes
        self.refreshed: dict[Key, Refreshed] = {}
        """The refreshes of this process."""
        self._unsynced, self._expected = unsynced, expected
        self.converged = Converged(context, fetcher, self.refreshed, stale, wishes)
        self._accepted: dict[Key, tuple[str, str]] = {}
        """What was last asked of targets of other kinds, and what the API server made of it."""
        self._repeats = Contention(context.clock)
        for each in (SECRETS, CONFIGMAPS):
            context.cache.name_labels(each, CREATED_BY, MANAGED)
        self._created = [context.cache.index(each, _created_by) for each in (SECRETS, CONFIGMAPS)]

    async def reconcile(self, key: Key) -> Requeue:
        """Bring one ExternalSecret to its desired state: observe, plan, act, report."""
        began = self._context.clock.monotonic()
        self._expected.remove(key)
        try:
            return await self._work(key)
        finally:
            if self._context.cache.get(key) is None:
                self._metrics.forget(key)
            else:
                self._metrics.synced(key, self._context.clock.monotonic() - began)

    async def _work(self, key: Key) -> Requeue:
        started = self._context.clock.now()
        quiet = await self.converged.refresh(key)
        if quiet is not None:
            return quiet
        body = await self._read(key)
        if body is None:
            return self._forget(key)
        digest = external_secret_summary(body)
        recipes = await self._generators.read(key, digest.generators) if self._fetcher.serves(digest.stores) else None
        if recipes is None:
            return await self._leave(key, body)
        if "deletionTimestamp" in body["metadata"]:
            return await self._gone(key, body)
        # Taken before anything is read: what changes from now on marks it again.
        stale = key in self._stale
        self._stale.discard(key)
        try:
            view = await self._observe(key, body, live=bool(recipes))
            fetched = await self._fetch(view, digest, recipes, stale=stale)
            outcome = await self._act(view, fetched)
        except Exception as error:  # whatever it is, the mark must outlive it
            if stale:
                self._stale.add(key)
            if not isinstance(error, ReconcileError):
                raise
            outcome = Outcome(error=error)
        return await self._report(key, body, outcome, started)

    async def _read(self, key: Key) -> Body | None:
        """Return an ExternalSecret as the API server has it; one that is new as the watch has just shown it.

        Whatever may be deleted is decided upon a read: an earlier target of its name is looked at in full.
        """
        meta = self._context.cache.get(key)
        created = owner_hash(key.namespace, key.name)
        if meta is not None and not any(index.find(created) for index in self._created):
            seen = self._unsynced.take(key, meta.version)
            if seen is not None:
                return seen
        return await self._context.client.find(key)

    async def _observe(self, key: Key, body: Body, *, live: bool) -> View:
        spec = await parsed(ExternalSecretSpec, body.get("spec"), reason=FAILED)
        require_allowed(spec)
        adopts = self._context.settings.external.adopt_foreign
        view = View(key, body, spec, None, adopt_foreign=adopts, resource=await self._resource(spec))
        view = replace(view, accepted=self._accepted.get(key, view.accepted))
        # The cache lags: a Secret that only seems to be gone must not get other values from a generator.
        known = live or view.resource is not SECRETS or self._context.cache.get(view.target) is not None
        if spec.target.creation_policy != "None" and known:
            view = replace(view, secret=await self._target(view))
        await self._ensure_finalizer(key, body, spec)  # not before: what may not be read cannot be cleaned up
        return view

    async def _target(self, view: View) -> Body | None:
        try:
            found = await self._context.client.find(view.target)
        except Forbidden as error:
            if view.resource is SECRETS:
                raise
            text = f"could not get target resource: {error}; the chart's rbac.genericTargets gives the right"
            raise Retry(FAILED, text, event=UPDATE_FAILED) from error
        self._kinds.watch(view.resource)  # not before it may be read: a watch would be refused again and again
        return found

    async def _resource(self, spec: ExternalSecretSpec) -> Resource:
        manifest = spec.target.manifest
        if manifest is None:
            return SECRETS
        return await self._kinds.find(manifest.api_version, manifest.kind)

    async def _fetch(
        self, view: View, digest: ExternalSecretSummary, recipes: Recipes, *, stale: bool
    ) -> Fetched | None:
        """Read the providers if a refresh is due; None when the target stands as it should."""
        identity = await self._fetcher.identity(view.key, view.spec)
        last = self.refreshed.get(view.key)
        now = self._context.clock.now().timestamp()
        moment = last.at if last else digest.refreshed
        # Another store or other credentials mean another value, unless the user asked for the first one to stay.
        other = stale or (last is not None and last.identity != identity)
        moved = other and digest.policy == "Periodic" and digest.interval > 0
        due = due_in(digest, moment, now) == 0.0
        if digest.ready and not (moved or due) and valid(view):
            return None
        not_before = self._wanted_since(view, digest)
        asked = bool(digest.synced) and digest.synced != digest.current
        if last is not None and last.answers(not_before) and digest.ready and not (moved or asked) and valid(view):
            age = await self._fetcher.still(view.key, view.spec, last.mark, digest.interval)
            if age is not None:
                return Fetched(None, identity, age, (), last.mark)
        wish = (view.key, view.uid, digest.current, identity, self._wishes.since(view.key), _version(view.secret))
        fresh = MaxAge(wish, not_before, max(0.0, digest.interval))
        # A target that was deleted is made anew with other values: that is how people ask for them.
        occasion = Occasion(recipes, moment, due or view.secret is None)
        fetched = await self._fetcher.fetch(view.key, view.spec, fresh, occasion)
        if fetched.data is None and not _stands(view, digest):
            raise NeedsRemote(FAILED, UNCHANGED)
        if fetched.absent:
            message = f"secret does not exist at provider using {', '.join(fetched.absent)}"
            await self._context.events.normal(view.key, view.uid, MISSING, message, component=COMPONENT)
        return fetched

    def _wanted_since(self, view: View, digest: ExternalSecretSummary) -> float:
        """Return the monotonic second before which no read that serves this pass may have begun.

        The handlers note when they see that an object or its target has changed. What was read from the API server
        may be ahead of what they saw: then the wish is as young as this pass.
        """
        cache = self._context.cache
        meta, target = cache.get(view.key), cache.get(view.target)
        seen = meta is not None and (meta.uid, meta.digest.current) == (view.uid, digest.current)
        if seen and (valid(view) or (target.version if target else "") == _version(view.secret)):
            return self._wishes.since(view.key)
        return self._context.clock.monotonic()

    async def _act(self, view: View, fetched: Fetched | None) -> Outcome:
        if fetched is None:
            return Outcome()
        decided = decide(replace(view, data=fetched.data, rendered=await self._render(view, fetched)))
        decided = replace(decided, random=decided.random or fetched.random)
        version = _version(view.secret)
        if decided.action is not None:
            version = await self._write(view, decided)
        elif view.secret is not None and fetched.data:
            self._accept(view, view.secret)
        await self._remove_orphans(view)
        self.refreshed[view.key] = fetched.refreshed(self._context.clock)
        self.converged.note(view, external_secret_summary(view.body), fetched, decided, version)
        return Outcome(decided, fetched)

    async def _render(self, view: View, fetched: Fetched) -> Content | None:
        target, data = view.spec.target, fetched.data
        nothing = data is None or target.creation_policy == "None" or not (data or target.deletion_policy == "Merge")
        if target.template is None or data is None or nothing:
            return None
        free = target.manifest is not None
        return await self._renderer.content(view.key, target.template, data, free=free)

    async def _write(self, view: View, decided: Plan) -> str:
        """Carry out what was decided; returns the resourceVersion that the target has then."""
        action = decided.action
        if action is None:
            return _version(view.secret)
        # What draws lots is another Secret at every refresh; only its repair may be in vain.
        counted = not (decided.random and view.secret is not None and valid(view))
        if isinstance(action, Create | Update) and counted:
            self._require_peace(view, decided, action)
        try:
            written = await self._context.writer.apply(action, manager=field_manager(view.key.name))
        except AlreadyExists as error:
            raise Conflict(error.status, error.reason, error.place) from error  # made a moment ago: look again
        except Forbidden as error:
            if error.reason == "NamespaceTerminating":  # the watch has not told it yet
                raise Pending(FAILED, "the namespace is being deleted", delay=TERMINATING_RETRY_SECONDS) from error
            raise Retry(FAILED, f"could not update {view.noun}: {error}", event=UPDATE_FAILED) from error
        except Invalid as error:  # by what a webhook or a quota of the cluster says, too, which may change
            text = f"could not update {view.noun}: {error}"
            raise WaitFor(FAILED, text, delay=REFUSED_LATER, event=UPDATE_FAILED) from error
        if written is not None:
            self._written[view.target] = written["metadata"]["resourceVersion"]
            self._wishes.echoed(view.key, _version(written))
            self._accept(view, written)
        if isinstance(action, Create | Update) and counted:
            self._repeats.wrote(view.key, content(action, decided))
        reason, message = EVENTS.get(type(action), UPDATED)
        if view.spec.target.manifest is not None:
            message = f"{reason} {view.resource.kind} {view.target.name}"
        await self._context.events.normal(view.key, view.uid, reason, message, component=COMPONENT)
        return _version(written)

    def _accept(self, view: View, body: Body) -> None:
        if view.spec.target.manifest is not None:
            self._accepted[view.key] = accepted(body)

    def _require_peace(self, view: View, decided: Plan, action: Create | Update) -> None:
        """Raise WaitFor where somebody undoes again and again what is written here."""
        delay = self._repeats.wait(view.key, content(action, decided))
        if not delay:
            return
        names = others(view.secret, field_manager(view.key.name)) if view.secret else ()
        who = f" (field managers of its data: {', '.join(names)})" if names else ""
        text = f"could not update {view.noun}: somebody keeps changing or deleting it{who}; tried again in ten minutes"
        raise WaitFor(FAILED, text, delay=delay, event=UPDATE_FAILED)

    async def _remove_orphans(self, view: View) -> None:
        if view.spec.target.creation_policy != "Owner":
            return
        created = owner_hash(view.key.namespace, view.key.name)
        for key in (each for index in self._created for each in index.find(created)):
            if key == view.target or key.namespace != view.key.namespace:
                continue
            body = await self._context.client.find(key)
            action = orphan(view, body, key.resource) if body is not None else None
            if action is not None:
                await self._context.writer.apply(action)
                message = f"{'secret' if key.resource is SECRETS else 'resource'} deleted because it was orphaned"
                await self._context.events.normal(view.key, view.uid, "Deleted", message, component=COMPONENT)

    def _forget(self, key: Key) -> Requeue:
        self.refreshed.pop(key, None)
        self._accepted.pop(key, None)
        self.converged.forget(key)
        self._unsynced.forget(key)
        self._stale.discard(key)
        self._repeats.forget(key)
        self._generators.forget(key)
        return NO_REQUEUE

    async def _leave(self, key: Key, body: Body) -> Requeue:
        """Leave an object to the controller of its class, without our finalizer: two would fight over its condition."""
        kept = without_ours(body["metadata"], self._context.writer.manager)
        if kept is not None:
            await self._set_finalizers(key, body, kept)
        return NO_REQUEUE

    async def _gone(self, key: Key, body: Body) -> Requeue:
        """Clean up after an ExternalSecret that is deleted; garbage collection takes what it owns (2.11)."""
        self._forget(key)
        finalizers = body["metadata"].get("finalizers") or []
        if FINALIZER not in finalizers:
            return NO_REQUEUE
        try:
            await self._remove_target(key, body)
        except NeedsHuman as error:  # a spec that cannot be read names no Secret; the object must still be able to go
            log.warning("target not removed", object=str(key), problem=error.message)
        except ReconcileError as error:
            return requeue_for(error)
        await self._set_finalizers(key, body, [each for each in finalizers if each != FINALIZER])
        return NO_REQUEUE

    async def _remove_target(self, key: Key, body: Body) -> None:
        spec = await parsed(ExternalSecretSpec, body.get("spec"), reason=FAILED)
        try:
            view = View(key, body, spec, None, resource=await self._resource(spec))
        except NotServed:
            return
        try:
            present = await self._context.client.find(view.target)
            if spec.target.deletion_policy == "Delete" and present is not None and proven(view, present):
                meta = present["metadata"]
                why = "its ExternalSecret is deleted and says so"
                await self._context.writer.apply(Delete(view.target, meta["uid"], meta["resourceVersion"], why))
        except Forbidden as error:
            if view.resource is SECRETS:
                raise
            # Its rights may be gone for good, and a namespace must not wait for them.
            text = f"{view.resource.kind} {view.target.name} is left behind: {error}"
            log.warning("target not removed", object=str(key), problem=text)
            await self._context.events.warning(key, view.uid, UPDATE_FAILED, text, component=COMPONENT)

    async def _ensure_finalizer(self, key: Key, body: Body, spec: ExternalSecretSpec) -> None:
        present = body["metadata"].get("finalizers") or []
        if spec.target.deletion_policy == "Delete" and FINALIZER not in present:
            written = await self._set_finalizers(key, body, [*present, FINALIZER])
            body["metadata"] = written["metadata"]

    async def _set_finalizers(self, key: Key, body: Body, finalizers: list[str]) -> Body:
        meta = body["metadata"]
        patch = {"metadata": {"finalizers": finalizers}}
        return await self._context.writer.apply(Patch(key, meta["uid"], meta["resourceVersion"], patch)) or body

    async def _report(self, key: Key, body: Body, outcome: Outcome, started: datetime) -> Requeue:
        """Write the status if it changed, post events, and say when to look again: the single exit."""
        if outcome.error is not None:
            return await self._failed(key, body, outcome.error)
        digest = external_secret_summary(body)
        if outcome.decided is not None and outcome.fetched is not None:
            listed = timedelta(seconds=outcome.fetched.age if outcome.fetched.data is None else 0.0)
            await self._succeeded(key, body, outcome.decided, started - listed)
        return self.converged.next(key, digest, answered=outcome.fetched is not None)

    async def _succeeded(self, key: Key, body: Body, decided: Plan, started: datetime) -> None:
        digest = external_secret_summary(body)
        condition = {"type": "Ready", "status": "True", "reason": decided.reason, "message": decided.message}
        status = body.get("status") or {}
        old = find_condition(status.get("conditions"), "Ready")
        unchanged = same_condition(old, condition) and digest.synced == digest.current and decided.action is None
        if unchanged and not persist_due(digest, started.timestamp()):
            return
        wanted: dict[str, Any] = {"refreshTime": rfc3339(started), "syncedResourceVersion": digest.current}
        if digest.creates != "None" and decided.reason == "SecretSynced":
            wanted["binding"] = {"name": digest.target}
        if digest.policy == "OnChange":
            # Argo CD takes a condition that is older than the refresh for one that is still to come.
            wanted["conditions"] = set_condition(
                without_condition(status.get("conditions"), "Ready"), condition, started
            )
        elif not same_condition(old, condition):
            wanted["conditions"] = set_condition(status.get("conditions"), condition, started)
        await write_status(self._context.client, key, body, wanted)

    async def _failed(self, key: Key, body: Body, error: ReconcileError) -> Requeue:
        if is_terminating(self._context.cache, key.namespace):
            return Requeue(after=self._context.jitter.spread(TERMINATING_RETRY_SECONDS))
        if isinstance(error, Pending):
            self._unsynced.note(body)
            return Requeue(after=self._context.jitter.spread(error.delay))
        self._metrics.failed(key)
        condition = {"type": "Ready", "status": "False", "reason": error.reason, "message": brief(error.message)}
        status = body.get("status") or {}
        if not same_condition(find_condition(status.get("conditions"), "Ready"), condition):
            conditions = set_condition(status.get("conditions"), condition, self._context.clock.now())
            await write_status(self._context.client, key, body, {"conditions": conditions})
        uid = body["metadata"]["uid"]
        await self._context.events.warning(key, uid, UPDATE_FAILED, error.message, component=COMPONENT)
        if isinstance(error, StoreUnavailable):
            return Requeue(gate=("store", external_secret_summary(body).stores))
        if isinstance(error, NeedsRemote):  # an answer all the same: those who wait for one may ask now
            return Requeue(backoff=True, answered=("store", external_secret_summary(body).stores))
        return requeue_for(error)


def _stands(view: View, digest: ExternalSecretSummary) -> bool:
    """Tell whether the target is what this very spec once made."""
    if view.spec.target.creation_policy == "None":
        return True
    synced, _, _ = digest.synced.partition("-")
    return synced == str(view.body["metadata"].get("generation", 0)) and view.secret is not None and valid(view)


def _version(body: Body | None) -> str:
    return "" if body is None else str(body["metadata"].get("resourceVersion", ""))


def _created_by(_key: Key, meta: Meta) -> tuple[str, ...]:
    return (meta.labels[CREATED_BY],) if CREATED_BY in meta.labels else ()

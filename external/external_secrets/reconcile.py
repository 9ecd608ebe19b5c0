"""One ExternalSecret: observe, fetch, decide, act, report."""

from dataclasses import replace

from external.api.hashes import owner_hash
from external.api.validation import require_allowed
from external.errors import FAILED, NeedsRemote
from external.external_secrets.cleanup import CleanUp
from external.external_secrets.converged import Converged
from external.external_secrets.fetch import Fetched, Fetcher
from external.external_secrets.kept_values import NO_NEEDS, Made, options_of, unreported, with_previous
from external.external_secrets.outcome import COMPONENT, MISSING, UNCHANGED, Outcome
from external.external_secrets.plan import Plan, plan, require_ours, target_of
from external.external_secrets.refresh import Observed, due_in, last_refresh, refresh_reason
from external.external_secrets.report import Reporter
from external.external_secrets.sync_state import SyncState
from external.external_secrets.targets.kinds import TargetKinds
from external.external_secrets.view import ExternalSecret, View
from external.external_secrets.write import TargetWriter
from external.generators.loading import LoadedGenerators
from external.generators.runner import GeneratorRun
from external.generators.states import held_in
from external.metrics import ExternalMetrics
from external.reading.identity_queue import MaxAge
from external.refresh_reasons import Reason
from external.values.templates import UPDATE_FAILED, Content, Renderer
from manager.core.errors import Forbidden, ReconcileError, Retry
from manager.kube.resources import SECRETS, Body, Key
from manager.kube.writer import Create, Update
from manager.runtime.controller import NO_REQUEUE, Requeue
from manager.runtime.module import Context


class Reconciler:
    """Keeps the target of an ExternalSecret as fresh as its spec asks."""

    def __init__(
        self,
        context: Context,
        state: SyncState,
        fetcher: Fetcher,
        renderer: Renderer,
        kinds: TargetKinds,
        metrics: ExternalMetrics,
    ) -> None:
        self._context = context
        self._state = state
        self._fetcher = fetcher
        self._renderer = renderer
        self._kinds = kinds
        self._metrics = metrics
        self.converged = Converged(context, fetcher, state)
        self._writer = TargetWriter(context, state)
        self._cleanup = CleanUp(context, kinds)
        self._reporter = Reporter(context, state, self.converged, metrics)

    async def reconcile(self, key: Key) -> Requeue:
        """Bring one ExternalSecret to its desired state."""
        began = self._context.clock.monotonic()
        self._state.expected.remove(key)
        try:
            return await self._pass(key)
        finally:
            if self._context.cache.get(key) is None:
                self._metrics.forget(key)
            else:
                self._metrics.synced(key, self._context.clock.monotonic() - began)

    async def _pass(self, key: Key) -> Requeue:
        started = self._context.clock.now()
        without_requests = await self.converged.refresh(key)
        if without_requests is not None:
            return without_requests
        external_secret = await self._read(key)
        if external_secret is None:
            self._forget(key)
            return NO_REQUEUE
        generators = await self._fetcher.generators(external_secret)
        if generators is None:
            return await self._cleanup.leave(external_secret)
        if "deletionTimestamp" in external_secret.metadata:
            self._forget(key)
            return await self._cleanup.finish(external_secret)
        # Taken before anything is read: what changes from now on marks it again.
        stale = key in self._state.stale
        self._state.stale.discard(key)
        try:
            view = await self._observe(external_secret, live=bool(generators))
            fetched = await self._fetch(view, generators, stale=stale)
            outcome = await self._act(view, fetched)
        except Exception as error:  # whatever it is, the mark must outlive it
            if stale:
                self._state.stale.add(key)
            if not isinstance(error, ReconcileError):
                raise
            outcome = Outcome(error=error.alone())
        return await self._reporter.report(external_secret, outcome, started)

    async def _read(self, key: Key) -> ExternalSecret | None:
        """Return an ExternalSecret as the API server has it; the watch's body suffices before the first sync.

        An earlier target of its name may have to be deleted, and deletions are decided on a live read.
        """
        meta = self._context.cache.get(key)
        if meta is not None and not self._writer.has_targets(owner_hash(key.namespace, key.name)):
            seen = self._state.unsynced.take(key, meta.version)
            if seen is not None:
                return ExternalSecret(key, seen)
        body = await self._context.client.find(key)
        return None if body is None else ExternalSecret(key, body)

    async def _observe(self, external_secret: ExternalSecret, *, live: bool) -> View:
        spec = await external_secret.spec()
        require_allowed(spec)
        options = options_of(external_secret.annotations, spec)
        adopts = self._context.settings.external.adopt_foreign
        accepted = self._state.accepted.get(external_secret.key, ("", ""))
        resource = await self._kinds.of(spec)
        view = View(external_secret, spec, None, adopts, resource, accepted, options)
        # The cache lags: a Secret that only seems to be gone must not get other values from a generator.
        known = live or resource is not SECRETS or self._context.cache.get(view.target) is not None
        if spec.target.creation_policy != "None" and known:
            view = replace(view, present=await self._target(view))
        # After the read: a target that may not be read cannot be cleaned up, and its finalizer would never go.
        await self._cleanup.ensure_finalizer(external_secret, spec)
        return view

    async def _target(self, view: View) -> Body | None:
        try:
            found = await self._context.client.find(view.target)
        except Forbidden as error:
            if view.resource is SECRETS:
                raise
            text = f"could not get target resource: {error}; the chart's rbac.genericTargets gives the right"
            raise Retry(FAILED, text, event=UPDATE_FAILED) from error
        self._kinds.watch(view.resource)  # after the read: a watch without rights would be refused again and again
        return found

    async def _fetch(self, view: View, generators: LoadedGenerators, *, stale: bool) -> Fetched | None:
        """Read the providers if a refresh is due; None if the target stands as it should."""
        summary, requests = view.external_secret.summary, await self._fetcher.requests(view)
        last, now = self._state.refreshed.get(view.key), self._context.clock.now().timestamp()
        written = unreported(view) if generators and last is None else None
        if written is not None and due_in(replace(summary, synced=summary.current), written, now, view.refresh_by) != 0:
            return Fetched(None, requests.identity, max(0.0, now - written), (), made=Made(refresh_by=view.refresh_by))
        seen = Observed(requests.identity, stale, view.intact, view.refresh_by)
        reason = refresh_reason(summary, last, seen, now)
        if not reason:
            return None
        requested, not_before = self._state.requests.since(view.key), self._requested_since(view)
        asker = (view.key, view.uid, summary.current, requests.identity, requested, view.version)
        fresh = MaxAge(asker, not_before, max(0.0, summary.interval))
        if reason == Reason.DUE and last is not None:
            confirmed = await self._fetcher.confirmed(requests, last, fresh)
            if confirmed is not None:
                return confirmed
        gone = view.present is None  # users delete a target to have other values generated
        due, asked = gone or Reason.DUE in reason, gone or Reason.ASKED in reason
        if generators and view.present is not None and view.policy != "None":
            require_ours(view, target_of(view, templated=False))  # before anything is made for a foreign target
        run = GeneratorRun(
            generators,
            last_refresh(summary, last),
            due,
            asked,
            now,
            uid=view.uid,
            holds=view.takes_values,
            refreshes=Reason.DUE in reason,
            if_absent=view.options.if_absent,
        )
        fetched = await self._fetcher.fetch(view, requests, fresh, run)
        if fetched.data is None and not view.as_last_synced:
            raise NeedsRemote(FAILED, UNCHANGED)
        if fetched.absent:
            message = f"secret does not exist at provider using {', '.join(fetched.absent)}"
            await self._context.events.normal(view.key, view.uid, MISSING, message, component=COMPONENT)
        return fetched

    def _requested_since(self, view: View) -> float:
        """Return the monotonic second before which no read that serves this pass may have begun.

        The watches note when they see that an object or its target has changed. What was read from the API server may
        be newer than what they saw: then the values are requested now.
        """
        cache, current = self._context.cache, view.external_secret.summary.current
        meta, target = cache.get(view.key), cache.get(view.target)
        seen = meta is not None and (meta.uid, meta.digest.current) == (view.uid, current)
        if seen and (view.intact or (target.version if target else "") == view.version):
            return self._state.requests.since(view.key)
        return self._context.clock.monotonic()

    async def _act(self, view: View, fetched: Fetched | None) -> Outcome:
        if fetched is None:
            return Outcome()
        needs = NO_NEEDS
        if fetched.data is not None:
            recorded = bool(self._state.generator_states.of(view.uid))
            data, needs = with_previous(view, fetched.data, fetched.made, recorded=recorded)
            fetched = replace(fetched, data=data)
        decided = plan(view, fetched.data, await self._render(view, fetched), needs)
        decided = replace(decided, random=decided.random or fetched.random)
        if view.generic and decided.action is None and view.present is not None and fetched.data:
            self._state.accepted[view.key] = view.content_hashes  # what the API server made of the requested content
        version = await self._writer.write(view, decided)
        self._state.refreshed[view.key] = fetched.refreshed(self._context.clock)
        self._note_held(view, decided)
        self.converged.note(view, fetched, decided, version)
        return Outcome(decided, fetched)

    def _note_held(self, view: View, decided: Plan) -> None:
        action = decided.action
        body = action.body if isinstance(action, Create | Update) else view.present
        annotations = {} if body is None else body["metadata"].get("annotations") or {}
        self._fetcher.held(view.key, frozenset(name for _, name in held_in(annotations, view.key.name) or ()))

    async def _render(self, view: View, fetched: Fetched) -> Content | None:
        target, data = view.spec.target, fetched.data
        if target.template is None or data is None or target.creation_policy == "None":
            return None
        if not data and target.deletion_policy != "Merge":
            return None
        return await self._renderer.content(view.key, target.template, data, free=view.generic)

    def _forget(self, key: Key) -> None:
        self._state.forget(key)
        self.converged.forget(key)
        self._writer.forget(key)
        self._fetcher.forget(key)

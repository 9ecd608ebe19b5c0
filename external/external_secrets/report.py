"""Reports what came of a pass: status, Events, metrics, and when the next pass is due."""

from datetime import datetime, timedelta
from typing import Any

from external.errors import NeedsRemote, Pending, StoreUnavailable
from external.external_secrets.converged import Converged
from external.external_secrets.outcome import COMPONENT, Outcome
from external.external_secrets.plan import Plan
from external.external_secrets.refresh import persist_due
from external.external_secrets.sync_state import SyncState
from external.external_secrets.view import ExternalSecret
from external.metrics import ExternalMetrics
from external.stores.namespaces import TERMINATING_RETRY_SECONDS, is_terminating
from external.values.templates import UPDATE_FAILED
from manager.core.clock import rfc3339
from manager.core.errors import ReconcileError
from manager.kube.conditions import brief, find_condition, same_condition, set_condition, without_condition
from manager.kube.status import write_status
from manager.runtime.controller import Requeue, requeue_for
from manager.runtime.module import Context

Status = dict[str, Any]
"""Fields of the status that a pass writes; empty if none changes."""


class Reporter:
    """The single exit of a pass."""

    def __init__(self, context: Context, state: SyncState, converged: Converged, metrics: ExternalMetrics) -> None:
        self._context = context
        self._state = state
        self._converged = converged
        self._metrics = metrics

    async def report(self, external_secret: ExternalSecret, outcome: Outcome, started: datetime) -> Requeue:
        """Write the status if it changed, post Events, and return when the next pass is due."""
        if outcome.error is not None:
            return await self._failed(external_secret, outcome.error)
        if outcome.decided is not None and outcome.fetched is not None:
            listed = timedelta(seconds=outcome.fetched.age if outcome.fetched.data is None else 0.0)
            await self._write(external_secret, synced_status(external_secret, outcome.decided, started - listed))
        return self._converged.next(external_secret.key, external_secret.summary, answered=outcome.fetched is not None)

    async def _failed(self, external_secret: ExternalSecret, error: ReconcileError) -> Requeue:
        key, gate = external_secret.key, ("store", external_secret.summary.stores)
        if is_terminating(self._context.cache, key.namespace):
            return Requeue(after=self._context.jitter.spread(TERMINATING_RETRY_SECONDS))
        if isinstance(error, Pending):
            self._state.unsynced.note(external_secret.body)
            return Requeue(after=self._context.jitter.spread(error.delay))
        self._metrics.failed(key)
        await self._write(external_secret, failed_status(external_secret, error, self._context.clock.now()))
        uid = external_secret.uid
        await self._context.events.warning(key, uid, UPDATE_FAILED, error.message, component=COMPONENT)
        if isinstance(error, StoreUnavailable):
            return Requeue(gate=gate)
        if isinstance(error, NeedsRemote):  # the provider answers again: keys that wait at its gate may ask now
            return Requeue(backoff=True, answered=gate)
        return requeue_for(error)

    async def _write(self, external_secret: ExternalSecret, status: Status) -> None:
        if status:
            await write_status(self._context.client, external_secret.key, external_secret.body, status)


def synced_status(external_secret: ExternalSecret, decided: Plan, refreshed: datetime) -> Status:
    """Return what a refresh changes in the status; nothing if only its time is new, and that in the status is recent.

    Args:
        refreshed: the moment for which the values are proven.

    """
    summary, present = external_secret.summary, external_secret.conditions
    condition = {"type": "Ready", "status": "True", "reason": decided.reason, "message": decided.message}
    same = same_condition(find_condition(present, "Ready"), condition)
    unchanged = same and summary.synced == summary.current and decided.action is None
    if unchanged and not persist_due(summary, refreshed.timestamp()):
        return {}
    wanted: Status = {"refreshTime": rfc3339(refreshed), "syncedResourceVersion": summary.current}
    if summary.creates != "None" and decided.reason == "SecretSynced":
        wanted["binding"] = {"name": summary.target}
    if summary.policy == "OnChange":
        # Argo CD takes a condition that is older than the refresh for one that is still to come.
        wanted["conditions"] = set_condition(without_condition(present, "Ready"), condition, refreshed)
    elif not same:
        wanted["conditions"] = set_condition(present, condition, refreshed)
    return wanted


def failed_status(external_secret: ExternalSecret, error: ReconcileError, now: datetime) -> Status:
    """Return what an error changes in the status; nothing if the condition says it already."""
    present = external_secret.conditions
    condition = {"type": "Ready", "status": "False", "reason": error.reason, "message": brief(error.message)}
    if same_condition(find_condition(present, "Ready"), condition):
        return {}
    return {"conditions": set_condition(present, condition, now)}

"""Reports what came of a pass over a PushSecret: status, Events, metrics, and when the next pass is due."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from external.errors import Pending
from external.metrics import PushMetrics
from external.push_secrets.memory import PushMemory
from external.push_secrets.outcome import Outcome
from external.push_secrets.record import merge_patch
from external.push_secrets.refresh import due_in, known_of, persist_due
from external.push_secrets.view import COMPONENT, ERRORED, SOURCE_DELETED, EntryState, PushSecret
from external.stores.namespaces import TERMINATING_RETRY_SECONDS, is_terminating
from manager.core.clock import rfc3339
from manager.kube.conditions import brief, find_condition, same_condition, set_condition
from manager.kube.status import write_status
from manager.runtime.controller import NO_REQUEUE, Requeue, requeue_for
from manager.runtime.module import Context

MAX_STATES = 100  # entries in the status; the ones with a problem come first
MAX_STATE_CHARACTERS = 512  # of one message there


class Reporter:
    """The single exit of a pass."""

    def __init__(self, context: Context, memory: PushMemory, metrics: PushMetrics) -> None:
        self._context = context
        self._memory = memory
        self._metrics = metrics

    async def report(self, push_secret: PushSecret, outcome: Outcome) -> Requeue:
        """Write the status if it changed, post Events, and return when the next pass is due."""
        key = push_secret.key
        deleting = "deletionTimestamp" in push_secret.metadata
        if outcome.error is not None and not deleting and is_terminating(self._context.cache, key.namespace):
            return Requeue(after=self._context.jitter.spread(TERMINATING_RETRY_SECONDS))
        if isinstance(outcome.error, Pending):
            self._memory.stale.add(key)
            return Requeue(after=self._context.jitter.spread(outcome.error.delay))
        if not outcome.news:
            return self._next(push_secret, outcome)
        wanted = self._status(push_secret, outcome)
        if wanted:
            push_secret.body = await write_status(self._context.client, key, push_secret.body, wanted)
        await self._tell(push_secret, outcome, news=bool(wanted))
        if outcome.synced:
            remembered = self._memory.of(key, push_secret.uid)
            remembered.sources, remembered.versions = outcome.sources, outcome.versions
            remembered.at, remembered.refresh_by = outcome.at, outcome.refresh_by
            remembered.completed = self._context.clock.now().timestamp()
        return self._next(push_secret, outcome)

    def _status(self, push_secret: PushSecret, outcome: Outcome) -> dict[str, Any]:
        """Return the merge patch of the status; nothing if only its time is new, and that in the status is recent."""
        before = push_secret.status
        condition = _condition(outcome)
        after: dict[str, Any] = {}
        if outcome.record is not None and outcome.record != push_secret.record:
            after["syncedPushSecrets"] = merge_patch(before.get("syncedPushSecrets") or {}, outcome.record)
        judged = outcome.error is not None or outcome.synced or outcome.reason == SOURCE_DELETED
        if judged and not same_condition(find_condition(before.get("conditions"), "Ready"), condition):
            after["conditions"] = set_condition(before.get("conditions"), condition, self._context.clock.now())
        state = self._state(push_secret, outcome)
        if state:
            after["pushState"] = state
        moved = outcome.synced and push_secret.summary.synced != push_secret.summary.current
        if outcome.synced and (after or moved or outcome.wrote or persist_due(push_secret.summary, outcome.at)):
            after |= {"refreshTime": _moment(outcome.at), "syncedResourceVersion": push_secret.summary.current}
        return after

    def _state(self, push_secret: PushSecret, outcome: Outcome) -> dict[str, Any]:
        """Return what changes in the field that Coffer adds.

        A CRD of external-secrets drops the field: what this process remembers is compared then, or every pass would
        write it again.
        """
        before = push_secret.status.get("pushState") or {}
        known = known_of(push_secret.summary, self._memory.known.get(push_secret.key))
        after: dict[str, Any] = {}
        if outcome.synced:
            for name, wanted, present in (
                ("sources", outcome.sources, known.sources),
                ("versions", outcome.versions, known.versions),
                ("refreshBy", _moment(outcome.refresh_by), _moment(known.refresh_by)),
            ):
                if wanted != present:
                    after[name] = wanted or None
        if outcome.states is not None:
            shown, remembered = _shown(outcome.states), self._memory.of(push_secret.key, push_secret.uid)
            if shown != ({name: before.get(name) for name in shown} if before else remembered.shown):
                after |= shown
            remembered.shown = shown
        return after

    async def _tell(self, push_secret: PushSecret, outcome: Outcome, *, news: bool) -> None:
        condition = _condition(outcome)
        key, uid, reason, text = push_secret.key, push_secret.uid, condition["reason"], condition["message"]
        if outcome.error is not None:
            self._metrics.failed()
            await self._context.events.warning(key, uid, reason, text, component=COMPONENT)
        elif news and (outcome.wrote or not push_secret.summary.ready):
            await self._context.events.normal(key, uid, reason, text, component=COMPONENT)

    def _next(self, push_secret: PushSecret, outcome: Outcome) -> Requeue:
        spread = self._context.jitter.spread
        if outcome.after is not None:
            return Requeue(after=spread(outcome.after))
        if outcome.gate is not None:
            return Requeue(gate=outcome.gate)
        if outcome.backoff:
            return Requeue(backoff=True)
        if outcome.error is not None and requeue_for(outcome.error) is not NO_REQUEUE:
            return requeue_for(outcome.error)
        if outcome.reason == SOURCE_DELETED:
            return NO_REQUEUE
        after = self.due_after(push_secret, failed=outcome.error is not None)
        return Requeue(after=after, answered=outcome.answered)

    def due_after(self, push_secret: PushSecret, *, failed: bool) -> float | None:
        """Return the seconds until the next pass, None for never."""
        summary, now = push_secret.summary, self._context.clock.now().timestamp()
        if failed:
            return self._context.jitter.spread(summary.interval) if summary.interval > 0 else None
        known = known_of(summary, self._memory.known.get(push_secret.key))
        due = due_in(replace(summary, synced=summary.current), known, now)
        # Never early: a pass that finds nothing due is wasted.
        return None if due is None else self._context.jitter.spread(max(1.0, due) * 1.0101, 0.01)


def _condition(outcome: Outcome) -> dict[str, str]:
    if outcome.error is not None:
        return {"type": "Ready", "status": "False", "reason": ERRORED, "message": brief(outcome.error.message)}
    status = "False" if outcome.reason == SOURCE_DELETED else "True"
    return {"type": "Ready", "status": status, "reason": outcome.reason, "message": outcome.message}


def _moment(at: float | None) -> str:
    return "" if at is None else rfc3339(datetime.fromtimestamp(at, UTC))


def _shown(states: Sequence[EntryState]) -> dict[str, Any]:
    """Return the entries of the status, the ones with a problem first, and the number of those left out."""
    ordered = sorted(states, key=lambda each: each.state == "Synced")
    shown = [_entry(each) for each in ordered[:MAX_STATES]]
    return {"entries": shown or None, "omitted": len(ordered) - MAX_STATES if len(ordered) > MAX_STATES else None}


def _entry(state: EntryState) -> Mapping[str, str]:
    entry = {"store": state.store, "remoteKey": state.remote_key, "state": state.state}
    entry |= {"property": state.property} if state.property else {}
    return entry | ({"message": state.message[:MAX_STATE_CHARACTERS]} if state.message else {})

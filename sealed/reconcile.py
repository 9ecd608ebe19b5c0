"""One SealedSecret: observe, plan, act, report."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from manager.core.clock import rfc3339
from manager.core.errors import (
    AlreadyExists,
    ApiError,
    Conflict,
    Forbidden,
    Invalid,
    NeedsHuman,
    ReconcileError,
    Retry,
    SandboxUnavailable,
    TemplateDelayed,
    WaitFor,
)
from manager.core.fair_executor import FairExecutor
from manager.core.secret_value import SecretValue
from manager.kube.conditions import Condition, find_condition, same_condition, set_condition
from manager.kube.resources import SECRETS, Body, Key
from manager.kube.status import write_status
from manager.runtime.controller import NO_REQUEUE, Requeue, requeue_for
from manager.runtime.first_bodies import FirstBodies
from manager.runtime.module import Context
from sealed import EVENT_COMPONENT
from sealed.crypto.unseal import UnsealFailed, opening, step
from sealed.crypto.wire_format import scope_of
from sealed.diagnosis import explained
from sealed.keys.registry import KeyRegistry
from sealed.metrics import SealedMetrics
from sealed.plan import UNMANAGED, UNSEAL_FAILED, UPDATE_FAILED, Plan, View, misplaced, overruled, plan, stands
from sealed.rendering import fill, templated

COUNTED_AS = {UNSEAL_FAILED: "unseal", UNMANAGED: "unmanaged"}
"""From the reason of a condition to the `reason` label of the error metric, as in the original."""
SANDBOX = "template sandbox"  # the gate of keys that wait for it
SLOW_AGAIN_SECONDS = 600.0  # until templates that took too long are rendered again
INVALID_RETRY_SECONDS = 600.0  # until a write that the API server refused as invalid is tried again


@dataclass(frozen=True)
class Outcome:
    """The result of one pass."""

    secret_version: str = ""
    written: bool = False
    error: ReconcileError | None = None


class Reconciler:
    """Brings the Secret of a SealedSecret to its desired state.

    Args:
        turns: the threads for RSA, one for each usable core, which namespaces share in turns.
        first: bodies of SealedSecrets that were never worked on.
    """

    def __init__(
        self,
        context: Context,
        registry: KeyRegistry,
        turns: FairExecutor,
        metrics: SealedMetrics,
        first: FirstBodies,
    ) -> None:
        self._context = context
        self._settings = context.settings.sealed
        self._registry = registry
        self._turns = turns
        self._metrics = metrics
        self._first = first

    async def reconcile(self, key: Key) -> Requeue:
        """Bring one SealedSecret to its desired state: observe, plan, act, report."""
        self._metrics.requests.inc()
        revision = self._registry.revision
        view = await self._observe(key)
        if view is None:
            return NO_REQUEUE
        try:
            view = await self._unsealed(view)
            outcome = await self._act(view, plan(view))
        except TemplateDelayed:
            return Requeue(gate=SANDBOX)  # the object is not at fault: no condition, no Event
        except ReconcileError as error:
            outcome = Outcome(error=error.alone())
        again = await self._report(view, outcome)
        if view.values is not None and templated(view.template.get("data")):
            again = replace(again, answered=SANDBOX)
        if outcome.error is not None and self._registry.revision != revision:
            return Requeue(after=0.0)  # a new key queued only the SealedSecrets that had failed before it came
        return again

    async def _observe(self, key: Key) -> View | None:
        sealed = await self._read(key)
        if sealed is None or "deletionTimestamp" in sealed["metadata"]:
            return None  # garbage collection removes the Secret by its ownerReference
        target = Key(SECRETS, key.namespace, key.name)
        # If the cache shows no Secret, it is created without a read; if there is one, the API server refuses.
        secret = await self._context.client.find(target) if self._context.cache.get(target) else None
        return View(key, sealed, secret, None)

    async def _read(self, key: Key) -> Body | None:
        """Return a SealedSecret as the API server has it; the watch's body suffices for the first pass.

        If it has changed since, the API server refuses the status, and the next pass reads it.
        """
        meta = self._context.cache.get(key)
        seen = self._first.take(key, meta.version) if meta is not None else None
        if seen is not None:
            return seen
        try:
            return await self._context.client.find(key)
        except ApiError:
            self._metrics.errors.labels("fetch", "").inc()
            raise

    async def _unsealed(self, view: View) -> View:
        """Decrypt in a thread, unless the last success is still valid."""
        if stands(view, repair=self._settings.repair_drift):
            return view
        keys = self._registry.trial_order()
        steps = opening(view.sealed, keys, legacy=self._settings.accept_deprecated_v1_data)
        unsealed = None
        try:
            while unsealed is None:
                unsealed = await self._turns.run(view.key.namespace, partial(step, steps))
        except UnsealFailed as error:
            sizes = (key.key_size for _, key in keys)
            raise NeedsHuman(UNSEAL_FAILED, explained(view.sealed, str(error), sizes)) from None
        self._metrics.decrypted.inc()
        self._registry.worked(unsealed.key_ids)
        view = replace(view, values=unsealed.values, brought=unsealed.template, opened_by=unsealed.key_ids)
        return await self._filled(view, unsealed.values)

    async def _filled(self, view: View, values: Mapping[str, SecretValue]) -> View:
        """Render the templates over the decrypted values."""
        try:
            filled = await fill(self._context.sandbox, view.key.namespace, values, view.template.get("data"))
        except UnsealFailed as error:
            if error.slow:
                raise WaitFor(UNSEAL_FAILED, str(error), delay=SLOW_AGAIN_SECONDS) from None
            raise NeedsHuman(UNSEAL_FAILED, str(error)) from None
        except SandboxUnavailable as error:
            raise Retry(UNSEAL_FAILED, str(error)) from None
        return replace(view, values=filled.data, unstable=filled.unstable)

    async def _act(self, view: View, decided: Plan) -> Outcome:
        secret = view.secret
        if decided.action is not None:
            secret = await self._write(view, decided)
        return Outcome(secret["metadata"]["resourceVersion"] if secret else "", decided.action is not None)

    async def _write(self, view: View, decided: Plan) -> Body | None:
        if decided.action is None:
            return view.secret
        try:
            return await self._context.writer.apply(decided.action)
        except AlreadyExists as error:
            raise Conflict(error.status, error.reason, error.place) from error  # created a moment ago: reconcile again
        except Forbidden as error:
            if error.reason == "NamespaceTerminating":  # the object is not at fault: no condition, no Event
                raise Conflict(error.status, error.reason, error.place) from error
            raise Retry(UPDATE_FAILED, str(error)) from error
        except Invalid as error:
            # An admission policy may be the cause, and its change sends no event here.
            raise WaitFor(UPDATE_FAILED, str(error), delay=INVALID_RETRY_SECONDS) from error

    async def _report(self, view: View, outcome: Outcome) -> Requeue:
        """Write the status if it changed, post Events and return when to reconcile again."""
        meta = view.sealed["metadata"]
        condition = _condition(outcome)
        old = find_condition(_status_of(view).get("conditions"), "Synced")
        if self._settings.update_status:
            await self._write_status(view, self._status(view, outcome, condition))
        await self._tell(view, outcome, news=not same_condition(old, condition))
        if outcome.error is None:
            return NO_REQUEUE
        self._metrics.errors.labels(COUNTED_AS.get(outcome.error.reason, "update"), meta["namespace"]).inc()
        return requeue_for(outcome.error)

    async def _write_status(self, view: View, status: dict[str, Any]) -> None:
        try:
            await write_status(self._context.client, view.key, view.sealed, status)
        except ApiError:
            self._metrics.errors.labels("status", view.key.namespace).inc()
            raise

    def _status(self, view: View, outcome: Outcome, condition: Condition) -> dict[str, Any]:
        status, meta = _status_of(view), view.sealed["metadata"]
        old = find_condition(status.get("conditions"), "Synced")
        unchanged = same_condition(old, condition) and status.get("observedGeneration") == meta.get("generation")
        now = self._context.clock.now()
        stamped = {**condition, "lastUpdateTime": (old or {}).get("lastUpdateTime") if unchanged else rfc3339(now)}
        return {
            "observedGeneration": meta.get("generation", 0),
            "conditions": status["conditions"] if unchanged else set_condition(status.get("conditions"), stamped, now),
            "scope": scope_of(meta.get("annotations") or {}).value,
            "secretResourceVersion": outcome.secret_version,
            **({} if view.opened_by is None else {"sealingKeys": sorted(view.opened_by)}),
        }

    async def _tell(self, view: View, outcome: Outcome, *, news: bool) -> None:
        events, uid = self._context.events, view.sealed["metadata"]["uid"]
        warning = misplaced(view.sealed["metadata"].get("annotations") or {})
        if warning:
            await events.warning(view.key, uid, "MisplacedAnnotation", warning, component=EVENT_COMPONENT)
        ignored = overruled(view.sealed)
        if ignored:
            await events.warning(view.key, uid, "TemplateOverruled", ignored, component=EVENT_COMPONENT)
        if outcome.error is not None:
            prefix = "Failed to unseal: " if outcome.error.reason == UNSEAL_FAILED else ""
            message = prefix + outcome.error.message
            await events.warning(view.key, uid, outcome.error.event, message, component=EVENT_COMPONENT)
        elif outcome.written or news:
            await events.normal(
                view.key, uid, "Unsealed", "SealedSecret unsealed successfully", component=EVENT_COMPONENT
            )


def _status_of(view: View) -> dict[str, Any]:
    status = view.sealed.get("status")
    return status if isinstance(status, dict) else {}


def _condition(outcome: Outcome) -> Condition:
    if outcome.error is None:
        return {"type": "Synced", "status": "True", "reason": "Unsealed", "message": ""}
    return {"type": "Synced", "status": "False", "reason": outcome.error.reason, "message": outcome.error.message}

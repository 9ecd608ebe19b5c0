"""Kubernetes Events about our objects: one for each change, not for each attempt."""

from collections import OrderedDict

import structlog

from manager.core.clock import Clock, rfc3339
from manager.core.errors import ApiError
from manager.core.fair_share import FairBudget
from manager.kube.client import KubeClient
from manager.kube.resources import EVENTS, Body, Key

REPEAT_SECONDS = 600.0  # until an equal Event is posted again: users see the latest Events only
MAX_REMEMBERED = 10_000  # objects x reasons; forgetting one costs at most one repeated Event
WARNINGS_A_SECOND, MAX_WARNINGS = 20.0, 2_000.0  # about objects of one namespace; each is a write to etcd
# Of successes fewer: their conditions say the same, and in a burst each costs the API server as much as its Secret.
SUCCESSES_A_SECOND, MAX_SUCCESSES = 2.0, 100.0
MAX_MESSAGE_CHARACTERS = 1024  # the API server refuses longer messages

log = structlog.get_logger(__name__)


class EventRecorder:
    """Posts core/v1 Events, equal ones at most every ten minutes.

    Each namespace has a budget for warnings and a smaller one for successes, so that a burst of successes neither
    doubles the writes nor hides a warning. Never fails a reconcile: an Event that cannot be posted is logged.
    """

    def __init__(self, client: KubeClient, clock: Clock, instance: str) -> None:
        self._client = client
        self._clock = clock
        self._instance = instance
        self._budgets = {
            "Normal": FairBudget(SUCCESSES_A_SECOND, MAX_SUCCESSES, clock, together=50),
            "Warning": FairBudget(WARNINGS_A_SECOND, MAX_WARNINGS, clock, together=50),
        }
        self._said: OrderedDict[tuple[str, int], float] = OrderedDict()

    async def normal(self, key: Key, uid: str, reason: str, message: str, *, component: str) -> None:
        """Report a success."""
        await self._post(key, uid, "Normal", reason, message, component)

    async def warning(self, key: Key, uid: str, reason: str, message: str, *, component: str) -> None:
        """Report what is wrong and what to do."""
        await self._post(key, uid, "Warning", reason, message, component)

    async def _post(self, key: Key, uid: str, kind: str, reason: str, message: str, component: str) -> None:
        said = (uid, hash((reason, message)))  # a hash: ten thousand texts would take ten megabytes
        if not uid or self._repeated(said):
            return
        body = self._body(key, uid, kind, reason, message[:MAX_MESSAGE_CHARACTERS], component)
        log.info("event", object=str(key), type=kind, reason=reason, message=message)
        budget = self._budgets[kind]
        if budget.wait(key.namespace):
            self._said.pop(said, None)  # so that it is posted when the budget allows
            tell = log.warning if kind == "Warning" else log.debug
            tell("event not posted: too many in this namespace", object=str(key), reason=reason)
            return
        budget.spend(key.namespace, 1.0)
        try:
            await self._client.create(EVENTS, body)
        except ApiError as error:
            self._said.pop(said, None)  # so that it is posted at the next attempt
            log.warning("event not posted", object=str(key), reason=reason, status=error.status)

    def _repeated(self, said: tuple[str, int]) -> bool:
        now = self._clock.monotonic()
        last = self._said.get(said)
        if last is not None and now - last < REPEAT_SECONDS:
            return True
        self._said[said] = now
        self._said.move_to_end(said)
        if len(self._said) > MAX_REMEMBERED:
            self._said.popitem(last=False)
        return False

    def _body(self, key: Key, uid: str, kind: str, reason: str, message: str, component: str) -> Body:
        moment = rfc3339(self._clock.now())
        namespace = key.namespace or "default"  # as client-go does for cluster-scoped objects
        return {
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {"generateName": f"{key.name[:200].rstrip('-.')}.", "namespace": namespace},
            "involvedObject": {
                "apiVersion": key.resource.api_version,
                "kind": key.resource.kind,
                "name": key.name,
                "namespace": key.namespace,
                "uid": uid,
            },
            "type": kind,
            "reason": reason,
            "message": message,
            "source": {"component": component, "host": self._instance},
            "reportingComponent": component,
            "reportingInstance": self._instance,
            "firstTimestamp": moment,
            "lastTimestamp": moment,
            "count": 1,
        }

"""Leader election on a coordination.k8s.io Lease: one replica writes, and stops when it may not any more."""

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime

import structlog

from manager.core.clock import Clock, Jitter
from manager.core.errors import AlreadyExists, ApiError, Conflict, NotFound, NotLeader
from manager.kube.client import KubeClient
from manager.kube.resources import LEASES, Body, Key
from manager.settings.model import LeaseSettings

log = structlog.get_logger(__name__)


@dataclass
class _Seen:
    """The last change of the lease that this replica saw, in its own monotonic time: clocks of replicas differ."""

    mark: tuple[str, str] = ("", "")
    since: float = 0.0
    duration: float = 0.0


class Lease:
    """Acquires, renews and releases the right to write.

    Args:
        client: its request timeout must be below `renew_deadline`: a hanging request must not outlive the lease.
        namespace: Coffer's own.
        identity: unique among replicas; a restarted container of the same Pod keeps its name and so its lease.
    """

    def __init__(
        self,
        client: KubeClient,
        namespace: str,
        identity: str,
        settings: LeaseSettings,
        clock: Clock,
        jitter: Jitter,
    ) -> None:
        self.identity = identity
        self._client = client
        self._key = Key(LEASES, namespace, settings.name)
        self._settings = settings
        self._clock = clock
        self._jitter = jitter
        self._seen = _Seen()
        self._renewed: float | None = None
        self._renewed_on: datetime | None = None
        self._claimed = False
        self._answered: float | None = None
        self._told = ""
        """What was logged last of why this replica cannot lead: it tries every second or two."""

    def certain(self) -> None:
        """Raise NotLeader unless the last renewal was SENT less than the renew deadline ago.

        So a process that was stopped and resumed fails here before it writes.
        """
        if not self._settings.enabled:
            return
        if self._renewed is None or self._since_renewal() >= self._settings.renew_deadline:
            raise NotLeader("the lease is not certain")

    def _since_renewal(self) -> float:
        """Return the seconds since the last renewal was sent, by the clock that shows more.

        The monotonic clock stops while a virtual machine is paused; the wall clock may be set back.
        """
        if self._renewed is None:
            return float("inf")
        passed = self._clock.monotonic() - self._renewed
        return (
            passed if self._renewed_on is None else max(passed, (self._clock.now() - self._renewed_on).total_seconds())
        )

    @property
    def held(self) -> bool:
        """True if this replica may write now."""
        try:
            self.certain()
        except NotLeader:
            return False
        return True

    def alive(self, within: float = 30.0) -> bool:
        """Return True if the API server answered the election within the last seconds."""
        if not self._settings.enabled:
            return True
        return self._answered is not None and self._clock.monotonic() - self._answered < within

    def give_up(self) -> None:
        """Stop writing at once; the lease expires by itself."""
        self._renewed = None

    async def acquire(self) -> None:
        """Wait until this replica holds the lease."""
        held = not self._settings.enabled or await self._attempt()
        while not held:
            # Twice as often as the leader renews, so that a standby takes over within the promised 20 s.
            await asyncio.sleep(self._jitter.spread(self._settings.retry / 2))
            held = await self._attempt()
        log.info("leading", identity=self.identity)

    async def keep(self) -> None:
        """Renew without end. Raises NotLeader when another replica has the lease or the renew deadline has passed."""
        while self._settings.enabled:
            await asyncio.sleep(self._settings.retry)
            self.certain()
            try:
                # A hanging renewal must not keep this replica leading past the deadline.
                async with asyncio.timeout(self._left()):
                    renewed = await self._attempt()
            except TimeoutError:
                renewed = False
            if not renewed:
                self.certain()
        await asyncio.Event().wait()

    def _left(self) -> float:
        renewed = self._renewed if self._renewed is not None else float("-inf")
        return max(0.0, renewed + self._settings.renew_deadline - self._clock.monotonic())

    async def release(self) -> None:
        """Let another replica take over at once; after a failure it waits until the lease expires."""
        if not self._claimed:
            return
        self._renewed = None
        try:
            for _ in range(3):
                if await self._given_back():
                    return
        except ApiError as error:
            log.warning("lease not released", status=error.status)

    async def _given_back(self) -> bool:
        lease = await self._client.get(self._key)
        spec = lease.get("spec") or {}
        if spec.get("holderIdentity") != self.identity:
            return True
        lease["spec"] = spec | {"holderIdentity": "", "leaseDurationSeconds": 1, "renewTime": self._moment()}
        try:
            await self._client.update(self._key, lease)
        except Conflict:  # a renewal that was on its way came first
            return False
        return True

    async def _attempt(self) -> bool:
        sent, sent_on, creating = self._clock.monotonic(), self._clock.now(), False
        try:
            lease = await self._client.find(self._key)
            self._answered = self._clock.monotonic()
            if not self._free(lease):
                self._renewed = None
                self._tell_holder(self._seen.mark[0])
                return False
            self._claimed = True  # from here on the lease may be ours even if no answer comes
            creating = lease is None
            if lease is None:
                await self._client.create(LEASES, self._new())
            else:
                await self._client.update(self._key, self._taken(lease))
        except (AlreadyExists, Conflict):
            return False
        except ApiError as error:
            self._tell_failure(error, creating=creating)
            return False
        self._renewed_on, self._renewed, self._told = sent_on, sent, ""
        return True

    def _tell_failure(self, error: ApiError, *, creating: bool) -> None:
        if self._renewed is not None:
            log.warning("lease not renewed", status=error.status, error=error.reason)
        elif not (creating and isinstance(error, NotFound)):
            log.warning("lease not acquired", status=error.status, error=error.reason)
        elif self._told != (absent := f"namespace {self._key.namespace} does not exist"):
            self._told = absent
            cure = "create it, or name Coffer's own by --process-namespace or POD_NAMESPACE"
            log.error("lease not acquired", error=absent, cure=cure)

    def _tell_holder(self, holder: str) -> None:
        if self._told != holder:
            self._told = holder
            log.info("waits for the lease, which another replica holds", holder=holder)

    def _free(self, lease: Body | None) -> bool:
        """Return True if the lease may be taken; after a deletion its last holder still has it until it expires."""
        now = self._clock.monotonic()
        if lease is not None:
            spec = lease.get("spec") or {}
            mark = (spec.get("holderIdentity") or "", str(spec.get("renewTime")))
            if mark != self._seen.mark:
                self._seen = _Seen(mark, now, float(spec.get("leaseDurationSeconds") or self._settings.duration))
        return self._seen.mark[0] in ("", self.identity) or now - self._seen.since >= self._seen.duration

    def _taken(self, lease: Body) -> Body:
        spec = lease.get("spec") or {}
        if spec.get("holderIdentity") != self.identity:
            transitions = int(spec.get("leaseTransitions") or 0) + 1
            spec = {**spec, "acquireTime": self._moment(), "leaseTransitions": transitions}
        return {**lease, "spec": {**spec, **self._hold()}}

    def _new(self) -> Body:
        spec = {**self._hold(), "acquireTime": self._moment(), "leaseTransitions": 0}
        metadata = {"name": self._key.name, "namespace": self._key.namespace}
        return {"apiVersion": LEASES.api_version, "kind": LEASES.kind, "metadata": metadata, "spec": spec}

    def _hold(self) -> Body:
        duration = round(self._settings.duration)
        return {"holderIdentity": self.identity, "leaseDurationSeconds": duration, "renewTime": self._moment()}

    def _moment(self) -> str:
        return micro_time(self._clock.now())


def micro_time(moment: datetime) -> str:
    """Render as Kubernetes' MicroTime."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")

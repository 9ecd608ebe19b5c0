"""Makes the first sealing key and, on schedule, new ones; the schedule is read from the keys and survives restarts."""

import asyncio
import base64
import signal
from collections.abc import Callable, Iterable
from concurrent.futures import Executor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from functools import partial

import structlog

from manager.core.durations import parse_duration
from manager.core.errors import SettingsError
from manager.kube.resources import SECRETS, Body, Key
from manager.kube.writer import SEALING_KEY_LABEL
from manager.runtime.controller import Requeue
from manager.runtime.module import Context
from manager.settings.model import SealedSettings
from sealed import EVENT_COMPONENT
from sealed.crypto import key_pair
from sealed.keys.registry import ACTIVE, KeyRegistry, SealingKey
from sealed.keys.watch import KeyWatch

SIGNAL_SECONDS = 60.0  # seconds that a signal counts: a standby that becomes leader later must not make a key for it
NEVER = float("-inf")
MAX_WAIT = timedelta(days=1)  # between two checks of the schedule, to notice a changed clock
UNUSABLE = "SealingKeyUnusable"
CURE = (
    "put an RSA private key under tls.key and its certificate under tls.crt, both PEM, "
    f"or take the label {SEALING_KEY_LABEL} off"
)

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Schedule:
    """When a new key is due: by age, or by a cutoff."""

    period: timedelta | None
    """Age at which the current key gets a successor; None: never."""
    cutoff: datetime | None
    """Keys from before this time must be replaced."""

    def due(self, current: SealingKey | None, now: datetime) -> timedelta | None:
        """Return how long until a new key is needed: zero at once, None never."""
        if current is None:
            return timedelta(0)
        moments = [] if self.period is None else [current.ordered_at + self.period]
        if self.cutoff is not None and current.ordered_at < self.cutoff:
            moments.append(self.cutoff)  # a cutoff in the future: a key made before it would have to be replaced again
        return max(timedelta(0), min(moments) - now) if moments else None


def schedule_of(settings: SealedSettings) -> Schedule:
    """Read the schedule from the settings. Raises SettingsError."""
    period = go_duration("sealed.key_renew_period", settings.key_renew_period)
    try:
        cutoff = parsedate_to_datetime(settings.key_cutoff_time) if settings.key_cutoff_time else None
    except ValueError as error:
        raise SettingsError("sealed.key_cutoff_time: not a date like `Mon, 02 Jan 2006 15:04:05 -0700`") from error
    return Schedule(period or None, cutoff.astimezone(UTC) if cutoff else None)


def key_secret(namespace: str, settings: SealedSettings, private_key: bytes, cert: bytes) -> Body:
    """Return the Secret of a new key in the original's form, so that both can share keys."""
    data = {"tls.key": private_key, "tls.crt": cert}
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {
            "generateName": settings.key_prefix,
            "namespace": namespace,
            "labels": {**pairs("sealed.privatekey_labels", settings.privatekey_labels), SEALING_KEY_LABEL: ACTIVE},
            "annotations": pairs("sealed.privatekey_annotations", settings.privatekey_annotations),
        },
        "type": "kubernetes.io/tls",
        "data": {name: base64.b64encode(value).decode() for name, value in data.items()},
    }


class Renewal:
    """Reconciles the set of sealing keys, the only key of its queue.

    Args:
        executor: generates keys.
        wake: queues the key.
    """

    def __init__(
        self,
        context: Context,
        watch: KeyWatch,
        registry: KeyRegistry,
        executor: Executor,
        wake: Callable[[], None] = lambda: None,
    ) -> None:
        self._wake = wake
        self._asked = NEVER
        self._writer = context.writer
        self._events = context.events
        self._clock = context.clock
        self._settings = context.settings.sealed
        self._watch = watch
        self._registry = registry
        self._executor = executor
        self._schedule = schedule_of(self._settings)
        go_duration("sealed.key_ttl", self._settings.key_ttl)  # a malformed setting must fail at start
        for name in ("privatekey_labels", "privatekey_annotations"):
            pairs(f"sealed.{name}", getattr(self._settings, name))

    async def follow_signals(self) -> None:
        """Create a key at each SIGUSR1, as the original does; never returns."""
        asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, self.ask)
        await asyncio.Event().wait()

    def ask(self) -> None:
        """Request a new key now; a standby leaves it to the leader."""
        log.info("a new sealing key is asked for")
        self._asked = self._clock.monotonic()
        self._wake()

    async def reconcile(self, key: Key) -> Requeue:
        """Create a key if one is due."""
        if not self._watch.listed:
            return Requeue(after=0.2)  # before the first list, a new key may not be needed
        await self._tell()
        if self._clock.monotonic() - self._asked < SIGNAL_SECONDS:
            await self._create_asked(key.namespace)
        if not self._due():
            await self._watch.refresh()  # another replica may have created one that the watch has not shown yet
        if not self._due():
            await self._create(key.namespace, self._clock.now())
        wait = self._due()
        if not wait:  # the next key would have the same problem
            log.error("a new sealing key did not become the current one")
            return Requeue(backoff=True)
        return Requeue(after=wait.total_seconds())

    async def _tell(self) -> None:
        """Post an Event on the Secret of each unusable key, with the reason."""
        for each in self._registry.broken:
            await self._events.warning(
                Key(SECRETS, *each.secret), each.uid, UNUSABLE, f"{each.problem}; {CURE}", component=EVENT_COMPONENT
            )

    def _due(self) -> timedelta:
        """Return how long until the next check: zero if a key is due now."""
        due = self._schedule.due(self._registry.current, self._clock.now())
        return MAX_WAIT if due is None else min(due, MAX_WAIT)

    async def _create_asked(self, namespace: str) -> None:
        """Create the requested key; a request during it gets another key, and a failed one is repeated."""
        asked, self._asked = self._asked, NEVER
        try:
            await self._create(namespace, self._clock.now())
        except Exception:
            self._asked = max(self._asked, asked)
            raise

    async def _create(self, namespace: str, now: datetime) -> None:
        settings = self._settings
        ttl = go_duration("sealed.key_ttl", settings.key_ttl)
        make = partial(key_pair.generate, key_size=settings.key_size, ttl=ttl, common_name=settings.my_cn, now=now)
        private_key, cert = await asyncio.get_running_loop().run_in_executor(self._executor, make)
        created = await self._writer.create_sealing_key(key_secret(namespace, settings, private_key, cert))
        await self._registry.put(created)


def pairs(name: str, entries: Iterable[str]) -> dict[str, str]:
    """Read `key=value` entries. Raises SettingsError that names the setting; the original panics at the first key."""
    found = dict(each.partition("=")[::2] for each in entries)
    if not all("=" in each for each in entries):
        raise SettingsError(f"{name}: not entries like key=value")
    return found


def go_duration(name: str, text: str) -> timedelta:
    """Read a Go duration such as `720h` or `1h30m`. Raises SettingsError that names the setting."""
    try:
        return timedelta(seconds=parse_duration(text))
    except (ValueError, OverflowError) as error:
        raise SettingsError(f"{name}: not a duration like 720h") from error

"""Makes the first sealing key and, on schedule, new ones; the schedule is read from the keys and survives restarts."""

import asyncio
import base64
from concurrent.futures import Executor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from functools import partial

from manager.errors import SettingsError
from manager.kube.apply import SEALING_KEY_LABEL, Writer
from manager.kube.resources import Body, Key
from manager.runtime.controller import Again
from manager.settings import SealedSettings
from sealed import certificate
from sealed.keys import KeyWatch
from sealed.registry import ACTIVE, KeyRegistry, SealingKey

LONGEST_WAIT = timedelta(days=1)  # between two looks at the schedule, so that a changed clock is noticed


@dataclass(frozen=True)
class Schedule:
    """When a new key is due."""

    period: timedelta | None
    """Age at which the current key gets a successor; None: never."""
    cutoff: datetime | None
    """Keys from before this moment are not good enough."""

    def due(self, current: SealingKey | None, now: datetime) -> timedelta | None:
        """Return how long until a new key is needed: zero at once, None never."""
        if current is None or (self.cutoff is not None and current.ordered_at < self.cutoff):
            return timedelta(0)
        if self.period is None:
            return None
        return max(timedelta(0), current.ordered_at + self.period - now)


def schedule_of(settings: SealedSettings) -> Schedule:
    """Read the schedule from the settings. Raises SettingsError."""
    period = go_duration("sealed.key_renew_period", settings.key_renew_period)
    try:
        cutoff = parsedate_to_datetime(settings.key_cutoff_time) if settings.key_cutoff_time else None
    except ValueError as error:
        raise SettingsError("sealed.key_cutoff_time: not a date like `Mon, 02 Jan 2006 15:04:05 -0700`") from error
    return Schedule(period or None, cutoff.astimezone(UTC) if cutoff else None)


def key_secret(namespace: str, settings: SealedSettings, private_key: bytes, cert: bytes) -> Body:
    """Return the Secret of a new key, laid out as the original's, so that both can share keys (2.7)."""
    data = {"tls.key": private_key, "tls.crt": cert}
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {
            "generateName": settings.key_prefix,
            "namespace": namespace,
            "labels": {SEALING_KEY_LABEL: ACTIVE},
        },
        "type": "kubernetes.io/tls",
        "data": {name: base64.b64encode(value).decode() for name, value in data.items()},
    }


class Renewal:
    """Reconciles the one key of its queue: the set of sealing keys itself."""

    def __init__(
        self, writer: Writer, watch: KeyWatch, registry: KeyRegistry, settings: SealedSettings, executor: Executor
    ) -> None:
        self._writer = writer
        self._watch = watch
        self._registry = registry
        self._settings = settings
        self._executor = executor
        self._schedule = schedule_of(settings)

    async def reconcile(self, key: Key) -> Again:
        """Make a key when one is due."""
        if not self._watch.listed:
            return Again(after=0.2)  # a key made before the list is known would be one too many
        now = datetime.now(UTC)
        due = self._schedule.due(self._registry.current, now)
        if due is None:
            return Again(after=LONGEST_WAIT.total_seconds())
        if due > timedelta(0):
            return Again(after=min(due, LONGEST_WAIT).total_seconds())
        await self._create(key.namespace, now)
        return Again(after=1.0)

    async def _create(self, namespace: str, now: datetime) -> None:
        settings = self._settings
        ttl = go_duration("sealed.key_ttl", settings.key_ttl)
        make = partial(certificate.generate, key_size=settings.key_size, ttl=ttl, common_name=settings.my_cn, now=now)
        private_key, cert = await asyncio.get_running_loop().run_in_executor(self._executor, make)
        created = await self._writer.create_sealing_key(key_secret(namespace, settings, private_key, cert))
        await self._registry.put(created)


def go_duration(name: str, text: str) -> timedelta:
    """Read a Go duration of hours, minutes and seconds, such as `720h` or `1h30m`. Raises SettingsError."""
    units = {"h": "hours", "m": "minutes", "s": "seconds"}
    parts: dict[str, float] = {}
    number = ""
    for character in text.strip():
        if character.isdigit() or character == ".":
            number += character
        elif character in units and number:
            parts[units[character]] = float(number)
            number = ""
        else:
            raise SettingsError(f"{name}: not a duration like 720h")
    if number and float(number) != 0:
        raise SettingsError(f"{name}: a number needs a unit, as in 720h")
    return timedelta(**parts)

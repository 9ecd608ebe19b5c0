"""Checks by lists of versions whether what was read is what would be read."""

import asyncio
from collections.abc import Iterable

import structlog

from external.providers.protocol import ListsVersions, ProviderError, ProviderUnavailable, SecretRequest
from external.reading.identity_queue import IdentityQueue, MaxAge, ReadRequest, RequestKey
from external.reading.thread_pool import SLOW_AFTER_SECONDS, ThreadPool
from external.reading.version_lists import (
    LIST_LAG_SECONDS,
    MIN_INTERVAL_SECONDS,
    REFUSED_SECONDS,
    VersionList,
    has_listed_version,
    lists_worth_reading,
    versions_fingerprint,
)
from manager.core.clock import Clock
from manager.runtime.controller import describe

log = structlog.get_logger(__name__)


class VersionCheck:
    """Lists the versions of an identity's secrets, once for all that are due together."""

    def __init__(self, threads: ThreadPool, clock: Clock) -> None:
        self._threads = threads
        self._clock = clock
        self._running: set[asyncio.Task[None]] = set()

    async def unchanged_since(
        self, wanted: Iterable[tuple[IdentityQueue, ReadRequest]], marked: str, interval: float, patience: float
    ) -> tuple[float, int] | None:
        """Return the seconds since the moment for which it is proven that nothing has changed, and of how many secrets.

        Args:
            wanted: what would be read, by the queue of its identity.
            marked: the fingerprint of the versions that were read.
            interval: seconds until it will be requested again.
            patience: seconds that a worker waits for a list.

        Returns:
            None if it is not proven: then it has to be read.

        """
        if interval < MIN_INTERVAL_SECONDS or not marked:
            return None
        now, oldest, found = self._clock.monotonic(), float("inf"), dict[RequestKey, str]()
        for queue, request in wanted:
            listed = None
            if has_listed_version(queue.session.client, request):
                listed = await self._latest(queue, interval, min(patience, SLOW_AFTER_SECONDS))
            if listed is None or not isinstance(request, SecretRequest):
                return None
            queue.habits[request] = MaxAge(None, now, interval)
            found[queue.session.identity, request] = listed.versions.get(request, "")
            oldest = min(oldest, listed.started)
        if versions_fingerprint(found) != marked:
            return None
        return self._clock.monotonic() - oldest + LIST_LAG_SECONDS, len(found)

    async def _latest(self, queue: IdentityQueue, interval: float, patience: float) -> VersionList | None:
        now, lists = self._clock.monotonic(), queue.lists
        found = lists.serves(interval, now)
        if found is not None or now < lists.not_before or queue.breaker.text:
            return found
        if lists.running is None:
            lists.running, lists.began = asyncio.create_task(self._list(queue)), now
            self._running.add(lists.running)  # the loop itself keeps no task from being collected
            lists.running.add_done_callback(self._running.discard)
        # Later workers read: a worker that waits for one identity helps no other.
        if now - lists.began <= SLOW_AFTER_SECONDS:
            await asyncio.wait([lists.running], timeout=patience)
        return lists.serves(interval, self._clock.monotonic())

    async def _list(self, queue: IdentityQueue) -> None:
        client, started, versions = queue.session.client, self._clock.monotonic(), None
        requests = [
            request
            for request, habit in queue.habits.items()
            if habit.interval >= MIN_INTERVAL_SECONDS and has_listed_version(client, request)
        ]
        queue.lists.not_before = started + REFUSED_SECONDS  # until it turns out to be worth it
        try:
            if isinstance(client, ListsVersions) and lists_worth_reading(client, len(requests)):
                most = lists_worth_reading(client, len(requests))
                versions = await self._threads.run(queue.session.tenant, lambda: client.list_versions(requests, most))
        except ProviderUnavailable:
            queue.lists.not_before = started + LIST_LAG_SECONDS
        except ProviderError:
            pass  # it may not list: reading is as good
        except Exception as fault:  # asyncio would log it with a traceback, which quotes what it finds
            log.error("version list failed unexpectedly", tenant=queue.session.tenant, error=describe(fault))
        finally:
            queue.lists.running = None
        if versions is not None:
            queue.lists.latest, queue.lists.not_before = VersionList(started, versions), started

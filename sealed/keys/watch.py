"""Update the registry of sealing keys on every replica, by a list and watch of the labelled Secrets only."""

import asyncio
from collections import defaultdict
from collections.abc import Iterable

import structlog

from manager.core.clock import Jitter
from manager.core.errors import ApiError
from manager.kube.cache import newer
from manager.kube.client import KubeClient
from manager.kube.resources import SECRETS, Key
from manager.kube.writer import SEALING_KEY_LABEL
from manager.runtime.controller import describe
from sealed.keys.registry import ACTIVE, KeyRegistry

SELECTOR = f"{SEALING_KEY_LABEL}={ACTIVE}"
MAX_PAUSE_SECONDS = 10.0  # between two attempts to list keys: bounds how late a restored key takes effect

log = structlog.get_logger(__name__)


class KeyWatch:
    """Reads sealing keys from Coffer's own namespace and the configured ones, never cluster-wide.

    Args:
        legacy: name of the unlabelled key Secret that old releases of the original made, in `own`.
    """

    def __init__(
        self, client: KubeClient, registry: KeyRegistry, own: str, others: Iterable[str], legacy: str, jitter: Jitter
    ) -> None:
        self._client = client
        self._registry = registry
        self._own = own
        self._namespaces = tuple(dict.fromkeys([own, *others]))
        self._legacy = legacy
        self._jitter = jitter
        self._listed: set[str] = set()
        self._listed_at: dict[str, str] = {}
        self._listing: dict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    @property
    def listed(self) -> bool:
        """True once every namespace has been listed; before that, no key may be created."""
        return self._listed == set(self._namespaces)

    async def run(self) -> None:
        """Watch without end; on a standby too, because it serves the certificate."""
        async with asyncio.TaskGroup() as group:
            for namespace in self._namespaces:
                group.create_task(self._follow(namespace), name=f"sealing keys in {namespace}")

    async def refresh(self) -> None:
        """Read Coffer's own keys again, without waiting for the watch. Raises ApiError."""
        await self._list(self._own)

    async def _follow(self, namespace: str) -> None:
        pause, version = 0.5, ""
        while True:
            try:
                version = await self._watch(namespace, version or await self._list(namespace))
                pause = 0.5
            except Exception as error:  # no answer of the API server or a proxy may end the process
                version = ""
                said = str(error) if isinstance(error, ApiError) else describe(error)
                log.warning("sealing keys cannot be read", namespace=namespace, error=said)
                await asyncio.sleep(self._jitter.spread(pause, 0.3))
                pause = min(MAX_PAUSE_SECONDS, pause * 2)

    async def _list(self, namespace: str) -> str:
        async with self._listing[namespace]:  # of two lists at a time, the later answer may be the older one
            return await self._take_in(namespace)

    async def _take_in(self, namespace: str) -> str:
        names = set()
        version = ""
        async for items, listed_at in self._client.pages(
            SECRETS, namespace=namespace, selector=SELECTOR, metadata_only=False
        ):
            if not version:
                version = listed_at
                self._compare(namespace, version)
            for secret in items:
                names.add((namespace, secret["metadata"]["name"]))
                await self._registry.put(secret)
        if namespace == self._own:
            legacy = await self._client.find(Key(SECRETS, namespace, self._legacy))
            if legacy is not None:
                names.add((namespace, self._legacy))
                await self._registry.put(legacy)
        self._registry.keep_only(names, namespace, version)
        self._listed.add(namespace)
        return version

    def _compare(self, namespace: str, version: str) -> None:
        """Detect a restore of etcd: a key created after the backup is lost, and values sealed with it would be too."""
        before = self._listed_at.get(namespace, version)
        if before != version and newer(before, version):
            log.error("list of sealing keys is older than before: etcd was restored", namespace=namespace)
            self._registry.expect_rollback(namespace)
        self._listed_at[namespace] = version

    async def _watch(self, namespace: str, version: str) -> str:
        """Handle changes until the stream ends; return the version to continue from, empty if it has expired."""
        stream = self._client.watch(SECRETS, namespace=namespace, selector=SELECTOR, version=version)
        async for event, secret in stream:
            if event == "ERROR":
                return ""
            version = secret["metadata"]["resourceVersion"]
            if event in ("ADDED", "MODIFIED"):
                await self._registry.put(secret)
            elif event == "DELETED":
                self._registry.remove((namespace, secret["metadata"]["name"]), version)
        return version

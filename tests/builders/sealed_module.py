"""The sealed module over an API in memory: keys from the vectors, objects, and one pass at a time."""

import base64
from collections.abc import Mapping
from concurrent.futures import Executor, Future
from typing import Any

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from manager.core.fair_executor import FairExecutor
from manager.core.secret_value import SecretValue
from manager.kube.resources import SEALED_SECRETS, SECRETS, Body, Key
from manager.kube.writer import SEALING_KEY_LABEL
from manager.runtime.controller import Requeue
from manager.runtime.work_queue import WorkQueue
from manager.settings.model import Settings
from sealed.crypto.wire_format import label, scope_of, seal
from sealed.keys.registry import KeyRegistry
from sealed.metrics import SealedMetrics
from sealed.reconcile import Reconciler
from sealed.selection import selection_of
from sealed.watches import Watches
from tests.builders.api_in_memory import Stage, no_jitter
from tests.builders.sealed_vectors import certificate, pem, private_key

OURS = Key(SEALED_SECRETS, "ns", "a")
TARGET = Key(SECRETS, "ns", "a")


class Inline(Executor):
    """An executor that runs each call at once in the calling thread."""

    def submit(self, call: Any, /, *args: Any, **options: Any) -> Future[Any]:
        future: Future[Any] = Future()
        try:
            future.set_result(call(*args, **options))
        except Exception as error:
            future.set_exception(error)
        return future


def key_secret(
    name: str = "key-1",
    key: RSAPrivateKey | None = None,
    *,
    version: str = "1",
    namespace: str = "coffer",
    cert: bytes = b"",
    **data: bytes,
) -> Body:
    """Return a sealing key's Secret as the API server returns it."""
    key = key or private_key()
    values = {"tls.key": pem(key), "tls.crt": cert or certificate(key), **data}
    return {
        "metadata": {
            "namespace": namespace,
            "name": name,
            "uid": f"uid-{name}",
            "resourceVersion": version,
            "creationTimestamp": "2026-01-01T00:00:00Z",
            "labels": {SEALING_KEY_LABEL: "active"},
        },
        "data": {item: base64.b64encode(value).decode() for item, value in values.items()},
    }


def sealed_secret(
    values: Mapping[str, str] | None = None,
    key: RSAPrivateKey | None = None,
    *,
    annotations: Mapping[str, str] | None = None,
    template: Any = None,
    **spec: Any,
) -> Body:
    """Return a SealedSecret ns/a whose values a key opens."""
    bound_to = label(scope_of(annotations or {}), "ns", "a")
    public = (key or private_key()).public_key()
    items = {name: seal(public, SecretValue(text.encode()), bound_to) for name, text in (values or {}).items()}
    meta = {
        "namespace": "ns",
        "name": "a",
        "uid": "sealed-uid",
        "generation": 1,
        "annotations": dict(annotations or {}),
    }
    return {"metadata": meta, "spec": {"encryptedData": items, "template": template or {}, **spec}}


class SealedModule(Stage):
    """A stage with the parts of the sealed module on it."""

    def __init__(self, settings: Settings | None = None) -> None:
        super().__init__(settings)
        chosen = self.context.settings.sealed
        self.queue = WorkQueue(self.clock, no_jitter())
        self.handlers = Watches(
            self.cache,
            self.queue,
            selection_of(chosen, "coffer"),
            skip_recreate=chosen.skip_recreate,
            repair_drift=chosen.repair_drift,
        )
        self.registry = KeyRegistry(Inline(), chosen.key_order_priority, self.handlers.keys_changed)
        self.numbers = SealedMetrics(self.metrics.registry)
        turns, first = FairExecutor(Inline(), 1), self.handlers.first
        self.reconciler = Reconciler(self.context, self.registry, turns, self.numbers, first)
        self._handlers = self.handlers.table()

    def place(self, body: Body, resource: Any = SEALED_SECRETS) -> Body:
        """Store an object, and pass it to the cache and the handlers."""
        stored = self.api.put(resource, body)
        self.tell(resource, "MODIFIED", stored)
        return stored

    def take(self, key: Key) -> None:
        """Delete an object as a user would."""
        body = self.api.objects.pop(key)
        self.tell(key.resource, "DELETED", body)

    def tell(self, resource: Any, event: str, body: Body) -> None:
        """Deliver one watch event."""
        change = self.cache.observe(resource, event, body)
        if change is not None:
            self._handlers[resource](change)

    def catch_up(self) -> None:
        """Deliver watch events for all objects as they are now."""
        for key, body in list(self.api.objects.items()):
            if key.resource in self._handlers:
                self.tell(key.resource, "MODIFIED", body)

    async def work(self) -> list[Requeue]:
        """Reconcile until nothing is queued; watch events follow at once."""
        results = []
        while len(self.queue):
            key = await self.queue.get()
            results.append(await self.reconciler.reconcile(key))
            self.catch_up()
            self.queue.done(key)
        return results

    def condition(self) -> Body:
        """Return the Synced condition of ns/a."""
        [found] = self.api.objects[OURS]["status"]["conditions"]
        return dict(found)

    def data(self) -> dict[str, str]:
        """Return the values of the Secret ns/a."""
        held = self.api.objects[TARGET].get("data") or {}
        return {name: base64.b64decode(value).decode() for name, value in held.items()}

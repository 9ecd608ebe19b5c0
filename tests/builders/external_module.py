"""The whole external module over an API in memory: it sees each stored object and works until nothing is queued."""

import asyncio
from collections.abc import Mapping
from typing import Any

from external.module import build
from manager.core.clock import rfc3339
from manager.kube.conditions import find_condition
from manager.kube.resources import (
    CLUSTER_SECRET_STORES,
    EXTERNAL_SECRETS,
    NAMESPACES,
    SECRET_STORES,
    SECRETS,
    Body,
    Key,
    Resource,
)
from manager.kube.secret_data import decoded
from manager.settings.model import Settings
from tests.builders.api_in_memory import Stage
from tests.builders.external_objects import encoded


class ExternalModule:
    """One process; time passes only by `pass_by`."""

    def __init__(self, settings: Settings | None = None) -> None:
        self.stage = Stage(settings)
        self.module = build(self.stage.context)
        self.api = self.stage.api

    def put(self, resource: Resource, body: Body) -> Body:
        """Store an object as a user would; the generation grows when the spec changes."""
        before = self.body(resource, body["metadata"]["name"], body["metadata"].get("namespace", ""))
        made = rfc3339(self.stage.clock.now())
        meta = {"generation": 1, "creationTimestamp": made, **body["metadata"]}
        if before:
            moved = before.get("spec") != body.get("spec")
            kept = {name: before["metadata"][name] for name in ("uid", "creationTimestamp")}
            meta |= kept | {"generation": before["metadata"]["generation"] + moved}
        status = {"status": before["status"]} if before and "status" in before else {}
        return self.api.put(resource, status | body | {"metadata": meta})

    def store(self, name: str = "store", values: Mapping[str, str] | None = None, **more: Any) -> None:
        """Store a fake store in `ns`, or a cluster store if its name says so."""
        data = [{"key": key, "value": value} for key, value in (values or {}).items()]
        cluster = name.startswith("cluster")
        spec = {"provider": {"fake": {"data": data}}, **more}
        meta = {"name": name} if cluster else {"name": name, "namespace": "ns"}
        self.put(CLUSTER_SECRET_STORES if cluster else SECRET_STORES, {"metadata": meta, "spec": spec})

    def external(self, name: str = "es", meta: Mapping[str, Any] | None = None, **spec: Any) -> None:
        """Store an ExternalSecret in `ns` that reads `remote` of `store` into `k`."""
        entry = {"secretKey": "k", "remoteRef": {"key": "remote"}}
        whole = {"secretStoreRef": {"name": "store"}, "refreshInterval": "1h", "data": [entry], **spec}
        self.put(EXTERNAL_SECRETS, {"metadata": {"name": name, "namespace": "ns", **(meta or {})}, "spec": whole})

    def secret(self, name: str = "es", *, meta: Mapping[str, Any] | None = None, **data: str) -> None:
        """Store a Secret in `ns`."""
        body = {"apiVersion": "v1", "kind": "Secret", "type": "Opaque", "data": encoded(**data)}
        self.put(SECRETS, body | {"metadata": {"name": name, "namespace": "ns", **(meta or {})}})

    def namespace(self, name: str = "ns", **labels: str) -> None:
        """Store a namespace."""
        self.put(NAMESPACES, {"metadata": {"name": name, "labels": labels}})

    def remove(self, resource: Resource, name: str) -> None:
        """Delete an object of `ns`, as garbage collection or a user would."""
        del self.api.objects[Key(resource, "ns" if resource.namespaced else "", name)]

    def body(self, resource: Resource, name: str, namespace: str = "ns") -> Body | None:
        """Return an object as it is stored."""
        return self.api.objects.get(Key(resource, namespace if resource.namespaced else "", name))

    def data(self, name: str = "es") -> dict[str, bytes] | None:
        """Return the values of a Secret."""
        secret = self.body(SECRETS, name)
        return None if secret is None else {key: value.reveal() for key, value in decoded(secret).items()}

    def ready(self, name: str = "es", resource: Resource = EXTERNAL_SECRETS) -> tuple[str, str, str]:
        """Return status, reason and message of the condition Ready; empty texts if there is none."""
        status = (self.body(resource, name) or {}).get("status") or {}
        found = find_condition(status.get("conditions"), "Ready") or {}
        return found.get("status", ""), found.get("reason", ""), found.get("message", "")

    def pass_by(self, seconds: float) -> None:
        """Advance the clock."""
        self.stage.clock.pass_by(seconds)

    async def settle(self) -> None:
        """Work until nothing is queued and nothing changes."""
        running = [asyncio.create_task(each.run()) for each in self.module.controllers]
        idle = 0
        while idle < 5:  # a released key takes a few iterations of the loop to reach the next queue
            moved = self.observe()
            busy = any(len(each.queue) for each in self.module.controllers)
            idle = 0 if moved or busy else idle + 1
            await asyncio.sleep(0.001 if busy else 0)
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)

    async def close(self) -> None:
        """Stop the module's threads."""
        if self.module.close is not None:
            await self.module.close()

    def observe(self) -> bool:
        """Pass changed objects to the cache and the handlers."""
        changes = []
        for key, body in list(self.api.objects.items()):
            if key.resource in self.module.handlers:
                changes.append(self.stage.cache.observe(key.resource, None, body))
        for resource in self.module.handlers:
            gone = [key for key, _ in self.stage.cache.items(resource) if key not in self.api.objects]
            changes += [self.stage.cache.forget(key) for key in gone]
        for change in changes:
            if change is not None and change.key.resource in self.module.handlers:
                self.module.handlers[change.key.resource](change)
        return any(changes)

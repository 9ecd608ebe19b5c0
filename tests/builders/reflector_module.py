"""The whole reflector over an API in memory: the test decides when its watch sees changes, and it works until done."""

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from manager.kube.auto_mirrors import AUTO_REFLECTS, PREFIX, REFLECTED_VERSION, REFLECTS
from manager.kube.cache import MetadataCache
from manager.kube.resources import NAMESPACES, SECRETS, Body, Key, Resource
from manager.runtime.metrics import Metrics
from manager.settings.model import ModulesSettings, ReflectorSettings, Settings
from reflector.module import build
from tests.builders.api_in_memory import Stage

WORKERS = 8
ALLOWED = {f"{PREFIX}reflection-allowed": "true"}
AUTO = {**ALLOWED, f"{PREFIX}reflection-auto-enabled": "true"}
ALLOWED_SELECTOR = f"{PREFIX}reflection-allowed-namespaces-selector"
AUTO_NAMESPACES = f"{PREFIX}reflection-auto-namespaces"
AUTO_SELECTOR = f"{PREFIX}reflection-auto-namespaces-selector"


class ReflectorModule:
    """One process; only `pass_by` advances time, and only `see` and `settle` deliver watch events."""

    def __init__(self, scope: tuple[str, ...] = (), **settings: Any) -> None:
        self.stage = Stage(Settings(modules=ModulesSettings(scope=scope), reflector=ReflectorSettings(**settings)))
        self.module = build(self.stage.context)
        self.api = self.stage.api
        for name in ("src", "team-1", "team-2"):
            self.namespace(name)

    @property
    def waiting(self) -> int:
        """Keys that are queued for later."""
        return sum(each.queue.waiting for each in self.module.controllers)

    def put(self, resource: Resource, meta: Mapping[str, Any], **body: Any) -> Body:
        """Store an object as a user would; an existing object keeps its uid and age."""
        key = Key(resource, meta.get("namespace", ""), meta["name"])
        before = self.api.objects.get(key, {"metadata": {}})["metadata"]
        kept = {name: before[name] for name in ("uid", "creationTimestamp") if name in before}
        return self.api.put(
            resource, {"metadata": {"creationTimestamp": "2026-01-01T00:00:00Z", **meta, **kept}, **body}
        )

    def namespace(self, name: str, **labels: str) -> None:
        """Store a namespace."""
        self.put(NAMESPACES, {"name": name, "labels": labels})

    def secret(self, namespace: str, value: str = "one", annotations: Any = None, name: str = "s", **meta: Any) -> Body:
        """Store a Secret with one key."""
        about = {"namespace": namespace, "name": name, "annotations": dict(annotations or {}), **meta}
        return self.put(SECRETS, about, data={"k": value}, type="Opaque")

    def mirror(self, namespace: str, value: str, version: str, source: str = "src/s", **meta: Any) -> Body:
        """Store an auto mirror as an earlier run left it."""
        marks = {REFLECTS: source, AUTO_REFLECTS: "True", REFLECTED_VERSION: version}
        return self.secret(namespace, value, marks, **meta)

    def pull(self, namespace: str, source: str = "src/s", **meta: Any) -> Body:
        """Store a mirror that a user creates."""
        return self.secret(namespace, "placeholder", {REFLECTS: source}, **meta)

    def remove(self, namespace: str, name: str = "s") -> None:
        """Delete a Secret."""
        del self.api.objects[Key(SECRETS, namespace, name)]

    def body(self, namespace: str, name: str = "s") -> Body | None:
        """Return a Secret as it is stored."""
        return self.api.objects.get(Key(SECRETS, namespace, name))

    def value(self, namespace: str, name: str = "s") -> str | None:
        """Return the values of a Secret."""
        body = self.body(namespace, name)
        return None if body is None else body["data"].get("k")

    def told(self, reason: str) -> list[tuple[str, str]]:
        """Return namespace and message of the Events with a reason."""
        found = [each for each in self.api.events if each["reason"] == reason]
        return [(each["involvedObject"]["namespace"], each["message"]) for each in found]

    def writes(self) -> dict[str, int]:
        """Return the writes, by verb."""
        return {verb: number for verb, number in self.api.counts().items() if verb in {"create", "patch", "delete"}}

    def pass_by(self, seconds: float) -> None:
        """Advance the clock."""
        self.stage.clock.pass_by(seconds)

    def restart(self) -> None:
        """Restart, as after a crash: state in memory is lost, and all stored objects are listed again."""
        self.stage.cache = MetadataCache()
        self.stage.context = replace(self.stage.context, cache=self.stage.cache, metrics=Metrics())
        self.module = build(self.stage.context)
        self.see()
        for controller, key in self.module.verify():
            controller.queue.add(key)

    def show(self, resource: Resource, namespace: str, name: str = "s") -> None:
        """Deliver the watch event of one object only."""
        body = self.api.objects.get(Key(resource, namespace, name))
        change = self.stage.cache.observe(resource, None, body) if body is not None else None
        if change is not None:
            self.module.handlers[resource](change)

    async def settle(self) -> None:
        """Deliver all watch events, and work until nothing is queued and nothing changes."""
        await self._work(self.see)

    async def work(self) -> None:
        """Process the queue without watch events."""
        await self._work(lambda: False)

    async def _work(self, see: Any) -> None:
        for each in self.module.controllers:
            each.concurrency = min(each.concurrency, WORKERS)  # otherwise idle workers take most of the time
        running = [asyncio.create_task(each.run()) for each in self.module.controllers]
        idle = 0
        while idle < 5:
            moved = see()
            busy = any(len(each.queue) for each in self.module.controllers)
            idle = 0 if moved or busy else idle + 1
            await asyncio.sleep(0)
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)

    def see(self) -> bool:
        """Pass changed objects to the cache and the handlers; return True if there were any."""
        within = self.stage.context.settings.modules.namespaces
        shown = [(key, body) for key, body in self.api.objects.items() if within is None or key.namespace in within]
        shown += [(key, body) for key, body in self.api.objects.items() if within and key.name in within]
        changes = [self.stage.cache.observe(key.resource, None, body) for key, body in shown]
        for resource in self.module.handlers:
            gone = [key for key, _ in self.stage.cache.items(resource) if key not in self.api.objects]
            changes += [self.stage.cache.forget(key) for key in gone]
        for change in changes:
            if change is not None and change.key.resource in self.module.handlers:
                self.module.handlers[change.key.resource](change)
        return any(changes)

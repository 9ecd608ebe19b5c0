"""In-memory stand-ins for unit tests of rules and paths; tests/e2e uses the real API server.

`MemoryApi` keeps objects like the API server in what these tests check: uid, resourceVersion, preconditions,
merge patches. It has no admission, defaulting, RBAC and watches.
"""

import copy
import json
import random
from collections import Counter
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

from manager.core.clock import Jitter
from manager.core.errors import AlreadyExists, ApiError, Conflict, Invalid, NotFound
from manager.gotemplate.sandbox import Sandbox
from manager.kube.cache import MetadataCache
from manager.kube.events import EventRecorder
from manager.kube.resources import Body, Key, Resource, key_of
from manager.runtime.metrics import Metrics
from manager.runtime.module import Context
from manager.settings.model import Settings

EPOCH = datetime(2026, 1, 1, tzinfo=UTC)


class HandClock:
    """A clock that moves only when a test moves it."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def now(self) -> datetime:
        return EPOCH + timedelta(seconds=self.seconds)

    def monotonic(self) -> float:
        return self.seconds

    def pass_by(self, seconds: float) -> None:
        self.seconds += seconds


def no_jitter() -> Jitter:
    """Return jitter without effect: its random numbers are always the middle."""

    class Middle(random.Random):
        def random(self) -> float:
            return 0.5

    return Jitter(Middle())


class MemoryApi:
    """Objects by key, with the methods of KubeClient that reconcilers use."""

    connection = None
    """Do nothing: there is no connection to close."""

    def __init__(self) -> None:
        self.objects: dict[Key, Body] = {}
        self.calls: list[tuple[str, str]] = []
        self.events: list[Body] = []
        self.failures: dict[str, list[ApiError]] = {}
        self.deleted: set[Key] = set()
        """Objects that go with their last finalizer."""
        self._versions = count(100)

    def put(self, resource: Resource, body: Body) -> Body:
        """Store an object as another client would; return what is stored."""
        stored = copy.deepcopy(body)
        meta = stored["metadata"]
        key = key_of(resource, stored)
        meta.setdefault("uid", f"uid-{key.namespace}-{key.name}")
        meta["resourceVersion"] = str(next(self._versions))
        self.objects[key] = stored
        return copy.deepcopy(stored)

    def fail(self, verb: str, error: ApiError) -> None:
        """Make the next call of a verb fail."""
        self.failures.setdefault(verb, []).append(error)

    def counts(self) -> Counter[str]:
        """Count the calls by verb."""
        return Counter(verb for verb, _ in self.calls)

    async def get(self, key: Key) -> Body:
        self._called("get", str(key))
        if key not in self.objects:
            raise NotFound(404, "NotFound", f"get {key}")
        return copy.deepcopy(self.objects[key])

    async def find(self, key: Key) -> Body | None:
        try:
            return await self.get(key)
        except NotFound:
            return None

    async def find_metadata(self, key: Key) -> Body | None:
        self._called("get metadata", str(key))
        found = self.objects.get(key)
        return None if found is None else {"metadata": copy.deepcopy(found["metadata"])}

    async def create(self, resource: Resource, body: Body, *, manager: str = "coffer") -> Body:
        if resource.plural == "events":
            self.events.append(body)
            return body
        body = copy.deepcopy(body)
        if "generateName" in body["metadata"]:
            body["metadata"]["name"] = f"{body['metadata'].pop('generateName')}{next(self._versions)}"
        key = key_of(resource, body)
        self._called("create", str(key))
        if key in self.objects:
            raise AlreadyExists(409, "AlreadyExists", f"create {key}")
        return self.put(resource, self._managed(body, manager))

    async def update(self, key: Key, body: Body, *, subresource: str = "", manager: str = "coffer") -> Body:
        self._called("update", str(key))
        self._check(key, body["metadata"])
        return self.put(key.resource, self._managed(body, manager))

    async def patch(self, key: Key, patch: Body, *, subresource: str = "", manager: str = "coffer") -> Body:
        self._called(f"patch {subresource}".strip(), str(key))
        self._check(key, patch.get("metadata", {}))
        wanted = merged(self.objects[key], patch)
        if key in self.deleted and not wanted["metadata"].get("finalizers"):
            self.deleted.discard(key)
            del self.objects[key]
            return dict(wanted)
        return self.put(key.resource, wanted)

    async def patch_operations(self, key: Key, operations: list[Body], *, manager: str = "coffer") -> Body:
        self._called("patch", str(key))
        wanted = {each["path"].rsplit("/", 1)[1]: each["value"] for each in operations if each["op"] == "replace"}
        self._check(key, wanted)
        body = copy.deepcopy(self.objects[key])
        if body.get("immutable") and any(each["path"] in {"/data", "/binaryData"} for each in operations):
            raise Invalid(422, "Invalid", f"patch {key}", "data: Forbidden")
        for each in operations:
            *path, last = [part.replace("~1", "/") for part in each["path"].split("/")[1:]]
            holder = body
            for part in path:
                holder = holder[part]
            if each["op"] == "add":
                holder[last] = each["value"]
            elif each["op"] == "remove":
                if last not in holder:
                    raise Invalid(422, "Invalid", f"patch {key}")
                del holder[last]
        return self.put(key.resource, self._managed(body, manager))

    async def delete(self, key: Key, *, uid: str, version: str) -> None:
        self._called("delete", str(key))
        self._check(key, {"uid": uid, "resourceVersion": version})
        body = copy.deepcopy(self.objects[key])
        if not body["metadata"].get("finalizers"):
            del self.objects[key]
            return
        self.finalize(key.resource, body)

    def finalize(self, resource: Resource, body: Body) -> None:
        """Let an object go as soon as its finalizers are removed."""
        self.deleted.add(key_of(resource, body))
        self.put(resource, body | {"metadata": body["metadata"] | {"deletionTimestamp": EPOCH.isoformat()}})

    async def pages(
        self, resource: Resource, *, namespace: str = "", **_: Any
    ) -> AsyncIterator[tuple[list[Body], str]]:
        namespace = namespace if resource.namespaced else ""
        self._called("list", "/".join(filter(None, (namespace, resource.plural))))
        keys = [key for key in self.objects if key.resource is resource and namespace in ("", key.namespace)]
        found = [copy.deepcopy(self.objects[key]) for key in keys]
        yield found, str(next(self._versions))

    def _called(self, verb: str, place: str) -> None:
        self.calls.append((verb, place))
        if self.failures.get(verb):
            raise self.failures[verb].pop(0)

    def _check(self, key: Key, wanted: Body) -> None:
        if key not in self.objects:
            raise NotFound(404, "NotFound", str(key))
        meta = self.objects[key]["metadata"]
        for field in ("uid", "resourceVersion"):
            if wanted.get(field) and wanted[field] != meta[field]:
                raise Conflict(409, "Conflict", str(key))

    def _managed(self, body: Body, manager: str) -> Body:
        fields: Body = {"f:data": {f"f:{name}": {} for name in body.get("data") or {}}}
        present = [each for each in body["metadata"].get("managedFields") or [] if each["manager"] == manager]
        if "uid" not in body["metadata"] or any("f:type" in each["fieldsV1"] for each in present):
            fields["f:type"] = {}  # the creator of a Secret sets its type, and it cannot be changed afterwards
        annotations = body["metadata"].get("annotations") or {}
        fields["f:metadata"] = {"f:annotations": {f"f:{name}": {} for name in annotations}}
        entry = {"manager": manager, "operation": "Update", "fieldsV1": fields}
        others = [each for each in body["metadata"].get("managedFields") or [] if each["manager"] != manager]
        body["metadata"]["managedFields"] = [*others, entry]
        return body


def merged(target: Any, patch: Any) -> Any:
    """Apply a JSON merge patch (RFC 7386)."""
    if not isinstance(patch, dict):
        return patch
    result = dict(target) if isinstance(target, dict) else {}
    for name, value in patch.items():
        if value is None:
            result.pop(name, None)
        else:
            result[name] = merged(result.get(name), value)
    return result


class Stage:
    """A module's context: memory API, manual clock, cache, and a writer that can be made to refuse."""

    def __init__(self, settings: Settings | None = None) -> None:
        from manager.kube.writer import Writer

        self.api = MemoryApi()
        self.clock = HandClock()
        self.cache = MetadataCache()
        self.metrics = Metrics()
        client: Any = self.api
        self.events = EventRecorder(client, self.clock, "test")
        writer = Writer(client, lambda: None, self.clock, "coffer-test")
        self.context = Context(
            settings or Settings(),
            client,
            self.cache,
            writer,
            self.events,
            self.metrics,
            self.clock,
            no_jitter(),
            "coffer",
            Sandbox(),
        )

    def put(self, resource: Resource, body: Body) -> Body:
        """Store an object and update the cache with it."""
        stored = self.api.put(resource, body)
        self.cache.observe(resource, None, stored)
        return stored

    def see(self) -> None:
        """Update the cache with all objects."""
        for key, body in self.api.objects.items():
            self.cache.observe(key.resource, None, body)
        for resource in {key.resource for key in self.api.objects}:
            for key, _ in list(self.cache.items(resource)):
                if key not in self.api.objects:
                    self.cache.forget(key)

    def reasons(self) -> list[str]:
        """Return the reasons of all Events so far."""
        return [each["reason"] for each in self.api.events]

    def everything_said(self) -> str:
        """Return the text of all Events and statuses, to search it for secret values."""
        statuses = [body.get("status") for body in self.api.objects.values()]
        return json.dumps([self.api.events, statuses])

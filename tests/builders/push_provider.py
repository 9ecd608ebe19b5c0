"""A provider in memory that takes secrets: it keeps marks as the real ones do, and counts what is asked of it."""

import json
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from external.providers.fake import FakeClient
from external.providers.push import Pushed, PushRequest, ReferencedObject, RemoteRef, RemoteUnmanaged
from manager.kube.resources import PUSH_SECRETS, Body
from tests.builders.external_module import ExternalModule

UNMARKED = "-"
OK = ("True", "Synced", "PushSecret synced successfully")
"""The condition after a push."""
Place = tuple[str, str]
"""The value `place` of a fake store, and the remote key."""


class Remote:
    """What all fake stores lead to; a store's value `place` says where, so that two stores may share a place."""

    def __init__(self) -> None:
        self.values: dict[Place, bytes] = {}
        self.owners: dict[Place, str] = {}
        """The owner that a mark names; empty for the original's mark, UNMARKED without one."""
        self.versions: dict[Place, str] = {}
        self.calls: Counter[str] = Counter()
        self.failing: dict[str, Exception] = {}
        """Remote key, place or call -> what every call about it raises."""
        self.after_write: Callable[[], None] = lambda: None
        self.deletes_property = True

    def foreign(self, key: str, value: str, owner: str = UNMARKED, place: str = "a") -> None:
        """Put a secret that others have written."""
        self.values[place, key], self.owners[place, key] = value.encode(), owner
        self.versions[place, key] = f"foreign-{len(self.versions)}"

    def text(self, key: str, place: str = "a") -> str | None:
        """Return a value."""
        found = self.values.get((place, key))
        return None if found is None else found.decode()

    def push(self, place: str, request: PushRequest) -> Pushed:
        """Write unless the value is there."""
        at = self._called("push", place, request.ref.key)
        owner = self.owners.get(at)
        marked = owner in (request.owner, request.adopts or request.owner) or (owner == "" and request.recorded)
        if owner is not None and not marked:
            raise RemoteUnmanaged("not managed by this PushSecret")
        wanted = self._wanted(at, request)
        if self.values.get(at) == wanted and owner == request.owner:
            return Pushed(False, self.versions[at])
        self.calls["write"] += 1
        self.values[at], self.owners[at] = wanted, request.owner
        self.versions[at] = f"v{self.calls['write']}"
        self.after_write()
        return Pushed(True, self.versions[at])

    def exists(self, place: str, ref: RemoteRef) -> bool:
        """Return True if the place has a value."""
        at = self._called("exists", place, ref.key)
        return at in self.values and (not ref.property or ref.property in json.loads(self.values[at]))

    def delete(self, place: str, ref: RemoteRef, owner: str) -> bool:
        """Delete a key or one property of it."""
        at = self._called("delete", place, ref.key)
        if at not in self.values:
            return False
        if self.owners[at] not in (owner, ""):
            raise RemoteUnmanaged("not managed by this PushSecret")
        rest = json.loads(self.values[at]) if ref.property and self.deletes_property else {}
        rest.pop(ref.property, None)
        if rest:
            self.values[at] = json.dumps(rest).encode()
        else:
            del self.values[at], self.owners[at], self.versions[at]
        return True

    def current_versions(self, place: str, keys: frozenset[str]) -> Mapping[str, str]:
        """List versions."""
        self._called("list", place, "")
        return {key: self.versions[place, key] for key in keys if (place, key) in self.versions}

    def _called(self, verb: str, place: str, key: str) -> Place:
        self.calls[verb] += 1
        for name in (verb, place, key):
            if name in self.failing:
                raise self.failing[name]
        return place, key

    def _wanted(self, at: Place, request: PushRequest) -> bytes:
        whole = {name: value.reveal().decode() for name, value in sorted(request.values.items())}
        text = whole[request.secret_key] if request.secret_key else json.dumps(whole)
        if not request.ref.property:
            return text.encode()
        return json.dumps(json.loads(self.values.get(at, b"{}")) | {request.ref.property: text}).encode()


def install(monkeypatch: pytest.MonkeyPatch, *, versions: bool = False) -> Remote:
    """Let every fake store push to a provider in memory."""
    remote = Remote()

    def place(client: Any) -> str:
        return next((each.value for each in client._spec.data if each.key == "place"), "a")

    methods: dict[str, Any] = {
        "push": lambda client, request: remote.push(place(client), request),
        "exists": lambda client, ref, metadata=None: remote.exists(place(client), ref),
        "delete": lambda client, ref, owner, metadata=None: remote.delete(place(client), ref, owner),
        "location": lambda client, request: f"{place(client)} {request.key}",
        "references": lambda client, metadata: _references(metadata),
    }
    begin = FakeClient.__init__

    def init(client: Any, *given: Any, **named: Any) -> None:
        begin(client, *given, **named)
        client.__dict__.pop("current_versions", None)
        client.deletes_property = remote.deletes_property
        if versions:
            client.current_versions = lambda keys: remote.current_versions(place(client), keys)

    methods["__init__"] = init
    for name, method in methods.items():
        monkeypatch.setattr(FakeClient, name, method, raising=False)
    monkeypatch.setattr("external.push_secrets.versions.GATHER_SECONDS", 0.0)
    return remote


def _references(metadata: Any) -> tuple[ReferencedObject, ...]:
    named = (metadata or {}).get("policy")
    return (ReferencedObject("ConfigMap", named, "policy"),) if named else ()


def entry(key: str = "k", remote: str = "remote", prop: str = "", **more: Any) -> Body:
    """Return an item of `data`."""
    ref = {"remoteKey": remote} | ({"property": prop} if prop else {})
    return {"match": ({"secretKey": key} if key else {}) | {"remoteRef": ref}, **more}


def push_secret(bench: ExternalModule, name: str = "ps", meta: Mapping[str, Any] | None = None, **spec: Any) -> None:
    """Store a PushSecret in `ns` that pushes `k` of Secret `src` to `remote` of `store`."""
    selector = {"secret": {"name": "src"}}
    whole = {"secretStoreRefs": [{"name": "store"}], "selector": selector, "data": [entry()], **spec}
    bench.put(PUSH_SECRETS, {"metadata": {"name": name, "namespace": "ns", **(meta or {})}, "spec": whole})


def recorded(bench: ExternalModule, name: str = "ps") -> dict[str, list[str]]:
    """Return the status keys that are recorded, by store."""
    status = (bench.body(PUSH_SECRETS, name) or {}).get("status") or {}
    return {store: sorted(entries) for store, entries in (status.get("syncedPushSecrets") or {}).items()}


def ready(bench: ExternalModule, name: str = "ps") -> tuple[str, str, str]:
    """Return status, reason and message of the condition."""
    return bench.ready(name, PUSH_SECRETS)


def status(bench: ExternalModule, name: str = "ps") -> dict[str, Any]:
    """Return the status."""
    return (bench.body(PUSH_SECRETS, name) or {}).get("status") or {}


async def started(bench: ExternalModule, **spec: Any) -> None:
    """Let `ps` push the Secret `src` to `store`."""
    bench.store()
    bench.secret("src", k="v", other="w")
    push_secret(bench, **spec)
    await bench.settle()


async def later(bench: ExternalModule, seconds: float) -> None:
    """Let time pass, then work."""
    bench.pass_by(seconds)
    await bench.settle()


async def restarted(bench: ExternalModule) -> ExternalModule:
    """Return another process over the same objects, which are older than it."""
    second = ExternalModule()
    for body in list(bench.api.objects.values()):
        body["metadata"]["creationTimestamp"] = "2025-01-01T00:00:00Z"
    second.api.objects.update(bench.api.objects)
    second.pass_by(60)
    await second.settle()
    return second

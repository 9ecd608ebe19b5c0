"""Objects in a metadata cache, and what the reflector plans for one source."""

from collections.abc import Mapping
from typing import Any

from manager.core.clock import SystemClock
from manager.kube.auto_mirrors import AUTO_REFLECTS, PREFIX, REFLECTED_VERSION, REFLECTS
from manager.kube.cache import MetadataCache
from manager.kube.resources import NAMESPACES, SECRETS, Key, Resource
from manager.settings.model import ReflectorSettings
from reflector.plan import Plan, plan
from reflector.view import View, ViewBuilder

ALLOWED = {f"{PREFIX}reflection-allowed": "true"}
AUTO = {**ALLOWED, f"{PREFIX}reflection-auto-enabled": "true"}


class World:
    """Objects in a cache, and the plan for one source.

    Args:
        scope: the namespaces of the installation; None: the whole cluster.
    """

    def __init__(self, scope: frozenset[str] | None = None, **settings: Any) -> None:
        self.cache = MetadataCache()
        self.settings = ReflectorSettings(**settings)
        self.lookout = ViewBuilder(self.cache, self.settings, "coffer", SystemClock(), scope)
        self.version = 10
        for name in ("src", "team-1", "team-2", "kube-system", "coffer"):
            self.namespace(name)

    def namespace(self, name: str, labels: Any = None, **meta: Any) -> None:
        self._put(NAMESPACES, {"name": name, "labels": labels or {}, **meta})

    def secret(
        self,
        namespace: str,
        annotations: Mapping[str, str] = AUTO,
        name: str = "s",
        kind: Resource = SECRETS,
        **meta: Any,
    ) -> str:
        """Store an object; return its resourceVersion."""
        created = meta.pop("created", "2026-01-01T00:00:00Z")
        self._put(
            kind,
            {
                "namespace": namespace,
                "name": name,
                "annotations": dict(annotations),
                "creationTimestamp": created,
                **meta,
            },
        )
        return str(self.version)

    def mirror(self, namespace: str, version: str, source: str = "src/s", auto: str = "True", **meta: Any) -> None:
        annotations = {REFLECTS: source, AUTO_REFLECTS: auto, REFLECTED_VERSION: version}
        self.secret(namespace, annotations, **meta)

    def view(self, namespace: str = "src", name: str = "s", resource: Resource = SECRETS) -> View:
        return self.lookout.view(Key(resource, namespace, name))

    def plan(self, namespace: str = "src", name: str = "s", resource: Resource = SECRETS) -> Plan:
        return plan(self.view(namespace, name, resource), self.settings.provenance)

    def steps(self, namespace: str = "src") -> dict[str, str]:
        return {each.target.namespace: each.do.value for each in self.plan(namespace).steps}

    def reasons(self, namespace: str = "src") -> list[str]:
        return [note.reason for note in self.plan(namespace).notes]

    def _put(self, resource: Any, meta: dict[str, Any]) -> None:
        self.version += 1
        self.cache.observe(
            resource, None, {"metadata": {"uid": f"u{self.version}", "resourceVersion": str(self.version), **meta}}
        )

"""One object that is copied into namespaces, such as a ClusterExternalSecret: observe, plan, act, report."""

import asyncio
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from external.api.fields import parsed
from external.api.hashes import synced_version
from external.cluster_external_secrets.plan import (
    EXTERNAL_COPIES,
    Copies,
    CopyKind,
    chooses,
    chosen,
    require_selectors,
)
from manager.core.errors import AlreadyExists, Conflict, Forbidden, Invalid, NeedsHuman, ReconcileError
from manager.kube.cache import controller_of
from manager.kube.conditions import brief
from manager.kube.resources import NAMESPACES, Body, Key
from manager.kube.status import write_status
from manager.kube.writer import Create, Delete, Patch, Update
from manager.runtime.controller import NO_REQUEUE, Requeue, requeue_for
from manager.runtime.module import Context

TERMINATING = "NamespaceTerminating"  # a namespace that is being deleted is no failure
FAILED = "one or more namespaces failed"
NONE_FAILED: Mapping[str, str] = MappingProxyType({})
MAX_CONCURRENT_NAMESPACES = 8  # of one object: a thousand take two seconds, and other objects still progress


class ClusterReconciler:
    """Keeps a copy in every namespace that an object chooses."""

    def __init__(self, context: Context, kind: CopyKind = EXTERNAL_COPIES) -> None:
        self._context = context
        self._kind = kind
        self._owned = context.cache.index(
            kind.copy, lambda _, meta: (meta.owner.uid,) if meta.owner is not None and kind.owns(meta) else ()
        )
        self._seen: dict[Key, str] = {}
        """The version of each object under which its copies were last compared one by one."""

    async def reconcile(self, key: Key) -> Requeue:
        """Bring the copies of one object to their desired state."""
        if key.resource is NAMESPACES:
            return await self._release_namespace(key, "")
        body = await self._context.client.find(key)
        if body is None:
            self._seen.pop(key, None)
            return NO_REQUEUE
        if "deletionTimestamp" in body["metadata"]:
            return await self._gone(key, body)
        try:
            spec: Any = await parsed(self._kind.model, body.get("spec"), reason=self._kind.reason)
            copies = Copies(body, spec, self._kind)
            require_selectors(copies.spec, self._kind.reason)
            there, failed = await self._act(key, copies)
        except NeedsHuman as error:
            await self._report(key, body, {}, [], brief(error.message))
            return NO_REQUEUE
        except ReconcileError as error:
            return requeue_for(error)
        await self._report(key, body, failed, there, FAILED if failed else "", copies.name)
        return Requeue(backoff=True) if any(text != self._kind.taken for text in failed.values()) else NO_REQUEUE

    async def _act(self, key: Key, copies: Copies) -> tuple[list[str], dict[str, str]]:
        """Create, repair and delete; return the namespaces that have one, and what is wrong in the others."""
        cache = self._context.cache
        namespaces = chosen(copies.spec, cache.items(NAMESPACES))
        wanted = {copies.key(each) for each in namespaces}
        if not self._kind.hands_over:
            await self._remove(copies, wanted)
        version = synced_version(copies.body)
        compare = self._seen.get(key) not in (None, version)
        told: dict[str, str] = {}
        for at in range(0, len(namespaces), MAX_CONCURRENT_NAMESPACES):
            some = namespaces[at : at + MAX_CONCURRENT_NAMESPACES]
            work = (self._one(copies, each, compare=compare) for each in some)
            for each, done in zip(some, await asyncio.gather(*work, return_exceptions=True), strict=True):
                if isinstance(done, BaseException):
                    raise done
                told[each] = done
        self._seen[key] = version
        if self._kind.hands_over:
            await self._remove(copies, {each for each in wanted if not told[each.namespace]}, keeps=told)
        told = {each: text for each, text in told.items() if text != TERMINATING}
        return [each for each, text in told.items() if not text], {each: text for each, text in told.items() if text}

    async def _one(self, copies: Copies, namespace: str, *, compare: bool) -> str:
        """Return what is wrong in a namespace; empty if its copy is as it should be."""
        try:
            return await self._kept(copies, copies.key(namespace), compare=compare)
        except (Forbidden, Invalid) as error:
            return error.reason if error.reason == TERMINATING else str(error)

    async def _kept(self, copies: Copies, key: Key, *, compare: bool) -> str:
        meta = self._context.cache.get(key)
        if meta is None:
            try:
                body = copies.new(key.namespace, self._earlier(copies, key.namespace))
                await self._context.writer.apply(Create(key, body), manager=self._kind.manager)
            except AlreadyExists as error:
                # Created a moment ago: observe again.
                raise Conflict(error.status, error.reason, error.place) from error
            return ""
        if not copies.ours(meta):
            return self._kind.taken
        if copies.stands(meta) and not compare:
            return ""
        present = await self._context.client.get(key)
        owner = controller_of(present["metadata"])
        if owner is None or owner.uid != copies.uid:
            return self._kind.taken  # deleted and recreated by another owner since the last event of the watch
        mended = copies.mended(present)
        if mended != present:
            await self._context.writer.apply(Update(key, mended), manager=self._kind.manager)
        return ""

    def _earlier(self, copies: Copies, namespace: str) -> str:
        """Return the name of the copy that a new one takes over from; empty for none."""
        owned = sorted(key.name for key in self._owned.find(copies.uid) if key.namespace == namespace)
        return owned[0] if owned and self._kind.hands_over else ""

    async def _remove(self, copies: Copies, wanted: set[Key], keeps: Mapping[str, str] = NONE_FAILED) -> None:
        """Delete what was created under another name or in namespaces that are no longer chosen.

        Args:
            copies: of the object.
            wanted: the copies that stay.
            keeps: namespace -> what is wrong with its new copy: then the earlier one stays.

        """
        for key in self._owned.find(copies.uid):
            if key in wanted or keeps.get(key.namespace) or await self._still_chosen(copies, key):
                continue
            present = await self._context.client.find(key)
            owner = controller_of(present["metadata"]) if present else None
            if present is not None and owner is not None and owner.uid == copies.uid:
                meta = present["metadata"]
                why = f"its {self._kind.cluster.kind} does not choose this namespace or name any more"
                await self._context.writer.apply(Delete(key, meta["uid"], meta["resourceVersion"], why))

    async def _still_chosen(self, copies: Copies, key: Key) -> bool:
        """Ask the API server: the cache may be old, and values are deleted here."""
        if key.name != copies.name:
            return False
        namespace = await self._context.client.find(Key(NAMESPACES, "", key.namespace))
        if namespace is None or "deletionTimestamp" in namespace["metadata"]:
            return False
        return chooses(copies.spec, key.namespace, namespace["metadata"].get("labels") or {})

    async def _gone(self, key: Key, body: Body) -> Requeue:
        """Remove the original's finalizers of a deleted object; garbage collection deletes its copies."""
        finalizers = body["metadata"].get("finalizers") or []
        finalizer, prefix = self._kind.finalizer, self._kind.namespace_finalizer
        if not finalizer or finalizer not in finalizers:
            return NO_REQUEUE
        for namespace, meta in list(self._context.cache.items(NAMESPACES)):
            if prefix + key.name in meta.digest.finalizers:
                await self._release_namespace(namespace, key.name)
        await self._set_finalizers(key, body, [each for each in finalizers if each != finalizer])
        return NO_REQUEUE

    async def _release_namespace(self, key: Key, name: str) -> Requeue:
        """Remove the original's finalizers from a namespace: of one object, or of all if the namespace is deleted."""
        body = await self._context.client.find(key)
        if body is None:
            return NO_REQUEUE
        present = body["metadata"].get("finalizers") or []
        prefix = self._kind.namespace_finalizer + name
        kept = [each for each in present if not (each == prefix if name else each.startswith(prefix))]
        if kept != present:
            await self._set_finalizers(key, body, kept)
        return NO_REQUEUE

    async def _set_finalizers(self, key: Key, body: Body, finalizers: list[str]) -> None:
        meta = body["metadata"]
        patch = {"metadata": {"finalizers": finalizers}}
        await self._context.writer.apply(Patch(key, meta["uid"], meta["resourceVersion"], patch))

    async def _report(
        self, key: Key, body: Body, failed: dict[str, str], there: list[str], message: str, name: str = ""
    ) -> None:
        condition: dict[str, Any] = {"type": "Ready", "status": "False" if message else "True"}
        condition |= {"message": message} if message else {}
        wanted: dict[str, Any] = {
            "conditions": [condition],
            "failedNamespaces": [{"namespace": each, "reason": failed[each]} for each in sorted(failed)] or None,
            "provisionedNamespaces": there or None,
        }
        await write_status(self._context.client, key, body, wanted | ({self._kind.name: name} if name else {}))

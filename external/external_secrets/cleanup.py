"""The finalizer of an ExternalSecret, and what is cleaned up when it is deleted."""

import structlog

from external.api.external_secret import ExternalSecretSpec
from external.api.fields import parsed
from external.errors import FAILED
from external.external_secrets.outcome import COMPONENT
from external.external_secrets.targets.kinds import NotServed, TargetKinds
from external.external_secrets.view import View
from external.values.templates import UPDATE_FAILED
from manager.core.errors import Forbidden, NeedsHuman, ReconcileError
from manager.kube.resources import SECRETS, Body, Key
from manager.kube.writer import Delete, Patch
from manager.runtime.controller import NO_REQUEUE, Requeue, requeue_for
from manager.runtime.module import Context

FINALIZER = "externalsecrets.external-secrets.io/externalsecret-cleanup"

log = structlog.get_logger(__name__)


class CleanUp:
    """Sets and removes the finalizer; deletes the target if the deletion policy asks for it."""

    def __init__(self, context: Context, kinds: TargetKinds) -> None:
        self._context = context
        self._kinds = kinds

    async def ensure_finalizer(self, key: Key, body: Body, spec: ExternalSecretSpec) -> None:
        """Set the finalizer, in the body too, if the target is to be deleted with the ExternalSecret."""
        present = body["metadata"].get("finalizers") or []
        if spec.target.deletion_policy == "Delete" and FINALIZER not in present:
            written = await self._set_finalizers(key, body, [*present, FINALIZER])
            body["metadata"] = written["metadata"]

    async def leave(self, key: Key, body: Body) -> Requeue:
        """Remove our finalizer from an object of another controller's class, and touch nothing else of it."""
        kept = finalizers_without_ours(body["metadata"], self._context.writer.manager)
        if kept is not None:
            await self._set_finalizers(key, body, kept)
        return NO_REQUEUE

    async def finish(self, key: Key, body: Body) -> Requeue:
        """Clean up after a deleted ExternalSecret; garbage collection removes what it owns."""
        finalizers = body["metadata"].get("finalizers") or []
        if FINALIZER not in finalizers:
            return NO_REQUEUE
        try:
            await self._remove_target(key, body)
        except NeedsHuman as error:  # a spec that cannot be read names no target; the object must still be able to go
            log.warning("target not removed", object=str(key), problem=error.message)
        except ReconcileError as error:
            return requeue_for(error)
        await self._set_finalizers(key, body, [each for each in finalizers if each != FINALIZER])
        return NO_REQUEUE

    async def _remove_target(self, key: Key, body: Body) -> None:
        spec = await parsed(ExternalSecretSpec, body.get("spec"), reason=FAILED)
        try:
            resource = await self._kinds.of(spec)
        except NotServed:
            return  # without the kind there is no object of it
        target = View(key, body, spec, None, resource=resource).target
        try:
            view = View(key, body, spec, await self._context.client.find(target), resource=resource)
            if spec.target.deletion_policy == "Delete" and view.present is not None and view.ours:
                meta = view.present["metadata"]
                why = "its ExternalSecret is deleted and says so"
                await self._context.writer.apply(Delete(target, meta["uid"], meta["resourceVersion"], why))
        except Forbidden as error:
            if resource is SECRETS:
                raise
            # The rights may be gone for good, and the namespace must be able to go without them.
            text = f"{resource.kind} {target.name} is left behind: {error}"
            log.warning("target left behind", object=str(key), problem=text)
            uid = body["metadata"]["uid"]
            await self._context.events.warning(key, uid, UPDATE_FAILED, text, component=COMPONENT)

    async def _set_finalizers(self, key: Key, body: Body, finalizers: list[str]) -> Body:
        meta = body["metadata"]
        patch = {"metadata": {"finalizers": finalizers}}
        return await self._context.writer.apply(Patch(key, meta["uid"], meta["resourceVersion"], patch)) or body


def finalizers_without_ours(metadata: Body, manager: str) -> list[str] | None:
    """Return the finalizers of an ExternalSecret without the one that a field manager alone has set; None otherwise.

    Another controller of the originals' class may have set the same finalizer, and needs it.
    """
    finalizers, managers = metadata.get("finalizers") or [], set[object]()
    for entry in metadata.get("managedFields") or ():
        fields = (entry.get("fieldsV1") or {}).get("f:metadata") or {}
        managers |= {entry.get("manager")} if f'v:"{FINALIZER}"' in (fields.get("f:finalizers") or {}) else set()
    # Another manager that records it, such as of a manifest that is applied, wants it there.
    ours = FINALIZER in finalizers and managers == {manager}
    return [each for each in finalizers if each != FINALIZER] if ours else None

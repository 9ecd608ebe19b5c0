"""The finalizer of an ExternalSecret, and what is cleaned up when it is deleted."""

from dataclasses import replace

import structlog

from external.api.external_secret import ExternalSecretSpec
from external.external_secrets.outcome import COMPONENT
from external.external_secrets.targets.kinds import NotServed, TargetKinds
from external.external_secrets.view import ExternalSecret, View
from external.values.templates import UPDATE_FAILED
from manager.core.errors import Forbidden, NeedsHuman, ReconcileError
from manager.kube.managed_fields import managers_of_item
from manager.kube.resources import SECRETS, Body
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

    async def ensure_finalizer(self, external_secret: ExternalSecret, spec: ExternalSecretSpec) -> None:
        """Set the finalizer, in the body too, if the target is to be deleted with the ExternalSecret."""
        if spec.target.deletion_policy == "Delete" and FINALIZER not in external_secret.finalizers:
            written = await self._set_finalizers(external_secret, [*external_secret.finalizers, FINALIZER])
            external_secret.body["metadata"] = written["metadata"]

    async def leave(self, external_secret: ExternalSecret) -> Requeue:
        """Remove our finalizer from an object of another controller's class, and touch nothing else of it."""
        kept = finalizers_without_ours(external_secret.metadata, self._context.writer.manager)
        if kept is not None:
            await self._set_finalizers(external_secret, kept)
        return NO_REQUEUE

    async def finish(self, external_secret: ExternalSecret) -> Requeue:
        """Clean up after a deleted ExternalSecret; garbage collection removes what it owns."""
        finalizers = external_secret.finalizers
        if FINALIZER not in finalizers:
            return NO_REQUEUE
        try:
            await self._remove_target(external_secret)
        except NeedsHuman as error:  # a spec that cannot be read names no target; the object must still be able to go
            log.warning("target not removed", object=str(external_secret.key), problem=error.message)
        except ReconcileError as error:
            return requeue_for(error)
        await self._set_finalizers(external_secret, [each for each in finalizers if each != FINALIZER])
        return NO_REQUEUE

    async def _remove_target(self, external_secret: ExternalSecret) -> None:
        spec = await external_secret.spec()
        try:
            resource = await self._kinds.of(spec)
        except NotServed:
            return  # without the kind there is no object of it
        view = View(external_secret, spec, None, resource=resource)
        target = view.target
        try:
            view = replace(view, present=await self._context.client.find(target))
            if spec.target.deletion_policy == "Delete" and view.present is not None and view.ours:
                meta = view.present["metadata"]
                why = "its ExternalSecret is deleted and says so"
                await self._context.writer.apply(Delete(target, meta["uid"], meta["resourceVersion"], why))
        except Forbidden as error:
            if resource is SECRETS:
                raise
            # The rights may be gone for good, and the namespace must be able to go without them.
            text = f"{resource.kind} {target.name} is left behind: {error}"
            log.warning("target left behind", object=str(view.key), problem=text)
            await self._context.events.warning(view.key, view.uid, UPDATE_FAILED, text, component=COMPONENT)

    async def _set_finalizers(self, external_secret: ExternalSecret, finalizers: list[str]) -> Body:
        meta = external_secret.metadata
        patch = Patch(
            external_secret.key, meta["uid"], meta["resourceVersion"], {"metadata": {"finalizers": finalizers}}
        )
        return await self._context.writer.apply(patch) or external_secret.body


def finalizers_without_ours(metadata: Body, manager: str) -> list[str] | None:
    """Return the finalizers of an ExternalSecret without the one that a field manager alone has set; None otherwise.

    Another controller of the originals' class may have set the same finalizer, and needs it.
    """
    finalizers = metadata.get("finalizers") or []
    # Another manager that records it, such as of a manifest that is applied, wants it there.
    ours = FINALIZER in finalizers and managers_of_item(metadata, FINALIZER, "metadata", "finalizers") == {manager}
    return [each for each in finalizers if each != FINALIZER] if ours else None

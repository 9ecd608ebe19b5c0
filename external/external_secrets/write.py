"""Acts on the target: writes it, and deletes earlier targets that the spec no longer names."""

from external.errors import FAILED, Pending
from external.external_secrets.outcome import COMPONENT, EVENTS, UPDATED
from external.external_secrets.plan import Plan, orphan, write_fingerprint
from external.external_secrets.sync_state import SyncState
from external.external_secrets.view import CREATED_BY, MANAGED, View, accepted_content, version_of
from external.stores.namespaces import TERMINATING_RETRY_SECONDS
from external.values.templates import UPDATE_FAILED
from manager.core.contention import Contention, ContentionLimits
from manager.core.errors import AlreadyExists, Conflict, Forbidden, Invalid, Retry, WaitFor
from manager.kube.cache import Meta
from manager.kube.managed_fields import managers_of
from manager.kube.resources import CONFIGMAPS, SECRETS, Key
from manager.kube.writer import Action, Create, Update
from manager.runtime.module import Context

REFUSED_RETRY_SECONDS = 600.0  # until a write that the API server refused as invalid is sent again
CONTENTION = ContentionLimits(
    free_writes=4,  # the first write, and as many restorations as a person at a keyboard needs to notice them
    first_pause_seconds=600.0,
    max_pause_seconds=600.0,
)


class TargetWriter:
    """Carries out a plan."""

    def __init__(self, context: Context, state: SyncState) -> None:
        self._context = context
        self._state = state
        self._contention = Contention(context.clock, CONTENTION)
        for each in (SECRETS, CONFIGMAPS):
            context.cache.name_labels(each, CREATED_BY, MANAGED)
        self._created = [context.cache.index(each, _created_by) for each in (SECRETS, CONFIGMAPS)]

    def has_targets(self, name_hash: str) -> bool:
        """Return True if the cache shows an object with this created-by label."""
        return any(index.find(name_hash) for index in self._created)

    async def write(self, view: View, decided: Plan) -> str:
        """Carry out a plan, delete earlier targets, and return the resourceVersion of the target afterwards."""
        version = view.version if decided.action is None else await self._apply(view, decided, decided.action)
        await self._remove_orphans(view)
        return version

    async def _apply(self, view: View, decided: Plan, action: Action) -> str:
        # Random content is another Secret at every refresh; only its repair may be in vain.
        counted = isinstance(action, Create | Update) and not (decided.random and view.present and view.intact)
        if isinstance(action, Create | Update) and counted:
            self._require_uncontested(view, write_fingerprint(action, decided))
        try:
            written = await self._context.writer.apply(action, manager=view.external_secret.manager)
        except (AlreadyExists, Forbidden, Invalid) as error:
            raise _translated(view, error) from error
        if written is not None:
            self._state.written[view.target] = written["metadata"]["resourceVersion"]
            self._state.requests.retract(view.key, version_of(written))
            if view.generic:
                self._state.accepted[view.key] = accepted_content(written)
        if isinstance(action, Create | Update) and counted:
            self._contention.count(view.key, write_fingerprint(action, decided))
        reason, message = EVENTS.get(type(action), UPDATED)
        if view.generic:
            message = f"{reason} {view.resource.kind} {view.target.name}"
        await self._context.events.normal(view.key, view.uid, reason, message, component=COMPONENT)
        return version_of(written)

    async def _remove_orphans(self, view: View) -> None:
        """Delete earlier targets that are proven ours; only an Owner has any."""
        if view.policy != "Owner":
            return
        for key in (each for index in self._created for each in index.find(view.external_secret.name_hash)):
            if key == view.target or key.namespace != view.key.namespace:
                continue
            body = await self._context.client.find(key)
            action = orphan(view, body, key.resource) if body is not None else None
            if action is not None:
                await self._context.writer.apply(action)
                message = f"{'secret' if key.resource is SECRETS else 'resource'} deleted because it was orphaned"
                await self._context.events.normal(view.key, view.uid, "Deleted", message, component=COMPONENT)

    def forget(self, key: Key) -> None:
        """Drop what is remembered of the writes for an ExternalSecret that is deleted."""
        self._contention.forget(key)

    def _require_uncontested(self, view: View, content: tuple[str, str]) -> None:
        """Raise WaitFor if the last writes of this content were all undone."""
        delay = self._contention.wait(view.key, content)
        if not delay:
            return
        managers = managers_of(view.present["metadata"], "data") if view.present else frozenset()
        names = sorted(managers - {view.external_secret.manager})
        who = f" (field managers of its data: {', '.join(names)})" if names else ""
        text = f"could not update {view.noun}: somebody keeps changing or deleting it{who}; tried again in ten minutes"
        raise WaitFor(FAILED, text, delay=delay, event=UPDATE_FAILED)


def _translated(view: View, error: AlreadyExists | Forbidden | Invalid) -> Exception:
    if isinstance(error, AlreadyExists):
        return Conflict(error.status, error.reason, error.place)  # created a moment ago: observe again
    if isinstance(error, Forbidden) and error.reason == "NamespaceTerminating":  # the watch has not shown it yet
        return Pending(FAILED, "the namespace is being deleted", delay=TERMINATING_RETRY_SECONDS)
    text = f"could not update {view.noun}: {error}"
    if isinstance(error, Forbidden):
        return Retry(FAILED, text, event=UPDATE_FAILED)
    # A webhook or a quota of the cluster may have refused it, and may decide otherwise later.
    return WaitFor(FAILED, text, delay=REFUSED_RETRY_SECONDS, event=UPDATE_FAILED)


def _created_by(_key: Key, meta: Meta) -> tuple[str, ...]:
    return (meta.labels[CREATED_BY],) if CREATED_BY in meta.labels else ()

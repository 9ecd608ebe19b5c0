"""One GeneratorState: it stands while a target holds its values, and is ended at the provider afterwards."""

from collections.abc import Callable

import structlog

from external.external_secrets.targets.kinds import NotServed, TargetKinds
from external.external_secrets.view import ExternalSecret
from external.generator_states.plan import Verdict, decide
from external.generator_states.revoke import Revoker
from external.generators.protocol import NotRevoked
from external.generators.state_index import StateIndex
from external.generators.states import FINALIZER, HELD, held_in, owner_of, timestamp
from external.providers.protocol import ProviderDenied, ProviderError, ProviderUnavailable
from external.stores.namespaces import is_terminating
from manager.core.errors import NeedsHuman, ReconcileError
from manager.kube.resources import EXTERNAL_SECRETS, PUSH_SECRETS, Body, Key
from manager.kube.writer import Delete, Patch
from manager.runtime.controller import NO_REQUEUE, Requeue, requeue_for
from manager.runtime.module import Context

COMPONENT = "external-secrets"
NOT_REVOKED = "RevocationFailed"
REFUSED_RETRY_SECONDS = 600.0
"""Until a revocation is tried again that the provider has refused, or whose credentials are missing."""
MIN_RETRY_SECONDS = 1.0

log = structlog.get_logger(__name__)


class StateReconciler:
    """Keeps the record of what lives at providers equal to what targets hold.

    Args:
        add: queues another state.
        grace: seconds that values live on after the target has got others.
    """

    def __init__(
        self,
        context: Context,
        revoker: Revoker,
        kinds: TargetKinds,
        index: StateIndex,
        add: Callable[[Key], None],
        grace: float,
    ) -> None:
        self._context = context
        self._revoker = revoker
        self._kinds = kinds
        self._index = index
        self._add = add
        self._grace = grace

    async def reconcile(self, key: Key) -> Requeue:
        """Bring one state to where its target says."""
        state = await self._context.client.find(key)
        if state is None:
            return NO_REQUEUE
        try:
            if "deletionTimestamp" in state["metadata"]:
                return await self._finish(key, state)
            return await self._stand(key, state)
        except ReconcileError as error:
            return requeue_for(error)

    async def _stand(self, key: Key, state: Body) -> Requeue:
        now = self._context.clock.now().timestamp()
        decision = decide(state, await self._held(key, state), now)
        if decision.verdict is Verdict.END:
            meta = state["metadata"]
            why = "its deadline is over, and no target holds its values"
            await self._context.writer.apply(Delete(key, meta["uid"], meta["resourceVersion"], why))
            return NO_REQUEUE
        deadline = timestamp(now + self._grace) if decision.verdict is Verdict.FLAG else None
        if decision.verdict is not Verdict.KEEP:
            await self._patch(key, state, {"spec": {"garbageCollectionDeadline": deadline}})
            if decision.verdict is Verdict.UNFLAG:  # its target holds no other of this slot any more
                for each in self._index.of(str(owner_of(state).get("uid") or "")) - {key}:
                    self._add(each)
        elif FINALIZER not in (state["metadata"].get("finalizers") or ()):
            finalizers = [*(state["metadata"].get("finalizers") or ()), FINALIZER]
            await self._patch(key, state, {"metadata": {"finalizers": finalizers}})
        return Requeue(after=None if decision.after is None else max(decision.after, MIN_RETRY_SECONDS))

    async def _held(self, key: Key, state: Body) -> frozenset[str] | None:
        """Return the states that the target of the owner names, or the PushSecret; None if there is no such word.

        All is read live.
        """
        owner = owner_of(state)
        kind = {EXTERNAL_SECRETS.kind: EXTERNAL_SECRETS, PUSH_SECRETS.kind: PUSH_SECRETS}.get(str(owner.get("kind")))
        if kind is None or not isinstance(owner.get("name"), str):
            return None
        place = Key(kind, key.namespace, owner["name"])
        body = await self._context.client.find(place)
        if body is None or body["metadata"].get("uid") != owner.get("uid"):
            return None
        holder = body if kind is PUSH_SECRETS else await self._target(place, body)
        annotations = {} if holder is None else holder["metadata"].get("annotations") or {}
        found = held_in({HELD: annotations[HELD]} if isinstance(annotations.get(HELD), str) else {}, place.name)
        return None if found is None else frozenset(name for _, name in found)

    async def _target(self, place: Key, body: Body) -> Body | None:
        spec = await ExternalSecret(place, body).spec()
        try:
            resource = await self._kinds.of(spec)
        except NotServed:
            return None
        return await self._context.client.find(Key(resource, place.namespace, spec.target.name or place.name))

    async def _finish(self, key: Key, state: Body) -> Requeue:
        """End at the provider what a deleted state records, then let it go."""
        if FINALIZER not in (state["metadata"].get("finalizers") or ()):
            return NO_REQUEUE
        try:
            await self._revoker.end(state)
        except (NeedsHuman, ProviderError) as error:
            if not self._lost(key, error):
                return await self._refused(key, state, error)
            log.warning("credential left behind", object=str(key), problem=str(error))
        kept = [each for each in state["metadata"]["finalizers"] if each != FINALIZER]
        await self._patch(key, state, {"metadata": {"finalizers": kept}})
        return NO_REQUEUE

    def _lost(self, key: Key, error: NeedsHuman | ProviderError) -> bool:
        """Return True if nothing can help: it has ended by itself, or its namespace and credentials go too."""
        if isinstance(error, NotRevoked) and self._context.clock.now().timestamp() >= error.ends_at:
            return True
        refused = isinstance(error, NeedsHuman | ProviderDenied)
        return refused and is_terminating(self._context.cache, key.namespace)

    async def _refused(self, key: Key, state: Body, error: NeedsHuman | ProviderError) -> Requeue:
        text = f"what the generator made is still alive: {error}"
        uid = state["metadata"]["uid"]
        await self._context.events.warning(key, uid, NOT_REVOKED, text, component=COMPONENT)
        if isinstance(error, ProviderUnavailable):
            return Requeue(backoff=True)
        left = REFUSED_RETRY_SECONDS
        if isinstance(error, NotRevoked):
            left = min(left, error.ends_at - self._context.clock.now().timestamp())
        return Requeue(after=max(left, MIN_RETRY_SECONDS))

    async def _patch(self, key: Key, state: Body, patch: Body) -> None:
        meta = state["metadata"]
        await self._context.writer.apply(Patch(key, meta["uid"], meta["resourceVersion"], patch))

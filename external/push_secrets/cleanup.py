"""Delete at providers what a PushSecret has pushed and no longer wants, and release its finalizer."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from external.errors import Pending
from external.metrics import PushMetrics
from external.providers.protocol import ProviderDenied, ProviderError, ProviderUnavailable, SecretRequest
from external.providers.push import Pushes, PushRefused, RemoteRef, RemoteUnmanaged, canonical, pushes
from external.providers.session import ProviderSession
from external.push_secrets.claims import Claims
from external.push_secrets.memory import PushMemory
from external.push_secrets.plan import Around, Fate, Removal, fate, removals
from external.push_secrets.push import CONTINUE_SECONDS, PASS_SECONDS, Pusher
from external.push_secrets.record import store_name
from external.push_secrets.view import COMPONENT, PushSecret
from external.push_summaries import FINALIZER, LEAVE
from external.stores.clients import Clients
from external.stores.namespaces import is_terminating
from manager.core.errors import NeedsHuman, ReconcileError, WaitFor
from manager.kube.resources import Key
from manager.kube.writer import DeleteBrake, Patch
from manager.runtime.module import Context

UNMANAGED = "LeftAtProvider"
Wanted = Mapping[Key, Mapping[RemoteRef, Any]]
"""What is still pushed: the metadata of each entry, by store and place."""
EVERY_STORE = "*"
OUT_OF_TIME = "deleting takes longer than one pass may; the next one goes on"
TAKES_NONE = "its provider takes no secrets in this version"


@dataclass
class Cleaned:
    """What came of a clean-up."""

    done: set[tuple[str, str]] = field(default_factory=set)
    """Store and status key of what is gone, or is left for good."""
    errors: list[str] = field(default_factory=list)
    unavailable: Key | None = None
    """A store whose provider does not answer."""
    wait: float = 0.0
    """Seconds until more may be deleted."""
    lost: bool = False
    """Whether a value that is still wanted is gone: two stores led to one place."""


class CleanUp:
    """Deletes only what is recorded, and what no other PushSecret claims."""

    def __init__(
        self,
        context: Context,
        clients: Clients,
        pusher: Pusher,
        claims: Claims,
        memory: PushMemory,
        metrics: PushMetrics,
    ) -> None:
        self._context = context
        self._clients = clients
        self._pusher = pusher
        self._claims = claims
        self._memory = memory
        self._metrics = metrics
        paused = context.metrics.deletes_paused.labels("external").inc
        self._brake = DeleteBrake(context.clock, paused, context.settings.modules.deletes_per_minute)

    async def clean(
        self,
        push_secret: PushSecret,
        unwanted: Sequence[Removal],
        wanted: Wanted,
        deadline: float,
    ) -> Cleaned:
        """Delete what is unwanted, store by store; what fails, and what is left at the deadline, stays recorded.

        Args:
            push_secret: whose record it is.
            unwanted: what to delete.
            wanted: what is still pushed, by store.
            deadline: monotonic second.

        """
        cleaned = Cleaned()
        by_store: dict[Key, list[Removal]] = {}
        for each in unwanted:
            by_store.setdefault(each.store, []).append(each)
        for store, these in by_store.items():
            if self._out_of_time(deadline, cleaned):
                break
            try:
                opened = await self._opened(push_secret, store)
            except Pending:
                raise
            except (ReconcileError, ProviderError) as error:
                await self._unreached(push_secret, store, these, error, cleaned)
                continue
            for each in these:
                if cleaned.wait or cleaned.unavailable == store or self._out_of_time(deadline, cleaned):
                    break
                await self._remove(push_secret, opened, each, wanted, cleaned)
        return cleaned

    async def finish(self, push_secret: PushSecret) -> Cleaned:
        """Clean up after a deleted PushSecret, then let it go."""
        cleaned = Cleaned()
        if FINALIZER not in (push_secret.metadata.get("finalizers") or ()):
            return cleaned
        if push_secret.summary.deletes:
            unwanted = removals(push_secret.record, push_secret.key.namespace, {}, ())
            cleaned = await self.clean(push_secret, unwanted, {}, self._context.clock.monotonic() + PASS_SECONDS)
        if not cleaned.errors and not cleaned.wait:
            await self.set_finalizer(push_secret, present=False)
        return cleaned

    async def set_finalizer(self, push_secret: PushSecret, *, present: bool) -> None:
        """Set or remove the finalizer, in the body too."""
        given = push_secret.metadata.get("finalizers") or []
        if (FINALIZER in given) is present:
            return
        finalizers = [*given, FINALIZER] if present else [each for each in given if each != FINALIZER]
        meta = push_secret.metadata
        patch = {"metadata": {"finalizers": finalizers}}
        written = await self._context.writer.apply(Patch(push_secret.key, meta["uid"], meta["resourceVersion"], patch))
        if written is not None:
            push_secret.body = {**push_secret.body, "metadata": written["metadata"]}

    def _out_of_time(self, deadline: float, cleaned: Cleaned) -> bool:
        """Return True after the deadline; what is left is told, and comes with the next pass."""
        if cleaned.wait or self._context.clock.monotonic() <= deadline:
            return False
        cleaned.wait = CONTINUE_SECONDS
        cleaned.errors.append(OUT_OF_TIME)
        return True

    async def _opened(self, push_secret: PushSecret, store: Key) -> "_Opened":
        session = await self._clients.for_consumer(store, push_secret.key.namespace)
        client = session.client
        if not pushes(client):
            raise ProviderError(TAKES_NONE)
        return _Opened(session, client)

    async def _unreached(
        self, push_secret: PushSecret, store: Key, these: Sequence[Removal], why: Exception, cleaned: Cleaned
    ) -> None:
        """Keep the record of a store that cannot be used, unless the user lets it go, or its namespace goes with it."""
        leaves = {each.strip() for each in push_secret.summary.leaves.split(",")}
        if self._is_lost(push_secret, store, why):
            text = f"{len(these)} remote refs of {store_name(store)} are left at the provider"
            await self._tell_left(push_secret, f"{text}: the namespace is being deleted, and {why}")
        elif not leaves & {store_name(store), EVERY_STORE}:
            name = store_name(store)
            cure = f'make the store work again, or leave its secrets where they are: annotate {LEAVE}="{name}"'
            cleaned.errors.append(f"could not get secrets client for store {store.name}: {why}; {cure}")
            return
        cleaned.done |= {each.recorded for each in these}

    def _is_lost(self, push_secret: PushSecret, store: Key, why: Exception) -> bool:
        """Return True if nothing can make a store work before the PushSecret is gone.

        In a namespace that is being deleted nothing can be created, so a store or credentials of it that went before
        the PushSecret do not come back; waiting for them would hold the namespace for ever.
        """
        meta = self._context.cache.get(store)
        local = bool(store.namespace) or (meta is not None and meta.digest.per_consumer)
        terminating = is_terminating(self._context.cache, push_secret.key.namespace)
        refused = isinstance(why, NeedsHuman | ProviderDenied)
        return "deletionTimestamp" in push_secret.metadata and local and terminating and refused

    async def _remove(
        self,
        push_secret: PushSecret,
        opened: "_Opened",
        removal: Removal,
        wanted: Wanted,
        cleaned: Cleaned,
    ) -> None:
        try:
            elsewhere = await self._elsewhere(push_secret, removal, wanted)
            if fate(self._around(push_secret, opened, removal, wanted, elsewhere)) is Fate.DELETE:
                self._brake.take(push_secret.key.namespace)
                delete = partial(opened.client.delete, removal.ref, push_secret.owner, removal.metadata)
                if await self._pusher.call(opened.session, push_secret, delete):
                    self._metrics.deleted()
                cleaned.lost |= await self._lost(push_secret, removal, elsewhere)
            cleaned.done.add(removal.recorded)
        except WaitFor as error:
            cleaned.wait = error.delay
            cleaned.errors.append(error.message)
        except RemoteUnmanaged as error:
            await self._left(push_secret, removal, str(error))
            cleaned.done.add(removal.recorded)
        except (ProviderError, ReconcileError) as error:
            cleaned.errors.append(f"could not delete remote ref {removal.name} of {store_name(removal.store)}: {error}")
            cleaned.unavailable = removal.store if isinstance(error, ProviderUnavailable) else cleaned.unavailable

    def _around(
        self,
        push_secret: PushSecret,
        opened: "_Opened",
        removal: Removal,
        wanted: Wanted,
        elsewhere: Sequence["_Opened"],
    ) -> Around:
        client, refs = opened.client, wanted.get(removal.store, {})
        return Around(
            canonical(client, removal.ref, removal.metadata),
            {canonical(client, ref, metadata) for ref, metadata in refs.items()},
            opened.client.deletes_property,
            self._claims.any_other(push_secret.key, removal.claim),
            self._claims.any_of_key(push_secret.key, removal.claim),
            any(each.place(removal.ref) == opened.place(removal.ref) for each in elsewhere),
        )

    async def _elsewhere(self, push_secret: PushSecret, removal: Removal, wanted: Wanted) -> list["_Opened"]:
        """Return the other stores at which the remote key is wanted."""
        stores = [
            store
            for store, refs in wanted.items()
            if store != removal.store and any(each.key == removal.ref.key for each in refs)
        ]
        return [await self._opened(push_secret, each) for each in stores]

    async def _lost(self, push_secret: PushSecret, removal: Removal, elsewhere: Sequence["_Opened"]) -> bool:
        """Return True if a value was deleted that another store leads to: it is pushed again at once."""
        for each in elsewhere:
            try:
                there = await self._pusher.call(
                    each.session, push_secret, partial(each.client.exists, removal.ref, removal.metadata)
                )
            except PushRefused:
                there = False  # it cannot be asked, such as a webhook that only takes POST
            if not there:
                self._memory.of(push_secret.key, push_secret.uid).proofs.clear()
                return True
        return False

    async def _left(self, push_secret: PushSecret, removal: Removal, why: str) -> None:
        text = f"remote ref {removal.name} of {store_name(removal.store)} is left at the provider: {why}"
        await self._tell_left(push_secret, text)

    async def _tell_left(self, push_secret: PushSecret, text: str) -> None:
        await self._context.events.warning(push_secret.key, push_secret.uid, UNMANAGED, text, component=COMPONENT)


@dataclass(frozen=True)
class _Opened:
    """A store that can be pushed to."""

    session: ProviderSession
    client: Pushes
    """The session's."""

    def place(self, ref: RemoteRef) -> str:
        """Return where the store leads to for a remote key, as far as its client can tell."""
        return f"{type(self.client).__name__} {self.session.client.location(SecretRequest(ref.key))}"

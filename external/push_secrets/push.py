"""Push the entries of one store: claims, what exists already, then the provider."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeVar

import structlog

from external.api.push_metadata.kubernetes import remote_namespace
from external.metrics import PushMetrics
from external.providers.protocol import ProviderError, ProviderUnavailable
from external.providers.push import Pushed, Pushes, PushRefused, PushRequest, ReferencedObject
from external.providers.session import ProviderSession
from external.push_secrets.claims import Claims
from external.push_secrets.entries import Entry
from external.push_secrets.memory import Place, Proof, PushMemory, request_fingerprint
from external.push_secrets.record import joined, merge_patch, record_of, store_name
from external.push_secrets.view import COMPONENT, EntryState, PushSecret
from external.push_summaries import Claim, mapping
from external.reading.thread_pool import ThreadPool
from manager.core.cooperative import CooperativeYield
from manager.core.errors import Conflict
from manager.core.secret_value import SecretValue
from manager.kube.resources import CONFIGMAPS, SECRETS, Body, Key
from manager.kube.secret_data import decoded
from manager.kube.status import write_status
from manager.kube.writer import SEALING_KEY_LABEL
from manager.runtime.controller import describe
from manager.runtime.module import Context

AT_ONCE = 4  # remote keys of one PushSecret and store; what was written is recorded after so many
PASS_SECONDS = 100.0  # of one pass; the rest waits for the next, so that a worker is free again
CONTINUE_SECONDS = 1.0  # until a pass goes on that had more to do than its time allows
EDITS = 5  # of a PushSecret at the moment of a record, after which it is not tried again
CLAIMED = "RemoteKeyClaimed"
Result = TypeVar("Result")

log = structlog.get_logger(__name__)


@dataclass
class Job:
    """The entries of one store."""

    push_secret: PushSecret
    store: Key
    session: ProviderSession
    client: Pushes
    """The session's."""
    entries: Sequence[Entry]
    trusted: float
    """Unix time; what was pushed or compared after it is taken for equal without a look."""
    deadline: float
    """Monotonic second."""
    replaces: bool
    """Whether values that exist are replaced."""
    last: bool
    """Whether no other store follows: the last group is recorded with the result, unless the record is to delete by."""

    @property
    def name(self) -> str:
        """The name of the store in the record."""
        return store_name(self.store)


@dataclass
class StoreResult:
    """What came of one store."""

    states: list[EntryState] = field(default_factory=list)
    pushed: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    """What the provider has from this PushSecret, by status key."""
    errors: list[str] = field(default_factory=list)
    unavailable: bool = False
    retries: bool = False
    """Whether an error may end without an event."""
    left: bool = False
    """Whether time ran out before all entries were pushed."""
    wrote: bool = False


class Pusher:
    """Pushes, remembers and records."""

    def __init__(
        self, context: Context, threads: ThreadPool, claims: Claims, memory: PushMemory, metrics: PushMetrics
    ) -> None:
        self._context = context
        self._threads = threads
        self._claims = claims
        self._memory = memory
        self._metrics = metrics

    async def push(self, job: Job) -> StoreResult:
        """Push what the provider lacks; what is new there is recorded before the next group is pushed."""
        result = StoreResult()
        groups: dict[str, list[Entry]] = {}
        for each in job.entries:
            groups.setdefault(each.ref.key, []).append(each)
        waiting = list(groups.values())
        for at in range(0, len(waiting), AT_ONCE):
            if self._context.clock.monotonic() > job.deadline:
                result.left = True
                break
            await asyncio.gather(*(self._group(job, each, result) for each in waiting[at : at + AT_ONCE]))
            if not job.last or at + AT_ONCE < len(waiting) or job.push_secret.summary.deletes:
                await self.record(job.push_secret, job.name, result.pushed)
            if result.unavailable:
                break
        order = {each.key: index for index, each in enumerate(job.entries)}
        result.states.sort(key=lambda each: order.get(_name(each), 0))
        return result

    async def record(self, push_secret: PushSecret, name: str, pushed: Mapping[str, Mapping[str, Any]]) -> None:
        """Write new entries into the status, so that a crash loses none; known ones are written with the result.

        Raises Conflict if the PushSecret was edited or deleted meanwhile; its record has the entries all the same, as
        the provider has them. Without that the next pass, which decides by the record, would leave them there for ever.
        """
        before = push_secret.record
        if joined(before, {name: pushed}).get(name, {}).keys() <= before.get(name, {}).keys():
            return
        try:
            push_secret.body = await self._recorded(push_secret.key, push_secret.body, name, pushed)
        except Conflict:
            for _ in range(EDITS):
                now = await self._context.client.find(push_secret.key)
                if now is None or now["metadata"]["uid"] != push_secret.uid:
                    break
                with suppress(Conflict):
                    await self._recorded(push_secret.key, now, name, pushed)
                    break
            raise

    async def _recorded(self, key: Key, body: Body, name: str, pushed: Mapping[str, Mapping[str, Any]]) -> Body:
        before = record_of(body)
        patch = merge_patch(before, joined(before, {name: pushed}))
        return await write_status(self._context.client, key, body, {"syncedPushSecrets": patch})

    async def call(self, session: ProviderSession, push_secret: PushSecret, work: Callable[[], Result]) -> Result:
        """Call a provider in a thread. Raises ProviderError, NotLeader."""
        self._context.writer.require_leader()
        tenant = session.tenant
        if session.store is not None and not session.store.namespace:
            tenant = f"{tenant} for namespace {push_secret.key.namespace}"  # its pushes must not stop those of others
        try:
            return await self._threads.run(tenant, work)
        except ProviderError:
            raise
        except Exception as fault:  # its text may quote a value
            log.error("provider failed unexpectedly", object=str(push_secret.key), error=describe(fault))
            raise ProviderError("the provider's client failed unexpectedly; the log names the place") from None

    async def _group(self, job: Job, entries: Sequence[Entry], result: StoreResult) -> None:
        """Push what belongs to one remote key, one after the other, until time runs out or nothing answers."""
        breath = CooperativeYield()  # a claim is looked at without waiting, and may have many rivals
        for each in entries:
            await breath.take()
            if result.unavailable:
                return
            if self._context.clock.monotonic() > job.deadline:
                result.left = True
                return
            try:
                await self._one(job, each, result)
            except ProviderError as error:
                about = f"could not write remote ref {each.secret_key} to target secretstore {job.store.name}"
                text = str(error) if str(error).startswith(UNVERIFIED) else f"{about}: {error}"
                result.states.append(_state(job, each, "Failed", str(error)))
                result.errors.append(text)
                result.unavailable |= isinstance(error, ProviderUnavailable)
                result.retries |= not isinstance(error, PushRefused)

    async def _one(self, job: Job, entry: Entry, result: StoreResult) -> None:
        if await self._claimed(job, entry, result):
            return
        recorded = _recorded(job, entry)
        request = await self._request(job, entry, recorded=recorded)
        remembered = self._memory.of(job.push_secret.key, job.push_secret.uid)
        place, known = Place(job.store, job.session.identity, entry.ref), request_fingerprint(request)
        proof = remembered.proofs.get(place)
        if proof is None or proof.fingerprint != known or proof.at <= job.trusted:
            if not job.replaces and await self._exists(job, entry):
                state = "Synced" if recorded else "Kept"
                result.states.append(_state(job, entry, state))
                if recorded:
                    result.pushed[entry.key] = entry.data
                return
            done: Pushed = await self.call(job.session, job.push_secret, partial(job.client.push, request))
            if done.written:
                result.wrote = True
                self._metrics.wrote()
            remembered.proofs[place] = Proof(known, self._context.clock.now().timestamp())
            remembered.version_of[job.store, entry.ref.key] = done.version
        result.pushed[entry.key] = entry.data
        result.states.append(_state(job, entry, "Synced"))

    async def _claimed(self, job: Job, entry: Entry, result: StoreResult) -> bool:
        """Return True if another PushSecret has the place; both are told."""
        push_secret, claim = job.push_secret, _claim(job, entry)
        created = str(push_secret.metadata.get("creationTimestamp", ""))
        prior = self._claims.prior(push_secret.key, created, claim, held=_recorded(job, entry))
        if prior is None:
            return False
        meta = self._context.cache.get(prior)
        why = "is older" if meta is not None and meta.created <= created else "has pushed to it before"
        where = f'remote key "{entry.key}" of {job.name}'
        text = f"{where} is claimed by PushSecret {prior.namespace}/{prior.name}, which {why}; push to another key"
        result.states.append(_state(job, entry, "Claimed", text))
        result.errors.append(text)
        told = f"{where} is claimed by PushSecret {push_secret.owner} too, which does not push to it"
        await self._context.events.warning(prior, meta.uid if meta else "", CLAIMED, told, component=COMPONENT)
        return True

    async def _exists(self, job: Job, entry: Entry) -> bool:
        try:
            return await self.call(job.session, job.push_secret, partial(job.client.exists, entry.ref, entry.metadata))
        except ProviderError as error:
            raise type(error)(f"{UNVERIFIED}: {error}") from error

    async def _request(self, job: Job, entry: Entry, *, recorded: bool) -> PushRequest:
        referenced = {each: await self._referenced(job, each) for each in job.client.references(entry.metadata)}
        return PushRequest(
            ref=entry.ref,
            secret_key=entry.secret_key,
            values=entry.values,
            owner=job.push_secret.owner,
            recorded=recorded,
            metadata=entry.metadata,
            referenced=referenced,
            source=entry.source.meta,
            adopts=job.push_secret.adopts,
        )

    async def _referenced(self, job: Job, named: ReferencedObject) -> SecretValue:
        """Read a key of an object that an entry's metadata names, in the PushSecret's namespace."""
        resource = SECRETS if named.kind == SECRETS.kind else CONFIGMAPS
        body = await self._context.client.find(Key(resource, job.push_secret.key.namespace, named.name))
        if body is None or SEALING_KEY_LABEL in (body["metadata"].get("labels") or {}):
            raise PushRefused(f"metadata names {named.kind} {named.name}, which does not exist or may not be read")
        values = decoded(body) if resource is SECRETS else {}
        values |= {
            name: SecretValue(str(text).encode()) for name, text in (body.get("data") or {}).items() if not values
        }
        if named.key not in values:
            raise PushRefused(f"metadata names key {named.key} of {named.kind} {named.name}, which does not exist")
        return values[named.key]


UNVERIFIED = "could not verify if secret exists in store"


def _state(job: Job, entry: Entry, state: str, message: str = "") -> EntryState:
    return EntryState(job.name, entry.ref.key, entry.ref.property, state, message)


def _recorded(job: Job, entry: Entry) -> bool:
    """Return True if this very place is recorded; another one may have its name."""
    data = mapping(job.push_secret.record.get(job.name, {}).get(entry.key))
    place = mapping(data.get("match")).get("remoteRef"), remote_namespace(data.get("metadata"))
    return place == (entry.data["match"]["remoteRef"], remote_namespace(entry.metadata))


def _claim(job: Job, entry: Entry) -> Claim:
    return Claim(job.store, entry.ref.key, entry.ref.property, remote_namespace(entry.metadata))


def _name(state: EntryState) -> str:
    return f"{state.remote_key}/{state.property}" if state.property else state.remote_key

"""Push to all stores of a PushSecret, then clean up what it no longer wants, and say what came of both."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

from external.api.push_secret import PushSecretSpec
from external.errors import Pending
from external.providers.protocol import ProviderError, ProviderUnavailable
from external.providers.push import Pushes, RemoteRef, canonical, pushes
from external.providers.session import ProviderSession
from external.push_secrets.cleanup import TAKES_NONE, Cleaned, CleanUp
from external.push_secrets.entries import Budget, Entry, Expansion, Source, require_distinct
from external.push_secrets.memory import PushMemory, Remembered, versions_stamp
from external.push_secrets.outcome import Outcome, success_message
from external.push_secrets.plan import next_record, removals
from external.push_secrets.push import CONTINUE_SECONDS, PASS_SECONDS, Job, Pusher, StoreResult
from external.push_secrets.record import store_name, without
from external.push_secrets.refresh import Known
from external.push_secrets.stores import Chosen, ChosenStores
from external.push_secrets.view import ERRORED, EntryState, PushSecret
from external.push_summaries import MAX_STORES
from external.stores.clients import Clients
from external.values.documents import Documents
from external.values.namespace_lock import NamespaceLock
from manager.core.errors import NeedsHuman, ReconcileError, Retry
from manager.kube.resources import Key
from manager.runtime.module import Context

OPEN_SECONDS = 30.0  # of one pass, to open stores; what opens afterwards waits for the next pass
FAILED = "set secret failed: "


@dataclass(frozen=True)
class Pass:
    """What one pass has found before it pushes."""

    push_secret: PushSecret
    spec: PushSecretSpec
    stores: ChosenStores
    known: Known
    started: float
    """Unix time."""


@dataclass(frozen=True)
class Target:
    """A store of a pass: its client, or why there is none."""

    chosen: Chosen
    session: ProviderSession | None = None
    client: Pushes | None = None
    error: str = ""
    unavailable: bool = False
    left: bool = False
    """Whether time ran out before the store was opened."""


@dataclass
class Delivered:
    """What came of the stores of a pass."""

    wanted: dict[Key, list[Entry]] = field(default_factory=dict)
    results: dict[Key, StoreResult] = field(default_factory=dict)

    @property
    def errors(self) -> list[str]:
        """What went wrong, in the order of stores and entries."""
        return [FAILED + each for result in self.results.values() for each in result.errors]

    @property
    def states(self) -> list[EntryState]:
        """What became of each entry."""
        return [each for result in self.results.values() for each in result.states]


class Delivery:
    """Pushes to stores one after the other; each stands alone, and a failed one stops no other."""

    def __init__(
        self,
        context: Context,
        clients: Clients,
        pusher: Pusher,
        cleanup: CleanUp,
        memory: PushMemory,
        locks: NamespaceLock,
    ) -> None:
        self._context = context
        self._clients = clients
        self._pusher = pusher
        self._cleanup = cleanup
        self._memory = memory
        self._locks = locks

    async def open(self, this: Pass) -> list[Target]:
        """Open the clients of all stores, one after the other; at least one, and the others while time is left.

        It begins where time ran out before: else stores that hang would take the time of the others at each pass.
        Raises NeedsHuman if label selectors choose too many.
        """
        if len(this.stores.served) > MAX_STORES:
            text = f"secretStoreRefs choose more than {MAX_STORES} stores; divide them over several PushSecrets"
            raise NeedsHuman(ERRORED, FAILED + text)
        deadline, targets = self._context.clock.monotonic() + OPEN_SECONDS, list[Target]()
        for each in self._in_turn(this):
            if targets and self._context.clock.monotonic() > deadline:
                targets.append(Target(each, left=True))
            else:
                targets.append(await self._target(each, this.push_secret.key.namespace))
        self._remembered(this).left = next((each.chosen.key for each in targets if each.left), None)
        return targets

    async def deliver(
        self, this: Pass, targets: Sequence[Target], sources: Sequence[Source], trusted: float
    ) -> Outcome:
        """Push all entries; clean up if all are at their providers.

        Args:
            this: the pass.
            targets: the stores.
            sources: the values.
            trusted: Unix time; what was pushed or compared after it is taken for equal.

        """
        push_secret, done = this.push_secret, Delivered()
        documents = Documents(self._context.sandbox, self._locks, push_secret.key.namespace)
        budget = Budget()
        for target in targets:
            expansion = Expansion(this.spec, target.chosen, documents, budget)
            entries = done.wanted[target.chosen.key] = await expansion.entries(sources)
            require_distinct(entries, partial(canonical, target.client))
        deadline = self._context.clock.monotonic() + PASS_SECONDS
        for target in targets:
            key, entries = target.chosen.key, done.wanted[target.chosen.key]
            if target.session is None or target.client is None:
                done.results[key] = _unopened(target, entries)
                continue
            job = Job(
                push_secret,
                key,
                target.session,
                target.client,
                entries,
                trusted,
                deadline,
                replaces=this.spec.update_policy == "Replace",
                last=target is targets[-1],
            )
            done.results[key] = await self._pusher.push(job)
        done.results = self._in_order(this, done.results)
        return await self._settle(this, done, deadline)

    def unreachable(self, this: Pass, targets: Sequence[Target]) -> Outcome:
        """Return that none of the stores can be pushed to; the record stays."""
        errors = [*this.stores.absent, *(FAILED + each.error for each in targets if each.error)]
        away = next((each.chosen.key for each in targets if each.unavailable), None)
        error = (NeedsHuman if away is None else Retry)(ERRORED, _several(errors))
        return Outcome(error=error, gate=None if away is None else ("push", away))

    async def withdraw(self, this: Pass) -> Outcome:
        """Delete everything that is recorded at stores that can be used: the source is gone."""
        done = Delivered({each.key: [] for each in this.stores.served})
        return await self._settle(this, done, self._context.clock.monotonic() + PASS_SECONDS)

    def undeleted(self, push_secret: PushSecret, cleaned: Cleaned) -> Outcome:
        """Return that a deleted PushSecret could not be cleaned up, with what remains."""
        text = f"Failed to Delete Secrets from Provider: {_several(cleaned.errors)}"
        outcome = Outcome(error=Retry(ERRORED, text), record=without(push_secret.record, cleaned.done))
        return _with_cleanup(outcome, cleaned)

    async def _target(self, chosen: Chosen, namespace: str) -> Target:
        about = f"could not get secrets client for store {chosen.key.name}"
        try:
            session = await self._clients.for_consumer(chosen.key, namespace)
        except Pending:
            raise
        except (ReconcileError, ProviderError) as error:
            return Target(chosen, error=f"{about}: {error}", unavailable=isinstance(error, ProviderUnavailable))
        client = session.client
        return Target(chosen, session, client) if pushes(client) else Target(chosen, error=f"{about}: {TAKES_NONE}")

    def _in_turn(self, this: Pass) -> tuple[Chosen, ...]:
        """Return the stores, beginning with the one that the last pass had no time for."""
        served, left = this.stores.served, self._remembered(this).left
        first = next((at for at, each in enumerate(served) if each.key == left), 0)
        return served[first:] + served[:first]

    def _in_order(self, this: Pass, results: Mapping[Key, StoreResult]) -> dict[Key, StoreResult]:
        """Return results in the order of the references; note where the next pass begins if time ran out."""
        remembered = self._remembered(this)
        remembered.left = next((store for store, result in results.items() if result.left), remembered.left)
        return {each.key: results[each.key] for each in this.stores.served}

    def _remembered(self, this: Pass) -> Remembered:
        return self._memory.of(this.push_secret.key, this.push_secret.uid)

    async def _settle(self, this: Pass, done: Delivered, deadline: float) -> Outcome:
        """Clean up unless something failed, and compose the outcome."""
        push_secret, cleaned = this.push_secret, Cleaned()
        left = any(result.left for result in done.results.values())
        failed = bool(done.errors) or left
        refs = {store: {each.ref: each.metadata for each in entries} for store, entries in done.wanted.items()}
        gone = removals(push_secret.record, push_secret.key.namespace, refs, this.stores.kept)
        if push_secret.summary.deletes and not failed:
            cleaned = await self._cleanup.clean(push_secret, gone, refs, deadline)
        unremoved = (
            []
            if not (push_secret.summary.deletes or failed)
            else [each.recorded for each in gone if each.recorded not in cleaned.done]
        )
        outcome = Outcome(
            record=next_record(
                push_secret.record,
                {store_name(store): _pushed(done, store) for store in done.wanted},
                _unpushed(done),
                [store_name(each) for each in this.stores.kept],
                unremoved,
            ),
            states=done.states,
            message=success_message(this.spec),
            wrote=any(result.wrote for result in done.results.values()) or bool(cleaned.done),
        )
        errors = [*this.stores.absent, *done.errors, *cleaned.errors]
        return self._judged(this, done, _with_cleanup(outcome, cleaned), errors, left=left)

    def _judged(self, this: Pass, done: Delivered, outcome: Outcome, errors: Sequence[str], *, left: bool) -> Outcome:
        away = next((store for store, result in done.results.items() if result.unavailable), None)
        if away is not None:
            outcome.gate = ("push", away)
        elif done.results:
            outcome.answered = ("push", next(iter(done.results)))
        if left:
            outcome.after = CONTINUE_SECONDS
        retries = any(result.retries for result in done.results.values())
        outcome.backoff |= retries and not outcome.gate
        if errors:
            outcome.error = (Retry if retries else NeedsHuman)(ERRORED, _several(errors))
        outcome.synced = not errors and not left and outcome.after is None
        if outcome.synced:
            outcome.versions = self._versions(this, done)
        return outcome

    def _versions(self, this: Pass, done: Delivered) -> str:
        """Return the stamp of the providers' versions, and drop what is remembered of other places."""
        remembered = self._remembered(this)
        refs = {(store, each.ref) for store, entries in done.wanted.items() for each in entries}
        remembered.proofs = {at: proof for at, proof in remembered.proofs.items() if (at.store, at.ref) in refs}
        keys = {(store, ref.key) for store, ref in refs}
        remembered.version_of = {at: text for at, text in remembered.version_of.items() if at in keys}
        if any(each.state != "Synced" for each in done.states) or this.spec.update_policy == "IfNotExists":
            return ""
        return versions_stamp({at: remembered.version_of.get(at, "") for at in keys})


def _unopened(target: Target, entries: Sequence[Entry]) -> StoreResult:
    if target.left:
        return StoreResult(left=True)
    name = store_name(target.chosen.key)
    states = [EntryState(name, each.ref.key, each.ref.property, "Failed", target.error) for each in entries]
    return StoreResult(states, errors=[target.error], unavailable=target.unavailable, retries=target.unavailable)


def _pushed(done: Delivered, store: Key) -> Mapping[str, Mapping[str, object]]:
    return done.results[store].pushed if store in done.results else {}


def _unpushed(done: Delivered) -> list[tuple[str, str]]:
    """Return store and status key of entries that are not at the provider, or not as they should be."""
    found: list[tuple[str, str]] = []
    for store, entries in done.wanted.items():
        pushed, kept, name = _pushed(done, store), _kept(done, store), store_name(store)
        found += [(name, each.key) for each in entries if each.key not in pushed and each.ref not in kept]
    return found


def _kept(done: Delivered, store: Key) -> set[RemoteRef]:
    """Return what exists at a store and is not replaced."""
    states = done.results[store].states if store in done.results else ()
    return {RemoteRef(each.remote_key, each.property) for each in states if each.state == "Kept"}


def _with_cleanup(outcome: Outcome, cleaned: Cleaned) -> Outcome:
    if cleaned.wait:
        outcome.after = cleaned.wait
    elif cleaned.lost:
        outcome.after = CONTINUE_SECONDS
    elif cleaned.unavailable is not None:
        outcome.gate = ("push", cleaned.unavailable)
    elif cleaned.errors:
        outcome.backoff = True
    return outcome


def _several(errors: Sequence[str]) -> str:
    more = len(errors) - 1
    return errors[0] + (f" (and {more} more; status.pushState tells of each)" if more else "")

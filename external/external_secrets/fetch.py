"""Read the data of one ExternalSecret from its providers, entry by entry."""

import asyncio
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial

from external.api.external_secret import Data, DataFrom, FindRef, RemoteRef, store_field
from external.errors import FAILED, FETCH_FAILED, NeedsRemote
from external.external_secrets.entry_errors import EntryErrors
from external.external_secrets.expiry import CACHED_TARGETS
from external.external_secrets.kept_values import NOTHING_MADE, Made, existing_values, kept_states
from external.external_secrets.refresh import Refreshed
from external.external_secrets.view import ExternalSecret, View
from external.generators.loading import GeneratorReader, LoadedGenerators, fixed_names
from external.generators.runner import GeneratorRun, Generators, slot_of
from external.providers.protocol import (
    Client,
    DocumentPath,
    MissingPropertyText,
    NotModified,
    ProviderError,
    SearchRequest,
    SecretAbsent,
    SecretRequest,
    converts_names,
    finds_properties,
    sends_property,
)
from external.providers.session import ProviderSession
from external.reading.identity_queue import Answer, Given, MaxAge, ReadRequest
from external.reading.reader import SharedReader, fingerprint
from external.stores.clients import Clients
from external.summaries import store_key
from external.values.documents import Documents, beside
from external.values.json_document import MAX_MEMBERS, convert_keys, decode, validate_keys
from external.values.namespace_lock import NamespaceLock
from external.values.rewrites import rewritten
from manager.core.clock import Clock
from manager.core.cooperative import CooperativeYield
from manager.core.errors import NeedsHuman
from manager.core.secret_value import SecretValue
from manager.gotemplate.sandbox import Sandbox
from manager.kube.resources import SECRETS, Key

MAX_PARSE_SECONDS = 60.0  # to parse the values of one ExternalSecret; a worker that is busy longer counts as stuck
MAX_KEYS = 5 * MAX_MEMBERS  # of all entries together, each name counted again for every step of a rewrite
MAX_BYTES = 16 << 20  # of all values together; templates may make a smaller Secret of larger values


@dataclass(frozen=True)
class Fetched:
    """The merged data, and the identity under which they were read."""

    data: Mapping[str, SecretValue] | None
    """None if nothing has changed, by a version list or the provider's answer: then there is nothing to write."""
    identity: tuple[str, ...]
    age: float
    """Seconds since the oldest value was read, or since the moment for which a version list proves it."""
    absent: tuple[str, ...]
    """Entries that the provider proved absent, if the deletion policy lets them be skipped."""
    mark: str = ""
    """A fingerprint of the versions of all that was read; empty if the provider has no versions."""
    random: bool = False
    """Whether reading again would give other values: a generator has made some of the data."""
    requested: tuple[tuple[Key, ReadRequest], ...] = ()
    """What was requested of which stores, each request once."""
    fingerprint: bytes = b""
    """Of all answers; empty if one is an error, nothing was read, or a generator ran too."""
    made: Made = NOTHING_MADE
    """The generated values among the data."""

    def refreshed(self, clock: Clock) -> Refreshed:
        """Return what is remembered of a refresh with these data.

        The next one is counted from when the values were read: objects that share a read refresh together, in time.
        """
        at, began = clock.now().timestamp() - self.age, clock.monotonic() - self.age
        return Refreshed(at, self.identity, self.mark, began, self.made.refresh_by)


@dataclass(frozen=True)
class Requests:
    """What entries request, in their order, each through the session of its store."""

    listed: Sequence[tuple[ProviderSession, ReadRequest]]

    @cached_property
    def identity(self) -> tuple[str, ...]:
        """The identity under which they are read; it changes with every store and credential."""
        return tuple(sorted({part for session, _ in self.listed for part in session.identity}))


class Fetcher:
    """Reads every entry of an ExternalSecret; all or nothing."""

    def __init__(
        self,
        clients: Clients,
        reader: SharedReader,
        generators: Generators,
        loading: GeneratorReader,
        sandbox: Sandbox,
        locks: NamespaceLock,
    ) -> None:
        self._clients = clients
        self._generators = generators
        self._loading = loading
        self._reader = reader
        self._sandbox = sandbox
        self._locks = locks

    def serves(self, stores: Iterable[Key]) -> bool:
        """Return True if all of these stores that exist are for this controller."""
        return all(self._clients.access.serves_store(each) for each in stores)

    async def generators(self, external_secret: ExternalSecret) -> LoadedGenerators | None:
        """Return the generators that an ExternalSecret names; None if it is for the controller of another class."""
        summary = external_secret.summary
        if not self.serves(summary.stores):
            return None
        key, resource = external_secret.key, CACHED_TARGETS.get(summary.manifest, SECRETS)
        return await self._loading.read(key, summary.generators, Key(resource, key.namespace, summary.target))

    def forget(self, key: Key) -> None:
        """Drop what was generated for an ExternalSecret that is deleted."""
        self._generators.forget(key)
        self._loading.forget(key)

    def held(self, key: Key, states: Collection[str]) -> None:
        """Note that the target of an ExternalSecret holds the values of these GeneratorStates."""
        self._generators.held(key, states)

    async def requests(self, view: View) -> Requests:
        """Return what the entries of an ExternalSecret request of their stores. Raises as `fetch` does."""
        listed, errors, breath = [], EntryErrors(), CooperativeYield()
        for at, entry in view.spec.entries:
            await breath.take()
            if at in view.spec.generators:
                continue
            named = view.spec.store_of(entry)
            if named is None or not named.name:
                errors.add(NeedsHuman(FAILED, "name the store"), f"{store_field(at, entry)}.name is missing")
                continue
            store = store_key(view.key.namespace, named.name, named.kind)
            with errors.at(at, _about(entry)):
                session = await self._clients.for_consumer(store, view.key.namespace)
                listed.append((session, _request_to(session.client, entry)))
        errors.settle()
        return Requests(listed)

    async def fetch(self, view: View, requests: Requests, fresh: MaxAge, run: GeneratorRun) -> Fetched:
        """Return the merged data: `dataFrom` first, later entries win, `data` wins over all.

        Everything is requested at once; no worker waits long for a slow provider. Then generators run.

        Raises:
            NeedsHuman: naming the entry, for what a person must fix in the cluster.
            NeedsRemote: likewise, at the provider.
            StoreUnavailable: the provider does not answer.
            Pending: it has not answered yet.

        """
        spec = view.spec
        answers = await self._reader.read(requests.listed, fresh)
        merge = _Merge(spec.target.deletion_policy, Documents(self._sandbox, self._locks, view.key.namespace))
        run = replace(run, sound=run.sound and _readable(answers.values(), spec.target.deletion_policy))
        kept = await merge.existing(view, run) if run.if_absent else {}
        wanted = {at: named for at, named in spec.generators.items() if at not in kept}
        results = await self._generators.make(view.key, wanted, run)
        made, read = {**kept, **results.entries}, iter(requests.listed)
        try:
            async with asyncio.timeout(MAX_PARSE_SECONDS):
                breath = CooperativeYield()
                for at, entry in spec.entries:
                    await breath.take()
                    if at in made and isinstance(entry, DataFrom):
                        await merge.join(at, entry, made[at], final=at in kept)
                    else:
                        each, request = next(read)
                        await merge.take(at, entry, answers[each.identity, request], each.client)
        except TimeoutError:
            text = f"it takes more than {MAX_PARSE_SECONDS:g} seconds to take the values apart; let there be fewer"
            raise NeedsRemote(FAILED, f"{FETCH_FAILED}: {text}") from None
        merge.errors.settle()
        if merge.unchanged:
            return Fetched(None, requests.identity, 0.0, (), made=Made(refresh_by=results.refresh_by))
        proven = len(merge.absent) + merge.empty
        if not merge.data and spec.target.deletion_policy == "Delete" and proven < len(spec.entries):
            text = "there is no key in what the provider gave, and not every entry is proven absent: nothing is deleted"
            raise NeedsRemote(FAILED, f"{FETCH_FAILED}: {text}")
        mark = "" if merge.absent or made else self._reader.mark(answers)
        age = self._reader.age(answers.values())
        # Each request once: thousands of entries may read the same, and it is kept for as long as the object.
        once = {(each.identity, request): each.store for each, request in requests.listed}
        requested = tuple((store, request) for (_, request), store in once.items() if store is not None)
        known = b"" if made else fingerprint(answers[name] for name in once)
        states = (*kept_states(view, map(slot_of, kept)), *results.states)
        made_at = run.now if results.fresh else None
        generated = Made(merge.generated, states, run.refreshes, results.refresh_by, made_at)
        absent = tuple(merge.absent)
        return Fetched(merge.data, requests.identity, age, absent, mark, bool(made), requested, known, generated)

    async def repeat(
        self, namespace: str, requested: Sequence[tuple[Key, ReadRequest]], fresh: MaxAge, last: Refreshed, known: bytes
    ) -> Fetched | None:
        """Repeat earlier requests; None if the answers differ now, or come under another identity.

        Args:
            last: the refresh with which they are compared.
            known: the fingerprint of the answers then.

        Raises as `fetch` does.
        """
        requests = Requests(
            [(await self._clients.for_consumer(store, namespace), request) for store, request in requested]
        )
        if requests.identity != last.identity:
            return None
        confirmed = await self.confirmed(requests, last, fresh)
        if confirmed is not None:
            return confirmed
        answers = await self._reader.read(requests.listed, fresh)
        if fingerprint(answers[each.identity, request] for each, request in requests.listed) != known:
            return None
        mark, age = self._reader.mark(answers), self._reader.age(answers.values())
        return Fetched(None, requests.identity, age, (), mark, fingerprint=known)

    async def confirmed(self, requests: Requests, last: Refreshed, fresh: MaxAge) -> Fetched | None:
        """Return that nothing has changed since the last refresh if lists of versions prove it; None otherwise.

        Raises as `fetch` does.
        """
        if not last.answers(fresh.not_before):
            return None
        age = await self._reader.unchanged_since(requests.listed, last.mark, fresh.interval)
        return None if age is None else Fetched(None, requests.identity, age, (), last.mark)


class _Merge:
    """Merges answers, entry by entry."""

    def __init__(self, deletion_policy: str, documents: Documents) -> None:
        self._deletion_policy = deletion_policy
        self._documents = documents
        self.errors = EntryErrors()
        self.data: dict[str, SecretValue] = {}
        self.absent: list[str] = []
        self.empty = 0
        """Searches without a result."""
        self._keys = 0
        self._bytes = 0
        self.generated: dict[str, str] = {}
        self.unchanged = False
        """Whether a provider says that its answer has not changed: then there are no data to write."""

    async def take(self, at: str, entry: Data | DataFrom, answer: Answer, client: Client) -> None:
        """Merge one entry; its error is collected with its field."""
        with self.errors.at(at, _about(entry)):
            error = answer.coming.exception()
            if error is not None:
                self._failed(at, entry, error, client)
                return
            whole = answer.coming.result()
            if isinstance(entry, Data):
                found = await self._one(entry, whole, client)
            else:
                found = await self._several(entry, whole, client)
            if isinstance(whole, Mapping) and not whole:
                # Proven empty: a provider that may not list, or that returned only some pages, raises an error.
                self.empty += 1
            self._charge(1, sum(map(len, found.values())))
            self.data.update(found)

    def _failed(self, at: str, entry: Data | DataFrom, error: BaseException, client: Client) -> None:
        if isinstance(error, NotModified):
            self.unchanged = True
        elif isinstance(error, SecretAbsent) and self._deletion_policy != "Retain":
            self.absent.append(f"{at}{_about(entry)}{_looked(entry, client)}")
        elif isinstance(error, SecretAbsent):
            self.errors.add(SecretAbsent(f"{error}{_looked(entry, client)}"), at, _about(entry))
        elif isinstance(error, ProviderError):
            self.errors.add(error, at, _about(entry))
        else:
            raise error

    async def existing(self, view: View, run: GeneratorRun) -> Mapping[str, Mapping[str, SecretValue]]:
        """Return the values that the target has already, by entry. Raises NeedsHuman and ProviderError."""

        async def renamed(entry: DataFrom, made: Mapping[str, SecretValue]) -> Mapping[str, SecretValue]:
            return await rewritten(made, entry.rewrite or (), self._documents, _wrong)

        return await existing_values(view, fixed_names(run.generators), renamed)

    async def join(
        self,
        at: str,
        entry: DataFrom,
        made: Mapping[str, SecretValue] | ProviderError | NeedsHuman,
        *,
        final: bool = False,
    ) -> None:
        """Merge an entry whose values a generator has made: they are neither converted nor decoded.

        Args:
            final: whether their names are those of the target.

        """
        with self.errors.at(at):
            if not isinstance(made, Mapping):
                self.errors.add(made, at)
                return
            renames = entry.rewrite and not final
            named = await rewritten(made, entry.rewrite or (), self._documents, _wrong) if renames else made
            found = validate_keys(named, _wrong)
            self._charge(len(found), sum(map(len, found.values())))
            self.data.update(sorted(found.items()))
            self.generated.update(dict.fromkeys(found, slot_of(at)))

    async def _one(self, entry: Data, given: Given, client: Client) -> Mapping[str, SecretValue]:
        reference = entry.remote_ref
        found = await self._value(reference, _whole(given), client)
        value = decode(found, reference.decoding_strategy, _wrong)
        return {entry.secret_key: _checked(entry.secret_key, value, reference)}

    async def _several(self, entry: DataFrom, given: Given, client: Client) -> Mapping[str, SecretValue]:
        reference = entry.extract or entry.find
        if reference is None:
            return {}  # `entries` skips such an entry
        members = given if isinstance(given, Mapping) else await self._members(entry, given, client)
        if len(members) > MAX_MEMBERS:
            raise _wrong(f"there are more than {MAX_MEMBERS} members")
        self._charge(len(members) * (1 + len(entry.rewrite or ())), 0)
        named = members
        if not entry.rewrite or (converts_names(client) and isinstance(reference, FindRef)):
            named = convert_keys(members, reference.conversion_strategy, _wrong)
        if entry.rewrite:
            named = await rewritten(named, entry.rewrite, self._documents, _wrong)
        return {
            name: _checked(name, decode(value, reference.decoding_strategy, _wrong), reference)
            for name, value in sorted(validate_keys(named, _wrong).items())
        }

    async def _members(self, entry: DataFrom, whole: SecretValue, client: Client) -> Mapping[str, SecretValue]:
        reference, members = entry.extract, None
        if reference is not None and finds_properties(client):
            found = await self._value(reference, whole, client, extract=True) if reference.property else whole
            given = await beside(len(found), partial(client.members, found))
            if isinstance(given, SecretValue):
                given = await self._documents.members(given, natural=client.natural)
            members = given
        elif reference is not None:
            value = await self._value(reference, whole, client, extract=True)
            members = await self._documents.members(value, natural=client.natural)
        if members is None:
            raise _wrong("unable to unmarshal secret: it is not a JSON object")
        return members

    def _charge(self, keys: int, size: int) -> None:
        self._keys += keys
        self._bytes += size
        if self._keys > MAX_KEYS or self._bytes > MAX_BYTES:
            raise _wrong(f"the entries give more than {MAX_KEYS} keys or {MAX_BYTES} bytes; a Secret holds 1 MiB")

    async def _value(
        self, reference: RemoteRef, whole: SecretValue, client: Client, *, extract: bool = False
    ) -> SecretValue:
        if finds_properties(client):
            picked = await beside(len(whole), partial(client.property_value, whole, reference.property or ""))
            if isinstance(picked, DocumentPath):
                picked = await self._documents.find(picked.document, picked.path, natural=client.natural)
            found = picked
        elif not reference.property or sends_property(client):
            return whole
        else:
            found = await self._documents.find(whole, reference.property, natural=client.natural)
        if found is None:
            text = _missing(reference, client, extract=extract) + _looked_for(reference, client)
            raise _wrong(f"{text}; correct {'extract' if extract else 'remoteRef'}.property")
        return found


def _readable(answers: Iterable[Answer], deletion_policy: str) -> bool:
    """Return True if every answer is a value, or an absence that the policy lets be skipped."""
    errors = (each.coming.exception() for each in answers)
    skipped = SecretAbsent if deletion_policy != "Retain" else ()
    return all(error is None or isinstance(error, skipped) for error in errors)


def _whole(given: Given) -> SecretValue:
    if isinstance(given, SecretValue):
        return given
    raise _wrong("the provider gave several secrets for one")


def _wrong(text: str) -> ProviderError:
    return ProviderError(text)


def _missing(reference: RemoteRef, client: Client, *, extract: bool) -> str:
    key, path = reference.key, reference.property or ""
    if isinstance(client, MissingPropertyText):
        return client.missing(key, path, metadata=reference.metadata_policy == "Fetch", extract=extract)
    return f"key {path} does not exist in secret {key}"


def _checked(name: str, value: SecretValue, reference: RemoteRef | FindRef) -> SecretValue:
    if reference.null_byte_policy == "Fail" and b"\x00" in value.reveal():
        raise _wrong(f'fetched secret value for key "{name}" contains null bytes')
    return value


def _request_of(entry: Data | DataFrom) -> ReadRequest:
    if isinstance(entry, DataFrom) and entry.find is not None:
        find = entry.find
        tags = None if find.tags is None else tuple(sorted(find.tags.items()))
        return SearchRequest(find.path or "", None if find.name is None else find.name.regexp or "", tags)
    reference = entry.secret
    if reference is None:
        raise NeedsHuman(FAILED, "either extract, find, or sourceRef must be set")
    return SecretRequest(reference.key, reference.version or "", reference.metadata_policy == "Fetch")


def _request_to(client: Client, entry: Data | DataFrom) -> ReadRequest:
    """Return what is requested of a client for an entry."""
    request = _request_of(entry)
    if isinstance(request, SecretRequest) and sends_property(client) and entry.secret is not None:
        return replace(request, property=entry.secret.property or "")
    return request


def _looked(entry: Data | DataFrom, client: Client) -> str:
    """Return where an entry's secret was looked for: most that are missing exist in another place."""
    return "" if entry.secret is None else _looked_for(entry.secret, client)


def _looked_for(reference: RemoteRef, client: Client) -> str:
    version = f", version {reference.version}" if reference.version else ""
    where = client.location(SecretRequest(reference.key, reference.version or "", reference.metadata_policy == "Fetch"))
    return f" (looked in {where}{version})"


def _about(entry: Data | DataFrom) -> str:
    """Return what an error message adds to the field of the entry."""
    request = _request_of(entry)
    return f" (key: {request.key})" if isinstance(request, SecretRequest) else ""

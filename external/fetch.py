"""Gathers the data of one ExternalSecret from its providers, entry by entry (core 2.6)."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace

from external.clients import FAILED, Clients, Opened
from external.digest import store_key
from external.model import Data, DataFrom, ExternalSecretSpec, FindRef, RemoteRef
from external.properties import convert_keys, decode, take, to_map, validate_keys
from external.providers.protocol import (
    AsksProperty,
    Client,
    Composite,
    Find,
    NotModified,
    ProviderError,
    ProviderUnavailable,
    SecretAbsent,
    Want,
)
from external.reader import Answer, Fresh, Given, Question, SharedReader
from external.rewrites import rewritten
from manager.errors import NeedsHuman, ReconcileError, Retry
from manager.kube.resources import Key
from manager.plain import Plain

FETCH_FAILED = "could not get secret data from provider"


class StoreUnavailable(Retry):
    """A provider does not answer; keys of one store wait at its gate."""


class NeedsRemote(ReconcileError):
    """What is wrong stands at the provider, which tells nobody when it is mended: looked at again, slowly."""


@dataclass(frozen=True)
class Fetched:
    """The merged data, and what the reads were made under."""

    data: dict[str, Plain] | None
    """None where it is proven that nothing has changed: nothing was read then."""
    identity: tuple[str, ...]
    age: float
    """Seconds since the oldest of the values was read, or since the moment for which the proof is."""
    absent: tuple[str, ...]
    """Entries that the provider proved absent, where the deletion policy lets them be skipped."""
    mark: str = ""
    """One word for the versions of all that was read; empty where the provider names none."""


class Fetcher:
    """Reads every entry of an ExternalSecret; all or nothing."""

    def __init__(self, clients: Clients, reader: SharedReader) -> None:
        self._clients = clients
        self._reader = reader

    def serves(self, stores: Iterable[Key]) -> bool:
        """Tell whether all of these stores, as far as they are there, are for this controller."""
        return all(self._clients.serves_store(each) for each in stores)

    async def identity(self, key: Key, spec: ExternalSecretSpec) -> tuple[str, ...]:
        """Return under what the entries would be read now; it changes with every store and credential.

        Raises as `fetch` does.
        """
        parts: set[str] = set()
        for at, entry in entries(spec):
            with _placed(at, entry):
                parts.update((await self.open(key, spec, entry)).identity)
        return tuple(sorted(parts))

    async def fetch(self, key: Key, spec: ExternalSecretSpec, fresh: Fresh) -> Fetched:
        """Return the merged data: `dataFrom` first, later entries win, `data` wins over all.

        Everything is asked for at once; what takes long is waited for by nobody.

        Raises:
            NeedsHuman: naming the entry, for what only a person can mend in the cluster.
            NeedsRemote: likewise, at the provider.
            StoreUnavailable: the provider does not answer.
            Pending: it has not answered yet.

        """
        wanted = await self._wanted(key, spec)
        answers = await self._reader.read(wanted, fresh)
        if any(isinstance(each.coming.exception(), NotModified) for each in answers.values()):
            identity = tuple(sorted({part for each, _ in wanted for part in each.identity}))
            return Fetched(None, identity, 0.0, ())
        merge = _Merge(spec.target.deletion_policy)
        for (each, want), (at, entry) in zip(wanted, entries(spec), strict=True):
            merge.take(at, entry, answers[each.identity, want], each.client)
        if not merge.data and spec.target.deletion_policy == "Delete" and len(merge.absent) < len(wanted):
            text = "there is no key in what the provider gave, and not every entry is proven absent: nothing is deleted"
            raise NeedsRemote(FAILED, f"{FETCH_FAILED}: {text}")
        identity = tuple(sorted({part for each, _ in wanted for part in each.identity}))
        mark = "" if merge.absent else self._reader.mark(answers)
        return Fetched(merge.data, identity, self._reader.age(answers.values()), tuple(merge.absent), mark)

    async def still(self, key: Key, spec: ExternalSecretSpec, mark: str, interval: float) -> float | None:
        """Tell whether what was read is what would be read, without reading it.

        Returns:
            The seconds since the moment for which that is proven; None where it has to be read.

        Raises as `fetch` does.
        """
        return await self._reader.still(await self._wanted(key, spec), mark, interval)

    async def _wanted(self, key: Key, spec: ExternalSecretSpec) -> list[tuple[Opened, Question]]:
        wanted = []
        for at, entry in entries(spec):
            with _placed(at, entry):
                opened = await self.open(key, spec, entry)
                wanted.append((opened, _asked(opened.client, entry)))
        return wanted

    async def open(self, key: Key, spec: ExternalSecretSpec, entry: Data | DataFrom) -> Opened:
        """Open the store of one entry: its own, or the one that the ExternalSecret names for all."""
        override = entry.source_ref.store_ref if entry.source_ref else None
        chosen = override or spec.secret_store_ref
        if chosen is None or not chosen.name:
            raise NeedsHuman(FAILED, "spec.secretStoreRef.name is missing")
        return await self._clients.for_consumer(store_key(key.namespace, chosen.name, chosen.kind), key.namespace)


class _Merge:
    """Puts the answers together, entry by entry."""

    def __init__(self, deletion_policy: str) -> None:
        self._deletion_policy = deletion_policy
        self.data: dict[str, Plain] = {}
        self.absent: list[str] = []

    def take(self, at: str, entry: Data | DataFrom, answer: Answer, client: Client) -> None:
        """Process one entry; every error comes out with the entry's place."""
        with _placed(at, entry):
            try:
                whole = answer.coming.result()
            except SecretAbsent:
                if self._deletion_policy == "Retain":
                    raise
                self.absent.append(f"{at}{_about(entry)}")
                return
            if isinstance(entry, Data):
                self.data.update(_one(entry, whole, client))
            else:
                self.data.update(_several(entry, whole, client))


def _one(entry: Data, given: Given, client: Client) -> Mapping[str, Plain]:
    reference = entry.remote_ref
    value = decode(_value(reference, _whole(given), client), reference.decoding_strategy, _wrong)
    return {entry.secret_key: _checked(entry.secret_key, value, reference)}


def _several(entry: DataFrom, given: Given, client: Client) -> Mapping[str, Plain]:
    reference = entry.extract or entry.find
    if reference is None:
        return {}  # `require_served` has refused it; the original makes nothing of it
    members = given if isinstance(given, Mapping) else _members(entry, given, client)
    if entry.rewrite:
        named = rewritten(members, entry.rewrite, _wrong)
    else:
        named = convert_keys(members, reference.conversion_strategy, _wrong)
    return {
        name: _checked(name, decode(value, reference.decoding_strategy, _wrong), reference)
        for name, value in sorted(validate_keys(named, _wrong).items())
    }


def _members(entry: DataFrom, whole: Plain, client: Client) -> Mapping[str, Plain]:
    reference, members = entry.extract, None
    if reference is not None and isinstance(client, Composite):
        members = client.members(whole, reference.property or "")
    elif reference is not None:
        members = to_map(_value(reference, whole, client).reveal(), natural=client.natural)
    if members is None:
        raise _wrong("unable to unmarshal secret: it is not a JSON object")
    return members


def _whole(given: Given) -> Plain:
    if isinstance(given, Plain):
        return given
    raise _wrong("the provider gave several secrets for one")


def _value(reference: RemoteRef, whole: Plain, client: Client) -> Plain:
    if isinstance(client, Composite):
        found = client.pick(whole, reference.property or "")
    elif not reference.property or isinstance(client, AsksProperty):
        return whole
    else:
        found = take(whole.reveal(), reference.property, natural=client.natural)
    if found is None:
        raise _wrong(f"key {reference.property} does not exist in secret {reference.key}")
    return found


def entries(spec: ExternalSecretSpec) -> list[tuple[str, Data | DataFrom]]:
    """Return all entries with their places, in the order in which they are processed."""
    sources = [
        (f"spec.dataFrom[{index}].{'find' if each.find else 'extract'}", each)
        for index, each in enumerate(spec.data_from or ())
    ]
    return [*sources, *((f"spec.data[{index}]", each) for index, each in enumerate(spec.data or ()))]


def require_served(spec: ExternalSecretSpec) -> None:
    """Raise NeedsHuman for what this version does not do: ignoring it would write another Secret than was asked for."""
    target = spec.target
    unserved: dict[str, object] = {
        "spec.target.template": target.template,
        "spec.target.manifest": target.manifest,
    }
    for index, each in enumerate(spec.data_from or ()):
        for step, rewrite in enumerate(each.rewrite or ()):
            unserved[f"spec.dataFrom[{index}].rewrite[{step}].transform"] = rewrite.transform
    for at, entry in entries(spec):
        generator = entry.source_ref.generator_ref if entry.source_ref else None
        unserved[f"{at.removesuffix('.extract').removesuffix('.find')}.sourceRef.generatorRef"] = generator
    found = [at for at, value in unserved.items() if value is not None]
    if found:
        raise NeedsHuman(FAILED, f"{', '.join(found)}: not served by this version; remove it")
    for index, each in enumerate(spec.data_from or ()):
        if each.extract is None and each.find is None:
            raise NeedsHuman(FAILED, f"spec.dataFrom[{index}]: either extract, find, or sourceRef must be set")
    if not entries(spec):
        raise NeedsHuman(FAILED, "either data or dataFrom should be specified")


@contextmanager
def _placed(at: str, entry: Data | DataFrom) -> Iterator[None]:
    """Give every error the place of its entry, and the fixed words that the original's condition has (2.9)."""
    try:
        yield
    except ProviderUnavailable as error:
        raise StoreUnavailable(FAILED, f"{FETCH_FAILED}: {at}: {error}") from None
    except ProviderError as error:
        raise NeedsRemote(FAILED, f"{FETCH_FAILED}: {at}{_about(entry)}: {error}") from None
    except NeedsHuman as error:
        raise NeedsHuman(FAILED, f"{FETCH_FAILED}: {at}: {error.message}") from None


def _wrong(text: str) -> ProviderError:
    return ProviderError(text)


def _checked(name: str, value: Plain, reference: RemoteRef | FindRef) -> Plain:
    if reference.null_byte_policy == "Fail" and b"\x00" in value.reveal():
        raise _wrong(f"the value for {name} contains a null byte")
    return value


def _want(entry: Data | DataFrom) -> Question:
    if isinstance(entry, DataFrom) and entry.find is not None:
        find = entry.find
        return Find(find.path or "", (find.name and find.name.regexp) or "", tuple(sorted((find.tags or {}).items())))
    reference = entry.remote_ref if isinstance(entry, Data) else entry.extract
    if reference is None:
        raise NeedsHuman(FAILED, "either extract, find, or sourceRef must be set")
    return Want(reference.key, reference.version or "", reference.metadata_policy == "Fetch")


def _asked(client: Client, entry: Data | DataFrom) -> Question:
    """Return what a client is asked for an entry."""
    want = _want(entry)
    reference = entry.remote_ref if isinstance(entry, Data) else entry.extract
    if isinstance(want, Want) and isinstance(client, AsksProperty) and reference is not None:
        return replace(want, property=reference.property or "")
    return want


def _about(entry: Data | DataFrom) -> str:
    """Return what an error says of the entry beside its place."""
    want = _want(entry)
    return f" (key: {want.key})" if isinstance(want, Want) else ""

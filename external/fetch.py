"""Gathers the data of one ExternalSecret from its providers, entry by entry (core 2.6)."""

from dataclasses import dataclass

from external.clients import FAILED, Clients, Opened
from external.digest import store_key
from external.model import Data, DataFrom, ExternalSecretSpec, RemoteRef
from external.properties import convert_keys, decode, take, to_map, validate_keys
from external.providers.protocol import ProviderError, ProviderUnavailable, SecretAbsent
from external.reader import LONGEST_SHARED, SharedReader, Want
from manager.errors import NeedsHuman, ReconcileError, Retry
from manager.kube.resources import Key
from manager.plain import Plain

FETCH_FAILED = "could not get secret data from provider"
RECHECK = 60.0  # seconds between two attempts when the provider says no: only a person, at the provider, can help


class StoreUnavailable(Retry):
    """A provider does not answer; keys of one store wait at its gate."""

    def __init__(self, message: str, store: Key) -> None:
        super().__init__(FAILED, message)
        self.store = store


@dataclass(frozen=True)
class Fetched:
    """The merged data, and what the reads were made under."""

    data: dict[str, Plain]
    identity: tuple[str, ...]
    absent: tuple[str, ...]
    """Entries that the provider proved absent, where the deletion policy lets them be skipped."""


class Fetcher:
    """Reads every entry of an ExternalSecret; all or nothing."""

    def __init__(self, clients: Clients, reader: SharedReader) -> None:
        self._clients = clients
        self._reader = reader

    async def identity(self, key: Key, spec: ExternalSecretSpec) -> tuple[str, ...]:
        """Return under what the entries would be read now; it changes with every store and credential."""
        opened = [await self.store(key, spec, each) for each in entries(spec)]
        return tuple(sorted({part for _, each in opened for part in each.identity}))

    async def fetch(self, key: Key, spec: ExternalSecretSpec, *, not_before: float, interval: float) -> Fetched:
        """Return the merged data: `dataFrom` first, later entries win, `data` wins over all.

        Args:
            not_before: monotonic second before which no shared read may have started.
            interval: the refresh interval; a shared value is at most a quarter of it old.

        Raises:
            NeedsHuman: naming the entry, for what only a person can mend.
            StoreUnavailable: the provider does not answer.

        """
        run = _Run(self, key, spec, not_before, min(LONGEST_SHARED, interval / 4) if interval > 0 else LONGEST_SHARED)
        for index, source in enumerate(spec.data_from or ()):
            await run.take(f"spec.dataFrom[{index}].extract", source)
        for number, entry in enumerate(spec.data or ()):
            await run.take(f"spec.data[{number}]", entry)
        return Fetched(run.data, tuple(sorted(run.identity)), tuple(run.absent))

    async def store(self, key: Key, spec: ExternalSecretSpec, entry: Data | DataFrom) -> tuple[Key, Opened]:
        """Open the store of one entry: its own, or the one that the ExternalSecret names for all."""
        override = entry.source_ref.store_ref if entry.source_ref else None
        chosen = override or spec.secret_store_ref
        if chosen is None or not chosen.name:
            raise NeedsHuman(FAILED, f"{FETCH_FAILED}: spec.secretStoreRef.name is missing")
        store = store_key(key.namespace, chosen.name, chosen.kind)
        return store, await self._clients.for_consumer(store, key.namespace)

    async def read(self, opened: Opened, reference: RemoteRef, not_before: float, max_age: float) -> Plain:
        """Read one whole secret."""
        metadata = reference.metadata_policy == "Fetch"
        want = Want(reference.key, reference.version or "", metadata, not_before, max_age)
        return await self._reader.read(opened.identity, opened.client, want)


class _Run:
    """The state of one fetch."""

    def __init__(self, fetcher: Fetcher, key: Key, spec: ExternalSecretSpec, not_before: float, max_age: float) -> None:
        self._fetcher = fetcher
        self._key = key
        self._spec = spec
        self._not_before = not_before
        self._max_age = max_age
        self.data: dict[str, Plain] = {}
        self.identity: set[str] = set()
        self.absent: list[str] = []

    async def take(self, at: str, entry: Data | DataFrom) -> None:
        """Process one entry; every error comes out with the entry's place."""
        store: Key | None = None
        try:
            store, opened = await self._fetcher.store(self._key, self._spec, entry)
            self.identity.update(opened.identity)
            await (self._one(opened, entry) if isinstance(entry, Data) else self._extract(opened, entry))
        except SecretAbsent as error:
            if self._spec.target.deletion_policy == "Retain":
                raise NeedsRemote(at, str(error), _remote(entry)) from None
            self.absent.append(at)
        except ProviderUnavailable as error:
            raise StoreUnavailable(f"{FETCH_FAILED}: {at}: {error}", store or self._key) from None
        except ProviderError as error:
            raise NeedsRemote(at, str(error), _remote(entry)) from None
        except NeedsHuman as error:
            text = error.message if error.message.startswith(FETCH_FAILED) else f"{FETCH_FAILED}: {at}: {error.message}"
            raise NeedsHuman(FAILED, text) from None

    async def _one(self, opened: Opened, entry: Data) -> None:
        reference = entry.remote_ref
        value = await self._value(opened, reference)
        value = decode(value, reference.decoding_strategy, _wrong)
        self.data[entry.secret_key] = _checked(entry.secret_key, value, reference)

    async def _extract(self, opened: Opened, entry: DataFrom) -> None:
        reference = entry.extract
        if reference is None:
            return  # `require_served` has refused it; the original makes nothing of it
        members = to_map((await self._value(opened, reference)).reveal())
        if members is None:
            raise _wrong("unable to unmarshal secret: it is not a JSON object")
        converted = convert_keys(members, reference.conversion_strategy, _wrong)
        for name, value in validate_keys(converted, _wrong).items():
            self.data[name] = _checked(name, decode(value, reference.decoding_strategy, _wrong), reference)

    async def _value(self, opened: Opened, reference: RemoteRef) -> Plain:
        whole = await self._fetcher.read(opened, reference, self._not_before, self._max_age)
        if not reference.property:
            return whole
        found = take(whole.reveal(), reference.property)
        if found is None:
            raise _wrong(f"key {reference.property} does not exist in secret {reference.key}")
        return found


class NeedsRemote(ReconcileError):
    """What is wrong stands at the provider, which tells nobody when it is mended: looked at again, slowly."""

    def __init__(self, at: str, text: str, remote: str) -> None:
        super().__init__(FAILED, f"{FETCH_FAILED}: {at} (key: {remote}): {text}")


def entries(spec: ExternalSecretSpec) -> list[Data | DataFrom]:
    """Return all entries in the order in which they are processed."""
    return [*(spec.data_from or ()), *(spec.data or ())]


def require_served(spec: ExternalSecretSpec) -> None:
    """Raise NeedsHuman for what this version does not do: ignoring it would write another Secret than was asked for."""
    target = spec.target
    unserved = {
        "spec.target.template": target.template,
        "spec.target.manifest": target.manifest,
        "spec.syncWindows": spec.sync_windows,
    }
    for index, each in enumerate(spec.data_from or ()):
        unserved[f"spec.dataFrom[{index}].find"] = each.find
        unserved[f"spec.dataFrom[{index}].rewrite"] = {"given": True} if each.rewrite else None
    for index, entry in enumerate(entries(spec)):
        generator = entry.source_ref.generator_ref if entry.source_ref else None
        unserved[f"entry {index}: sourceRef.generatorRef"] = generator
    found = [at for at, value in unserved.items() if value is not None]
    if found:
        raise NeedsHuman(FAILED, f"{', '.join(found)}: not served by this version; remove it")
    for index, each in enumerate(spec.data_from or ()):
        if each.extract is None:
            raise NeedsHuman(FAILED, f"spec.dataFrom[{index}]: either extract, find, or sourceRef must be set")
    if not entries(spec):
        raise NeedsHuman(FAILED, "either data or dataFrom should be specified")


def _wrong(text: str) -> ProviderError:
    return ProviderError(text)


def _checked(name: str, value: Plain, reference: RemoteRef) -> Plain:
    if reference.null_byte_policy == "Fail" and b"\x00" in value.reveal():
        raise _wrong(f"the value for {name} contains a null byte")
    return value


def _remote(entry: Data | DataFrom) -> str:
    reference = entry.remote_ref if isinstance(entry, Data) else entry.extract
    return reference.key if reference else ""

"""From `data` and `dataTo` to the entries of one store: which value goes to which remote key."""

import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from external.api.push_secret import PushSecretData, PushSecretDataTo, PushSecretRewrite, PushSecretSpec
from external.api.regular_expressions import expression
from external.providers.push import RemoteRef, SourceMeta
from external.push_secrets.record import status_key
from external.push_secrets.stores import Chosen, selected_by
from external.push_secrets.view import ERRORED, MAX_BYTES, MAX_ENTRIES
from external.values.documents import Documents
from external.values.rewrites import replace_all
from manager.core.cooperative import CooperativeYield
from manager.core.errors import NeedsHuman, TemplateError
from manager.core.secret_value import SecretValue

ESCAPED = re.compile(r"_U([0-9a-fA-F]{4,5})_")
SURROGATES = range(0xD800, 0xE000)
DUPLICATE = "duplicate remote key"
MAX_COMPARED = 200_000  # keys of sources that the dataTo entries and rewrites of all stores look at
KEYS_AT_ONCE = 500  # that are matched before others may work
MAX_RECORD_BYTES = 512 << 10  # of what the status says of all entries; the API server takes 1.5 MiB
MAX_PLACES = 5_000  # entries of one PushSecret at all stores


@dataclass(frozen=True)
class Source:
    """One Secret that is pushed from, after its template."""

    name: str
    values: Mapping[str, SecretValue] = field(repr=False)
    meta: SourceMeta = field(default=SourceMeta(), repr=False)


@dataclass(frozen=True)
class Entry:
    """One value that is wanted at one store."""

    at: str
    """The field that asks for it."""
    source: Source = field(repr=False)
    """The Secret that it comes from."""
    ref: RemoteRef
    secret_key: str
    """The key of `values`; empty for all of them."""
    values: Mapping[str, SecretValue] = field(repr=False)
    data: Mapping[str, Any] = field(repr=False)
    """PushSecretData, as the record has it."""

    @property
    def metadata(self) -> Any:
        """What the provider is told beside the value."""
        return self.data.get("metadata")

    @property
    def key(self) -> str:
        """Its name in the record."""
        return status_key(self.ref)

    @property
    def size(self) -> int:
        """The bytes of its values."""
        return len(self.values.get(self.secret_key, b"")) if self.secret_key else sum(map(len, self.values.values()))


@dataclass
class Budget:
    """What the expansions of all stores of a pass may take together; the values of a tenant decide how much it is."""

    compared: int = MAX_COMPARED
    places: int = MAX_PLACES
    record: int = MAX_RECORD_BYTES
    turn: CooperativeYield = field(default_factory=CooperativeYield)

    async def compare(self, at: str, keys: int) -> None:
        """Take a look at so many keys, and let others work before it. Raises NeedsHuman if too many were looked at."""
        self.compared -= keys
        if self.compared < 0:
            cure = "divide the entries, the keys or the stores over several PushSecrets"
            raise _wrong(f"{at}: dataTo looks at more than {MAX_COMPARED} keys; {cure}")
        await self.turn.take()

    def place(self, entries: int) -> None:
        """Count entries. Raises NeedsHuman if the stores have too many."""
        self.places -= entries
        if self.places < 0:
            raise _wrong(f"more than {MAX_PLACES} entries for all stores; divide them over several PushSecrets")

    def note(self, entries: Iterable[Entry]) -> None:
        """Count the bytes of entries in the record. Raises NeedsHuman if the status could not hold them."""
        sizes: dict[int, int] = {}  # of metadata, which the entries of one dataTo share
        for each in entries:
            if id(each.metadata) not in sizes:
                sizes[id(each.metadata)] = len(metadata_text(each.metadata))
            rest = {name: value for name, value in each.data.items() if name != "metadata"}
            self.record -= len(each.key) + len(json.dumps(rest)) + sizes[id(each.metadata)]
            if self.record < 0:
                cure = "shorten metadata, which each entry has in the status, or divide them over several PushSecrets"
                raise _wrong(f"{each.at}: the entries take more than {MAX_RECORD_BYTES} bytes of the status; {cure}")


@dataclass
class Expansion:
    """The entries of one store.

    Args:
        spec: of the PushSecret.
        chosen: the store.
        documents: renders rewrites.
        budget: of the pass.
    """

    spec: PushSecretSpec
    chosen: Chosen
    documents: Documents = field(repr=False)
    budget: Budget = field(default_factory=Budget)
    _count: int = 0
    _converted: dict[tuple[int, str], Mapping[str, SecretValue]] = field(default_factory=dict, repr=False)
    """By the index of the source and the strategy."""
    _originals: dict[tuple[int, str], Mapping[str, str]] = field(default_factory=dict, repr=False)
    """The keys of the Secret by their converted names, in order; by the index of the source and the strategy."""

    async def entries(self, sources: Iterable[Source]) -> list[Entry]:
        """Return the entries of all sources, each remote key once.

        Raises NeedsHuman for a key that does not exist, and for a remote key that two values claim.
        """
        found: list[Entry] = []
        for index, source in enumerate(sources):
            found += await self._of(index, source)
        if await self._size(found) > MAX_BYTES:
            raise _wrong(f"more than {MAX_BYTES} bytes for one store; divide them over several PushSecrets")
        require_distinct(found)
        self.budget.note(found)
        return found

    async def _of(self, index: int, source: Source) -> list[Entry]:
        explicit = [self._explicit(index, source, f"data[{at}]", each) for at, each in enumerate(self.spec.data or ())]
        taken = {
            self._names(index, source, each.conversion_strategy).get(each.match.secret_key, each.match.secret_key)
            for each in self.spec.data or ()
            if each.match.secret_key
        }
        made: list[Entry] = []
        for at, each in enumerate(self.spec.data_to or ()):
            if selected_by(each.store_ref, self.chosen):
                made += await self._several(index, source, f"dataTo[{at}]", each, taken)
        return explicit + made

    def _explicit(self, index: int, source: Source, at: str, given: PushSecretData) -> Entry:
        self._counted(1)
        values = self._values(index, source, given.conversion_strategy)
        key, remote = given.match.secret_key or "", given.match.remote_ref
        if key and key not in values:
            raise _wrong(f"secret key {key} does not exist")
        data = _data(key, remote.remote_key, remote.property or "", given.metadata, given.conversion_strategy)
        return Entry(at, source, RemoteRef(remote.remote_key, remote.property or ""), key, values, data)

    async def _several(
        self, index: int, source: Source, at: str, given: PushSecretDataTo, taken: set[str]
    ) -> list[Entry]:
        await self.budget.compare(at, len(source.values))
        matches, matching = _matcher(at, given), dict[str, str]()
        for step, (name, original) in enumerate(self._names(index, source, given.conversion_strategy).items()):
            if step % KEYS_AT_ONCE == 0:
                await self.budget.turn.take()
            if matches(name) and (given.remote_key or original not in taken):
                matching[name] = original
        if not matching:
            return []
        self._counted(1 if given.remote_key else len(matching))
        if given.remote_key:
            values = {name: source.values[original] for name, original in matching.items()}
            data = _data("", given.remote_key, "", given.metadata, given.conversion_strategy)
            return [Entry(at, source, RemoteRef(given.remote_key), "", values, data)]
        found = []
        for remote, original in zip(await self._rewritten(at, list(matching), given), matching.values(), strict=True):
            if not remote:
                raise _wrong(f"{at}: the rewrite of key {original} is empty")
            data = _data(original, remote, "", given.metadata, "None")
            found.append(Entry(at, source, RemoteRef(remote), original, source.values, data))
        return found

    def _counted(self, entries: int) -> None:
        """Count entries before they are made. Raises NeedsHuman if there are too many."""
        self._count += entries
        if self._count > MAX_ENTRIES:
            raise _wrong(f"more than {MAX_ENTRIES} entries for one store; divide them over several PushSecrets")
        self.budget.place(entries)

    def _values(self, index: int, source: Source, strategy: str) -> Mapping[str, SecretValue]:
        """Return the converted values of a source, which its entries share."""
        if (index, strategy) not in self._converted:
            self._converted[index, strategy] = converted(source.values, strategy)
        return self._converted[index, strategy]

    def _names(self, index: int, source: Source, strategy: str) -> Mapping[str, str]:
        if (index, strategy) not in self._originals:
            self._values(index, source, strategy)  # refuses two keys that become one
            made = {_unescaped(each, strategy): each for each in source.values}
            self._originals[index, strategy] = dict(sorted(made.items()))
        return self._originals[index, strategy]

    async def _size(self, entries: Iterable[Entry]) -> int:
        """Return the bytes of all values; those that whole entries share are added up once."""
        whole: dict[int, int] = {}
        total = 0
        for each in entries:
            if each.secret_key:
                total += each.size
                continue
            if id(each.values) not in whole:
                whole[id(each.values)] = each.size
                await self.budget.turn.take()
            total += whole[id(each.values)]
        return total

    async def _rewritten(self, at: str, names: list[str], given: PushSecretDataTo) -> list[str]:
        for step, each in enumerate(given.rewrite or ()):
            await self.budget.compare(f"{at}.rewrite[{step}]", len(names))
            names = await self._step(f"{at}.rewrite[{step}]", names, each)
        return names

    async def _step(self, at: str, names: list[str], step: PushSecretRewrite) -> list[str]:
        if step.transform is not None:
            try:
                return await self.documents.renamed(step.transform.template, names)
            except TemplateError as error:
                raise _wrong(f"{at}.transform.template: {error}") from None
        if step.regexp is None:
            return names
        try:
            pattern = expression(step.regexp.source)
        except ValueError:
            raise _wrong(f"{at}.regexp.source is no RE2 expression") from None
        return [replace_all(pattern, step.regexp.target, name) for name in names]


def converted(values: Mapping[str, SecretValue], strategy: str) -> Mapping[str, SecretValue]:
    """Return values under the names that a conversion strategy makes. Raises NeedsHuman if two become one."""
    if strategy != "ReverseUnicode":
        return values
    found: dict[str, SecretValue] = {}
    for name in sorted(values):
        made = _unescaped(name, strategy)
        if made in found:
            raise _wrong(f"secret name collision during conversion: {made}")
        found[made] = values[name]
    return found


def require_distinct(
    entries: Iterable[Entry], place: Callable[[RemoteRef, Any], RemoteRef] = lambda ref, metadata: ref
) -> None:
    """Raise NeedsHuman if two entries push to one place, or share one name in the record.

    Args:
        entries: of one store.
        place: returns the one ref of a place, by ref and metadata.
    """
    seen: dict[RemoteRef, Entry] = {}
    named: dict[str, Entry] = {}
    for each in entries:
        other = seen.setdefault(place(each.ref, each.metadata), each)
        if other is not each:
            raise _wrong(f'{DUPLICATE} "{each.key}": {_told(other)} and {_told(each)} push to it')
        other = named.setdefault(each.key, each)
        if other is not each:
            text = "a remote key and a remote key with a property have one name in the status"
            raise _wrong(f'{DUPLICATE} "{each.key}": {_told(other)} and {_told(each)}: {text}; rename one')


def _told(entry: Entry) -> str:
    return f"{entry.at} of Secret {entry.source.name}"


def _unescaped(name: str, strategy: str) -> str:
    return ESCAPED.sub(_character, name) if strategy == "ReverseUnicode" else name


def _character(found: re.Match[str]) -> str:
    code = int(found[1], 16)
    return "�" if code in SURROGATES else chr(code)


def _matcher(at: str, given: PushSecretDataTo) -> Any:
    pattern = (given.match and given.match.regexp) or ""
    try:
        return expression(pattern).search
    except ValueError:
        raise _wrong(f"{at}.match.regexp is no RE2 expression") from None


def _data(key: str, remote: str, name: str, metadata: Any, strategy: str) -> dict[str, Any]:
    ref = {"remoteKey": remote} | ({"property": name} if name else {})
    match = ({"secretKey": key} if key else {}) | {"remoteRef": ref}
    return {"match": match, "conversionStrategy": strategy} | ({"metadata": metadata} if metadata else {})


def _wrong(text: str) -> NeedsHuman:
    return NeedsHuman(ERRORED, f"set secret failed: {text}")


def metadata_text(metadata: Any) -> str:
    """Return metadata as a text that is the same for equal metadata."""
    return json.dumps(metadata, sort_keys=True, separators=(",", ":")) if metadata else ""

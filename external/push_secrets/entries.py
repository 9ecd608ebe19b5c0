"""From `data` and `dataTo` to the entries of one store: which value goes to which remote key."""

import json
import re
from collections.abc import Iterable, Mapping
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
from manager.core.errors import NeedsHuman, TemplateError
from manager.core.secret_value import SecretValue

ESCAPED = re.compile(r"_U([0-9a-fA-F]{4,5})_")
SURROGATES = range(0xD800, 0xE000)
DUPLICATE = "duplicate remote key"


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
class Expansion:
    """The entries of one store.

    Args:
        spec: of the PushSecret.
        chosen: the store.
        documents: renders rewrites.
    """

    spec: PushSecretSpec
    chosen: Chosen
    documents: Documents = field(repr=False)

    async def entries(self, sources: Iterable[Source]) -> list[Entry]:
        """Return the entries of all sources, each remote key once.

        Raises NeedsHuman for a key that does not exist, and for a remote key that two values claim.
        """
        found: list[Entry] = []
        for source in sources:
            found += await self._of(source)
            if len(found) > MAX_ENTRIES:
                raise _wrong(f"more than {MAX_ENTRIES} entries for one store; divide them over several PushSecrets")
        if sum(each.size for each in found) > MAX_BYTES:
            raise _wrong(f"more than {MAX_BYTES} bytes for one store; divide them over several PushSecrets")
        require_distinct(found)
        return found

    async def _of(self, source: Source) -> list[Entry]:
        explicit = [self._explicit(source, f"data[{at}]", each) for at, each in enumerate(self.spec.data or ())]
        taken = {
            _original(source.values, each.match.secret_key, each.conversion_strategy)
            for each in self.spec.data or ()
            if each.match.secret_key
        }
        made: list[Entry] = []
        for at, each in enumerate(self.spec.data_to or ()):
            if selected_by(each.store_ref, self.chosen):
                made += await self._several(source, f"dataTo[{at}]", each, taken)
        return explicit + made

    def _explicit(self, source: Source, at: str, given: PushSecretData) -> Entry:
        values = converted(source.values, given.conversion_strategy)
        key, remote = given.match.secret_key or "", given.match.remote_ref
        if key and key not in values:
            raise _wrong(f"secret key {key} does not exist")
        data = _data(key, remote.remote_key, remote.property or "", given.metadata, given.conversion_strategy)
        return Entry(at, source, RemoteRef(remote.remote_key, remote.property or ""), key, values, data)

    async def _several(self, source: Source, at: str, given: PushSecretDataTo, taken: set[str]) -> list[Entry]:
        names = converted({name: SecretValue(name.encode()) for name in source.values}, given.conversion_strategy)
        matches = _matcher(at, given)
        originals = {name: text.reveal().decode() for name, text in sorted(names.items()) if matches(name)}
        matching = {name: key for name, key in originals.items() if given.remote_key or key not in taken}
        if not matching:
            return []
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

    async def _rewritten(self, at: str, names: list[str], given: PushSecretDataTo) -> list[str]:
        for step, each in enumerate(given.rewrite or ()):
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
        made = ESCAPED.sub(_character, name)
        if made in found:
            raise _wrong(f"secret name collision during conversion: {made}")
        found[made] = values[name]
    return found


def require_distinct(entries: Iterable[Entry]) -> None:
    """Raise NeedsHuman if two entries push to one place, or share one name in the record."""
    seen: dict[RemoteRef, Entry] = {}
    named: dict[str, Entry] = {}
    for each in entries:
        other = seen.setdefault(each.ref, each)
        if other is not each:
            raise _wrong(f'{DUPLICATE} "{each.key}": {_told(other)} and {_told(each)} push to it')
        other = named.setdefault(each.key, each)
        if other is not each:
            text = "a remote key and a remote key with a property have one name in the status"
            raise _wrong(f'{DUPLICATE} "{each.key}": {_told(other)} and {_told(each)}: {text}; rename one')


def _told(entry: Entry) -> str:
    return f"{entry.at} of Secret {entry.source.name}"


def _original(values: Mapping[str, SecretValue], name: str, strategy: str) -> str:
    """Return the key of the Secret that a name means after conversion."""
    if strategy == "ReverseUnicode":
        return next((each for each in values if ESCAPED.sub(_character, each) == name), name)
    return name


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

"""`coffer cost`: the provider calls of each store in a month, and their price. Pure."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from external.api.external_secret import Data, DataFrom, ExternalSecretSpec
from external.api.fields import parse
from external.generators.registry import KINDS
from external.prices import MONTH_SECONDS
from external.providers.kind import Service
from external.providers.registry import BUILT_IN
from external.push_summaries import push_secret_summary
from external.stores.summary import store_summary
from external.summaries import ExternalSecretSummary, external_secret_summary, store_key
from manager.core.errors import NeedsHuman
from manager.kube.resources import (
    CLUSTER_SECRET_STORES,
    EXTERNAL_SECRETS,
    PUSH_SECRETS,
    SECRET_STORES,
    Body,
    Key,
    key_of,
)
from manager.tables import Table

KEYS_A_LIST = 10  # whose versions one call tells, at least
MISSING = Service("")
RequestName = tuple[str, ...]
"""One read: key, version and kind; a search begins with `find`."""


@dataclass
class StoreBill:
    """The calls and the price of one store."""

    store: Key
    service: Service = MISSING
    """Service of its provider; MISSING if there is no such store."""
    per_consumer: bool = False
    secrets: int = 0
    """ExternalSecrets that refresh periodically."""
    once: int = 0
    """ExternalSecrets that read once, or when they change."""
    original: float = 0.0
    """Calls a month of external-secrets: one for each key of each ExternalSecret."""
    wanted: dict[tuple[str, RequestName], float] = field(default_factory=dict)
    """(consumer's namespace if reads are not shared, read) -> the shortest interval in seconds."""
    pushers: int = 0
    """PushSecrets."""
    compared: dict[tuple[str, str], float] = field(default_factory=dict)
    """(PushSecret, name of an entry) -> interval in seconds at which it is compared with the provider."""
    settled: float = 0.0
    """Calls a month of the reads that are counted and forgotten."""

    @property
    def keys(self) -> int:
        """Number of different reads."""
        return len(self.wanted)

    @property
    def objects(self) -> int:
        """Number of ExternalSecrets and PushSecrets."""
        return self.secrets + self.once + self.pushers

    @property
    def calls(self) -> float:
        """Calls a month: equal reads share one, and a call takes as many keys as the provider allows."""
        alone, together = 0.0, defaultdict[tuple[str, float], int](int)
        for (consumer, request), interval in self.wanted.items():
            if request[0] == "find" or any(request[1:]):
                alone += MONTH_SECONDS / interval
            else:
                together[consumer, interval] += 1
        batch = self.service.batch
        reads = sum(-(-number // batch) * MONTH_SECONDS / interval for (_, interval), number in together.items())
        return self.settled + alone + reads + self._comparisons

    @property
    def _comparisons(self) -> float:
        """Calls a month that compare what was pushed: one list for many, or some calls for each entry."""
        push = self.service.push
        if push is not None and push.lists_versions:
            by_interval = Counter(self.compared.values())
            lists = {each: -(-number // KEYS_A_LIST) for each, number in by_interval.items()}
            return sum(number * MONTH_SECONDS / interval for interval, number in lists.items())
        calls = push.calls if push is not None else 1
        return sum(calls * MONTH_SECONDS / interval for interval in self.compared.values())

    @property
    def remembered(self) -> int:
        """Number of different reads and comparisons that are kept."""
        return len(self.wanted) + len(self.compared)

    def settle(self) -> None:
        """Keep the number of calls, and forget what they are."""
        self.settled = self.calls
        self.wanted.clear()
        self.compared.clear()

    @property
    def price(self) -> float:
        """Dollars a call."""
        return self.service.dollars_per_call

    @property
    def provider(self) -> str:
        """Name of the provider in the metric of provider calls; empty if there is no such store."""
        return self.service.label

    @property
    def busiest(self) -> tuple[str, float] | None:
        """The key with the shortest interval, and that interval in seconds."""
        found = min(self.wanted.items(), key=lambda each: each[1], default=None)
        return None if found is None else (" ".join(part for part in found[0][1] if part), found[1])

    def add(self, namespace: str, requests: Iterable[RequestName], interval: float) -> None:
        """Count one ExternalSecret that is refreshed."""
        self.secrets += 1
        consumer = namespace if self.per_consumer else ""
        for request in requests:
            self.original += MONTH_SECONDS / interval
            place = consumer, request
            self.wanted[place] = min(interval, self.wanted.get(place, interval))

    def add_push(self, owner: str, entries: Iterable[str], interval: float) -> None:
        """Count one PushSecret; external-secrets reads each of its entries at each interval."""
        self.pushers += 1
        for each in entries if interval > 0 else ():
            self.compared[owner, each] = interval
            self.original += MONTH_SECONDS / interval


@dataclass(frozen=True, slots=True)
class Terms:
    """What the bill of a store depends on."""

    service: Service = MISSING
    per_consumer: bool = False
    """Whether each namespace reads it for itself."""


def terms_of(store: Body) -> Terms:
    """Return the terms of a SecretStore or ClusterSecretStore."""
    return Terms(BUILT_IN.service_of(store), store_summary(store).per_consumer)


class Estimate:
    """Adds up bills object by object, without keeping the objects.

    Args:
        terms: of the stores that exist.
    """

    def __init__(self, terms: Mapping[Key, Terms]) -> None:
        self._terms = terms
        self._bills: dict[Key, StoreBill] = {}

    def bill(self, place: Key) -> StoreBill:
        """Return the bill of a store; of one that does not exist, too."""
        if place not in self._bills:
            terms = self._terms.get(place, Terms())
            self._bills[place] = StoreBill(place, terms.service, terms.per_consumer)
        return self._bills[place]

    def bills(self) -> list[StoreBill]:
        """Return the bills, the most expensive first."""
        order = self._bills.values()
        return sorted(order, key=lambda each: (-each.original * each.price, -each.original, str(each.store)))

    def add(self, body: Body, digest: ExternalSecretSummary) -> None:
        """Count an ExternalSecret; one with an invalid spec reads nothing."""
        key = key_of(EXTERNAL_SECRETS, body)
        try:
            spec = parse(ExternalSecretSpec, body.get("spec"), reason="")
        except NeedsHuman:
            return
        self._add_generators(key, spec, digest)
        asked = defaultdict[Key, set[RequestName]](set)
        for _, entry in spec.entries:
            chosen = spec.store_of(entry)
            request = _request(entry)
            if chosen is not None and chosen.name and request:
                asked[store_key(key.namespace, chosen.name, chosen.kind)].add(request)
        for store, requests in asked.items():
            if digest.policy == "Periodic" and digest.interval > 0:
                self.bill(store).add(key.namespace, requests, digest.interval)
            else:
                self.bill(store).once += 1

    def add_push(self, body: Body) -> None:
        """Count what a PushSecret is known to push: by its spec, and by its record for what the spec only selects."""
        key, summary = key_of(PUSH_SECRETS, body), push_secret_summary(body, places=None)
        entries = defaultdict[Key, set[str]](set)
        for claim in summary.claims:
            entries[claim.store].add(f"{claim.namespace}/{claim.remote_key}/{claim.property}")
        for store, names in entries.items():
            self.bill(store).add_push(f"{key.namespace}/{key.name}", names, summary.interval)

    def settle(self, most: int) -> None:
        """Forget which reads were counted if they are more than `most`: equal ones that come later count again."""
        if sum(each.remembered for each in self._bills.values()) > most:
            for each in self._bills.values():
                each.settle()

    def _add_generators(self, key: Key, spec: ExternalSecretSpec, digest: ExternalSecretSummary) -> None:
        """Count the generators that ask a service: external-secrets asks at each refresh, Coffer when values end."""
        for at, (_, kind, name) in spec.generators.items():
            asks = KINDS.get(kind)
            if asks is None or not asks.label:
                continue  # of a ClusterGenerator its name does not say what it asks
            bill = self.bill(Key(asks.resource, key.namespace, name))
            bill.service = Service(asks.label)
            periodic = digest.policy == "Periodic" and digest.interval > 0
            lasting = asks.life_seconds * 2 / 3
            if not periodic and not (lasting and digest.policy == "Periodic"):
                bill.once += 1
                continue
            bill.secrets += 1
            bill.original += MONTH_SECONDS / digest.interval if periodic else 0.0
            bill.wanted[key.namespace, ("generate", key.name, at)] = lasting or digest.interval


def bills(
    stores: Mapping[Key, Body],
    external_secrets: Iterable[Body],
    push_secrets: Iterable[Body] = (),
    summaries: Iterable[ExternalSecretSummary] | None = None,
) -> list[StoreBill]:
    """Return the bill of each store, the most expensive first; stores that are named but missing have one too.

    Args:
        stores: by key.
        external_secrets: those that read them.
        push_secrets: those that push to them.
        summaries: of the ExternalSecrets in their order, where the caller has them: of 10,000 they take a second.

    """
    found = Estimate({key: terms_of(body) for key, body in stores.items()})
    for key in stores:
        found.bill(key)
    bodies = list(external_secrets)
    for body, digest in zip(bodies, summaries or map(external_secret_summary, bodies), strict=True):
        found.add(body, digest)
    for body in push_secrets:
        found.add_push(body)
    return found.bills()


def _request(entry: Data | DataFrom) -> RequestName:
    if isinstance(entry, DataFrom) and entry.find is not None:
        find = entry.find
        name = find.name.regexp if find.name else ""
        return ("find", find.path or "", name or "", str(sorted((find.tags or {}).items())))
    reference = entry.remote_ref if isinstance(entry, Data) else entry.extract
    if reference is None:
        return ()
    return (reference.key, reference.version or "", "tags" if reference.metadata_policy == "Fetch" else "")


def table(found: Iterable[StoreBill]) -> Iterator[str | Table]:
    """Yield a table, then hints."""
    shown = list(found)
    head = ("STORE", "PROVIDER", "OBJECTS", "KEYS", "CALLS/MONTH", "COST", "EXTERNAL-SECRETS", "COST")
    yield Table(head, [_row(each) for each in shown])
    yield from (hint for each in shown for hint in _hints(each))


def record(bill: StoreBill) -> dict[str, object]:
    """Return a bill as JSON."""
    return {
        "kind": bill.store.resource.kind,
        "namespace": bill.store.namespace,
        "name": bill.store.name,
        "provider": bill.provider or None,
        "objects": bill.objects,
        "pushed": len(bill.compared),
        "keys": bill.keys,
        "callsPerMonth": round(bill.calls),
        "dollarsPerMonth": round(bill.calls * bill.price, 2) if bill.price else None,
        "callsPerMonthOfExternalSecrets": round(bill.original),
        "hints": list(_hints(bill)),
    }


def _named(bill: StoreBill) -> str:
    """Return what the table calls a store or a generator."""
    kind, stores = bill.store.resource, (SECRET_STORES, CLUSTER_SECRET_STORES)
    prefix = "" if kind in stores else f"{kind.kind} "
    return f"{prefix}{bill.store.namespace or '(cluster)'}/{bill.store.name}"


def _row(bill: StoreBill) -> tuple[str, ...]:
    original, calls = (f"{round(number):,}" for number in (bill.original, bill.calls))
    dollars = [f"${number * bill.price:,.2f}" if bill.price else "-" for number in (bill.calls, bill.original)]
    name = _named(bill)
    objects = f"{bill.objects:,}"
    return (name, bill.provider or "missing", objects, f"{bill.keys:,}", calls, dollars[0], original, dollars[1])


def _hints(bill: StoreBill) -> Iterator[str]:
    name = _named(bill)
    if not bill.provider:
        yield f"{name}: there is no such store; what names it reads nothing"
    if bill.once:
        yield f"{name}: {bill.once} of them read once, or when they change"
    if bill.per_consumer and bill.secrets:
        yield f"{name}: it is somebody else for each namespace, so that none share their reads"
    busiest = bill.busiest
    if bill.price and busiest is not None and busiest[1] < 300:
        key, interval = busiest
        yield f'{name}: "{key}" is read every {interval:g} s; at 5m it would cost {interval / 300:.0%} of that'

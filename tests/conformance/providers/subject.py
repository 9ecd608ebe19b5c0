"""What the table needs of a provider: a client, a way round it to the secrets, and what it cannot do."""

import asyncio
import base64
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, ClassVar, TypeVar

from external.api.fields import parse
from external.providers.catalogue import Catalogue
from external.providers.protocol import Client, ConnectContext
from external.providers.push import PushRequest, RemoteRef
from external.providers.registry import BUILT_IN
from external.providers.support.egress import EgressPolicy
from external.providers.support.lookup import Lookup
from external.stores.connect import require_installed, served_provider
from manager.core.secret_value import SecretValue
from manager.kube.resources import SECRET_STORES, SECRETS, Key
from tests.builders.api_in_memory import MemoryApi

Made = TypeVar("Made")
OWNER, OTHER = "team-a/app", "team-b/app"
EVERYWHERE = EgressPolicy(everything=True)
ENVELOPE = {"apiVersion": "kubernetes.external-secrets.io/v1alpha1", "kind": "PushSecretMetadata"}
STORE = Key(SECRET_STORES, "ns", "store")
PATIENT_SECONDS = 60.0


def request(ref: RemoteRef, value: bytes | None = b"v", /, **more: Any) -> PushRequest:
    """Return a request to push the key `k`; with None the whole source `values`."""
    values = {name: SecretValue(each) for name, each in more.pop("values", {}).items()}
    if value is not None:
        values["k"] = SecretValue(value)
    options = {"owner": OWNER, "recorded": False, **more}
    return PushRequest(ref, "k" if value is not None else "", values, **options)


def metadata(**spec: Any) -> dict[str, Any]:
    """Return an entry's metadata in its envelope."""
    return {**ENVELOPE, "spec": spec}


def waited(work: Callable[[], Any]) -> Any:
    """Run a coroutine to its end, in a loop and thread of its own: tests are plain functions, or run in a loop."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(lambda: asyncio.run(work())).result()


class Subject(ABC):
    """One provider and its server. Every test has keys of its own.

    Methods that are declared without a body are for subjects to which the tests apply that call them:
    `table.require_complete` tells which one is missing, before any test runs.
    """

    NAME: ClassVar[str]
    """Its column in docs/providers.md."""
    KIND: ClassVar[str]
    """Its field in `spec.provider`."""
    LABEL: ClassVar[str]
    """Its label in the metric."""
    SERVER: ClassVar[str]
    """What it is run against, for docs/providers.md."""
    NEEDS: ClassVar[tuple[str, ...]] = ()
    """Fixtures that its constructor takes."""
    WRITES: ClassVar[frozenset[str]] = frozenset()
    """Names of calls that write, in the metric."""
    SPARED: ClassVar[Mapping[str, str]] = {}
    """Name of a test that does not apply -> why, for docs/providers.md."""
    NO_READS: ClassVar[str] = ""
    """Why the rows of reads and searches do not apply; empty if they do."""
    NO_PUSHES: ClassVar[str] = ""
    """Why the rows of pushes do not apply; empty if they do."""
    catalogue: ClassVar[Catalogue] = BUILT_IN

    wrong_secrets: Callable[[], Mapping[str, Mapping[str, bytes]]]
    """Returns Secrets with credentials that the server refuses."""
    trusting: Callable[[str], Mapping[str, Any]]
    """Returns the fields of a store that trusts an authority."""
    remove: Callable[[str], None]
    """Deletes a secret past the client, as its owner would."""
    put_second: Callable[[str, bytes], str]
    """Stores another version of a secret; returns the version that it had before."""
    disable: Callable[[str], None]
    """Disables the current version of a secret."""
    found_marks: Callable[[str], Mapping[str, str]]
    """Returns the marks of a secret."""

    documents = True
    """Whether properties are members of a JSON document."""
    marks = True
    """Whether the provider has room for marks."""
    takes_property = True
    binary = True
    """Whether it takes a value that is no text."""
    empty = True
    """Whether it takes an empty value."""
    max_bytes = 1 << 20
    """What a push may have at most."""
    page = 0
    """How many secrets a page of its list holds."""
    taken_over_if_recorded = False
    """Whether the original leaves no mark, so that only the record of a push tells."""
    whole_is_text = True
    """Whether the whole source becomes a document of texts, which holds no other bytes."""
    some_metadata: ClassVar[Mapping[str, Any]] = {}
    """Every setting of an entry."""

    denied: ClassVar[tuple[int, Any]] = (403, {})
    """Status and body by which the service denies a call."""
    throttled: ClassVar[tuple[int, Any]] = (429, {})
    refused_push: ClassVar[str] = ""
    """What the error of a denied push says."""
    without: ClassVar[frozenset[str]] = frozenset()
    """Calls of the contract that it refuses: read, find, push, exists, delete."""
    other_forms: ClassVar[tuple[str, ...]] = ()
    """More answers of a wrong form, as its API could give them."""
    formless: ClassVar[Mapping[str, frozenset[str]]] = {}
    """Calls to which an answer of `test_faults.OTHER_FORMS` is a true one, and which."""

    def __init__(self) -> None:
        self.calls: Counter[tuple[str, str]] = Counter()
        self.api = MemoryApi()

    @contextmanager
    def small_pages(self) -> Iterator[None]:
        """Let lists have `page` secrets a page meanwhile, where the client says how many it wants."""
        yield

    def stop(self) -> None:
        """Stop what the constructor has started."""
        self.calls.clear()

    def count(self, label: str, call: str, status: str) -> None:
        """Count a call as the metric does."""
        del label
        self.calls[call, status] += 1

    def written(self) -> int:
        """Return how many calls wrote."""
        return sum(number for (call, _), number in self.calls.items() if call in self.WRITES)

    def in_whole(self, value: bytes) -> str:
        """Return a value as it is in the document of a whole source."""
        return value.decode()

    def remote_key(self, key: str) -> str:
        """Return the remote key of a name."""
        return key

    def ref(self, key: str, name: str = "") -> RemoteRef:
        """Return where a single value goes."""
        return RemoteRef(self.remote_key(key), name)

    @abstractmethod
    def spec(self, url: str = "") -> Mapping[str, Any]:
        """Return the fields of `spec.provider.<KIND>`; with another server if a URL is given."""

    def secrets(self) -> Mapping[str, Mapping[str, bytes]]:
        """Return the Secrets that the spec names: name -> key -> value."""
        return {}

    def client(self, *, url: str = "", timeout: float = PATIENT_SECONDS, secrets: Any = None, **fields: Any) -> Any:
        """Return the client of a store, made by model and `connect` as a process makes it.

        Args:
            url: another server than the subject's.
            timeout: seconds that a call may take.
            secrets: other Secrets than the spec needs.
            fields: others than those of `spec`.
        """
        given = {**self.spec(url), **fields}
        with self.directed(url):
            return waited(lambda: self._connected(given, self.secrets() if secrets is None else secrets, timeout))

    @contextmanager
    def directed(self, url: str) -> Iterator[None]:
        """Lead clients that are made meanwhile to a URL, where no field of the store does."""
        del url
        yield

    async def _connected(self, given: Mapping[str, Any], secrets: Any, timeout: float) -> Client:
        self.api.objects.clear()
        for name, values in secrets.items():
            data = {key: base64.b64encode(value).decode() for key, value in values.items()}
            labels = {"external-secrets.io/type": "webhook"}
            self.api.put(SECRETS, {"metadata": {"name": name, "namespace": "ns", "labels": labels}, "data": data})
        store_spec = parse(self.catalogue.store_spec, {"provider": {self.KIND: given}}, reason="R")
        kind, model = served_provider(self.catalogue, store_spec)
        require_installed(kind)
        api: Any = self.api
        context = ConnectContext(
            lookup=Lookup(api, STORE, ""),
            ambient=False,
            egress=EVERYWHERE,
            retries=None,
            count=self.count,
            timeout=timeout,
            run=asyncio.to_thread,
            render=replaced,
        )
        return await kind.connect(model, context)

    @abstractmethod
    def put(self, key: str, content: bytes, marks: Mapping[str, str] | None) -> None:
        """Store a secret past the client; a document where properties are members of one."""

    def put_document(self, key: str, content: bytes) -> None:
        """Store a secret whose value is a JSON document."""
        self.put(key, content, None)

    def put_value(self, key: str, content: bytes) -> None:
        """Store a single value, be it JSON."""
        self.put(key, content, None)

    def extracting(self) -> Mapping[str, Any]:
        """Return the fields of `extract`, beside the key, that lead to the document."""
        return {}

    def as_member(self, text: str) -> bytes:
        """Return the key of a target for a text in a document."""
        return text.encode()

    def path_of(self, key: str) -> str:
        """Return the beginning of names below a path."""
        return f"{key}/"

    def find_path(self, start: str) -> str:
        """Return `find.path` for names that begin so."""
        return start

    def pushed_to_a_fault(self, value: bytes) -> PushRequest | None:
        """Return a push that reaches the service; None for the usual one."""
        del value
        return None

    def put_tagged(self, key: str, content: bytes, tags: Mapping[str, str]) -> None:
        """Store a secret with tags, by which a search finds it."""
        self.put(key, content, tags)

    def inside(self, path: str) -> str:
        """Return the property that leads into the JSON document that is a secret's value."""
        return path

    def as_found(self, content: bytes) -> bytes:
        """Return what a search gives for a secret with this content."""
        return content

    def tag_property(self, name: str) -> str:
        """Return the property of a read of metadata that gives a tag."""
        return name

    @abstractmethod
    def content(self, key: str) -> bytes | None:
        """Return what a key holds, None if there is nothing."""


def replaced(name: str, source: str, data: Mapping[str, Mapping[str, SecretValue]]) -> SecretValue:
    """Render a template by plain replacement; the engine is tested elsewhere."""
    del name
    text = source
    for group, values in data.items():
        for key, each in values.items():
            text = text.replace("{{ ." + group + "." + key + " }}", each.reveal().decode(errors="replace"))
    return SecretValue(text.encode())

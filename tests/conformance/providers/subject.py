"""What the table needs of a provider: a client, and a way round it to the secrets."""

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Mapping
from typing import Any, ClassVar

from external.providers.push import PushRequest, RemoteRef
from external.providers.support.egress import EgressPolicy
from manager.core.secret_value import SecretValue

OWNER, OTHER = "team-a/app", "team-b/app"
EVERYWHERE = EgressPolicy(everything=True)
ENVELOPE = {"apiVersion": "kubernetes.external-secrets.io/v1alpha1", "kind": "PushSecretMetadata"}


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


class Bench(ABC):
    """One provider. Every test has keys of its own."""

    LABEL: ClassVar[str]
    """The provider's label in the metric."""
    WRITES: ClassVar[frozenset[str]] = frozenset()
    """Names of calls that write, in the metric."""
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
    taken_over_if_recorded = False
    """Whether the original leaves no mark, so that only the record of a push tells."""
    whole_is_text = True
    """Whether the whole source becomes a document of texts, which holds no other bytes."""
    some_metadata: ClassVar[Mapping[str, Any]] = {}
    """Every setting of an entry."""

    def __init__(self) -> None:
        self.calls: Counter[tuple[str, str]] = Counter()

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

    def ref(self, key: str, name: str = "") -> RemoteRef:
        """Return where a single value goes."""
        return RemoteRef(key, name)

    @abstractmethod
    def client(self) -> Any:
        """Return the client."""

    @abstractmethod
    def put(self, key: str, content: bytes, marks: Mapping[str, str] | None) -> None:
        """Store a secret past the client; a document where properties are members of one."""

    @abstractmethod
    def content(self, key: str) -> bytes | None:
        """Return what a key holds, None if there is nothing."""

    @abstractmethod
    def found_marks(self, key: str) -> Mapping[str, str]:
        """Return the marks of a secret."""

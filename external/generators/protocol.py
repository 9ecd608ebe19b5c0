"""What a kind of generator is: one file with its fields, and how values come of them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Generic, TypeVar

from external.clients import FAILED
from external.fields import Model, parse
from external.model import GENERATORS
from external.providers.protocol import ProviderError
from manager.errors import NeedsHuman
from manager.kube.resources import Resource
from manager.plain import Plain

GROUP, VERSION = GENERATORS.split("/")
Spec = TypeVar("Spec", bound=Model)
Make = Callable[[], Mapping[str, Plain]]
"""Makes the values of one refresh, in a thread: it may take its time. Raises ProviderError."""


def resource(plural: str, kind: str, *, namespaced: bool = True) -> Resource:
    """Return the resource of a kind in the generators' group; there is to be one of each."""
    return Resource(GROUP, VERSION, plural, kind, namespaced=namespaced)


@dataclass(frozen=True)
class GeneratorKind(Generic[Spec]):
    """One kind.

    Args:
        resource: where its objects are.
        spec: the model of their `spec`.
        generate: makes the values of one refresh, in a thread. Raises ProviderError, naming the field, and no value.
        embedded: the field of a ClusterGenerator that holds such a spec.
    """

    resource: Resource
    spec: type[Spec]
    generate: Callable[[Spec], Mapping[str, Plain]]
    embedded: str

    def prepare(self, raw: Any, at: str) -> Make:
        """Read a spec. Raises ProviderError for one that cannot be read: nobody tells when it is mended."""
        try:
            return partial(self.generate, parse(self.spec, raw, reason=FAILED, at=at))
        except NeedsHuman as error:
            raise ProviderError(error.message) from None

"""The declaration of a kind of generator: its fields, and the function that makes values from them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Generic, TypeVar

from external.api.external_secret import GENERATORS
from external.api.fields import Model, parse
from external.errors import FAILED
from external.providers.protocol import ProviderError
from manager.core.errors import NeedsHuman
from manager.core.secret_value import SecretValue
from manager.kube.resources import Resource

GROUP, VERSION = GENERATORS.split("/")
Spec = TypeVar("Spec", bound=Model)
NAME_BYTES = 250
"""Memory of a value beside its bytes: entries of two mappings, two objects, the name."""
Make = Callable[[], Mapping[str, SecretValue]]
"""Makes the values of one refresh; runs in a thread and may block. Raises ProviderError."""


def resource(plural: str, kind: str, *, namespaced: bool = True) -> Resource:
    """Return the resource of a kind of generator."""
    return Resource(GROUP, VERSION, plural, kind, namespaced=namespaced)


@dataclass(frozen=True)
class Recipe:
    """A function that makes values, and the memory that they will take."""

    weight: int
    """Maximum bytes of memory of the values, with names and objects."""
    make: Make = field(repr=False)

    def __call__(self) -> Mapping[str, SecretValue]:
        """Make the values of one refresh; raises ProviderError."""
        return self.make()


@dataclass(frozen=True)
class GeneratorKind(Generic[Spec]):
    """One kind of generator.

    Args:
        resource: its custom resource.
        spec: the model of their `spec`.
        generate: makes the values of one refresh, in a thread. Raises ProviderError, naming the field, and no value.
        embedded: the field of a ClusterGenerator that holds such a spec.
        about: what it makes, for the CRD.
        weigh: returns (number of values, bytes of names and values) of what `generate` would make.
    """

    resource: Resource
    spec: type[Spec]
    generate: Callable[[Spec], Mapping[str, SecretValue]]
    embedded: str
    about: str
    weigh: Callable[[Spec], tuple[int, int]] = lambda _spec: (1, 1024)

    def prepare(self, raw: Any, at: str) -> Recipe:
        """Read a spec. Raises ProviderError for an invalid one, to be read again: no event tells of its change."""
        try:
            spec = parse(self.spec, raw, reason=FAILED, at=at)
        except NeedsHuman as error:
            raise ProviderError(error.message) from None
        names, size = self.weigh(spec)
        return Recipe(names * NAME_BYTES + size, partial(self.generate, spec))

"""The GeneratorStates of each ExternalSecret, as the watches show them."""

from external.generators.states import GENERATOR_STATES, state_summary
from manager.kube.cache import MetadataCache
from manager.kube.resources import Key


class StateIndex:
    """Finds states by the uid of their owner."""

    def __init__(self, cache: MetadataCache) -> None:
        cache.digest(GENERATOR_STATES, state_summary)
        self._by_owner = cache.index(GENERATOR_STATES, lambda _, meta: (meta.digest.owner,))

    def of(self, uid: str) -> frozenset[Key]:
        """Return the states of an owner."""
        return self._by_owner.find(uid) if uid else frozenset()

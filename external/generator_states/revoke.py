"""Ends at the provider what a GeneratorState records."""

from collections.abc import Awaitable, Callable
from typing import Any

from external.errors import FAILED
from external.generators.loading import embedded
from external.generators.protocol import GeneratorKind, Recipe
from external.generators.registry import CLUSTER_GENERATORS, KINDS
from external.generators.states import CLUSTER_GENERATOR
from external.providers.protocol import ConnectContext, ProviderDenied, ProviderError
from external.reading.thread_pool import ThreadPool
from manager.core.errors import NeedsHuman
from manager.kube.client import KubeClient
from manager.kube.resources import Body, Key

NOTHING_TO_END = frozenset({"BeyondtrustWorkloadCredentialsDynamicSecret"})
"""Kinds of the original that are not served, whose states record nothing that it ends."""
Contexts = Callable[[Key, bool], Awaitable[ConnectContext]]


class Revoker:
    """Ends what states record, by the generator as it was.

    Args:
        contexts: gives what a generator may use.
    """

    def __init__(self, client: KubeClient, threads: ThreadPool, contexts: Contexts) -> None:
        self._client = client
        self._threads = threads
        self._contexts = contexts

    async def end(self, state: Body) -> None:
        """End it; what is gone already is a success. Raises NeedsHuman, Retry and ProviderError."""
        spec, namespace = _mapping(state.get("spec")), state["metadata"]["namespace"]
        snapshot = _mapping(spec.get("resource"))
        kind = KINDS.get(str(snapshot.get("kind")))
        if kind is None:
            if snapshot.get("kind") in NOTHING_TO_END:
                return
            text = f"spec.resource.kind: this version cannot end what {snapshot.get('kind')} made"
            raise NeedsHuman(FAILED, f"{text}; end it at the provider and remove the finalizer")
        recipe = _recipe(kind, snapshot.get("spec"))
        if recipe.end is None:
            return
        name = str(_mapping(snapshot.get("metadata")).get("name") or state["metadata"]["name"])
        for_all = await self._for_all(state, snapshot.get("spec"))
        context = await self._contexts(Key(kind.resource, namespace, name), for_all)
        end = await recipe.end(context, _mapping(spec.get("state")))
        await self._threads.run(f"namespace {namespace}", end)

    async def _for_all(self, state: Body, spec: object) -> bool:
        """Return True if a ClusterGenerator has this very spec: a tenant may write a state with any."""
        name = (state["metadata"].get("annotations") or {}).get(CLUSTER_GENERATOR)
        if not name:
            return False
        body = await self._client.find(Key(CLUSTER_GENERATORS, "", name))
        try:
            _, inner, _ = embedded((body or {}).get("spec"), "")
        except ProviderError:
            return False
        return bool(inner == spec)


def _recipe(kind: GeneratorKind[Any], spec: Any) -> Recipe:
    try:
        return kind.prepare({} if spec is None else spec, "spec.resource.spec")
    except ProviderError as error:
        raise ProviderDenied(str(error)) from None


def _mapping(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}

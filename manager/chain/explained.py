"""Read and explain one object: what the command line and the status page do for whoever asks."""

import time
from functools import partial

from manager.chain.explanation import Explainer
from manager.chain.model import Explanation
from manager.chain.reading import MAX_BYTES, ChainReader
from manager.chain.snapshot import Snapshot
from manager.chain.subjects import MIRROR, STORE
from manager.core.background import for_viewers
from manager.core.clock import SystemClock
from manager.kube.client import KubeClient
from manager.kube.resources import CLUSTER_SECRET_STORES, CONFIGMAPS, EXTERNAL_SECRETS, SEALED_SECRETS, SECRETS, Key
from manager.settings.model import Settings
from reflector.view import ViewBuilder


async def explained(
    client: KubeClient,
    settings: Settings,
    own: str,
    asked: tuple[str, Key],
    *,
    deep: bool = False,
    budget: int = MAX_BYTES,
) -> Explanation:
    """Explain one object. Raises ApiError if it may not be read, or the API server does not answer.

    Args:
        client: of who asks.
        settings: the controller's.
        own: Coffer's namespace.
        asked: the word for the kind, as `subject` returns it, and the object.
        deep: whether what runs on mirrors is looked for too.
        budget: bytes of listed objects that are looked at.
    """
    snapshot = Snapshot(time.time(), own)
    builder = ViewBuilder(snapshot.cache, settings.reflector, own, SystemClock(), settings.modules.namespaces)
    reader = ChainReader(client, snapshot, builder, settings.lease.name, budget)
    return await _of_kind(reader, Explainer(snapshot, builder, settings.reflector.provenance), asked, deep=deep)


async def _of_kind(reader: ChainReader, explainer: Explainer, asked: tuple[str, Key], *, deep: bool) -> Explanation:
    word, key = asked
    await reader.subject(key)
    if word == STORE or key.resource.kind.endswith("SecretStore"):
        await reader.store(key, None if key.resource is CLUSTER_SECRET_STORES else key.namespace)
        return await for_viewers(partial(explainer.store, key))
    if key.resource is EXTERNAL_SECRETS:
        target = await reader.external(key)
        if target is None:
            return await for_viewers(partial(explainer.external, key))
        await reader.secret(target)
        return await _deep(reader, explainer, target, key, deep=deep)
    if key.resource is SEALED_SECRETS:
        target = Key(SECRETS, key.namespace, key.name)
        await reader.secret(target)
        return await _deep(reader, explainer, target, key, deep=deep)
    await reader.secret(key)
    if word == MIRROR and reader.snapshot.body(key) is None:
        key = Key(CONFIGMAPS, key.namespace, key.name)
        await reader.subject(key)
        await reader.secret(key)
    return await _deep(reader, explainer, key, None, deep=deep)


async def _deep(reader: ChainReader, explainer: Explainer, key: Key, shown: Key | None, *, deep: bool) -> Explanation:
    """Explain a Secret; for a tree read what runs on its mirrors, too."""
    if deep:
        before = await for_viewers(partial(explainer.secret, key))
        await reader.workloads_of(each.key for each in before.mirrors)
    return await for_viewers(partial(explainer.secret, key, shown))

"""Reads entries through a client as an ExternalSecret does: requests, properties, decoding, names."""

import asyncio
from collections.abc import Mapping
from typing import Any

from external.api.external_secret import Data, DataFrom
from external.external_secrets.fetch import _Merge, _request_to
from external.providers.protocol import ProviderError, SearchRequest
from external.reading.identity_queue import Answer
from external.values.documents import Documents
from external.values.namespace_lock import NamespaceLock
from manager.gotemplate.sandbox import Sandbox
from tests.conformance.providers.subject import Subject, waited


def value(subject: Subject, key: str, client: Any = None, **reference: Any) -> bytes:
    """Return the value of an entry in `data`. Raises ProviderError, ReconcileError."""
    client = client or subject.client()
    ref = subject.ref(key, str(reference.pop("property", "")))
    given = {"key": ref.key, **({"property": ref.property} if ref.property else {}), **reference}
    entry = Data.model_validate({"secretKey": "k", "remoteRef": given})
    return waited(lambda: _merged(client, entry))["k"]


def extracted(subject: Subject, key: str, client: Any = None, **reference: Any) -> Mapping[str, bytes]:
    """Return the keys of an entry `dataFrom.extract`. Raises ProviderError, ReconcileError."""
    client = client or subject.client()
    entry = DataFrom.model_validate({"extract": {"key": subject.remote_key(key), **reference}})
    return waited(lambda: _merged(client, entry))


def found(subject: Subject, client: Any = None, **find: Any) -> Mapping[str, bytes]:
    """Return the keys of an entry `dataFrom.find`. Raises ProviderError, ReconcileError."""
    client = client or subject.client()
    entry = DataFrom.model_validate({"find": find})
    return waited(lambda: _merged(client, entry))


async def _merged(client: Any, entry: Data | DataFrom) -> Mapping[str, bytes]:
    request = _request_to(client, entry)
    coming: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
    if isinstance(request, SearchRequest):
        given = await asyncio.to_thread(client.find, request)
    else:
        given = (await asyncio.to_thread(client.read, [request]))[request]
    if isinstance(given, ProviderError):
        raise given
    coming.set_result(given)
    merge = _Merge("Retain", Documents(Sandbox(), NamespaceLock(), "ns"))
    await merge.take("spec.data[0]", entry, Answer(request, coming), client)
    merge.errors.settle()
    return {name: each.reveal() for name, each in merge.data.items()}

"""Providers' clients outside the module: made of a store's fields, and asked as the module asks them."""

import asyncio
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from external.providers.protocol import ConnectContext, ProviderError, SecretRequest
from external.providers.push import PushRequest, RemoteRef
from external.providers.registry import PROVIDERS
from manager.core.secret_value import SecretValue
from tests.builders.generators import Desk, generator_context

OWNER, OTHER = "team-a/app", "team-b/app"
ENVELOPE = {"apiVersion": "kubernetes.external-secrets.io/v1alpha1", "kind": "PushSecretMetadata"}

PATIENT_SECONDS = 30.0  # for a double on a crowded machine: a test that waits for an end to patience has its own


class Calls(Counter[str]):
    """Counts finished calls by their names."""

    def __call__(self, label: str, call: str, status: str) -> None:
        """Count one call."""
        del label, status
        self[call] += 1


def provider_context(
    desk: Desk | None = None, *, calls: Calls | None = None, ambient: bool = False, timeout: float = 5.0
) -> ConnectContext:
    """Return what a provider may use; it may reach this machine."""
    count = Calls() if calls is None else calls
    return replace(generator_context(desk, ambient=ambient, timeout=timeout), count=count)


def connected(name: str, spec: Mapping[str, Any], context: ConnectContext | None = None) -> Any:
    """Return the client of a store with these fields, for tests without an event loop."""
    return asyncio.run(connecting(name, spec, context))


async def connecting(name: str, spec: Mapping[str, Any], context: ConnectContext | None = None) -> Any:
    """Return the client of a store with these fields."""
    kind = PROVIDERS[name]
    return await kind.connect(kind.model.model_validate(spec), context or provider_context())


def read(client: Any, key: str, version: str = "", *, metadata: bool = False) -> SecretValue:
    """Return one secret. Raises its error."""
    request = SecretRequest(key, version, metadata)
    found = client.read([request])[request]
    if isinstance(found, ProviderError):
        raise found
    return found


def text(client: Any, key: str, version: str = "", *, metadata: bool = False) -> str:
    """Return one secret as text. Raises its error."""
    return read(client, key, version, metadata=metadata).reveal().decode()


def found_texts(found: Mapping[str, SecretValue]) -> dict[str, str]:
    """Return values as texts."""
    return {name: value.reveal().decode() for name, value in found.items()}


def push(key: str, value: bytes | None = b"v", /, name: str = "", **more: Any) -> PushRequest:
    """Return a request to push the key `k`; with None the whole source `values`.

    Args:
        name: the property.
        more: fields of the request; `spec` is what stands in the metadata's envelope.
    """
    values = {each: SecretValue(given) for each, given in more.pop("values", {}).items()}
    if value is not None:
        values["k"] = SecretValue(value)
    spec = more.pop("spec", None)
    if spec is not None:
        more["metadata"] = {**ENVELOPE, "spec": spec}
    options = {"owner": OWNER, "recorded": False, **more}
    return PushRequest(RemoteRef(key, name), "k" if value is not None else "", values, **options)

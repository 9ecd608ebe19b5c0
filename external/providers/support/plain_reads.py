"""Reads of providers that keep one version of a secret, and nothing beside it."""

from external.providers.protocol import ProviderDenied, SecretRequest


def require_plain(request: SecretRequest, provider: str) -> None:
    """Raise ProviderDenied for a version or metadata: external-secrets ignores them, and reads something else."""
    if request.version or request.metadata:
        field = "version" if request.version else "metadataPolicy: Fetch"
        raise ProviderDenied(f"{field} is not implemented in the {provider} provider: remove it")

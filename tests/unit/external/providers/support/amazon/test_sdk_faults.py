"""What the SDK of AWS raises is told in words with a cure, and never by the name of a class."""

import socket

import pytest
import urllib3
from botocore import exceptions

from external.providers.protocol import ProviderDenied, ProviderError, ProviderUnavailable
from external.providers.support.amazon.sdk_faults import fault_of

URL = "https://canary.example.com"


def refused() -> Exception:
    """Return what the SDK raises where nobody listens."""
    try:
        raise urllib3.exceptions.NewConnectionError(None, "canary") from ConnectionRefusedError(111, "canary")  # type: ignore[arg-type]  # no pool is needed for its text
    except urllib3.exceptions.NewConnectionError as cause:
        found = exceptions.EndpointConnectionError(endpoint_url=URL, error=cause)
        found.__context__ = cause
        return found


@pytest.mark.parametrize(
    ("error", "kind", "words"),
    [
        (exceptions.InvalidRegionError(region_name="canary"), ProviderDenied, "spec.provider.aws.region is no region"),
        (exceptions.NoRegionError(), ProviderDenied, "set spec.provider.aws.region"),
        (exceptions.NoCredentialsError(), ProviderDenied, "name keys or a ServiceAccount"),
        (exceptions.PartialCredentialsError(provider="x", cred_var="canary"), ProviderDenied, "give access key"),
        (exceptions.ParamValidationError(report="canary"), ProviderDenied, "check the names in the entry"),
        (ValueError("Invalid endpoint: canary"), ProviderDenied, "region or endpoint is malformed"),
        (refused(), ProviderUnavailable, "connection refused"),
        (exceptions.ReadTimeoutError(endpoint_url=URL), ProviderUnavailable, "no answer in time"),
        (socket.gaierror(-2, "canary"), ProviderUnavailable, "name cannot be resolved"),
        (exceptions.MetadataRetrievalError(error_msg="canary"), ProviderUnavailable, "check the identity of the Pod"),
        (exceptions.ResponseStreamingError(error="canary"), ProviderUnavailable, "the server ended the connection"),
        (exceptions.UnknownEndpointError(service_name="x", region_name="y"), ProviderUnavailable, "check region"),
    ],
)
def test_a_fault_of_the_sdk_is_told_in_words(error: Exception, kind: type[ProviderError], words: str) -> None:
    found = fault_of(error, "GetSecretValue")

    assert type(found) is kind
    assert str(found).startswith("GetSecretValue: ")
    assert words in str(found)
    assert type(error).__name__ not in str(found)
    assert "canary" not in str(found)

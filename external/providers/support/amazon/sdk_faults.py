"""Say what an exception of AWS's SDK means, in words: its own text may quote a URL, a parameter or a value."""

from botocore import exceptions

from external.providers.protocol import ProviderDenied, ProviderError, ProviderUnavailable
from external.providers.support.amazon.identity import NO_CREDENTIALS
from external.providers.support.connection_faults import connection_fault

WRONG: tuple[tuple[type[Exception], str], ...] = (
    (exceptions.InvalidRegionError, "spec.provider.aws.region is no region of AWS: correct it"),
    (exceptions.NoRegionError, "no region is given: set spec.provider.aws.region"),
    (exceptions.NoCredentialsError, NO_CREDENTIALS),
    (exceptions.PartialCredentialsError, "the AWS credentials are incomplete: give access key and secret access key"),
    (exceptions.ParamValidationError, "AWS takes no such parameter: check the names in the entry and in the store"),
)
"""What a person must correct."""
MALFORMED = "region or endpoint is malformed: correct the store, or AWS_ENDPOINT_URL of Coffer"
NO_LOGIN = "the credentials could not be fetched: check the identity of the Pod, and the role that the store names"
ANSWER = "the SDK could not use the answer: check region, endpoint and proxy"


def fault_of(error: Exception, name: str) -> ProviderError:
    """Return what an exception of the SDK means to the caller.

    Args:
        error: anything but an answer of AWS with an error code.
        name: of the call.

    """
    for kind, text in WRONG:
        if isinstance(error, kind):
            return ProviderDenied(f"{name}: {text}")
    if isinstance(error, exceptions.ReadTimeoutError | exceptions.ConnectTimeoutError):
        return ProviderUnavailable(f"{name}: no answer in time")
    if isinstance(error, exceptions.HTTPClientError | exceptions.ConnectionError | OSError):
        return ProviderUnavailable(f"{name}: {connection_fault(error)}")
    if isinstance(error, exceptions.CredentialRetrievalError | exceptions.MetadataRetrievalError):
        return ProviderUnavailable(f"{name}: {NO_LOGIN}")
    if isinstance(error, exceptions.BotoCoreError):
        return ProviderUnavailable(f"{name}: {ANSWER}")
    return ProviderDenied(f"{name}: {MALFORMED}")

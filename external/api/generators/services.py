"""The fields of generators that ask a service, and that this version does not serve."""

from external.api.fields import Model
from external.api.providers.unserved.vaults import BeyondTrustWorkloadCredentials
from external.api.store import RetrySettings


class BeyondtrustWorkloadCredentialsDynamicSecretSpec(Model):
    """Dynamic credentials of BeyondTrust Workload Credentials."""

    controller: str | None = None
    """Class of the controller that serves this generator."""
    provider: BeyondTrustWorkloadCredentials
    """The server and how to authenticate to it."""
    retry_settings: RetrySettings | None = None
    """Retries of a failed request."""

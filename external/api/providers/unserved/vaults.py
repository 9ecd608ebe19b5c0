"""The fields of the stores of vaults, which this version does not serve."""

from typing import Annotated

from pydantic import Field

from external.api.credentials import SecretValue, ValueOrSecret
from external.api.fields import ONE_OF, CaBundle, CaProvider, Model, SecretKeySelector, ServiceAccountSelector


class BeyondTrustAuth(Model):
    """How to authenticate to BeyondTrust Password Safe."""

    api_key: ValueOrSecret | None = None
    """API key."""
    certificate: ValueOrSecret | None = None
    """Client certificate."""
    certificate_key: ValueOrSecret | None = None
    """Private key of the client certificate."""
    client_id: ValueOrSecret | None = None
    """Client ID."""
    client_secret: ValueOrSecret | None = None
    """Client secret."""


class BeyondTrustServer(Model):
    """The server."""

    api_url: str
    """URL of the API."""
    api_version: str | None = None
    """Version of the API."""
    client_time_out_seconds: int | None = None
    """Seconds until a request is given up."""
    decrypt: bool = True
    """Whether values are decrypted."""
    retrieval_type: str | None = None
    """Kind of what is retrieved."""
    separator: str | None = None
    """Separator of folder and title."""
    verify_ca: Annotated[bool, Field(alias="verifyCA")]
    """Whether the server certificate is verified."""


class BeyondTrust(Model):
    """A store of BeyondTrust Password Safe."""

    auth: BeyondTrustAuth
    """How to authenticate to BeyondTrust Password Safe."""
    server: BeyondTrustServer
    """The server."""


class WorkloadCredentialsAuthApikey(Model):
    """Login with an API key."""

    token: SecretKeySelector
    """Key of a Secret that holds the token."""


class WorkloadCredentialsAuth(Model):
    """How to authenticate to BeyondTrust Workload Credentials."""

    apikey: WorkloadCredentialsAuthApikey
    """Login with an API key."""


class WorkloadCredentialsServer(Model):
    """The server."""

    api_url: str
    """URL of the API."""
    site_id: str
    """ID of the site."""


class BeyondTrustWorkloadCredentials(Model):
    """A store of BeyondTrust Workload Credentials."""

    auth: WorkloadCredentialsAuth
    """How to authenticate to BeyondTrust Workload Credentials."""
    ca_bundle: CaBundle = None
    """PEM certificates of the authorities to trust, in base64."""
    ca_provider: CaProvider | None = None
    """Object that holds the certificates of the authorities to trust."""
    folder_path: str | None = None
    """Path of the folder."""
    server: WorkloadCredentialsServer
    """The server."""


class ConjurAuthApikey(Model):
    """Login with an API key."""

    account: str
    """Account name."""
    api_key_ref: SecretKeySelector
    """Key of a Secret that holds the API key."""
    user_ref: SecretKeySelector
    """Key of a Secret that holds the name of the user."""


class ConjurAuthCert(Model):
    """Login with a client certificate."""

    account: str
    """Account name."""
    client_cert_ref: SecretKeySelector
    """Key of a Secret that holds the client certificate."""
    client_key_ref: SecretKeySelector
    """Key of a Secret that holds the client key."""
    host_id: str | None = None
    """ID of the host."""
    service_id: Annotated[str, Field(alias="serviceID")]
    """ID of the authenticator service."""


class ConjurAuthJwt(Model):
    """Login with a token of a ServiceAccount."""

    account: str
    """Account name."""
    host_id: str | None = None
    """ID of the host."""
    secret_ref: SecretKeySelector | None = None
    """Key of a Secret that holds the value."""
    service_account_ref: ServiceAccountSelector | None = None
    """ServiceAccount whose token is used."""
    service_id: Annotated[str, Field(alias="serviceID")]
    """ID of the authenticator service."""


class ConjurAuth(Model):
    """How to authenticate to CyberArk Conjur."""

    model_config = ONE_OF

    apikey: ConjurAuthApikey | None = None
    """Login with an API key."""
    cert: ConjurAuthCert | None = None
    """Login with a client certificate."""
    jwt: ConjurAuthJwt | None = None
    """Login with a token of a ServiceAccount."""


class Conjur(Model):
    """A store of CyberArk Conjur."""

    auth: ConjurAuth
    """How to authenticate to CyberArk Conjur."""
    ca_bundle: str | None = None
    """PEM certificates of the authorities to trust, in base64."""
    ca_provider: CaProvider | None = None
    """Object that holds the certificates of the authorities to trust."""
    url: str
    """URL of Conjur."""


class Fortanix(Model):
    """A store of Fortanix DSM."""

    api_key: SecretValue | None = None
    """API key."""
    api_url: str | None = None
    """URL of the API."""


class SenhaseguraAuth(Model):
    """How to authenticate to senhasegura."""

    client_id: str
    """Client ID."""
    client_secret_secret_ref: SecretKeySelector
    """Key of a Secret that holds the client secret."""


class Senhasegura(Model):
    """A store of senhasegura."""

    auth: SenhaseguraAuth
    """How to authenticate to senhasegura."""
    ignore_ssl_certificate: bool = False
    """Whether any server certificate is accepted."""
    module: str
    """Module of senhasegura."""
    url: str
    """URL of senhasegura."""

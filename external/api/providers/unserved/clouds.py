"""The fields of the stores of IBM, OpenStack and Oracle, which this version does not serve."""

from typing import Annotated, Literal

from pydantic import Field

from external.api.credentials import RequiredSecretValue
from external.api.fields import ONE_OF, Model, SecretKeySelector, ServiceAccountSelector


class BarbicanAuthUsername(Model):
    """Name of the user."""

    model_config = ONE_OF

    secret_ref: SecretKeySelector | None = None
    """Key of a Secret that holds the value."""
    value: str | None = None
    """The value itself."""


class BarbicanAuth(Model):
    """How to authenticate to OpenStack Barbican."""

    password: RequiredSecretValue
    """Password of the user."""
    username: BarbicanAuthUsername
    """Name of the user."""


class Barbican(Model):
    """A store of OpenStack Barbican."""

    auth: BarbicanAuth
    """How to authenticate to OpenStack Barbican."""
    auth_url: Annotated[str | None, Field(alias="authURL")] = None
    """URL of Keystone."""
    domain_name: str | None = None
    """Domain of the project."""
    region: str | None = None
    """Region."""
    tenant_name: str | None = None
    """Project of OpenStack."""


class IbmAuthContainerAuth(Model):
    """Login with a token of the container."""

    iam_endpoint: str | None = None
    """URL of the IAM service."""
    profile: str
    """Trusted profile."""
    token_location: str | None = None
    """Path of the token file in the Pod; never read."""


class IbmAuthSecretRef(Model):
    """Credentials that Secrets hold."""

    iam_endpoint: str | None = None
    """URL of the IAM service."""
    secret_api_key_secret_ref: SecretKeySelector | None = None
    """Key of a Secret that holds the API key."""


class IbmAuth(Model):
    """How to authenticate to IBM Cloud Secrets Manager."""

    model_config = ONE_OF

    container_auth: IbmAuthContainerAuth | None = None
    """Login with a token of the container."""
    secret_ref: IbmAuthSecretRef | None = None
    """Credentials that Secrets hold."""


class Ibm(Model):
    """A store of IBM Cloud Secrets Manager."""

    auth: IbmAuth
    """How to authenticate to IBM Cloud Secrets Manager."""
    service_url: str | None = None
    """URL of the service."""


class OracleAuthSecretRef(Model):
    """Credentials that Secrets hold."""

    fingerprint: SecretKeySelector
    """Key of a Secret that holds the fingerprint."""
    privatekey: SecretKeySelector
    """Key of a Secret that holds the private key."""


class OracleAuth(Model):
    """How to authenticate to Oracle Cloud Vault."""

    secret_ref: OracleAuthSecretRef
    """Credentials that Secrets hold."""
    tenancy: str
    """OCID of the tenancy."""
    user: str
    """OCID of the user."""


class Oracle(Model):
    """A store of Oracle Cloud Vault."""

    auth: OracleAuth | None = None
    """How to authenticate to Oracle Cloud Vault."""
    compartment: str | None = None
    """OCID of the compartment."""
    encryption_key: str | None = None
    """OCID of the key that encrypts new secrets."""
    principal_type: Literal["", "UserPrincipal", "InstancePrincipal", "Workload"] | None = None
    """Kind of the principal."""
    region: str
    """Region."""
    service_account_ref: ServiceAccountSelector | None = None
    """ServiceAccount whose token is used."""
    vault: str
    """OCID of the vault."""

"""The fields of a store of Doppler."""

from typing import Annotated, Literal

from pydantic import Field

from external.api.fields import Model, SecretKeySelector, ServiceAccountSelector, checked


class DopplerAuthOidcConfig(Model):
    """Login with a token of a ServiceAccount."""

    expiration_seconds: Annotated[int, Field(json_schema_extra={"format": "int64"})] = 600
    """Seconds that the token lives."""
    identity: str
    """ID of the service account identity."""
    service_account_ref: ServiceAccountSelector
    """ServiceAccount whose token is used."""


class DopplerAuthSecretRef(Model):
    """Credentials that Secrets hold."""

    doppler_token: SecretKeySelector
    """Key of a Secret that holds the doppler token."""


class DopplerAuth(Model):
    """How to authenticate to Doppler."""

    model_config = checked(
        ("has(self.secretRef) != has(self.oidcConfig)", "exactly one of secretRef or oidcConfig must be set")
    )

    oidc_config: DopplerAuthOidcConfig | None = None
    """Login with a token of a ServiceAccount."""
    secret_ref: DopplerAuthSecretRef | None = None
    """Credentials that Secrets hold."""


class Doppler(Model):
    """A store of Doppler."""

    auth: DopplerAuth
    """How to authenticate to Doppler."""
    config: str | None = None
    """Doppler config."""
    format: Literal["json", "dotnet-json", "env", "yaml", "docker"] | None = None
    """Format of the downloaded document."""
    name_transformer: Literal["upper-camel", "camel", "lower-snake", "tf-var", "dotnet-env", "lower-kebab"] | None = (
        None
    )
    """How names are transformed."""
    project: str | None = None
    """Project."""

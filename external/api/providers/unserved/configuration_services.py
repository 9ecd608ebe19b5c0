"""The fields of the stores of configuration services, which this version does not serve."""

from typing import Annotated

from pydantic import Field

from external.api.credentials import SecretValue
from external.api.fields import (
    Model,
    RequiredWithDefault,
    SecretKeySelector,
    ServiceAccountSelector,
    checked,
)


class OnboardbaseAuth(Model):
    """How to authenticate to Onboardbase."""

    api_key_ref: SecretKeySelector
    """Key of a Secret that holds the API key."""
    passcode_ref: SecretKeySelector
    """Key of a Secret that holds the passcode."""


class Onboardbase(Model):
    """A store of Onboardbase."""

    api_host: Annotated[str, RequiredWithDefault] = "https://public.onboardbase.com/api/v1/"
    """URL of the API."""
    auth: OnboardbaseAuth
    """How to authenticate to Onboardbase."""
    environment: Annotated[str, RequiredWithDefault] = "development"
    """Environment to read."""
    project: Annotated[str, RequiredWithDefault] = "development"
    """Project."""


class PreviderAuthSecretRef(Model):
    """Login with an access token."""

    access_token: SecretKeySelector
    """Key of a Secret that holds the access token."""


class PreviderAuth(Model):
    """How to authenticate to Previder Vault."""

    secret_ref: PreviderAuthSecretRef | None = None
    """Credentials that Secrets hold."""


class Previder(Model):
    """A store of Previder Vault."""

    auth: PreviderAuth
    """How to authenticate to Previder Vault."""
    base_uri: str | None = None
    """URL of the API."""


class PulumiAuthOidcConfig(Model):
    """Login with a token of a ServiceAccount."""

    expiration_seconds: Annotated[int, Field(ge=600, json_schema_extra={"format": "int64"})] = 600
    """Seconds that the token lives."""
    organization: str
    """Organization."""
    service_account_ref: ServiceAccountSelector
    """ServiceAccount whose token is used."""


class PulumiAuth(Model):
    """How to authenticate to Pulumi ESC."""

    model_config = checked(
        ("has(self.accessToken) != has(self.oidcConfig)", "exactly one of accessToken or oidcConfig must be set")
    )

    access_token: SecretValue | None = None
    """Access token."""
    oidc_config: PulumiAuthOidcConfig | None = None
    """Login with a token of a ServiceAccount."""


class Pulumi(Model):
    """A store of Pulumi ESC."""

    model_config = checked(
        ("has(self.auth) != has(self.accessToken)", "exactly one of auth or accessToken must be set")
    )

    access_token: SecretValue | None = None
    """Access token."""
    api_url: str = "https://api.pulumi.com/api/esc"
    """URL of the API."""
    auth: PulumiAuth | None = None
    """How to authenticate to Pulumi ESC."""
    environment: str
    """Environment to read."""
    organization: str
    """Organization."""
    project: str
    """Project."""

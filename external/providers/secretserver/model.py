"""The fields of a store of Delinea Secret Server."""

from typing import Annotated

from pydantic import Field

from external.api.fields import CaBundle, CaProvider, Model, SecretKeySelector, checked


class SecretServerCredential(Model):
    """A credential: exactly one of the two."""

    model_config = checked(("has(self.value) != has(self.secretRef)", "exactly one of value or secretRef must be set"))

    secret_ref: SecretKeySelector | None = None
    """Key of a Secret that holds the value."""
    value: Annotated[str | None, Field(min_length=1)] = None
    """The value itself."""


class SecretServer(Model):
    """A store of Delinea Secret Server."""

    model_config = checked(
        (
            "has(self.token) || (has(self.username) && has(self.password))",
            "token, or username and password, must be set",
        )
    )

    ca_bundle: CaBundle = None
    """PEM certificates of the authorities to trust, in base64."""
    ca_provider: CaProvider | None = None
    """Object that holds the certificates of the authorities to trust."""
    domain: str | None = None
    """Domain of the user."""
    password: SecretServerCredential | None = None
    """Password of the user."""
    server_url: Annotated[str, Field(alias="serverURL")]
    """URL of the server."""
    token: SecretServerCredential | None = None
    """Access token."""
    username: SecretServerCredential | None = None
    """Name of the user."""


class SecretServerPushSpec(Model):
    """Settings of an entry that is pushed to Delinea Secret Server."""

    folder_id: int | None = None
    """ID of the folder of a secret that is named without one."""
    secret_template_id: int | None = None
    """ID of the template of a new secret."""

"""The fields of `provider.aws` (providers 2.1)."""

from typing import Annotated, Any, Literal

from pydantic import Field

from external.fields import Model, SecretKeySelector, ServiceAccountSelector


class AwsSecretRef(Model):
    """Static AWS credentials."""

    access_key_id_secret_ref: Annotated[SecretKeySelector | None, Field(alias="accessKeyIDSecretRef")] = None
    secret_access_key_secret_ref: SecretKeySelector | None = None
    session_token_secret_ref: SecretKeySelector | None = None


class AwsJwt(Model):
    """A role that trusts a ServiceAccount, as EKS annotates it."""

    service_account_ref: ServiceAccountSelector | None = None


class AwsAuth(Model):
    """How to become somebody in AWS."""

    secret_ref: AwsSecretRef | None = None
    jwt: AwsJwt | None = None


class AwsTag(Model):
    """One session tag."""

    key: str
    value: str


class AwsProvider(Model):
    """AWS Secrets Manager and Parameter Store."""

    service: Literal["SecretsManager", "ParameterStore", "CertificateManager"]
    region: str
    auth: AwsAuth | None = None
    role: str | None = None
    additional_roles: list[str] | None = None
    external_id: Annotated[str | None, Field(alias="externalID")] = None
    prefix: str | None = None
    session_tags: list[AwsTag] | None = None
    transitive_tag_keys: list[str] | None = None
    session_tags_policy: Literal["None", "Simple", "Custom"] | None = None
    custom_session_tags: dict[str, str] | None = None
    secrets_manager: dict[str, Any] | None = None

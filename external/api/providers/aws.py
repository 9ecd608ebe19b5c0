"""The fields of `spec.provider.aws`."""

from typing import Annotated, Literal

from pydantic import Field

from external.api.fields import Model, SecretKeySelector, ServiceAccountSelector, checked


class AwsSecretRef(Model):
    """Static AWS credentials."""

    access_key_id_secret_ref: Annotated[SecretKeySelector | None, Field(alias="accessKeyIDSecretRef")] = None
    """Key of a Secret that holds the access key ID."""
    secret_access_key_secret_ref: SecretKeySelector | None = None
    """Key of a Secret that holds the secret access key."""
    session_token_secret_ref: SecretKeySelector | None = None
    """Key of a Secret that holds the session token."""


class AwsJwt(Model):
    """A role that trusts a ServiceAccount, as EKS annotates it."""

    service_account_ref: ServiceAccountSelector | None = None
    """ServiceAccount with the annotation of EKS that names the role."""


class AwsAuth(Model):
    """How to authenticate to AWS."""

    secret_ref: AwsSecretRef | None = None
    """Static credentials."""
    jwt: AwsJwt | None = None
    """Credentials of a ServiceAccount."""


class AwsTag(Model):
    """One session tag."""

    key: str
    """Key of the tag."""
    value: str
    """Value of the tag."""


class AwsSecretsManager(Model):
    """How secrets are deleted."""

    force_delete_without_recovery: bool | None = None
    """Delete at once, without a recovery window."""
    recovery_window_in_days: Annotated[int | None, Field(json_schema_extra={"format": "int64"})] = None
    """Days in which a deleted secret can be restored."""


RESERVED_TAGS = ("esoNamespace", "esoStoreName", "esoStoreKind")
CUSTOM_TAGS = checked((f"!self.exists(key, key in {list(RESERVED_TAGS)})", f"{', '.join(RESERVED_TAGS)} are reserved"))[
    "json_schema_extra"
]


class AwsProvider(Model):
    """AWS Secrets Manager, Parameter Store and Certificate Manager."""

    service: Literal["SecretsManager", "ParameterStore", "CertificateManager"]
    """Service of AWS."""
    region: str
    """Region."""
    auth: AwsAuth | None = None
    """How to authenticate to AWS."""
    role: str | None = None
    """ARN of the role to assume."""
    additional_roles: list[str] | None = None
    """ARNs of roles to assume before role, in this order."""
    external_id: Annotated[str | None, Field(alias="externalID")] = None
    """External ID for the role."""
    prefix: str | None = None
    """Prefix of every name."""
    session_tags: list[AwsTag] | None = None
    """Tags of the session."""
    transitive_tag_keys: list[str] | None = None
    """Keys of tags that further roles inherit."""
    session_tags_policy: Literal["None", "Simple", "Custom"] = "None"
    """Which session tags name the store and its consumer."""
    custom_session_tags: Annotated[dict[str, str] | None, Field(json_schema_extra=CUSTOM_TAGS)] = None
    """Tags of the policy Custom; values are templates."""
    secrets_manager: AwsSecretsManager | None = None
    """Rules for deletion in Secrets Manager."""


def tells_consumers_apart(given: object) -> bool:
    """Return True if the session tags name the namespace: no two namespaces may share its sessions."""
    return isinstance(given, dict) and given.get("sessionTagsPolicy") in ("Simple", "Custom")

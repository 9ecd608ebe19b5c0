"""`metadata.spec` of an entry that is pushed to AWS."""

from typing import Annotated, Literal

from pydantic import Field

from external.api.fields import AnyJson, Model


class PolicySourceRef(Model):
    """The object that holds a resource policy, in the PushSecret's namespace."""

    kind: Literal["ConfigMap", "Secret"]
    """Kind of the object."""
    name: Annotated[str, Field(min_length=1, max_length=253)]
    """Name of the object."""
    key: Annotated[str, Field(min_length=1, max_length=253)]
    """Key of the object."""


class ResourcePolicy(Model):
    """Who may use the secret beside its account."""

    block_public_policy: bool | None = None
    """Whether AWS refuses a policy that lets everyone in."""
    policy_source_ref: PolicySourceRef
    """Where the policy is, a JSON document."""


class SecretsManagerPushSpec(Model):
    """Settings of a secret of Secrets Manager."""

    tags: dict[str, str] | None = None
    """All tags of the secret; without any, tags stay as they are."""
    description: str | None = None
    """Description of the secret."""
    secret_push_format: Literal["binary", "string"] | None = None
    """Whether the value is written as SecretBinary or SecretString; binary by default."""
    kms_key_id: str | None = None
    """Key that encrypts a new secret."""
    resource_policy: ResourcePolicy | None = None
    """Who may use the secret beside its account."""
    replication_locations: list[str] | None = None
    """All regions with a replica; an empty list removes them, without a list they stay."""


class CertificateManagerPushSpec(Model):
    """Settings of a certificate."""

    tags: dict[str, str] | None = None
    """All tags of the certificate; without any, tags stay as they are."""


class ParameterTier(Model):
    """Tier of a parameter."""

    type: Literal["Standard", "Advanced", "Intelligent-Tiering"] = "Standard"
    """Name of the tier."""
    policies: AnyJson = None
    """Policies of an advanced parameter, a JSON list."""


class ParameterStorePushSpec(Model):
    """Settings of a parameter."""

    secret_type: Literal["String", "SecureString", "StringList"] | None = None
    """Type of the parameter; by default the one that it has, String for a new one."""
    kms_key_id: Annotated[str | None, Field(alias="kmsKeyID")] = None
    """Key that encrypts a SecureString."""
    tier: ParameterTier | None = None
    """Tier of the parameter."""
    encode_as_decoded: bool = False
    """Whether the JSON object of a whole source has texts; otherwise it has base64."""
    tags: dict[str, str] | None = None
    """All tags of the parameter; without any, tags stay as they are."""
    description: str | None = None
    """Description of the parameter."""

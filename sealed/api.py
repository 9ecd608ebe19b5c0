"""The fields of a SealedSecret, from which its CRD is generated.

Only the schema is strict: the reconciler reads every object leniently and on its own, so that one odd object never
hides the others.
"""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from manager.kube.crds import PRESERVED, CustomResource
from manager.kube.resources import SEALED_SECRETS


class Model(BaseModel):
    """Camel case outside; unknown fields are pruned, as the original's schema does."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, hide_input_in_errors=True)


class TemplateMetadata(Model):
    """Metadata for the Secret; every other field of ObjectMeta is kept and ignored."""

    model_config = ConfigDict(json_schema_extra={"nullable": True, PRESERVED: True})

    annotations: Annotated[dict[str, str] | None, Field(json_schema_extra={"nullable": True})] = None
    """Annotations."""
    labels: Annotated[dict[str, str] | None, Field(json_schema_extra={"nullable": True})] = None
    """Labels."""
    finalizers: list[str] | None = None
    """Finalizers."""
    name: str | None = None
    """Ignored; the SealedSecret names the Secret."""
    namespace: str | None = None
    """Ignored; the Secret has the namespace of the SealedSecret."""


class Template(Model):
    """What the Secret is made like."""

    metadata: TemplateMetadata | None = None
    """Metadata of the Secret."""
    type: str | None = None
    """Type of the Secret."""
    immutable: bool | None = None
    """Whether the Secret is immutable."""
    data: Annotated[
        dict[str, Annotated[str | None, Field(json_schema_extra={"nullable": True})]] | None,
        Field(json_schema_extra={"nullable": True}),
    ] = None
    """Key to template."""


class SealedSecretSpec(Model):
    """Encrypted values and the template around them."""

    encrypted_data: Annotated[dict[str, Any], Field(json_schema_extra={PRESERVED: True})]
    """Key to encrypted value."""
    data: Annotated[str | None, Field(json_schema_extra={"format": "byte"})] = None
    """All values encrypted as one; deprecated, use encryptedData."""
    template: Template | None = None
    """What the Secret looks like."""


class Condition(Model):
    """One status condition."""

    type: str
    """Type of the condition."""
    status: str
    """True, False or Unknown."""
    reason: str | None = None
    """Reason in one word."""
    message: str | None = None
    """What a person needs to know."""
    last_update_time: Annotated[str | None, Field(json_schema_extra={"format": "date-time"})] = None
    """When the condition was last written."""
    last_transition_time: Annotated[str | None, Field(json_schema_extra={"format": "date-time"})] = None
    """When the condition changed."""


class SealedSecretStatus(Model):
    """What became of a SealedSecret.

    `scope` and `secretResourceVersion` let a restart decrypt nothing; `sealingKeys` are the fingerprints of the keys
    that opened it, by which an old key is retired with evidence.
    """

    observed_generation: Annotated[int | None, Field(json_schema_extra={"format": "int64"})] = None
    """Generation that was last unsealed."""
    conditions: list[Condition] | None = None
    """Conditions."""
    scope: str | None = None
    """Scope with which it was unsealed."""
    secret_resource_version: str | None = None
    """Version of the Secret as it was last written."""
    sealing_keys: list[str] | None = None
    """Fingerprints of the keys that opened it."""


CRDS = (
    CustomResource(
        resource=SEALED_SECRETS,
        spec=SealedSecretSpec,
        status=SealedSecretStatus,
        spec_required=True,
        columns=(
            {"name": "Status", "type": "string", "jsonPath": ".status.conditions[0].reason"},
            {"name": "Synced", "type": "string", "jsonPath": ".status.conditions[0].status"},
            {"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"},
            {"name": "Message", "type": "string", "jsonPath": ".status.conditions[0].message", "priority": 1},
        ),
    ),
)

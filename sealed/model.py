"""The fields of a SealedSecret, from which its CRD is generated (sealed-secrets.md section 1).

Only the schema is strict: the reconciler reads every object leniently and on its own, so that one odd object never
hides the others (1.3).
"""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from manager.kube.crds import CustomResource
from manager.kube.resources import SEALED_SECRETS

Preserved = {"x-kubernetes-preserve-unknown-fields": True}


class Model(BaseModel):
    """Camel case outside; unknown fields are pruned, as the original's schema does."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, hide_input_in_errors=True)


class TemplateMetadata(Model):
    """Metadata for the Secret; every other field of ObjectMeta is kept and ignored."""

    model_config = ConfigDict(extra="allow", json_schema_extra={"nullable": True})

    annotations: Annotated[dict[str, str] | None, Field(json_schema_extra={"nullable": True})] = None
    labels: Annotated[dict[str, str] | None, Field(json_schema_extra={"nullable": True})] = None
    finalizers: list[str] | None = None
    name: str | None = None
    namespace: str | None = None


class Template(Model):
    """What the Secret is made like."""

    metadata: TemplateMetadata | None = None
    type: str | None = None
    immutable: bool | None = None
    data: Annotated[
        dict[str, Annotated[str | None, Field(json_schema_extra={"nullable": True})]] | None,
        Field(json_schema_extra={"nullable": True}),
    ] = None


class SealedSecretSpec(Model):
    """Encrypted values and the template around them."""

    encrypted_data: Annotated[dict[str, Any], Field(json_schema_extra=Preserved)]
    data: Annotated[str | None, Field(json_schema_extra={"format": "byte"})] = None
    template: Template | None = None


class Condition(Model):
    """One status condition."""

    type: str
    status: str
    reason: str | None = None
    message: str | None = None
    last_update_time: Annotated[str | None, Field(json_schema_extra={"format": "date-time"})] = None
    last_transition_time: Annotated[str | None, Field(json_schema_extra={"format": "date-time"})] = None


class SealedSecretStatus(Model):
    """What became of a SealedSecret.

    `scope` and `secretResourceVersion` let a restart decrypt nothing; `sealingKeys` are the fingerprints of the keys
    that opened it, by which an old key is retired with evidence.
    """

    observed_generation: Annotated[int | None, Field(json_schema_extra={"format": "int64"})] = None
    conditions: list[Condition] | None = None
    scope: str | None = None
    secret_resource_version: str | None = None
    sealing_keys: list[str] | None = None


CRDS = (
    CustomResource(
        resource=SEALED_SECRETS,
        spec=SealedSecretSpec,
        status=SealedSecretStatus,
        spec_required=True,
        columns=(
            {"name": "Status", "type": "string", "jsonPath": ".status.conditions[0].message"},
            {"name": "Synced", "type": "string", "jsonPath": ".status.conditions[0].status"},
            {"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"},
        ),
    ),
)

"""The CRDs of this module: names, columns, selectable fields and the models of their fields."""

from collections.abc import Mapping
from dataclasses import replace

from external.api.cluster_external_secret import ClusterExternalSecretSpec, ClusterExternalSecretStatus
from external.api.cluster_push_secret import ClusterPushSecretSpec, ClusterPushSecretStatus
from external.api.external_secret import ExternalSecretSpec, ExternalSecretStatus
from external.api.fields import Model
from external.api.push_secret import PushSecretSpec, PushSecretStatus
from external.api.store import SecretStoreStatus
from external.crd_models import EveryClusterGeneratorSpec, EveryStoreSpec, every_store_spec
from external.generators.registry import ALL, CLUSTER_GENERATORS
from external.generators.states import GENERATOR_STATES, GeneratorStateSpec, GeneratorStateStatus
from external.providers.catalogue import Catalogue
from manager.kube.crds import CustomResource
from manager.kube.resources import (
    CLUSTER_EXTERNAL_SECRETS,
    CLUSTER_PUSH_SECRETS,
    CLUSTER_SECRET_STORES,
    EXTERNAL_SECRETS,
    PUSH_SECRETS,
    SECRET_STORES,
    Resource,
)

CATEGORIES = ("external-secrets",)
LABELS = {"external-secrets.io/component": "controller"}
REASON = '.status.conditions[?(@.type=="Ready")].reason'
READY = '.status.conditions[?(@.type=="Ready")].status'
MESSAGE: Mapping[str, str | int] = {
    "name": "Message",
    "type": "string",
    "priority": 1,
    "jsonPath": '.status.conditions[?(@.type=="Ready")].message',
}
AGE_AND_STATUS: tuple[Mapping[str, str | int], ...] = (
    {"name": "AGE", "type": "date", "jsonPath": ".metadata.creationTimestamp"},
    {"name": "Status", "type": "string", "jsonPath": REASON},
)
STORE_COLUMNS = (
    *AGE_AND_STATUS,
    {"name": "Capabilities", "type": "string", "jsonPath": ".status.capabilities"},
    {"name": "Ready", "type": "string", "jsonPath": READY},
    MESSAGE,
)

GENERATOR_SPECS: tuple[tuple[Resource, type[Model]], ...] = (
    (CLUSTER_GENERATORS, EveryClusterGeneratorSpec),
    *((each.resource, each.spec) for each in ALL),
)


class GeneratorStatus(Model):
    """Always empty."""


CRDS = (
    CustomResource(
        resource=EXTERNAL_SECRETS,
        spec=ExternalSecretSpec,
        status=ExternalSecretStatus,
        short_names=("es",),
        categories=CATEGORIES,
        unserved=("v1beta1",),
        labels=LABELS,
        columns=(
            {"name": "StoreType", "type": "string", "jsonPath": ".spec.secretStoreRef.kind"},
            {"name": "Store", "type": "string", "jsonPath": ".spec.secretStoreRef.name"},
            {"name": "Refresh Interval", "type": "string", "jsonPath": ".spec.refreshInterval"},
            {"name": "Status", "type": "string", "jsonPath": REASON},
            {"name": "Ready", "type": "string", "jsonPath": READY},
            {"name": "Last Sync", "type": "date", "jsonPath": ".status.refreshTime"},
            MESSAGE,
        ),
        selectable=(
            ".spec.secretStoreRef.name",
            ".spec.secretStoreRef.kind",
            ".spec.target.name",
            ".spec.refreshInterval",
        ),
    ),
    CustomResource(
        resource=CLUSTER_EXTERNAL_SECRETS,
        spec=ClusterExternalSecretSpec,
        status=ClusterExternalSecretStatus,
        short_names=("ces",),
        unchecked=True,
        categories=CATEGORIES,
        unserved=("v1beta1",),
        labels=LABELS,
        columns=(
            {"name": "Store", "type": "string", "jsonPath": ".spec.externalSecretSpec.secretStoreRef.name"},
            {"name": "Refresh Interval", "type": "string", "jsonPath": ".spec.refreshTime"},
            {"name": "Ready", "type": "string", "jsonPath": READY},
        ),
    ),
    CustomResource(
        resource=PUSH_SECRETS,
        spec=PushSecretSpec,
        status=PushSecretStatus,
        short_names=("ps",),
        categories=CATEGORIES,
        labels=LABELS,
        columns=(
            *AGE_AND_STATUS,
            {"name": "Last Sync", "type": "date", "jsonPath": ".status.refreshTime"},
            MESSAGE,
        ),
    ),
    CustomResource(
        resource=CLUSTER_PUSH_SECRETS,
        spec=ClusterPushSecretSpec,
        status=ClusterPushSecretStatus,
        categories=CATEGORIES,
        labels=LABELS,
        columns=AGE_AND_STATUS,
    ),
    *(
        CustomResource(
            resource=resource,
            spec=EveryStoreSpec,
            status=SecretStoreStatus,
            short_names=(short,),
            categories=CATEGORIES,
            unserved=("v1beta1",),
            labels=LABELS,
            columns=STORE_COLUMNS,
        )
        for resource, short in ((SECRET_STORES, "ss"), (CLUSTER_SECRET_STORES, "css"))
    ),
    *(
        CustomResource(
            resource=resource,
            spec=spec,
            status=GeneratorStatus,
            categories=(*CATEGORIES, "external-secrets-generators"),
            labels=LABELS,
        )
        for resource, spec in GENERATOR_SPECS
    ),
    CustomResource(
        resource=GENERATOR_STATES,
        spec=GeneratorStateSpec,
        status=GeneratorStateStatus,
        short_names=("gs",),
        categories=(*CATEGORIES, "external-secrets-generators"),
        labels=LABELS,
        with_status=False,
        columns=(
            {"name": "GC Deadline", "type": "string", "jsonPath": ".spec.garbageCollectionDeadline"},
            {"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"},
        ),
    ),
)


def crds_with(catalogue: Catalogue) -> tuple[CustomResource, ...]:
    """Return the CRDs, whose stores have a field for each provider of a catalogue too."""
    spec = every_store_spec(catalogue)
    return tuple(replace(each, spec=spec) if each.spec is EveryStoreSpec else each for each in CRDS)

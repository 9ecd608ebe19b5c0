"""The CRDs come from the models and say what the originals' say."""

import json
from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest
import yaml

from external.api.store import ORIGINAL_PROVIDERS
from external.providers.registry import PROVIDERS
from tools import providers_doc
from tools.crds import FOLDER, generators, rendered
from tools.crds import GENERATORS as GENERATORS_FILE

NAMES = ("sealedsecrets", "externalsecrets", "clusterexternalsecrets", "secretstores", "clustersecretstores")
STATES = "generatorstates"
PRESERVED = {"description": "", "x-kubernetes-preserve-unknown-fields": True}
GENERATORS = (
    *("acraccesstokens", "cloudsmithaccesstokens", "clustergenerators", "ecrauthorizationtokens", "fakes"),
    *("gcraccesstokens", "githubaccesstokens", "gitlabdeploytokens", "grafanas", "mfas"),
    *("passwords", "quayaccesstokens", "sshkeys", "stssessiontokens", "uuids", "vaultdynamicsecrets", "webhooks"),
)


@cache
def crd(name: str) -> dict[str, Any]:
    """Return a CRD; it is read once, and nobody changes it."""
    found: dict[str, Any] = yaml.load((FOLDER / f"{name}.yaml").read_text(), Loader=yaml.CSafeLoader)
    return found


def field(name: str, path: str) -> dict[str, Any]:
    """Return the schema at a dotted path; `[]` steps into a list."""
    schema = crd(name)["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    for step in path.split("."):
        schema = schema["items"] if step == "[]" else schema["properties"][step]
    found: dict[str, Any] = schema
    return found


def test_the_chart_has_what_the_models_say() -> None:
    assert rendered() == {
        f"{name}.yaml": (FOLDER / f"{name}.yaml").read_text() for name in (*NAMES, *GENERATORS, STATES)
    }


def test_the_chart_gives_rights_for_every_generator() -> None:
    assert GENERATORS_FILE.read_text() == generators()
    assert sorted(GENERATORS) == sorted(name for names in json.loads(generators()).values() for name in names)


def test_the_page_of_providers_is_made_from_their_declarations() -> None:
    assert providers_doc.FILE.read_text() == providers_doc.rendered()


@pytest.mark.parametrize(
    ("name", "full", "scope", "short"),
    [
        ("sealedsecrets", "sealedsecrets.bitnami.com", "Namespaced", None),
        ("externalsecrets", "externalsecrets.external-secrets.io", "Namespaced", ["es"]),
        ("clusterexternalsecrets", "clusterexternalsecrets.external-secrets.io", "Cluster", ["ces"]),
        ("secretstores", "secretstores.external-secrets.io", "Namespaced", ["ss"]),
        ("clustersecretstores", "clustersecretstores.external-secrets.io", "Cluster", ["css"]),
        ("generatorstates", "generatorstates.generators.external-secrets.io", "Namespaced", ["gs"]),
    ],
)
def test_names_and_scopes(name: str, full: str, scope: str, short: Any) -> None:
    found = crd(name)

    assert found["metadata"]["name"] == full
    assert found["spec"]["scope"] == scope
    assert found["spec"]["names"].get("shortNames") == short


def test_states_of_generators_are_as_the_originals() -> None:
    (version,) = crd(STATES)["spec"]["versions"]

    assert "subresources" not in version
    assert [each["name"] for each in version["additionalPrinterColumns"]] == ["GC Deadline", "Age"]
    spec = field(STATES, "spec")
    assert spec["required"] == ["resource", "state"]
    assert all(spec["properties"][each] | {"description": ""} == PRESERVED for each in spec["required"])


@pytest.mark.parametrize("name", GENERATORS)
def test_generators_are_as_the_originals(name: str) -> None:
    found = crd(name)

    assert found["metadata"]["name"] == f"{name}.generators.external-secrets.io"
    assert found["spec"]["scope"] == ("Cluster" if name == "clustergenerators" else "Namespaced")
    assert found["spec"]["names"]["categories"] == ["external-secrets", "external-secrets-generators"]
    assert [(each["name"], each["storage"]) for each in found["spec"]["versions"]] == [("v1alpha1", True)]


@pytest.mark.parametrize("name", [*NAMES, *GENERATORS])
def test_the_schema_is_structural(name: str) -> None:
    text = (FOLDER / f"{name}.yaml").read_text()

    for forbidden in ("$ref", "anyOf", "title:", "$defs", "additionalProperties: true"):
        assert forbidden not in text


@pytest.mark.parametrize("name", NAMES[1:])
def test_the_older_version_stays_listed(name: str) -> None:
    versions = {each["name"]: each for each in crd(name)["spec"]["versions"]}

    assert versions["v1"]["served"]
    assert versions["v1"]["storage"]
    assert not versions["v1beta1"]["served"]
    assert not versions["v1beta1"]["storage"]


@pytest.mark.parametrize(
    ("name", "path", "wanted"),
    [
        ("sealedsecrets", "spec.encryptedData", {"type": "object", "x-kubernetes-preserve-unknown-fields": True}),
        ("sealedsecrets", "spec.template.metadata", {"nullable": True, "x-kubernetes-preserve-unknown-fields": True}),
        ("sealedsecrets", "spec.template.data", {"nullable": True}),
        ("sealedsecrets", "spec.data", {"type": "string", "format": "byte"}),
        ("sealedsecrets", "status.observedGeneration", {"type": "integer", "format": "int64"}),
        ("sealedsecrets", "status.secretResourceVersion", {"type": "string"}),
        ("externalsecrets", "spec.refreshInterval", {"type": "string", "default": "1h0m0s"}),
        (
            "externalsecrets",
            "spec.target.creationPolicy",
            {"default": "Owner", "enum": ["Owner", "Orphan", "Merge", "None", "CreateOrMerge"]},
        ),
        ("externalsecrets", "spec.target.deletionPolicy", {"default": "Retain"}),
        ("externalsecrets", "spec.data.[].secretKey", {"pattern": "^[-._a-zA-Z0-9]+$", "maxLength": 253}),
        (
            "externalsecrets",
            "spec.data.[].remoteRef.decodingStrategy",
            {"enum": ["Auto", "Base64", "Base64URL", "None"]},
        ),
        ("externalsecrets", "spec.refreshPolicy", {"enum": ["CreatedOnce", "Periodic", "OnChange"]}),
        ("externalsecrets", "spec.dataFrom.[].sourceRef.generatorRef", {"required": ["kind", "name"]}),
        ("passwords", "spec.length", {"type": "integer", "default": 24}),
        ("passwords", "spec.secretKeys", {"minItems": 1}),
        ("passwords", "spec.encoding", {"default": "raw", "enum": ["base64", "base64url", "base32", "hex", "raw"]}),
        ("clustergenerators", "spec.generator", {"minProperties": 1, "maxProperties": 1}),
        ("clustergenerators", "spec.generator.passwordSpec.length", {"default": 24}),
        ("secretstores", "spec.refreshInterval", {"x-kubernetes-int-or-string": True}),
        ("secretstores", "spec.provider", {"minProperties": 1, "maxProperties": 1}),
        (
            "secretstores",
            "spec.provider.aws.service",
            {"enum": ["SecretsManager", "ParameterStore", "CertificateManager"]},
        ),
    ],
)
def test_fields(name: str, path: str, wanted: dict[str, Any]) -> None:
    found = field(name, path)

    assert {key: found.get(key) for key in wanted} == wanted


def schemas(node: Any, path: str = "", *, in_list: bool = False) -> Iterator[tuple[str, bool, dict[str, Any]]]:
    """Yield path, whether it is inside a list or map, and schema of every field."""
    yield path, in_list, node
    for name, each in node.get("properties", {}).items():
        yield from schemas(each, f"{path}.{name}", in_list=in_list)
    for place in ("items", "additionalProperties"):
        if place in node:
            yield from schemas(node[place], f"{path}[]", in_list=True)


def every(name: str) -> list[tuple[str, bool, dict[str, Any]]]:
    properties = crd(name)["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]
    return [*schemas(properties["spec"], "spec"), *schemas(properties["status"], "status")]


@pytest.mark.parametrize("name", [*NAMES, *GENERATORS])
def test_unknown_fields_are_kept_only_where_the_original_keeps_them(name: str) -> None:
    kept = {path for path, _, schema in every(name) if schema.get("x-kubernetes-preserve-unknown-fields")}

    assert kept == {
        "sealedsecrets": {"spec.encryptedData", "spec.template.metadata"},
        "clustergenerators": {"spec.generator.vaultDynamicSecretSpec.parameters"},
        "vaultdynamicsecrets": {"spec.parameters"},
    }.get(name, set())


@pytest.mark.parametrize("name", [*NAMES, *GENERATORS])
def test_no_default_is_inside_a_list_where_gitops_tools_would_see_drift(name: str) -> None:
    assert not [path for path, in_list, schema in every(name) if in_list and "default" in schema]


@pytest.mark.parametrize("name", [*NAMES, *GENERATORS])
def test_every_field_is_explained(name: str) -> None:
    properties = [(path, schema) for path, _, schema in every(name) if not path.endswith("[]")]

    assert not [path for path, schema in properties if not schema.get("description", "").endswith((".", "…"))]


@pytest.mark.parametrize("name", [*NAMES, *GENERATORS])
def test_every_field_has_a_type(name: str) -> None:
    free = ("x-kubernetes-preserve-unknown-fields", "x-kubernetes-int-or-string")

    assert not [path for path, _, each in every(name) if "type" not in each and not any(each.get(key) for key in free)]


@pytest.mark.parametrize("name", [*NAMES, *GENERATORS])
def test_a_crd_is_small_enough_to_be_applied(name: str) -> None:
    """Client-side apply writes the whole object into an annotation, of 256 KiB at most with the others."""
    assert len(json.dumps(crd(name), separators=(",", ":"))) < 200_000


@pytest.mark.parametrize(
    ("path", "wanted"),
    [
        ("provider.gcpsm.auth.workloadIdentity", {"required": ["serviceAccountRef"]}),
        ("provider.gcpsm.secretVersionSelectionPolicy", {"default": "LatestOrFail"}),
        (
            "provider.azurekv.authType",
            {"default": "ServicePrincipal", "enum": ["ServicePrincipal", "ManagedIdentity", "WorkloadIdentity"]},
        ),
        ("provider.azurekv", {"required": ["vaultUrl"]}),
        ("provider.onepassword.vaults", {"additionalProperties": {"type": "integer"}}),
        ("provider.onepasswordSDK.cache.maxSize", {"type": "integer", "default": 100, "minimum": 1}),
        ("provider.gitlab.auth.SecretRef.accessToken.key", {"pattern": "^[-._a-zA-Z0-9]+$"}),
        ("provider.github.appID", {"type": "integer", "format": "int64"}),
        ("provider.infisical.secretsScope.secretsPath", {"default": "/"}),
        ("provider.onboardbase", {"required": ["apiHost", "auth", "environment", "project"]}),
        ("provider.conjur.auth", {"minProperties": 1, "maxProperties": 1}),
        ("provider.vault.auth.iam", {"required": ["vaultRole"]}),
        ("provider.vault.caBundle", {"type": "string", "format": "byte"}),
        ("provider.aws.secretsManager.recoveryWindowInDays", {"type": "integer", "format": "int64"}),
        ("conditions.[].namespaceSelector", {"x-kubernetes-map-type": "atomic"}),
    ],
)
def test_fields_of_stores(path: str, wanted: dict[str, Any]) -> None:
    for name in ("secretstores", "clustersecretstores"):
        found = field(name, f"spec.{path}")

        assert {key: found.get(key) for key in wanted} == wanted


def test_every_provider_of_the_original_has_its_fields() -> None:
    providers = field("secretstores", "spec.provider")["properties"]

    assert set(providers) == ORIGINAL_PROVIDERS
    assert set(PROVIDERS) < ORIGINAL_PROVIDERS
    assert all(each["properties"] for each in providers.values())


def test_every_generator_of_the_original_has_its_fields() -> None:
    generators = field("clustergenerators", "spec.generator")["properties"]
    kinds = field("clustergenerators", "spec.kind")["enum"]

    assert sorted(name.removesuffix("Spec").lower() for name in generators) == sorted(kind.lower() for kind in kinds)


def test_strategies_have_no_defaults_that_gitops_would_see_as_drift() -> None:
    for strategy in ("conversionStrategy", "decodingStrategy", "metadataPolicy", "nullBytePolicy"):
        assert "default" not in field("externalsecrets", f"spec.data.[].remoteRef.{strategy}")


def test_the_reference_of_credentials_is_spelled_as_the_original_spells_it() -> None:
    reference = field("secretstores", "spec.provider.aws.auth.secretRef")["properties"]

    assert {"accessKeyIDSecretRef", "secretAccessKeySecretRef", "sessionTokenSecretRef"} <= set(reference)


REASON, READY = (f'.status.conditions[?(@.type=="Ready")].{each}' for each in ("reason", "status"))
AGE = ("date", ".metadata.creationTimestamp")
STORE = [
    ("AGE", *AGE),
    ("Status", "string", REASON),
    ("Capabilities", "string", ".status.capabilities"),
    ("Ready", "string", READY),
]
COLUMNS = {
    "sealedsecrets": [
        ("Status", "string", ".status.conditions[0].reason"),  # the original's is the message
        ("Synced", "string", ".status.conditions[0].status"),
        ("Age", *AGE),
    ],
    "externalsecrets": [
        ("StoreType", "string", ".spec.secretStoreRef.kind"),
        ("Store", "string", ".spec.secretStoreRef.name"),
        ("Refresh Interval", "string", ".spec.refreshInterval"),
        ("Status", "string", REASON),
        ("Ready", "string", READY),
        ("Last Sync", "date", ".status.refreshTime"),
    ],
    "clusterexternalsecrets": [
        ("Store", "string", ".spec.externalSecretSpec.secretStoreRef.name"),
        ("Refresh Interval", "string", ".spec.refreshTime"),
        ("Ready", "string", READY),
    ],
    "secretstores": STORE,
    "clustersecretstores": STORE,
}
"""What `kubectl get` shows of the originals' kinds, in their order: name, type and path."""


@pytest.mark.parametrize("name", [*NAMES, *GENERATORS])
def test_columns_are_the_originals_and_only_wide_ones_are_added(name: str) -> None:
    columns = crd(name)["spec"]["versions"][0].get("additionalPrinterColumns", [])

    shown = [(each["name"], each["type"], each["jsonPath"]) for each in columns if not each.get("priority")]
    assert shown == COLUMNS.get(name, [])


@pytest.mark.parametrize("name", [*NAMES, *GENERATORS])
def test_no_list_is_empty_that_the_api_server_would_drop(name: str) -> None:
    for version in crd(name)["spec"]["versions"]:
        assert version.get("additionalPrinterColumns", ["none"]), "applying the file again would be a conflict"


@pytest.mark.parametrize("name", ["sealedsecrets", "externalsecrets", "secretstores", "clustersecretstores"])
def test_long_messages_are_shown_only_where_they_are_asked_for(name: str) -> None:
    columns = crd(name)["spec"]["versions"][0]["additionalPrinterColumns"]

    assert [each["name"] for each in columns if each.get("priority")] == ["Message"]
    assert not [each for each in columns if each["jsonPath"].endswith("message") and not each.get("priority")]


def test_external_secrets_are_selectable_by_store() -> None:
    paths = [each["jsonPath"] for each in crd("externalsecrets")["spec"]["versions"][0]["selectableFields"]]

    assert ".spec.secretStoreRef.name" in paths

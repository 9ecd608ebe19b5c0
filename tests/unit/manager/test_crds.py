"""The CRDs come from the models and say what the originals' say."""

from typing import Any

import pytest
import yaml

from tools.crds import FOLDER, rendered

NAMES = ("sealedsecrets", "externalsecrets", "clusterexternalsecrets", "secretstores", "clustersecretstores")
GENERATORS = ("clustergenerators", "fakes", "passwords", "uuids")


def crd(name: str) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((FOLDER / f"{name}.yaml").read_text())
    return found


def field(name: str, path: str) -> dict[str, Any]:
    """Return the schema at a dotted path; `[]` steps into a list."""
    schema = crd(name)["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    for step in path.split("."):
        schema = schema["items"] if step == "[]" else schema["properties"][step]
    found: dict[str, Any] = schema
    return found


def test_the_chart_has_what_the_models_say() -> None:
    assert rendered() == {f"{name}.yaml": (FOLDER / f"{name}.yaml").read_text() for name in (*NAMES, *GENERATORS)}


@pytest.mark.parametrize(
    ("name", "full", "scope", "short"),
    [
        ("sealedsecrets", "sealedsecrets.bitnami.com", "Namespaced", None),
        ("externalsecrets", "externalsecrets.external-secrets.io", "Namespaced", ["es"]),
        ("clusterexternalsecrets", "clusterexternalsecrets.external-secrets.io", "Cluster", ["ces"]),
        ("secretstores", "secretstores.external-secrets.io", "Namespaced", ["ss"]),
        ("clustersecretstores", "clustersecretstores.external-secrets.io", "Cluster", ["css"]),
    ],
)
def test_names_and_scopes(name: str, full: str, scope: str, short: Any) -> None:
    found = crd(name)

    assert found["metadata"]["name"] == full
    assert found["spec"]["scope"] == scope
    assert found["spec"]["names"].get("shortNames") == short


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
        (
            "externalsecrets",
            "spec.dataFrom.[].sourceRef.generatorRef.apiVersion",
            {"default": "generators.external-secrets.io/v1alpha1"},
        ),
        ("externalsecrets", "spec.dataFrom.[].sourceRef.generatorRef", {"required": ["kind", "name"]}),
        ("passwords", "spec.length", {"type": "integer", "default": 24}),
        ("passwords", "spec.secretKeys", {"minItems": 1}),
        ("passwords", "spec.encoding", {"default": "raw", "enum": ["base64", "base64url", "base32", "hex", "raw"]}),
        ("clustergenerators", "spec.generator", {"x-kubernetes-preserve-unknown-fields": True}),
        ("clustergenerators", "spec.generator.passwordSpec.length", {"default": 24}),
        ("secretstores", "spec.refreshInterval", {"x-kubernetes-int-or-string": True}),
        ("secretstores", "spec.provider", {"x-kubernetes-preserve-unknown-fields": True}),
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


def test_strategies_have_no_defaults_that_gitops_would_see_as_drift() -> None:
    for strategy in ("conversionStrategy", "decodingStrategy", "metadataPolicy", "nullBytePolicy"):
        assert "default" not in field("externalsecrets", f"spec.data.[].remoteRef.{strategy}")


def test_the_reference_of_credentials_is_spelled_as_the_original_spells_it() -> None:
    reference = field("secretstores", "spec.provider.aws.auth.secretRef")["properties"]

    assert {"accessKeyIDSecretRef", "secretAccessKeySecretRef", "sessionTokenSecretRef"} <= set(reference)


@pytest.mark.parametrize(
    ("name", "columns"),
    [
        ("sealedsecrets", ["Status", "Synced", "Age"]),
        ("externalsecrets", ["StoreType", "Store", "Refresh Interval", "Status", "Ready", "Last Sync"]),
        ("secretstores", ["AGE", "Status", "Capabilities", "Ready"]),
    ],
)
def test_columns_are_in_the_originals_order(name: str, columns: list[str]) -> None:
    assert [each["name"] for each in crd(name)["spec"]["versions"][0]["additionalPrinterColumns"]] == columns


@pytest.mark.parametrize("name", [*NAMES, *GENERATORS])
def test_no_list_is_empty_that_the_api_server_would_drop(name: str) -> None:
    for version in crd(name)["spec"]["versions"]:
        assert version.get("additionalPrinterColumns", ["none"]), "applying the file again would be a conflict"


def test_external_secrets_are_selectable_by_store() -> None:
    paths = [each["jsonPath"] for each in crd("externalsecrets")["spec"]["versions"][0]["selectableFields"]]

    assert ".spec.secretStoreRef.name" in paths

"""The API server refuses fields that the CRDs do not declare, and keeps fields that the originals' CRDs keep."""

from typing import Any

import pytest

from tests.builders.manifests import meta
from tests.cluster.kube import ApiError, Kube, Object
from tests.e2e.world import World

VERSION = "external-secrets.io/v1"
AWS = {"service": "SecretsManager", "region": "eu-west-1"}
ENTRY = {"secretKey": "k", "remoteRef": {"key": "r"}}
KEY = {"name": "n", "key": "k"}


def strictly(kube: Kube, manifest: Object) -> Object:
    """Create an object as `kubectl apply` does: unknown fields are errors."""
    kind, namespace = f"{manifest['kind'].lower()}s", manifest["metadata"].get("namespace")
    return kube.request("POST", f"{kube.path(kind, namespace)}?fieldValidation=Strict", manifest)


def external(ns: str, **spec: Any) -> Object:
    given = {"secretStoreRef": {"name": "s"}, "data": [ENTRY]} | spec
    return {"apiVersion": VERSION, "kind": "ExternalSecret", "metadata": meta(ns, "app"), "spec": given}


def store(ns: str, name: str, provider: Object, **spec: Any) -> Object:
    body = {"provider": provider} | spec
    return {"apiVersion": VERSION, "kind": "SecretStore", "metadata": meta(ns, name), "spec": body}


@pytest.mark.parametrize(
    ("field", "make"),
    [
        (
            "spec.data[0].remoteRef.propery",
            lambda ns: external(ns, data=[{**ENTRY, "remoteRef": {"key": "k", "propery": "password"}}]),
        ),
        ("spec.target.template.metdata", lambda ns: external(ns, target={"template": {"metdata": {}}})),
        ("spec.refreshIntervall", lambda ns: external(ns, refreshIntervall="1m")),
        ("spec.condition", lambda ns: store(ns, "s", {"aws": AWS}, condition=[{"namespaces": ["a"]}])),
        ("spec.provider.aws.rol", lambda ns: store(ns, "s", {"aws": AWS | {"rol": "arn"}})),
        ("spec.provider.gcpsm.projectId", lambda ns: store(ns, "s", {"gcpsm": {"projectId": "p"}})),
        (
            "spec.provider.vault.auth.kubernets",
            lambda ns: store(ns, "s", {"vault": {"server": "https://v", "auth": {"kubernets": {}}}}),
        ),
    ],
)
def test_a_misspelt_field_is_refused(world: World, field: str, make: Any) -> None:
    with pytest.raises(ApiError) as caught:
        strictly(world.kube, make(world.namespace()))

    assert caught.value.status == 400
    assert f'unknown field "{field}"' in str(caught.value)


def test_fields_of_every_provider_are_accepted_as_before(world: World) -> None:
    """The CRDs accept what the original's CRDs accept."""
    ns = world.namespace()
    providers: list[Object] = [
        {"gcpsm": {"projectID": "p", "auth": {"secretRef": {"secretAccessKeySecretRef": KEY}}}},
        {
            "azurekv": {
                "vaultUrl": "https://v",
                "tenantId": "t",
                "authSecretRef": {"clientId": KEY, "clientSecret": KEY},
            }
        },
        {
            "onepassword": {
                "connectHost": "h",
                "vaults": {"a": 1},
                "auth": {"secretRef": {"connectTokenSecretRef": KEY}},
            }
        },
        {"onepasswordSDK": {"vault": "v", "auth": {"serviceAccountSecretRef": KEY}}},
        {"gitlab": {"projectID": "1", "auth": {"SecretRef": {"accessToken": KEY}}}},
        {"doppler": {"auth": {"secretRef": {"dopplerToken": KEY}}, "format": "dotnet-json"}},
        {"conjur": {"url": "https://c", "auth": {"apikey": {"account": "a", "userRef": KEY, "apiKeyRef": KEY}}}},
        {"secretserver": {"serverURL": "https://s", "username": {"value": "u"}, "password": {"secretRef": KEY}}},
        {"yandexlockbox": {"auth": {"authorizedKeySecretRef": KEY}, "fetching": {"byID": {}}}},
        {"vault": {"server": "https://v", "auth": {"iam": {"vaultRole": "r"}}}},
    ]
    for at, provider in enumerate(providers):
        made = strictly(world.kube, store(ns, f"s{at}", provider))

        [name] = provider
        assert made["spec"]["provider"][name].items() >= provider[name].items()


@pytest.mark.parametrize(
    ("provider", "says"),
    [
        ({"aws": AWS | {"customSessionTags": {"esoNamespace": "x"}}}, "reserved"),
        ({"doppler": {"auth": {}}}, "exactly one of secretRef or oidcConfig"),
        ({"onepasswordSDK": {"vault": "v", "environment": "e", "auth": {"serviceAccountSecretRef": KEY}}}, "mutually"),
        ({"secretserver": {"serverURL": "https://s", "username": {"value": "u"}}}, "token, or username and password"),
        ({"openBao": {"server": "https://b", "auth": {}}}, "exactly one of appRole, tokenSecretRef or userPass"),
        ({"aws": AWS, "fake": {"data": []}}, "at most 1"),
        ({}, "at least 1"),
        ({"azurekv": {}}, "vaultUrl: Required value"),
    ],
)
def test_a_store_that_makes_no_sense_is_refused_with_the_reason(world: World, provider: Object, says: str) -> None:
    with pytest.raises(ApiError) as caught:
        world.kube.create(store(world.namespace(), "s", provider))

    assert caught.value.status == 422
    assert says in str(caught.value)


def test_a_repeated_apply_by_two_managers_sees_no_drift(world: World) -> None:
    """No default is written into a list, because server-side apply by another manager would then conflict."""
    ns = world.namespace()
    manifest = external(
        ns,
        data=[ENTRY],
        dataFrom=[{"sourceRef": {"generatorRef": {"kind": "UUID", "name": "u"}}}, {"extract": {"key": "r"}}],
        target={"template": {"templateFrom": [{"configMap": {"name": "c", "items": [{"key": "k"}]}}]}},
    )
    [first] = world.kube.apply(manifest, manager="argocd")
    [second] = world.kube.apply(manifest, manager="flux")

    for field in ("data", "dataFrom"):
        assert second["spec"][field] == manifest["spec"][field]
    assert second["spec"] == first["spec"]

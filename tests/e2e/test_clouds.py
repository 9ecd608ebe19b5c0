"""Every cloud and password manager through the whole controller: store, ExternalSecret and PushSecret, on doubles."""

import base64
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field

import pytest

from tests.builders.manifests import canary, external_secret, meta, secret, service_account, store
from tests.cluster.kube import Object
from tests.controller import Coffer, Installation
from tests.doubles.akeyless import Akeyless
from tests.doubles.azure.key_vault import KeyVault
from tests.doubles.bitwarden import Bitwarden
from tests.doubles.doppler import Doppler
from tests.doubles.gitlab.variables import GitLabVariables
from tests.doubles.infisical import Infisical
from tests.doubles.onepassword import OnePassword
from tests.doubles.scaleway import Scaleway
from tests.doubles.tokens import claims_of
from tests.e2e.conftest import QUICK, SMALL_KEY, finish
from tests.e2e.world import World

TENANT, CLIENT = "azure.workload.identity/tenant-id", "azure.workload.identity/client-id"


@dataclass
class Doubles:
    """The services, one of each."""

    azure: KeyVault = field(default_factory=KeyVault)
    onepassword: OnePassword = field(default_factory=OnePassword)
    doppler: Doppler = field(default_factory=Doppler)
    infisical: Infisical = field(default_factory=Infisical)
    gitlab: GitLabVariables = field(default_factory=GitLabVariables)
    akeyless: Akeyless = field(default_factory=Akeyless)
    bitwarden: Bitwarden = field(default_factory=Bitwarden)
    scaleway: Scaleway = field(default_factory=Scaleway)


@dataclass(frozen=True)
class Row:
    """A store, what it reads, and how its service gets another value."""

    provider: Object
    spec: Object
    data: dict[str, str]
    change: Callable[[str], None]
    changed: str
    """The key whose value `change` sets."""


@pytest.fixture(scope="module")
def doubles() -> Iterator[Doubles]:
    with ExitStack() as stack:
        found = Doubles()
        for each in vars(found).values():
            stack.enter_context(each)
        yield found


@pytest.fixture
def clouds(arena: World, doubles: Doubles) -> Iterator[World]:
    """Return a world whose controller finds every double."""
    environment = {**arena.moto.environment(), "DOPPLER_BASE_URL": doubles.doppler.url}
    installation = Installation(arena.plane, arena.kube)
    coffer = Coffer(installation, flags=[SMALL_KEY, *QUICK], environment=environment)
    arena.coffers.append(coffer)
    arena.coffer = coffer
    coffer.start()
    coffer.wait_ready()
    yield arena
    finish(coffer)
    arena.kube.delete("namespaces", installation.namespace)


def named(name: str, key: str) -> Object:
    return {"name": name, "key": key}


def azure(double: KeyVault) -> Row:
    """Return a store by workload identity: a token of a ServiceAccount that the API server issues."""

    def trusts(token: str) -> bool:
        claims = claims_of(token)
        return claims["sub"].endswith(":builder") and claims["aud"] == ["api://AzureADTokenExchange"]

    double.accepts_assertion = trusts
    value, other = canary(), canary()
    double.put("database", value, tags={"team": "a"})
    double.put("other", other, tags={"team": "a"})
    double.put("hidden", canary(), attributes={"enabled": False})
    double.put("tls", kind="certificates", cer=base64.b64encode(b"der").decode())
    provider = {
        "vaultUrl": double.url,
        "authType": "WorkloadIdentity",
        "serviceAccountRef": {"name": "builder"},
        "environmentType": "AzureStackCloud",
        "useAzureSDK": True,
        "customCloudConfig": {"activeDirectoryEndpoint": double.url},
    }
    spec = {
        "data": [
            {"secretKey": "password", "remoteRef": {"key": "secret/database"}},
            {"secretKey": "tls.crt", "remoteRef": {"key": "cert/tls"}},
        ],
        "dataFrom": [{"find": {"tags": {"team": "a"}}}],
    }
    data = {"password": value, "tls.crt": "der", "database": value, "other": other}

    def change(text: str) -> None:
        double.put("database", text, tags={"team": "a"})["attributes"]["updated"] = int(double.clock())

    return Row({"azurekv": provider}, spec, data, change, "password")


def onepassword(double: OnePassword) -> Row:
    double.vault("production")
    value, file = canary(), canary()
    item = double.put("production", "database", {"password": value, "user": "app"}, files={"ca.crt": file.encode()})
    auth = {"secretRef": {"connectTokenSecretRef": named("clouds", "onepassword")}}
    provider = {"connectHost": double.url, "vaults": {"production": 1}, "auth": auth}
    spec = {
        "data": [
            {"secretKey": "secret", "remoteRef": {"key": "database"}},
            {"secretKey": "ca.crt", "remoteRef": {"key": "database", "property": "file/ca.crt"}},
        ],
        "dataFrom": [{"extract": {"key": "database"}}],
    }
    data = {"secret": value, "ca.crt": file, "password": value, "user": "app"}
    return Row({"onepassword": provider}, spec, data, lambda text: double.change(item, "password", text), "secret")


def doppler(double: Doppler) -> Row:
    value = canary()
    double.secrets |= {"DB_PASSWORD": value, "OTHER": canary()}
    auth = {"secretRef": {"dopplerToken": named("clouds", "doppler")}}
    provider = {"auth": auth, "project": double.project, "config": double.config, "nameTransformer": "lower-kebab"}
    spec = {
        "data": [{"secretKey": "one", "remoteRef": {"key": "DB_PASSWORD"}}],
        "dataFrom": [{"find": {"name": {"regexp": "^db-"}}}],
    }

    def change(text: str) -> None:
        double.secrets["DB_PASSWORD"] = text

    return Row({"doppler": provider}, spec, {"one": value, "db-password": value}, change, "one")


def infisical(double: Infisical) -> Row:
    value, shared = canary(), canary()
    double.put("DB_PASSWORD", value, "/app")
    double.put("API_KEY", shared, "/shared")
    login = {"clientId": named("clouds", "infisical-id"), "clientSecret": named("clouds", "infisical-secret")}
    scope = {"projectSlug": double.project, "environmentSlug": double.environment, "secretsPath": "/app"}
    provider = {"hostAPI": double.url, "auth": {"universalAuthCredentials": login}, "secretsScope": scope}
    entries = {"password": "DB_PASSWORD", "key": "/shared/API_KEY"}
    spec = {"data": [{"secretKey": name, "remoteRef": {"key": key}} for name, key in entries.items()]}

    def change(text: str) -> None:
        double.put("DB_PASSWORD", text, "/app")

    return Row({"infisical": provider}, spec, {"password": value, "key": shared}, change, "password")


def gitlab(double: GitLabVariables) -> Row:
    value, inherited = canary(), canary()
    double.variables["groups/7"] = []
    double.put("projects/1234", "DB_PASSWORD", canary())
    double.put("projects/1234", "DB_PASSWORD", value, "production")
    double.put("groups/7", "SHARED", inherited)
    double.above["1234"] = [(7, "team")]
    auth = {"SecretRef": {"accessToken": named("clouds", "gitlab")}}
    provider: Object = {"url": double.url, "projectID": "1234", "auth": auth}
    provider |= {"inheritFromGroups": True, "environment": "production"}
    entries = {"password": "DB-PASSWORD", "shared": "SHARED"}
    spec = {"data": [{"secretKey": name, "remoteRef": {"key": key}} for name, key in entries.items()]}

    def change(text: str) -> None:
        double.put("projects/1234", "DB_PASSWORD", text, "production")

    return Row({"gitlab": provider}, spec, {"password": value, "shared": inherited}, change, "password")


def akeyless(double: Akeyless) -> Row:
    value, tls = canary(), canary()
    double.put("/app/database", value)
    double.put("/app/rotated", {"payload": tls}, "ROTATED_SECRET")
    named_fields = {"accessID": "akeyless-id", "accessType": "akeyless-type", "accessTypeParam": "akeyless-key"}
    auth = {"secretRef": {name: named("clouds", key) for name, key in named_fields.items()}}
    provider = {"akeylessGWApiURL": double.url, "authSecretRef": auth}
    entries = {"password": "app/database", "rotated": "/app/rotated"}
    spec = {"data": [{"secretKey": name, "remoteRef": {"key": key}} for name, key in entries.items()]}

    def change(text: str) -> None:
        double.put("/app/database", text)

    return Row({"akeyless": provider}, spec, {"password": value, "rotated": tls}, change, "password")


def bitwarden(double: Bitwarden) -> Row:
    double.secrets.clear()  # two of one key are refused
    value, by_id = canary(), canary()
    secret_, other = double.put("database", value), double.put("other", by_id)
    provider = {
        "bitwardenServerSDKURL": double.url,
        "organizationID": double.organization,
        "projectID": double.project,
        "auth": {"secretRef": {"credentials": named("clouds", "bitwarden")}},
    }
    entries = {"password": "database", "other": other["id"]}
    spec = {"data": [{"secretKey": name, "remoteRef": {"key": key}} for name, key in entries.items()]}

    def change(text: str) -> None:
        secret_["value"] = text

    return Row({"bitwardensecretsmanager": provider}, spec, {"password": value, "other": by_id}, change, "password")


def scaleway(double: Scaleway) -> Row:
    value, named_value = canary(), canary()
    double.put("database", value.encode(), "/app")
    double.put("shared", named_value.encode())
    provider = {
        "apiUrl": double.url,
        "region": double.region,
        "projectId": double.project,
        "accessKey": {"value": double.access_key},
        "secretKey": {"secretRef": named("clouds", "scaleway")},
    }
    entries = {"password": "path:/app/database", "shared": "name:shared"}
    spec = {"data": [{"secretKey": name, "remoteRef": {"key": key}} for name, key in entries.items()]}

    def change(text: str) -> None:
        double.put("database", text.encode(), "/app")

    return Row({"scaleway": provider}, spec, {"password": value, "shared": named_value}, change, "password")


def rows(doubles: Doubles) -> dict[str, Row]:
    return {
        "azure": azure(doubles.azure),
        "onepassword": onepassword(doubles.onepassword),
        "doppler": doppler(doubles.doppler),
        "infisical": infisical(doubles.infisical),
        "gitlab": gitlab(doubles.gitlab),
        "akeyless": akeyless(doubles.akeyless),
        "bitwarden": bitwarden(doubles.bitwarden),
        "scaleway": scaleway(doubles.scaleway),
    }


def held(doubles: Doubles) -> dict[str, str]:
    """Return the credentials of all services."""
    return {
        "onepassword": doubles.onepassword.token,
        "doppler": doubles.doppler.token,
        "infisical-id": "client",
        "infisical-secret": "hunter2",
        "gitlab": doubles.gitlab.token,
        "akeyless-id": doubles.akeyless.access_id,
        "akeyless-type": "access_key",
        "akeyless-key": doubles.akeyless.access_key,
        "bitwarden": doubles.bitwarden.token,
        "scaleway": doubles.scaleway.secret_key,
    }


def test_every_store_fills_a_target_and_follows_its_service(clouds: World, doubles: Doubles) -> None:
    ns, table = clouds.namespace(), rows(doubles)
    builder = service_account(ns, "builder")
    builder["metadata"]["annotations"] = {CLIENT: doubles.azure.client, TENANT: doubles.azure.tenant}
    clouds.apply(builder, secret(ns, "clouds", held(doubles)))
    for name, row in table.items():
        clouds.apply(store(ns, name, row.provider))
        wanted = external_secret(ns, name, name, {}, refreshInterval="1s")
        clouds.apply(wanted | {"spec": wanted["spec"] | row.spec})
    for name, row in table.items():
        clouds.await_ready("secretstores", ns, name)
        clouds.await_data(ns, name, row.data)
        clouds.await_ready("externalsecrets", ns, name)
        assert clouds.kube.get("secretstores", name, ns)["status"]["capabilities"] in ("ReadOnly", "ReadWrite")

    for name, row in table.items():
        value = canary()
        row.change(value)
        before = row.data[row.changed]
        clouds.await_data(ns, name, {key: value if each == before else each for key, each in row.data.items()})


def test_a_push_is_marked_and_cleaned_up(clouds: World, doubles: Doubles) -> None:
    ns, table, value = clouds.namespace(), rows(doubles), canary()
    builder = service_account(ns, "builder")
    builder["metadata"]["annotations"] = {CLIENT: doubles.azure.client, TENANT: doubles.azure.tenant}
    clouds.apply(builder, secret(ns, "clouds", held(doubles)), secret(ns, "source", {"k": value}))
    pushed = {
        "azure": lambda: [each[-1]["value"] for each in [doubles.azure.objects["secrets"].get("pushed")] if each],
        "onepassword": lambda: [
            each["fields"][0]["value"]
            for items in doubles.onepassword.items.values()
            for each in items.values()
            if each["title"] == "pushed"
        ],
        "infisical": lambda: [
            each["secretValue"] for name, each in doubles.infisical.folders["/app"].items() if name == "pushed"
        ],
    }
    for name in pushed:
        clouds.apply(store(ns, name, table[name].provider))
        clouds.apply(
            {
                "apiVersion": "external-secrets.io/v1alpha1",
                "kind": "PushSecret",
                "metadata": meta(ns, name),
                "spec": {
                    "deletionPolicy": "Delete",
                    "refreshInterval": "1h",
                    "secretStoreRefs": [{"name": name, "kind": "SecretStore"}],
                    "selector": {"secret": {"name": "source"}},
                    "data": [{"match": {"secretKey": "k", "remoteRef": {"remoteKey": "pushed"}}}],
                },
            }
        )
    for name, look in pushed.items():
        clouds.await_ready("pushsecrets", ns, name)
        assert look() == [value], name
        clouds.kube.delete("pushsecrets", name, ns)
        clouds.kube.wait_until(look, lambda now: now == [], what=f"nothing at {name}")

"""Vault and OpenBao as providers, through the whole controller, on a real Vault."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.builders.manifests import Remote, canary, config_map, external_secret, secret, service_account, store, vault
from tests.cluster.kube import Object
from tests.cluster.vault import VaultServer
from tests.e2e.world import World


@dataclass
class Engine:
    """A namespace, an engine in Vault, and logins that may read it."""

    world: World
    server: VaultServer
    ns: str
    mount: str

    def put(self, name: str, **data: object) -> None:
        """Write a secret."""
        self.server.ask("POST", f"{self.mount}/data/{name}", {"data": data})

    def store(self, auth: Object, name: str = "vault", **provider: object) -> None:
        """Create a store in the namespace and wait until it is ready."""
        spec = vault(self.server.url, self.server.ca, auth, path=self.mount, **provider)
        self.world.apply(store(self.ns, name, spec))
        self.world.await_ready("secretstores", self.ns, name)

    def by_token(self, **provider: Any) -> None:
        """Create a store with a token from a Secret."""
        body = {"policies": [self.mount], "ttl": "1h"}
        token = self.server.ask("POST", "auth/token/create", body)["auth"]["client_token"]
        self.world.apply(secret(self.ns, "vault-token", {"token": token}))
        self.store({"tokenSecretRef": {"name": "vault-token", "key": "token"}}, **provider)

    def synced(self, value: str, name: str = "app", store: str = "vault") -> None:
        """Sync one secret through a store."""
        self.put(name, password=value)
        self.world.apply(external_secret(self.ns, name, store, {"key": (name, "password")}))
        self.world.await_data(self.ns, name, {"key": value})


@pytest.fixture
def engine(world: World, vault: VaultServer) -> Iterator[Engine]:
    """Return a new namespace with a new engine and a policy of its name that may read it."""
    mount = f"kv-{uuid4().hex[:8]}"
    vault.mount(mount)
    vault.allow(mount, f'path "{mount}/*" {{ capabilities = ["read", "list"] }}')
    yield Engine(world, vault, world.namespace(), mount)
    vault.ask("DELETE", f"sys/mounts/{mount}")


def test_values_properties_and_extracts(engine: Engine) -> None:
    first, second = canary(), canary()
    engine.by_token()
    engine.put("app", password=first, nested={"url": second}, lines=["a", "b"], port=5432)

    data: dict[str, Remote] = {"password": ("app", "password"), "url": ("app", "nested.url"), "port": ("app", "port")}
    engine.world.apply(external_secret(engine.ns, "app", "vault", data))
    extract = [{"extract": {"key": "app"}}]
    engine.world.apply(external_secret(engine.ns, "all", "vault", {}, dataFrom=extract))

    engine.world.await_data(engine.ns, "app", {"password": first, "url": second, "port": "5432"})
    nested = json.dumps({"url": second}, separators=(",", ":"))
    whole = {"password": first, "nested": nested, "lines": "a\nb", "port": "5432"}
    engine.world.await_data(engine.ns, "all", whole)


def test_what_is_found_and_what_goes(engine: Engine) -> None:
    one, two = canary(), canary()
    engine.by_token()
    engine.put("team/one", k=one)
    engine.put("team/two", k=two)
    find = {"find": {"path": "team", "name": {"regexp": "."}}, "rewrite": [{"regexp": {"source": ".*/", "target": ""}}]}
    spec: Object = {"dataFrom": [find], "refreshInterval": "1s", "target": {"deletionPolicy": "Delete"}}
    engine.world.apply(external_secret(engine.ns, "app", "vault", {}, **spec))
    engine.world.await_data(engine.ns, "app", {"one": json.dumps({"k": one}).replace(" ", ""), "two": _json(two)})

    engine.server.ask("DELETE", f"{engine.mount}/metadata/team/one")

    engine.world.await_data(engine.ns, "app", {"two": _json(two)})


def _json(value: str) -> str:
    return json.dumps({"k": value}, separators=(",", ":"))


def test_a_secret_deleted_in_vault_follows_the_deletion_policy(engine: Engine) -> None:
    value = canary()
    engine.by_token()
    engine.put("app", k=value)
    for deletion in ("Retain", "Delete"):
        target, name = {"deletionPolicy": deletion}, deletion.lower()
        engine.world.apply(external_secret(engine.ns, name, "vault", {"k": ("app", "k")}, target=target))
        engine.world.await_data(engine.ns, name, {"k": value})

    engine.server.ask("DELETE", f"{engine.mount}/data/app")
    for name in ("retain", "delete"):
        engine.world.kube.annotate("externalsecrets", name, engine.ns, {"external-secrets.io/force-sync": "1"})

    engine.world.await_gone("secrets", engine.ns, "delete")
    engine.world.await_condition("externalsecrets", engine.ns, "retain", "False", text="does not exist")
    assert engine.world.data(engine.ns, "retain") == {"k": value}


def test_login_by_role_and_by_password(engine: Engine) -> None:
    server, value = engine.server, canary()
    for kind in ("approle", "userpass"):
        server.enable(kind, f"{kind}-{engine.mount}")
    server.ask("POST", f"auth/approle-{engine.mount}/role/reader", {"token_policies": engine.mount})
    role = server.ask("GET", f"auth/approle-{engine.mount}/role/reader/role-id")["data"]["role_id"]
    secret_id = server.ask("POST", f"auth/approle-{engine.mount}/role/reader/secret-id")["data"]["secret_id"]
    password = canary()
    server.ask("POST", f"auth/userpass-{engine.mount}/users/me", {"password": password, "policies": engine.mount})
    engine.world.apply(secret(engine.ns, "login", {"role": role, "secret": secret_id, "password": password}))
    key = {"name": "login"}
    references = {"roleRef": key | {"key": "role"}, "secretRef": key | {"key": "secret"}}
    app_role = {"path": f"approle-{engine.mount}", **references}
    user = {"path": f"userpass-{engine.mount}", "username": "me", "secretRef": key}

    engine.store({"appRole": app_role}, "by-role")
    engine.synced(value, "one", "by-role")
    engine.store({"userPass": user}, "by-password")
    engine.synced(value, "two", "by-password")
    engine.store({"userPass": user}, "bao", kind="openBao")
    engine.synced(value, "three", "bao")


def test_login_by_a_service_account(engine: Engine) -> None:
    server, world, ns, value = engine.server, engine.world, engine.ns, canary()
    world.apply(service_account(ns, "reader"), service_account(ns, "reviewer"), _reviewer(ns))
    server.enable("kubernetes", f"kubernetes-{engine.mount}")
    config = {
        "kubernetes_host": world.plane.url,
        "kubernetes_ca_cert": world.plane.ca_file.read_text(),
        "token_reviewer_jwt": world.kube.token("reviewer", ns),
        "disable_iss_validation": True,
    }
    server.ask("POST", f"auth/kubernetes-{engine.mount}/config", config)
    bound = {"bound_service_account_names": "reader", "bound_service_account_namespaces": ns, "policies": engine.mount}
    server.ask("POST", f"auth/kubernetes-{engine.mount}/role/reader", bound)
    path = {"mountPath": f"kubernetes-{engine.mount}", "role": "reader"}

    engine.store({"kubernetes": path | {"serviceAccountRef": {"name": "reader"}}})
    engine.synced(value)

    world.apply(store(ns, "own", vault(server.url, server.ca, {"kubernetes": path}, path=engine.mount)))
    text = "only a cluster store may send the controller's token"
    world.await_condition("secretstores", ns, "own", "False", text=text)
    world.kube.delete("clusterrolebindings", ns)


def _reviewer(ns: str) -> Object:
    return {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRoleBinding",
        "metadata": {"name": ns},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "system:auth-delegator"},
        "subjects": [{"kind": "ServiceAccount", "name": "reviewer", "namespace": ns}],
    }


def test_login_by_a_signed_token(engine: Engine) -> None:
    server, world, ns, value = engine.server, engine.world, engine.ns, canary()
    world.apply(service_account(ns, "reader"))
    path = f"jwt-{engine.mount}"
    server.enable("jwt", path)
    config = {"jwks_url": f"{world.plane.url}/openid/v1/jwks", "jwks_ca_pem": world.plane.ca_file.read_text()}
    world.apply(_everybody_may_see_keys(ns))
    world.kube.wait_until(lambda: _accepted(server, path, config), timeout=20, what="Vault to see the keys")
    role = {"role_type": "jwt", "user_claim": "sub", "bound_audiences": ["vault"], "policies": [engine.mount]}
    role["bound_subject"] = f"system:serviceaccount:{ns}:reader"
    server.ask("POST", f"auth/{path}/role/reader", role)

    token = {"serviceAccountRef": {"name": "reader"}}
    engine.store({"jwt": {"path": path, "role": "reader", "kubernetesServiceAccountToken": token}})

    engine.synced(value)
    world.kube.delete("clusterrolebindings", ns)


def _accepted(server: VaultServer, path: str, config: Object) -> bool:
    try:
        server.ask("POST", f"auth/{path}/config", config)
    except RuntimeError:
        return False
    return True


def _everybody_may_see_keys(name: str) -> Object:
    role = {"kind": "ClusterRole", "name": "system:service-account-issuer-discovery"}
    everybody = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Group", "name": "system:unauthenticated"}
    return {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRoleBinding",
        "metadata": {"name": name},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", **role},
        "subjects": [everybody],
    }


def test_an_authority_may_stand_in_a_config_map(engine: Engine) -> None:
    engine.world.apply(config_map(engine.ns, "ca", {"ca.crt": engine.server.ca}))
    engine.by_token(caProvider={"type": "ConfigMap", "name": "ca"})

    engine.synced(canary())


def test_a_changed_ca_certificate_takes_effect_at_once(engine: Engine) -> None:
    """It does not wait for the next validation, five minutes later."""
    world, foreign = engine.world, authority()
    world.apply(
        config_map(engine.ns, "ca", {"ca.crt": foreign}), secret(engine.ns, "t", {"token": engine.server.token})
    )
    authority_of = {"caProvider": {"type": "ConfigMap", "name": "ca"}}
    token = {"tokenSecretRef": {"name": "t", "key": "token"}}
    provider = vault(engine.server.url, "", token, path=engine.mount, **authority_of)
    world.apply(store(engine.ns, "vault", provider))
    world.await_condition(
        "secretstores", engine.ns, "vault", "False", text="TLS: the server's certificate is not trusted"
    )

    for text, status in ((engine.server.ca, "True"), (foreign, "False"), (engine.server.ca, "True")):
        world.apply(config_map(engine.ns, "ca", {"ca.crt": text}))
        world.await_condition("secretstores", engine.ns, "vault", status, timeout=4)
    engine.synced(canary())


def authority() -> str:
    """Return the certificate of an unknown CA."""
    key = ec.generate_private_key(ec.SECP256R1())
    name, now = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "nobody")]), datetime.now(UTC)
    built = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    signed = built.not_valid_before(now).not_valid_after(now + timedelta(days=1)).sign(key, hashes.SHA256())
    return signed.public_bytes(serialization.Encoding.PEM).decode()


def test_an_invalid_token_is_reported_and_a_new_one_used_at_once(engine: Engine) -> None:
    engine.by_token()
    engine.synced(canary())

    engine.world.apply(secret(engine.ns, "vault-token", {"token": canary()}))
    engine.world.await_condition("secretstores", engine.ns, "vault", "False", text="LookupSelf: 403")

    engine.by_token()
    engine.synced(canary(), "again")


@pytest.mark.parametrize("server", ["https://[::1]:1", "http://169.254.169.254", "ftp://example.com", "no url"])
def test_a_tenant_reaches_no_address_that_is_not_his(world: World, server: str) -> None:
    ns = world.namespace()
    world.apply(secret(ns, "t", {"token": "x"}))
    spec = {"vault": {"server": server, "path": "kv", "auth": {"tokenSecretRef": {"name": "t", "key": "token"}}}}

    world.apply(store(ns, "vault", spec))

    text = "may not reach" if "://" in server and "ftp" not in server else "no http or https URL"
    world.await_condition("secretstores", ns, "vault", "False", text=text)

"""Every kind of generator through the whole controller: AWS by moto, Vault by a real server, GitHub by a double."""

import base64
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import pytest
from aiohttp import web
from cryptography.hazmat.primitives.serialization import load_ssh_private_key

from tests.builders.manifests import (
    aws,
    aws_keys,
    canary,
    external_secret,
    generated,
    generator,
    secret,
    service_account,
    vault,
)
from tests.cluster.kube import Object
from tests.cluster.serving import Served
from tests.cluster.vault import VaultServer
from tests.doubles.cloudsmith import Cloudsmith
from tests.doubles.github import GitHub
from tests.doubles.gitlab import GitLab
from tests.doubles.google import Google
from tests.doubles.grafana import Grafana
from tests.doubles.tokens import claims_of
from tests.e2e.world import World

REFRESH_BY = "coffer.dev/refresh-by"
CONSENT = {"generators.external-secrets.io/type": "webhook"}


@dataclass(frozen=True)
class Row:
    """One generator: its spec, and what must be true of the target that it fills."""

    kind: str
    spec: Object
    keys: set[str]
    proves: Callable[[dict[str, str]], bool]
    ends: bool


@pytest.fixture
def github() -> Iterator[GitHub]:
    with GitHub() as running:
        yield running


@pytest.fixture
def gitlab() -> Iterator[GitLab]:
    with GitLab() as running:
        yield running


@pytest.fixture
def grafana() -> Iterator[Grafana]:
    with Grafana() as running:
        yield running


@pytest.fixture
def google() -> Iterator[Google]:
    with Google() as running:
        yield running


@pytest.fixture
def cloudsmith() -> Iterator[Cloudsmith]:
    """Return a service that trusts the ServiceAccount `builder` of any namespace."""

    def accepts(token: str) -> bool:
        claims = claims_of(token)
        return claims["sub"].endswith(":builder") and claims["aud"] == ["cloudsmith"]

    with Cloudsmith(accepts) as running:
        yield running


@pytest.fixture
def site() -> Iterator[str]:
    """Return the URL of a server that answers with the token that it was sent."""

    async def answer(request: web.Request) -> web.Response:
        return web.json_response({"login": {"user": "u", "token": request.headers.get("X-Token", "")}})

    served = Served(answer)
    yield served.start()
    served.stop()


def policy(server: VaultServer) -> str:
    """Write a policy that may make tokens, and return its name: a token with a lease is what every Vault can make."""
    name = f"makes-{uuid4().hex[:8]}"
    server.allow(name, 'path "auth/token/create" { capabilities = ["update"] }')
    return name


def named(name: str, key: str) -> Object:
    return {"name": name, "key": key}


def rows(github: GitHub, cloudsmith: Cloudsmith, site: str, server: VaultServer, allowed: str) -> list[Row]:
    auth = aws()["aws"]["auth"]
    provider = vault(server.url, server.ca, {"tokenSecretRef": named("vault", "token")})["vault"]
    key = {"privateKey": {"secretRef": named("app", "pem")}}
    hook = {
        "url": f"{site}/login",
        "headers": {"X-Token": "{{ .auth.token }}"},
        "secrets": [{"name": "auth", "secretRef": {"name": "hook"}}],
        "result": {"jsonPath": "$.login"},
    }
    wanted = {"policies": [allowed], "ttl": "30m"}
    made_token = {"path": "auth/token/create", "method": "POST", "parameters": wanted, "resultType": "Auth"}
    account = {"name": "builder", "audiences": ["cloudsmith"]}
    service = {"orgSlug": cloudsmith.organization, "serviceSlug": cloudsmith.service, "apiUrl": cloudsmith.url}
    sts = {"access_key_id", "secret_access_key", "session_token", "expiration"}
    return [
        Row("SSHKey", {"keyType": "ed25519"}, {"privateKey", "publicKey"}, _is_a_pair, False),
        Row("MFA", {"secret": named("seed", "k")}, {"token", "timeLeft"}, lambda made: len(made["token"]) == 6, False),
        Row("Webhook", hook, {"user", "token"}, lambda made: made["user"] == "u", False),
        Row(
            "ECRAuthorizationToken",
            {"region": "eu-west-1", "auth": auth},
            {"username", "password", "expires_at", "proxy_endpoint"},
            lambda made: made["username"] == "AWS",
            False,  # moto's token has ended in 2015
        ),
        Row("STSSessionToken", {"region": "eu-west-1", "auth": auth}, sts, lambda made: bool(made["expiration"]), True),
        Row(
            "VaultDynamicSecret",
            {"provider": provider, **made_token},
            {"client_token", "accessor", "lease_duration"},
            lambda made: bool(server.ask("GET", "auth/token/lookup-self", token=made["client_token"])),
            True,
        ),
        Row(
            "GithubAccessToken",
            {"appID": github.app, "installID": github.installation, "url": github.url, "auth": key},
            {"token"},
            lambda made: made["token"].startswith("ghs_"),
            True,
        ),
        Row(
            "CloudsmithAccessToken",
            {**service, "serviceAccountRef": account},
            {"auth", "expiry"},
            lambda made: made["expiry"] == str(cloudsmith.ends),
            True,
        ),
    ]


def kept_rows(gitlab: GitLab, grafana: Grafana, google: Google) -> list[Row]:
    """Return the rows of GitLab, Grafana and Google."""
    gitlab_auth = {"token": {"secretRef": named("services", "gitlab")}}
    deploy = {"url": gitlab.url, "projectID": gitlab.project, "name": "ci", "scopes": ["read_registry"]}
    account = {"url": grafana.url, "serviceAccount": {"name": "ci", "role": "Viewer"}}
    key = {"secretRef": {"secretAccessKeySecretRef": named("services", "google")}}
    return [
        Row(
            "GitlabDeployToken",
            {**deploy, "auth": gitlab_auth},
            {"username", "token"},
            lambda made: any(each["username"] == made["username"] for each in gitlab.tokens.values()),
            False,
        ),
        Row(
            "Grafana",
            {**account, "auth": {"token": named("services", "grafana")}},
            {"login", "token"},
            lambda made: grafana.alive(made["token"]),
            False,
        ),
        Row(
            "GCRAccessToken",
            {"projectID": "project", "auth": key},
            {"username", "password", "expiry"},
            lambda made: made["password"] == "ya29.key",
            True,
        ),
    ]


def _is_a_pair(made: dict[str, str]) -> bool:
    return bool(load_ssh_private_key(made["privateKey"].encode(), None)) and made["publicKey"].startswith("ssh-ed25519")


@pytest.fixture
def table(world: World, github: GitHub, cloudsmith: Cloudsmith, site: str, vault: VaultServer) -> tuple[str, list[Row]]:
    """Return a namespace with the credentials of every row."""
    ns, allowed = world.namespace(), policy(vault)
    token = vault.ask("POST", "auth/token/create", {"policies": [allowed], "ttl": "1h"})["auth"]["client_token"]
    hook = secret(ns, "hook", {"token": canary()})
    hook["metadata"]["labels"] = CONSENT
    world.apply(
        hook,
        secret(ns, "aws-credentials", aws_keys()),
        secret(ns, "seed", {"k": base64.b32encode(canary().encode()).decode()}),
        secret(ns, "vault", {"token": token}),
        secret(ns, "app", {"pem": github.private_key}),
        service_account(ns, "builder"),
    )
    return ns, rows(github, cloudsmith, site, vault, allowed)


@pytest.fixture
def whole_table(
    world: World, table: tuple[str, list[Row]], gitlab: GitLab, grafana: Grafana, google: Google
) -> tuple[str, list[Row]]:
    """Return a namespace with the credentials of every row."""
    ns, found = table
    held = {"gitlab": gitlab.access_token, "grafana": grafana.token, "google": google.key_file()}
    world.apply(secret(ns, "services", held))
    return ns, [*found, *kept_rows(gitlab, grafana, google)]


def test_a_token_is_deleted_with_its_external_secret(
    world: World, whole_table: tuple[str, list[Row]], gitlab: GitLab, grafana: Grafana
) -> None:
    """The finalizer of its state waits for that; the account of Grafana stays."""
    ns, found = whole_table
    for row in found:
        if row.kind in ("Grafana", "GitlabDeployToken"):
            world.apply(generator(ns, row.kind, "made", **row.spec))
            entry = [generated(row.kind, "made")]
            world.apply(external_secret(ns, row.kind.lower(), "none", {}, dataFrom=entry, refreshInterval="24h"))
            world.await_ready("externalsecrets", ns, row.kind.lower())
    assert (len(gitlab.tokens), len(grafana.tokens)) == (1, 1)

    for name in ("grafana", "gitlabdeploytoken"):
        world.kube.delete("externalsecrets", name, ns)

    def alive() -> tuple[int, int, int]:
        return len(gitlab.tokens), len(grafana.tokens), len(world.kube.list("generatorstates", ns))

    world.kube.wait_until(alive, lambda now: now == (0, 0, 0), what="no token and no state", timeout=60)
    assert len(grafana.accounts) == 1


def test_two_that_merge_into_one_target_keep_each_others(world: World, gitlab: GitLab) -> None:
    """Each says on the target what it holds there, and leaves the other's word as it is."""
    ns = world.namespace()
    auth = {"token": {"secretRef": named("gitlab", "token")}}
    spec = {"url": gitlab.url, "projectID": gitlab.project, "name": "ci", "scopes": ["read_registry"], "auth": auth}
    world.apply(secret(ns, "gitlab", {"token": gitlab.access_token}), secret(ns, "shared", {"other": canary()}))
    world.apply(generator(ns, "GitlabDeployToken", "made", **spec))
    merge = {"name": "shared", "creationPolicy": "Merge"}
    for name in ("a", "b"):
        rewrite = [{"regexp": {"source": "^", "target": name}}]
        entry = generated("GitlabDeployToken", "made") | {"rewrite": rewrite}
        world.apply(external_secret(ns, name, "none", {}, dataFrom=[entry], refreshInterval="24h", target=merge))
        world.await_ready("externalsecrets", ns, name)
    first = world.kube.wait_until(lambda: world.data(ns, "shared") or {}, lambda now: len(now) == 5, what="all keys")

    world.kube.annotate("externalsecrets", "a", ns, {"external-secrets.io/force-sync": "now"})

    def flagged() -> set[str]:
        states = [each["spec"] for each in world.kube.list("generatorstates", ns)]
        return {each["state"]["username"] for each in states if "garbageCollectionDeadline" in each}

    world.kube.wait_until(flagged, lambda now: now == {first["ausername"]}, what="a deadline for what was replaced")
    assert (world.data(ns, "shared") or {})["busername"] == first["busername"]


def test_every_generator_fills_a_target(world: World, whole_table: tuple[str, list[Row]]) -> None:
    """Each stands in the namespace once, and once in a ClusterGenerator."""
    ns, found = whole_table
    cluster = [f"{row.kind.lower()}-{world.unique}" for row in found]
    for row, name in zip(found, cluster, strict=True):
        world.apply(generator(ns, row.kind, "made", **row.spec), generator("", row.kind, name, **row.spec))
        for called, each in (("own", generated(row.kind, "made")), ("all", generated("ClusterGenerator", name))):
            spec: Any = {"dataFrom": [each], "refreshInterval": "24h"}
            world.apply(external_secret(ns, f"{called}-{row.kind.lower()}", "none", {}, **spec))
    try:
        for row in found:
            for called in ("own", "all"):
                name = f"{called}-{row.kind.lower()}"
                world.await_ready("externalsecrets", ns, name)
                made = world.data(ns, name) or {}
                assert row.keys <= made.keys(), row.kind
                assert row.proves(made), row.kind
                annotations = world.kube.get("secrets", name, ns)["metadata"]["annotations"]
                assert (REFRESH_BY in annotations) == row.ends, row.kind
    finally:
        for name in cluster:
            world.kube.delete("clustergenerators", name)


def test_a_secret_without_consent_is_not_sent(world: World, site: str) -> None:
    ns = world.namespace()
    hook = {"url": site, "result": {}, "secrets": [{"name": "auth", "secretRef": {"name": "hook"}}]}
    world.apply(secret(ns, "hook", {"token": canary()}), generator(ns, "Webhook", "made", **hook))
    world.apply(external_secret(ns, "app", "none", {}, dataFrom=[generated("Webhook", "made")]))

    world.await_condition("externalsecrets", ns, "app", "False", text="generators.external-secrets.io/type")
    assert world.data(ns, "app") is None


def test_a_token_is_replaced_before_its_end(world: World, table: tuple[str, list[Row]]) -> None:
    """Vault's tokens live for twenty seconds here, and the interval is a day; the first one is still alive then."""
    ns, found = table
    row = next(each for each in found if each.kind == "VaultDynamicSecret")
    spec = row.spec | {"parameters": row.spec["parameters"] | {"ttl": "20s"}}
    world.apply(generator(ns, row.kind, "short", **spec))
    entry = [generated(row.kind, "short")]
    world.apply(external_secret(ns, "short", "none", {}, dataFrom=entry, refreshInterval="24h"))
    world.await_ready("externalsecrets", ns, "short")
    first = (world.data(ns, "short") or {})["client_token"]

    later = world.kube.wait_until(
        lambda: (world.data(ns, "short") or {})["client_token"], lambda now: now != first, what="the next token"
    )

    assert row.proves({"client_token": later})


def test_a_rotated_app_key_makes_a_new_token(world: World, github: GitHub) -> None:
    """The interval is a day: only the change of the Secret can wake the ExternalSecret."""
    ns = world.namespace()
    key = {"privateKey": {"secretRef": named("app", "pem")}}
    spec = {"appID": github.app, "installID": github.installation, "url": github.url, "auth": key}
    world.apply(secret(ns, "app", {"pem": "not yet"}), generator(ns, "GithubAccessToken", "made", **spec))
    entry = [generated("GithubAccessToken", "made")]
    world.apply(external_secret(ns, "app-token", "none", {}, dataFrom=entry, refreshInterval="24h"))
    world.await_condition("externalsecrets", ns, "app-token", "False", text="no private key in PEM form")

    world.kube.patch("secrets", "app", ns, {"stringData": {"pem": github.private_key}})
    world.await_ready("externalsecrets", ns, "app-token")
    first = world.data(ns, "app-token")
    world.kube.patch("secrets", "app", ns, {"stringData": {"pem": github.private_key + "\n"}})

    world.kube.wait_until(lambda: world.data(ns, "app-token"), lambda now: now != first, what="another token")

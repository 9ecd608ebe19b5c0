"""What the provider of clusters makes of Secrets, and of what leads to one; requests are tested end to end."""

import base64
import json
import ssl
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest
import yaml

from external.api.providers.kubernetes import KubernetesProvider
from external.providers.kubernetes.client import Cluster, ParsedSecret
from external.providers.kubernetes.connect import connect
from external.providers.protocol import (
    ConnectContext,
    DocumentPath,
    Home,
    ProviderDenied,
    ProviderUnavailable,
    SecretAbsent,
    SecretRequest,
)
from external.providers.push import PushRefused, PushRequest, RemoteRef, pushes
from external.providers.support.egress import EgressPolicy
from external.stores.summary import store_summary
from external.values.json_document import take
from manager.core.errors import NeedsHuman
from manager.core.secret_value import SecretValue
from manager.kube.resources import SECRET_STORES, Key


class Api:
    """Answers as the API server would."""

    def __init__(self, **data: bytes) -> None:
        values = {name.replace("__", "."): base64.b64encode(each).decode() for name, each in data.items()}
        labels, annotations = {"app.kubernetes.io/name": "x", "team": "a"}, {"note": '{"n":1}'}
        self.secret = {"kind": "Secret", "metadata": {"labels": labels, "annotations": annotations}, "data": values}
        self.error: Exception | None = None

    def request(self, name: str, method: str, path: str, **options: Any) -> Any:
        del name, method, path, options
        if self.error is not None:
            raise self.error
        return self.secret


def cluster_of(api: Any) -> Cluster:
    """Return a client that asks an API in memory."""
    return Cluster(api, "remote", 5, "this cluster")


def found(api: Api, path: str, *, metadata: bool = False) -> SecretValue | None:
    cluster, request = cluster_of(api), SecretRequest("name", metadata=metadata)
    whole = cluster.read([request])[request]
    assert isinstance(whole, SecretValue)
    if not path:
        return whole
    picked = cluster.property_value(whole, path)
    return take(picked.document.reveal(), picked.path) if isinstance(picked, DocumentPath) else picked


def picked(api: Api, path: str, *, metadata: bool = False) -> bytes | None:
    there = found(api, path, metadata=metadata)
    value = cluster_of(api).property_value(there, "") if isinstance(there, ParsedSecret) else there
    return value.reveal() if isinstance(value, SecretValue) else None


def members(api: Api, path: str = "", *, metadata: bool = False) -> dict[str, bytes] | None:
    there = found(api, path, metadata=metadata)
    told = cluster_of(api).members(there) if there is not None else None
    return None if told is None else {name: each.reveal() for name, each in told.items()}


BINARY = bytes(range(256))


@pytest.mark.parametrize(
    ("path", "wanted"),
    [
        ("", b'{"bin":"x","config":"{\\"db\\":{\\"user\\":\\"u<\\"}}","tls.crt":"PEM"}'),
        ("tls.crt", b"PEM"),
        ("config.db.user", b"u<"),
        ("config.db", b'{"user":"u<"}'),
        ("config.none", None),
        ("none", None),
        (".config", None),
        ("config.", None),
    ],
)
def test_a_property_is_a_key_or_a_path_below_one(path: str, wanted: bytes | None) -> None:
    assert picked(Api(tls__crt=b"PEM", config=b'{"db":{"user":"u<"}}', bin=b"x"), path) == wanted


def test_binary_values_come_as_they_are() -> None:
    assert picked(Api(raw=BINARY), "raw") == BINARY
    assert members(Api(raw=BINARY, text=b"t")) == {"raw": BINARY, "text": b"t"}


@pytest.mark.parametrize(
    ("path", "wanted"),
    [
        ("labels", b'{"app.kubernetes.io/name":"x","team":"a"}'),
        ("labels.team", b"a"),
        ("labels.app.kubernetes.io/name", b"x"),
        ("annotations.note", b'{"n":1}'),
        ("labels.none", None),
    ],
)
def test_labels_and_annotations(path: str, wanted: bytes | None) -> None:
    assert picked(Api(), path, metadata=True) == wanted


def test_extracting_a_property_keeps_quotes() -> None:
    api = Api(config=b'{"a":"text","n":1.50,"o":{"x":1}}', list=b"[1]", text=b"text")

    assert members(api, "config") == {"a": b'"text"', "n": b"1.5", "o": b'{"x":1}'}
    assert members(api, "list") is members(api, "text") is members(api, "none") is None


def test_extracting_what_is_told_gives_both() -> None:
    assert sorted(members(Api(), metadata=True) or {}) == ["annotations", "labels"]


@pytest.mark.parametrize("key", ["", "..", "a/b", "../../configmaps/x"])
def test_a_key_leads_to_secrets_of_this_namespace_alone(key: str) -> None:
    request = SecretRequest(key)
    assert isinstance(cluster_of(Api()).read([request])[request], ProviderDenied)


@pytest.mark.parametrize(
    ("broken", "metadata"),
    [
        ({"data": {"k": 5}}, False),
        ({"data": {"k": {"a": "b"}}}, False),
        ({"data": {"k": None}}, False),
        ({"data": ["x"]}, False),
        ({"data": "x"}, False),
        ({"data": {"k": "x"}}, False),
        ({"data": {"k": "\u00e9\u00e9\u00e9\u00e9"}}, False),
        ({"data": {"\ud800": "eA=="}}, False),
        ({"metadata": {"labels": {"a": "\ud800"}}}, True),
        ({"metadata": 1}, True),
        ({"metadata": {"labels": 1}}, True),
        ({"metadata": {"labels": {"a": 1}}}, True),
        ({"metadata": {"annotations": ["a"]}}, True),
    ],
)
def test_an_answer_of_other_types_is_the_servers_fault(broken: dict[str, Any], metadata: bool) -> None:
    """It was a TypeError when the values were taken out, and the ExternalSecret had no condition."""
    api = Api()
    api.secret |= broken
    with pytest.raises(ProviderUnavailable, match="GetSecret"):
        picked(api, "k", metadata=metadata)


def test_a_secret_that_no_api_server_would_hold_is_refused() -> None:
    request = SecretRequest("name")
    answer = cluster_of(Api(k=b"x" * (1 << 20))).read([request])[request]

    assert isinstance(answer, ProviderDenied)
    assert "no Secret does" in str(answer)


def test_a_whole_secret_tells_its_size_and_shows_nothing() -> None:
    request = SecretRequest("name")
    whole = cluster_of(Api(key=b"canary")).read([request])[request]

    assert isinstance(whole, SecretValue)
    assert len(whole) == len("key") + len("canary")
    assert "canary" not in repr(whole)


def test_a_secret_is_parsed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Parsing eight megabytes for every entry held up the event loop for seconds."""
    cluster, request = cluster_of(Api(a=b"1", b=b"2")), SecretRequest("name")
    whole = cluster.read([request])[request]
    assert isinstance(whole, SecretValue)
    monkeypatch.setattr("base64.b64decode", None)
    monkeypatch.setattr("json.loads", None)

    assert [cluster.property_value(whole, each) for each in "ab"] == [SecretValue(b"1"), SecretValue(b"2")]
    assert sorted(cluster.members(whole) or ()) == ["a", "b"]


@pytest.mark.parametrize("value", [b"text", b'{"a":1}', b"\xff"])
def test_a_path_inside_a_value_is_found_by_the_shared_engine(value: bytes) -> None:
    """Outside of JSON, and with gjson's signs, it was an error that nobody caught."""
    whole = found(Api(config=value), "")
    assert whole is not None

    assert cluster_of(Api()).property_value(whole, "config.users.#.name") == DocumentPath(
        SecretValue(value), "users.#.name"
    )


def test_half_a_character_becomes_a_question_mark() -> None:
    assert members(Api(config=b'{"a":"\\ud800"}'), "config") == {"a": b'"?"'}


def test_what_is_no_secret_is_no_answer() -> None:
    api = Api()
    api.secret = {"kind": "Status"}
    with pytest.raises(ProviderUnavailable):
        picked(api, "")
    api.error = SecretAbsent("Secret does not exist")
    request = SecretRequest("name")
    assert isinstance(cluster_of(api).read([request])[request], SecretAbsent)


class Desk:
    """Gives one kubeconfig, and nothing else."""

    store = Key(SECRET_STORES, "ns", "store")

    def __init__(self, text: str = "") -> None:
        self.text = text
        self.asked: list[list[str]] = []

    async def secret(self, *_: object) -> SecretValue:
        return SecretValue(self.text.encode())

    async def authority(self, *_: object) -> None:
        return None

    async def own_audiences(self, *_: object) -> frozenset[str]:
        return frozenset({"https://kubernetes.default.svc", "api"})

    def token_source(self, *given: Any) -> Any:
        self.asked.append(given[1])
        return lambda: SecretValue(b"token")


def context(text: str = "") -> ConnectContext:
    async def run(make: Any) -> Any:
        return make()

    lookup: Any = Desk(text)
    return ConnectContext(lookup, ambient=False, egress=EgressPolicy(), retries=None, count=print, timeout=1, run=run)


def kubeconfig(cluster: Any = None, user: Any = None) -> str:
    cluster = {"server": "https://remote:6443", **(cluster or {})}
    user = {"token": "canary"} if user is None else user
    return yaml.safe_dump(
        {
            "current-context": "c",
            "contexts": [{"name": "c", "context": {"cluster": "k", "user": "u"}}],
            "clusters": [{"name": "k", "cluster": cluster}],
            "users": [{"name": "u", "user": user}],
        }
    )


BOMB = "a: &a [" + ", ".join(["x"] * 10) + "]\n"
for before, name in pairwise("abcdefghij"):
    BOMB += f"{name}: &{name} [{', '.join([f'*{before}'] * 10)}]\n"


REFERENCE = {"authRef": {"name": "kubeconfig", "key": "config"}}


async def test_a_kubeconfig_is_enough() -> None:
    spec = KubernetesProvider.model_validate(REFERENCE)

    assert (await connect(spec, context(kubeconfig()))).location(SecretRequest("a"))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (kubeconfig(user={"exec": {"command": "sh"}}), "exec"),
        (kubeconfig(user={"tokenFile": "/var/run/secrets/kubernetes.io/serviceaccount/token"}), "tokenFile"),
        (kubeconfig(user={"token": "canary", "client-key": "/etc/x"}), "client-key"),
        (kubeconfig({"certificate-authority": "/etc/x"}), "certificate-authority"),
        (kubeconfig({"insecure-skip-tls-verify": True}), "insecure-skip-tls-verify"),
        (kubeconfig({"proxy-url": "http://x"}), "proxy-url"),
        (kubeconfig({"server": "http://remote"}), "no https URL"),
        (kubeconfig(user={}), "neither token nor client certificate"),
        ("canary", "no kubeconfig"),
        ("a: [", "no kubeconfig"),
        (json.dumps({"contexts": []}), "no kubeconfig"),
        ("x" * 100_000, "larger than"),
        (BOMB + kubeconfig({"server": "SERVER"}).replace("SERVER", "*j"), "expands to more than 5000 values"),
        (BOMB.replace("j: &j", "contexts: &j"), "expands to more than 5000 values"),
        (kubeconfig({"server": ["https://a", "https://b"]}), "server: a text is needed here"),
        (kubeconfig(user={"token": {"a": 1}}), "token: a text is needed here"),
        (kubeconfig(user={"token": 5}), "token: a text is needed here"),
        (kubeconfig(user={"client-key-data": [1]}), "client-key-data: a text is needed here"),
        (json.dumps({"current-context": ["c"]}), "current-context: a text is needed here"),
        ("[" * 500 + "]" * 500, "nested deeper than 20 levels"),
    ],
)
async def test_what_a_kubeconfig_may_not_hold_is_named(text: str, told: str) -> None:
    with pytest.raises(NeedsHuman, match=told) as caught:
        await connect(KubernetesProvider.model_validate(REFERENCE), context(text))
    assert caught.value.message.startswith("spec.provider.kubernetes.authRef")
    assert "canary" not in caught.value.message


TOKEN = {"token": {"bearerToken": {"name": "t", "key": "token"}}}


@pytest.mark.parametrize(
    ("spec", "told"),
    [
        ({}, "exactly one of auth and authRef"),
        ({"auth": TOKEN, **REFERENCE}, "exactly one of auth and authRef"),
        ({"auth": {}}, "exactly one of cert, token and serviceAccount"),
        ({"auth": {**TOKEN, "serviceAccount": {"name": "x"}}}, "exactly one of cert, token and serviceAccount"),
        ({"auth": TOKEN, "server": {"url": "http://remote"}}, "no https URL"),
    ],
)
async def test_who_speaks_must_be_said_once(spec: dict[str, Any], told: str) -> None:
    with pytest.raises(NeedsHuman, match=told):
        await connect(KubernetesProvider.model_validate(spec), context())


@pytest.mark.parametrize(
    ("auth", "told_apart"),
    [
        ({"serviceAccount": {"name": "reader"}}, True),
        ({"serviceAccount": {"name": "reader", "namespace": "keys"}}, False),
        ({"token": {"bearerToken": {"name": "t", "key": "k"}}}, True),
        ({"token": {"bearerToken": {"name": "t", "key": "k", "namespace": "keys"}}}, False),
    ],
)
def test_a_cluster_store_without_namespace_acts_as_its_consumer(auth: dict[str, Any], told_apart: bool) -> None:
    spec = {"provider": {"kubernetes": {"auth": auth}}}

    assert store_summary({"metadata": {"name": "cluster"}, "spec": spec}).per_consumer is told_apart
    assert not store_summary({"metadata": {"name": "store", "namespace": "ns"}, "spec": spec}).per_consumer


def test_what_a_store_refers_to_is_known_by_its_kind() -> None:
    server = {"caProvider": {"type": "ConfigMap", "name": "ca", "namespace": "keys"}}
    auth = {"cert": {"clientCert": {"name": "pair"}, "clientKey": {"name": "pair"}}}
    spec = {"provider": {"kubernetes": {"server": server, "auth": auth}}}

    digest = store_summary({"metadata": {"name": "store", "namespace": "ns"}, "spec": spec})

    assert digest.credentials == (("ns", "pair"),)
    assert digest.authorities == (("ns", "ca"),)


HOME = Home("https://10.96.0.1:443", ssl.create_default_context)


def as_account(url: str = "", *audiences: str) -> KubernetesProvider:
    account = {"name": "reader", **({"audiences": list(audiences)} if audiences else {})}
    return KubernetesProvider.model_validate(
        {"server": {"url": url} if url else {}, "auth": {"serviceAccount": account}}
    )


@pytest.mark.parametrize(
    ("spec", "told"),
    [
        (as_account("https://evil.example"), "audiences is missing"),
        (as_account("evil.example:6443"), "audiences is missing"),
        (as_account("https://evil.example", "https://kubernetes.default.svc"), "kubernetes.default.svc is one of this"),
        (as_account("https://evil.example", "https://evil.example", "api"), "api is one of this"),
        (as_account("https://kubernetes.default.evil.example"), "audiences is missing"),
        (as_account("https://kubernetes@evil.example"), "audiences is missing"),
    ],
)
async def test_a_token_of_this_cluster_does_not_go_to_another_server(spec: KubernetesProvider, told: str) -> None:
    given = replace(context(), home=HOME)

    with pytest.raises(NeedsHuman, match=told) as caught:
        await connect(spec, given)
    assert caught.value.message.startswith("spec.provider.kubernetes.auth.serviceAccount.audiences")
    assert given.lookup.asked == []  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "spec",
    [
        as_account(),
        as_account("kubernetes.default"),
        as_account("https://kubernetes.default.svc:443"),
        as_account("https://10.96.0.1:443/"),
        as_account("https://remote.example", "https://remote.example"),
    ],
)
async def test_a_token_for_another_cluster_needs_its_own_audience(spec: KubernetesProvider) -> None:
    given = replace(context(), home=HOME)

    await connect(spec, given)

    assert len(given.lookup.asked) == 1  # type: ignore[attr-defined]


@pytest.mark.parametrize("url", ["", "https://kubernetes.default.svc:443", "https://10.96.0.1:443/"])
@pytest.mark.parametrize("namespace", ["kube-system", "coffer"])
async def test_this_cluster_takes_nothing_beside_its_own_and_coffers_secrets(url: str, namespace: str) -> None:
    spec = as_account(url).model_copy(update={"remote_namespace": namespace})
    client = await connect(spec, replace(context(), home=replace(HOME, namespace="coffer")))
    values = {"k": SecretValue(b"v")}

    assert pushes(client)
    with pytest.raises(PushRefused, match=f"namespace {namespace} of this cluster takes no pushed Secrets"):
        client.push(PushRequest(RemoteRef("app", "p"), "k", values, "ns/a", recorded=False))

"""Where an alert matches a text of the original, it matches ours: the same first words, then what we know."""

import re
from typing import Any

import pytest

from external.providers.kubernetes.client import Cluster
from external.providers.protocol import ProviderError
from external.providers.vault.client import KeyValue
from external.providers.webhook.results import value
from manager.core.durations import duration_text
from manager.kube.conditions import find_condition
from manager.kube.resources import CLUSTER_SECRET_STORES, SECRET_STORES
from tests.builders.external_module import ExternalModule

FETCH = "could not get secret data from provider: "
REMOTE = {"a": "x\0y", "doc": '{"a":"1","b/c":"2","b:c":"3"}', "text": "no json", "many": '{"ä":"1"}'}


def entry(**more: Any) -> dict[str, Any]:
    return {"data": [{"secretKey": "k", "remoteRef": {"key": "a", **more}}]}


def extract(key: str = "doc", **more: Any) -> dict[str, Any]:
    rewrite = more.pop("rewrite", None)
    made: dict[str, Any] = {"extract": {"key": key, **more}} | ({"rewrite": rewrite} if rewrite else {})
    return {"data": None, "dataFrom": [made]}


def replace(source: str) -> dict[str, Any]:
    return extract(rewrite=[{"regexp": {"source": source, "target": ""}}])


FIND = {"data": None, "dataFrom": [{"find": {"name": {"regexp": "("}}}]}
DATA, EXTRACT = f"{FETCH}spec.data[0] (key: a): ", f"{FETCH}spec.dataFrom[0].extract (key: doc): "
COLLISION = "error applying conversion strategy Default to keys: secret name collision during conversion"
LOOKED = '(looked in spec.provider.fake.data of SecretStore "store")'
DELETE_MERGE = {"target": {"creationPolicy": "Merge", "deletionPolicy": "Delete"}}
NOT_OWNED = "deletionPolicy=Delete must not be used when the controller doesn't own the secret"
INVALID_KEYS = "invalid secret keys (TIP: use rewrite or conversionStrategy to change keys)"


@pytest.mark.parametrize(
    ("spec", "text"),
    [
        (entry(key="none"), f"{FETCH}spec.data[0] (key: none): Secret does not exist"),
        (entry(nullBytePolicy="Fail"), f'{DATA}fetched secret value for key "k" contains null bytes'),
        (
            entry(property="p"),
            f"{DATA}key p does not exist in secret a {LOOKED}; correct remoteRef.property",
        ),
        (entry(decodingStrategy="Base64"), f"{DATA}error applying decoding strategy Base64 to data"),
        (extract("text"), f"{FETCH}spec.dataFrom[0].extract (key: text): unable to unmarshal secret"),
        (extract(), EXTRACT + COLLISION),
        (replace("^$"), EXTRACT + INVALID_KEYS),
        (replace("("), f"{EXTRACT}error applying rewrite to keys"),
        (FIND, f"{FETCH}spec.dataFrom[0].find: could not compile find.name.regexp [(]"),
        ({"data": []}, "either data or dataFrom should be specified"),
        ({"secretStoreRef": {"name": "none"}}, f'{FETCH}spec.data[0]: could not get SecretStore "none"'),
        ({"secretStoreRef": {"name": "bad"}}, f'{FETCH}spec.data[0]: SecretStore "bad" is not ready'),
        (DELETE_MERGE, NOT_OWNED),
        (extract("many"), 'could not update secret: the key "ä" is none that a Secret takes'),
    ],
    ids=lambda each: each[-60:] if isinstance(each, str) else "",
)
async def test_what_an_external_secret_says(bench: ExternalModule, spec: dict[str, Any], text: str) -> None:
    bench.store(values=REMOTE)
    bench.put(SECRET_STORES, {"metadata": {"name": "bad", "namespace": "ns"}, "spec": {"provider": {}}})
    await bench.settle()
    bench.external(**spec)
    await bench.settle()

    assert bench.ready()[:2] == ("False", "SecretSyncedError")
    assert bench.ready()[2].startswith(text)


def vault(**auth: Any) -> dict[str, Any]:
    return {"vault": {"server": "https://v", "auth": auth}}


@pytest.mark.parametrize(
    ("resource", "provider", "text"),
    [
        (SECRET_STORES, {}, "spec.provider: secret stores must only have exactly one backend specified, found 0"),
        (SECRET_STORES, {"fake": {"data": [], "validationResult": 2}}, "unable to validate"),
        (
            SECRET_STORES,
            {
                "vault": {
                    "server": "https://v",
                    "auth": {"appRole": {"path": "p", "secretRef": {"name": "n", "key": "k"}}},
                }
            },
            "invalid Auth.AppRole: neither `roleId` nor `roleRef` was supplied",
        ),
        (
            CLUSTER_SECRET_STORES,
            {
                "vault": {
                    "server": "https://v",
                    "auth": {"tokenSecretRef": {"name": "n", "namespace": "ns", "key": "k"}},
                }
            },
            'spec.provider.vault.auth.tokenSecretRef: cannot get Kubernetes secret "n" from namespace "ns"',
        ),
    ],
)
async def test_what_a_store_says(bench: ExternalModule, resource: Any, provider: Any, text: str) -> None:
    meta = {"name": "store"} | ({"namespace": "ns"} if resource is SECRET_STORES else {})
    bench.put(resource, {"metadata": meta, "spec": {"provider": provider}})
    await bench.settle()

    status, reason, message = bench.ready("store", resource)
    assert (status, reason) == ("False", "InvalidProviderConfig")
    first, _, rest = message.partition(": ")
    assert first in ("unable to create client", "unable to validate store")
    assert rest.startswith(text)
    found = (bench.body(resource, "store") or {})["status"]["conditions"]
    assert find_condition(found, "Ready")


@pytest.mark.parametrize(
    ("metadata", "extracted", "text"),
    [
        (False, False, 'property p does not exist in data of secret "s"'),
        (True, False, 'property p does not exist in metadata of secret "s"'),
        (False, True, "property p does not exist in key s"),
    ],
)
def test_a_missing_property_of_a_kubernetes_secret_is_named(metadata: bool, extracted: bool, text: str) -> None:
    client: Any = object.__new__(Cluster)

    assert client.missing("s", "p", metadata=metadata, extract=extracted) == text


def test_what_is_said_of_a_missing_property_in_vault() -> None:
    client: Any = object.__new__(KeyValue)

    said = client.missing("app/db", "p", metadata=False, extract=False)

    assert said.startswith('cannot find secret data for key: "p"')


@pytest.mark.parametrize(
    ("body", "path", "text"),
    [
        (b"no json", "$.a", "failed to parse response json"),
        (b"{}", "$.a", "failed to get response path $.a: unknown key"),
        (b"{}", "$.a[", "failed to get response path $.a[: "),
        (b'{"a":[]}', "$.a", "filter worked but didn't get any result"),
        (b'{"a":[]}', "$.a[?(@.n==1)]", "filter worked but didn't get any result"),
    ],
)
def test_what_is_said_of_an_answer(body: bytes, path: str, text: str) -> None:
    with pytest.raises(ProviderError, match=f"^{re.escape(text)}"):
        value(body, path)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(20.0, "20s"), (1.5, "1.5s"), (0.25, "250ms"), (9.999999999999999e-06, "10us"), (1e-9, "0.001us"), (90.0, "90s")],
)
def test_a_time_is_told_as_users_write_it(seconds: float, text: str) -> None:
    assert duration_text(seconds) == text


@pytest.mark.parametrize(
    ("spec", "field"),
    [
        ({"secretStoreRef": None}, "spec.secretStoreRef.name is missing: name the store"),
        (
            {
                "secretStoreRef": None,
                "data": [
                    {"secretKey": each, "remoteRef": {"key": "a"}, "sourceRef": {"storeRef": {"kind": "SecretStore"}}}
                    for each in ("a", "b")
                ],
            },
            "spec.data[0].sourceRef.storeRef.name is missing, spec.data[1].sourceRef.storeRef.name is missing",
        ),
    ],
    ids=["for all", "of an entry"],
)
async def test_a_store_without_a_name_is_told_at_the_reference_alone(
    bench: ExternalModule, spec: dict[str, Any], field: str
) -> None:
    bench.external(**spec)
    await bench.settle()

    assert bench.ready()[2].startswith(FETCH + field)

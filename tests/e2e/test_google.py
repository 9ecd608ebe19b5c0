"""Google Cloud Secret Manager on the real API server, with the fields of external-secrets' own examples."""

import base64
import json

from tests.builders.manifests import canary, meta
from tests.cluster.kube import Object
from tests.cluster.wait import wait_until
from tests.doubles.google import Google
from tests.e2e.world import World

PROJECT = "alphabet-123"
API = "external-secrets.io/v1"


def put(google: Google, name: str, value: str, **labels: str) -> None:
    """Store a secret, or another version of it, past Coffer."""
    api, parent = google.secret_manager, f"projects/{PROJECT}"
    if (parent, name) not in api.secrets:
        api._create(parent, name, {"replication": {"automatic": {}}, "labels": labels})
    api._add((parent, name), {"payload": {"data": base64.b64encode(value.encode()).decode()}})


def key_secret(google: Google, ns: str) -> Object:
    text = google.key_file()
    data = {"secret-access-credentials": text}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": meta(ns, "gcpsm-secret"), "stringData": data}


def google_store(ns: str, **fields: object) -> Object:
    selector = {"name": "gcpsm-secret", "key": "secret-access-credentials"}
    auth = {"secretRef": {"secretAccessKeySecretRef": selector}}
    spec = {"provider": {"gcpsm": {"projectID": PROJECT, "auth": auth, **fields}}}
    return {"apiVersion": API, "kind": "SecretStore", "metadata": meta(ns, "gcp-store"), "spec": spec}


def external(ns: str, **spec: object) -> Object:
    whole = {
        "refreshInterval": "1h",
        "secretStoreRef": {"kind": "SecretStore", "name": "gcp-store"},
        "target": {"name": "secret-to-be-created", "creationPolicy": "Owner"},
        **spec,
    }
    return {"apiVersion": API, "kind": "ExternalSecret", "metadata": meta(ns, "gcp-external-secret"), "spec": whole}


def test_values_versions_documents_and_searches(world: World, google_cloud: Google) -> None:
    ns, one, two, three = world.namespace(), canary(), canary(), canary()
    put(google_cloud, f"{ns}-key", "old")
    put(google_cloud, f"{ns}-key", one, team=ns)
    put(google_cloud, f"{ns}-doc", json.dumps({"user": two, "inner": {"port": 5432}}))
    put(google_cloud, f"{ns}-found", three, team=ns)
    world.apply(key_secret(google_cloud, ns), google_store(ns))
    data = [
        {"secretKey": "key", "remoteRef": {"key": f"{ns}-key"}},
        {"secretKey": "before", "remoteRef": {"key": f"{ns}-key", "version": "1"}},
        {"secretKey": "port", "remoteRef": {"key": f"{ns}-doc", "property": "inner.port"}},
        {
            "secretKey": "team",
            "remoteRef": {"key": f"{ns}-found", "metadataPolicy": "Fetch", "property": "labels.team"},
        },
    ]
    sources = [{"extract": {"key": f"{ns}-doc"}}, {"find": {"tags": {"team": ns}, "name": {"regexp": "found$"}}}]
    world.apply(external(ns, data=data, dataFrom=sources))

    expected = {"key": one, "before": "old", "port": "5432", "team": ns, "user": two, "inner": '{"port": 5432}'}
    world.await_data(ns, "secret-to-be-created", expected | {f"{ns}-found": three})
    world.await_ready("secretstores", ns, "gcp-store")
    assert world.kube.get("secretstores", "gcp-store", ns)["status"]["capabilities"] == "ReadWrite"


def test_a_rotation_arrives(world: World, google_cloud: Google) -> None:
    ns, first, second = world.namespace(), canary(), canary()
    put(google_cloud, f"{ns}-key", first)
    world.apply(key_secret(google_cloud, ns), google_store(ns, secretVersionSelectionPolicy="LatestOrFetch"))
    entry = {"secretKey": "key", "remoteRef": {"key": f"{ns}-key"}}
    world.apply(external(ns, refreshInterval="2s", data=[entry]))
    world.await_data(ns, "secret-to-be-created", {"key": first})

    put(google_cloud, f"{ns}-key", second)

    world.await_data(ns, "secret-to-be-created", {"key": second})


def test_a_push_and_its_delete(world: World, google_cloud: Google) -> None:
    ns, value = world.namespace(), canary()
    source = {"apiVersion": "v1", "kind": "Secret", "metadata": meta(ns, "source"), "stringData": {"k": value}}
    spec = {
        "deletionPolicy": "Delete",
        "secretStoreRefs": [{"name": "gcp-store", "kind": "SecretStore"}],
        "selector": {"secret": {"name": "source"}},
        "data": [
            {
                "match": {"secretKey": "k", "remoteRef": {"remoteKey": f"{ns}-pushed"}},
                "metadata": {
                    "apiVersion": "kubernetes.external-secrets.io/v1alpha1",
                    "kind": "PushSecretMetadata",
                    "spec": {"labels": {"team": "a"}, "replicationLocation": "europe-west3"},
                },
            }
        ],
    }
    push = {"apiVersion": "external-secrets.io/v1alpha1", "kind": "PushSecret", "metadata": meta(ns, "push")}
    world.apply(key_secret(google_cloud, ns), google_store(ns), source, push | {"spec": spec})

    place = (f"projects/{PROJECT}", f"{ns}-pushed")
    secrets = google_cloud.secret_manager.secrets
    made = wait_until(lambda: secrets.get(place), lambda found: bool(found and found["versions"]), what="the push")
    assert made is not None
    assert base64.b64decode(made["versions"][-1]["data"]).decode() == value
    assert made["labels"] == {"team": "a", "managed-by": "external-secrets"}
    assert made["annotations"] == {"coffer.dev.push-secret": f"{ns}/push"}
    world.await_ready("pushsecrets", ns, "push")

    world.kube.delete("pushsecrets", "push", ns)

    wait_until(lambda: place not in secrets, what="the delete")


def test_a_key_that_google_refuses_is_told_without_it(world: World, google_cloud: Google) -> None:
    ns = world.namespace()
    wrong = key_secret(google_cloud, ns)
    key = json.loads(wrong["stringData"]["secret-access-credentials"]) | {"client_email": "other@x.example"}
    wrong["stringData"] = {"secret-access-credentials": json.dumps(key)}
    world.apply(wrong, google_store(ns))

    found = world.await_condition("secretstores", ns, "gcp-store", "False", text="Token: 400")
    assert "PRIVATE KEY" not in found["message"]

    world.apply(key_secret(google_cloud, ns))

    world.await_ready("secretstores", ns, "gcp-store")

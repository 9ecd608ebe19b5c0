"""Where an entry may go in a cluster, and under which conditions a Secret is written; the table is tested elsewhere."""

from typing import Any

import pytest

from external.providers.kubernetes.push import ClusterPush
from external.providers.protocol import ProviderUnavailable, SecretAbsent
from external.providers.push import PushRefused, PushRequest, RemoteRef, RemoteUnmanaged
from manager.core.secret_value import SecretValue

ENVELOPE = {"apiVersion": "kubernetes.external-secrets.io/v1alpha1", "kind": "PushSecretMetadata"}
OWNER = "coffer.dev/push-secret"


class Api:
    """Has one Secret at most, and remembers what it is asked."""

    def __init__(self, secret: Any = None) -> None:
        self.secret = secret
        self.asked: list[tuple[str, str, Any]] = []

    def request(self, call: str, method: str, path: str, json: Any = None) -> Any:
        self.asked.append((method, path, json))
        if method == "GET" and self.secret is None:
            raise SecretAbsent("Secret does not exist")
        return self.secret


def secret(**fields: Any) -> dict[str, Any]:
    meta = {"name": "app", "uid": "u1", "resourceVersion": "7", "annotations": {OWNER: "ns/a"}}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": meta, "type": "Opaque", "data": {"p": "eA=="}, **fields}


def pusher(api: Any, *, cluster: bool = False) -> ClusterPush:
    return ClusterPush(api, "remote", chooses_namespace=cluster)


def request(ref: RemoteRef, value: bytes = b"v", **more: Any) -> PushRequest:
    return PushRequest(ref, "k", {"k": SecretValue(value)}, "ns/a", recorded=False, **more)


@pytest.mark.parametrize("name", ["", "A", "a/b", "..", "a" * 254, "a_b", "-a", "a\nb", "a\n"])
def test_a_name_that_no_secret_has_is_refused_without_a_call(name: str) -> None:
    api = Api()
    for attempt in (
        lambda: pusher(api).push(request(RemoteRef(name, "p"))),
        lambda: pusher(api).exists(RemoteRef(name)),
        lambda: pusher(api).delete(RemoteRef(name), "ns/a"),
    ):
        with pytest.raises(PushRefused, match=r"data\[\].match.remoteRef.remoteKey"):
            attempt()
    assert api.asked == []


def test_only_a_cluster_stores_entry_names_a_namespace() -> None:
    given = {**ENVELOPE, "spec": {"remoteNamespace": "far"}}
    ref, api = RemoteRef("app", "p"), Api(secret())

    with pytest.raises(PushRefused, match=r"data\[\].metadata.spec.remoteNamespace"):
        pusher(api).push(request(ref, metadata=given))
    pusher(api, cluster=True).push(request(ref, metadata=given))
    assert pusher(api, cluster=True).exists(ref, given)
    pusher(api, cluster=True).delete(RemoteRef("app"), "ns/a", given)

    assert {path for _, path, _ in api.asked} == {"/api/v1/namespaces/far/secrets/app"}


def test_nothing_is_pushed_beside_the_clusters_and_coffers_own_secrets() -> None:
    ref, api = RemoteRef("app", "p"), Api(secret())
    store = ClusterPush(api, "kube-system", chooses_namespace=False, closed=frozenset({"kube-system", "coffer"}))  # type: ignore[arg-type]
    with pytest.raises(PushRefused, match="namespace kube-system of this cluster takes no pushed Secrets"):
        store.push(request(ref))
    with pytest.raises(RemoteUnmanaged, match="takes no pushed Secrets"):
        store.delete(ref, "ns/a")

    given = {**ENVELOPE, "spec": {"remoteNamespace": "coffer"}}
    everywhere = ClusterPush(api, "free", chooses_namespace=True, closed=frozenset({"kube-system", "coffer"}))  # type: ignore[arg-type]
    with pytest.raises(PushRefused, match="namespace coffer of this cluster"):
        everywhere.push(request(ref, metadata=given))
    assert api.asked == []
    assert everywhere.push(request(ref)).written


def test_an_update_carries_the_version_that_was_read() -> None:
    api = Api(secret())
    assert pusher(api).push(request(RemoteRef("app", "p"))).written

    method, path, body = api.asked[-1]
    assert (method, path) == ("PUT", "/api/v1/namespaces/remote/secrets/app")
    assert body["metadata"]["resourceVersion"] == "7"


def test_a_delete_carries_uid_and_version() -> None:
    api = Api(secret(data={"p": "eA=="}))
    assert pusher(api).delete(RemoteRef("app", "p"), "ns/a")

    method, _, body = api.asked[-1]
    assert (method, body["preconditions"]) == ("DELETE", {"uid": "u1", "resourceVersion": "7"})


def test_a_secret_that_the_original_pushed_is_taken_over_only_if_recorded() -> None:
    unmarked = secret(metadata={"name": "app", "resourceVersion": "7"})
    asked = request(RemoteRef("app", "p"))

    with pytest.raises(RemoteUnmanaged, match=r"annotate it with coffer.dev/push-secret: ns/a"):
        pusher(Api(unmarked)).push(asked)
    api = Api(unmarked)
    object.__setattr__(asked, "recorded", True)
    assert pusher(api).push(asked).written
    assert api.asked[-1][2]["metadata"]["annotations"] == {OWNER: "ns/a"}
    with pytest.raises(RemoteUnmanaged):
        pusher(Api(unmarked)).delete(RemoteRef("app"), "ns/a")


def test_a_secret_is_handed_from_one_push_secret_to_another() -> None:
    api = Api(secret())
    theirs = PushRequest(RemoteRef("app", "p"), "k", {"k": SecretValue(b"x")}, "ns/new", recorded=False)
    with pytest.raises(RemoteUnmanaged, match="PushSecret ns/a has written it"):
        pusher(api).push(theirs)
    object.__setattr__(theirs, "adopts", "ns/a")

    assert pusher(api).push(theirs).written
    assert api.asked[-1][2]["metadata"]["annotations"] == {OWNER: "ns/new"}


@pytest.mark.parametrize(
    "answer", [{"kind": "List"}, secret(metadata=[]), secret(data="x"), secret(metadata={"labels": [1]})]
)
def test_an_answer_that_is_no_secret_changes_nothing(answer: Any) -> None:
    api = Api(answer)
    with pytest.raises(ProviderUnavailable):
        pusher(api).push(request(RemoteRef("app", "p")))
    assert len(api.asked) == 1


def test_a_push_makes_no_sealing_key() -> None:
    given = {**ENVELOPE, "spec": {"labels": {"sealedsecrets.bitnami.com/sealed-secrets-key": "active"}}}
    with pytest.raises(PushRefused, match=r"data\[\].metadata.spec.labels: sealedsecrets"):
        pusher(Api()).push(request(RemoteRef("app", "p"), metadata=given))


def test_the_mark_is_no_annotation_of_an_entry() -> None:
    given = {**ENVELOPE, "spec": {"annotations": {OWNER: "ns/other"}}}
    with pytest.raises(PushRefused, match=r"data\[\].metadata.spec.annotations: coffer.dev/push-secret"):
        pusher(Api()).push(request(RemoteRef("app", "p"), metadata=given))


def test_a_place_is_named_with_its_namespace() -> None:
    far = {**ENVELOPE, "spec": {"remoteNamespace": "far"}}
    store = pusher(Api(), cluster=True)
    assert store.canonical(RemoteRef("app", "p"), far) == RemoteRef("far/app", "p")
    assert store.canonical(RemoteRef("app")) == RemoteRef("remote/app")
    assert store.canonical(RemoteRef("app"), {"spec": ["odd"]}) == RemoteRef("remote/app")

"""What is pushed to a fake store stays in this process, within bounds; the table of pushes is tested elsewhere."""

from collections.abc import Callable
from functools import partial

import pytest

from external.api.providers.fake import FakeProvider
from external.providers import fake_push
from external.providers.fake import FakeClient
from external.providers.fake_push import values_of
from external.providers.protocol import SearchRequest, SecretRequest
from external.providers.push import PushRefused, PushRequest, RemoteRef
from manager.core.secret_value import SecretValue
from manager.kube.resources import SECRET_STORES, Key

SPEC = FakeProvider.model_validate({"data": [{"key": "given", "value": "x"}]})


def request(key: str, value: bytes) -> PushRequest:
    return PushRequest(RemoteRef(key), "k", {"k": SecretValue(value)}, "ns/a", recorded=False)


class Cluster:
    """Stands for an API server."""


@pytest.fixture
def client() -> Callable[..., FakeClient]:
    """Open clients of stores of one cluster."""
    return partial(opened, Cluster())


def opened(cluster: Cluster, store: str, namespace: str = "ns") -> FakeClient:
    return FakeClient(SPEC, *values_of(cluster, Key(SECRET_STORES, namespace, store)))


def test_what_was_pushed_is_read_by_every_client_of_the_store(client: Callable[..., FakeClient]) -> None:
    client("one").push(request("app", b"v"))
    wanted = SecretRequest("app")

    assert client("one").read([wanted])[wanted] == SecretValue(b"v")
    assert set(client("one").find(SearchRequest(name="."))) == {"given", "app"}
    for other in (client("two"), client("one", "elsewhere"), opened(Cluster(), "one")):
        assert set(other.find(SearchRequest(name="."))) == {"given"}


def test_the_stores_of_a_namespace_share_a_budget(
    client: Callable[..., FakeClient], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fake_push, "MAX_PUSHED_BYTES", 4_000)
    client("one").push(request("app", b"x" * 2_000))

    with pytest.raises(PushRefused, match="no more than 4000 bytes"):
        client("two").push(request("app", b"x" * 2_000))
    client("two", "elsewhere").push(request("app", b"x" * 2_000))
    assert client("one").delete(RemoteRef("app"), "ns/a")
    assert client("two").push(request("app", b"x" * 2_000)).written

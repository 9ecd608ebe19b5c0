"""What a viewer has no right to is not asked for, whatever Coffer may read."""

from typing import Any

import pytest

from manager.core.errors import Forbidden
from manager.kube.client import KubeClient, Request
from manager.kube.resources import (
    CLUSTER_SECRET_STORES,
    LEASES,
    NAMESPACES,
    SECRETS,
    SUBJECT_ACCESS_REVIEWS,
    Key,
    Resource,
)
from manager.status_page.viewer_client import ViewerClient


class Scene:
    """A client whose requests are noted, for a viewer with some rights."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.sent: list[str] = []
        self.asked: list[tuple[str, str, str]] = []
        self.rights: set[tuple[str, str, str]] = set()

        async def call(_client: KubeClient, request: Request) -> Any:
            self.sent.append(request.path)
            return {"metadata": {}, "items": []}

        async def allowed(verb: str, resource: Resource, namespace: str) -> bool:
            self.asked.append((verb, resource.plural, namespace))
            return (verb, resource.plural, namespace) in self.rights

        connection: Any = type("Connection", (), {"server": "", "session": lambda *_: None})()
        monkeypatch.setattr(KubeClient, "_call", call)
        self.client = ViewerClient(connection, "test", allowed)


@pytest.fixture
def scene(monkeypatch: pytest.MonkeyPatch) -> Scene:
    return Scene(monkeypatch)


@pytest.mark.parametrize(
    ("key", "asked"),
    [
        (Key(SECRETS, "ns", "a"), ("get", "secrets", "ns")),
        (Key(LEASES, "coffer", "coffer"), ("get", "leases", "coffer")),
        (Key(CLUSTER_SECRET_STORES, "", "a"), ("get", "clustersecretstores", "")),
        (Key(NAMESPACES, "", "namespaces"), ("get", "namespaces", "")),
    ],
)
async def test_an_object_needs_the_right_to_get_it(scene: Scene, key: Key, asked: tuple[str, str, str]) -> None:
    for read in (scene.client.get, scene.client.find, scene.client.find_metadata):
        with pytest.raises(Forbidden):
            await read(key)
    assert (scene.sent, set(scene.asked)) == ([], {asked})

    scene.rights.add(asked)
    await scene.client.find_metadata(key)
    assert scene.sent == [key.path]


async def test_a_list_needs_the_right_to_list_where_it_is(scene: Scene) -> None:
    scene.rights.add(("list", "secrets", "ns"))
    assert [items async for items, _ in scene.client.pages(SECRETS, namespace="ns")] == [[]]
    for namespace in ("", "other"):
        with pytest.raises(Forbidden):
            assert [items async for items, _ in scene.client.pages(SECRETS, namespace=namespace)]
    assert len(scene.sent) == 1


async def test_nothing_is_changed_for_a_viewer(scene: Scene) -> None:
    scene.rights |= {(verb, "secrets", "ns") for verb in ("get", "list", "create", "patch", "delete", "update")}
    with pytest.raises(Forbidden):
        await scene.client.create(SECRETS, {"metadata": {"name": "a", "namespace": "ns"}})
    await scene.client.post(SUBJECT_ACCESS_REVIEWS, SUBJECT_ACCESS_REVIEWS.path(), {})
    assert scene.sent == [SUBJECT_ACCESS_REVIEWS.path()]


@pytest.mark.parametrize("name", ["../../victim/secrets/db", "..", "a/b", "%2e%2e"])
async def test_a_name_leads_to_no_other_namespace(scene: Scene, name: str) -> None:
    scene.rights |= {("get", "secrets", "ns"), ("list", "secrets", "ns")}
    assert await scene.client.find(Key(SECRETS, "ns", name)) is None
    assert await scene.client.find_metadata(Key(SECRETS, name, "db")) is None
    assert scene.sent == []

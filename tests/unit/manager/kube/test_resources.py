"""Paths of the API server: a name is one part of them, whatever it holds."""

import pytest

from manager.core.errors import NotFound
from manager.kube.resources import CLUSTER_SECRET_STORES, SECRETS, Key


@pytest.mark.parametrize(
    ("key", "path"),
    [
        (Key(SECRETS, "ns", "a.b-c"), "/api/v1/namespaces/ns/secrets/a.b-c"),
        (Key(SECRETS, "ns", "system:a"), "/api/v1/namespaces/ns/secrets/system:a"),
        (Key(SECRETS, "ns", "a?b#c d"), "/api/v1/namespaces/ns/secrets/a%3Fb%23c%20d"),
        (Key(CLUSTER_SECRET_STORES, "", "s"), "/apis/external-secrets.io/v1/clustersecretstores/s"),
    ],
)
def test_a_name_is_one_part_of_a_path(key: Key, path: str) -> None:
    assert key.path == path


@pytest.mark.parametrize("name", ["..", ".", "../../victim/secrets/db", "a/b", "%2e%2e", "a/../b"])
def test_a_name_that_no_object_has_leads_nowhere(name: str) -> None:
    for make in (
        lambda: Key(SECRETS, "ns", name).path,
        lambda: Key(SECRETS, name, "a").path,
        lambda: SECRETS.path(name),
    ):
        with pytest.raises(NotFound):
            make()

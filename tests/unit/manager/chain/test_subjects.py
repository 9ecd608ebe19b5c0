"""What a person names on the command line."""

import pytest

from manager.chain.subjects import resource_of, subject
from manager.core.errors import SettingsError
from manager.kube.resources import CLUSTER_SECRET_STORES, EXTERNAL_SECRETS, SECRET_STORES, SECRETS, Key


@pytest.mark.parametrize(
    ("kind", "name", "namespace", "key"),
    [
        ("secret", "a/b", "", Key(SECRETS, "a", "b")),
        ("Secrets", "b", "a", Key(SECRETS, "a", "b")),
        ("es", "a/b", "x", Key(EXTERNAL_SECRETS, "a", "b")),
        ("externalsecrets.external-secrets.io", "a/b", "", Key(EXTERNAL_SECRETS, "a", "b")),
        ("store", "a/b", "", Key(SECRET_STORES, "a", "b")),
        ("store", "b", "", Key(CLUSTER_SECRET_STORES, "", "b")),
        ("css", "b", "a", Key(CLUSTER_SECRET_STORES, "", "b")),
    ],
)
def test_kinds_are_named_as_for_kubectl(kind: str, name: str, namespace: str, key: Key) -> None:
    assert subject(kind, name, namespace)[1] == key


@pytest.mark.parametrize(("kind", "name"), [("secret", "b"), ("secret", "a/b/c"), ("secret", "a/")])
def test_a_name_without_a_namespace_is_refused(kind: str, name: str) -> None:
    with pytest.raises(SettingsError, match="write NAMESPACE/NAME"):
        subject(kind, name, "")


def test_an_unknown_kind_gets_the_nearest_one() -> None:
    with pytest.raises(SettingsError, match="did you mean sealedsecret"):
        resource_of("sealdsecret")

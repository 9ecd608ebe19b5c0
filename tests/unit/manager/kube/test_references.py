"""A reference ends in one namespace, and in no other that its owner may not name."""

from typing import Any

import pytest

from manager.core.errors import NeedsHuman
from manager.kube.references import resolve
from manager.kube.resources import CLUSTER_SECRET_STORES, SECRET_STORES, SECRETS, Key

OWNED, CLUSTER = Key(SECRET_STORES, "ns", "s"), Key(CLUSTER_SECRET_STORES, "", "s")


@pytest.mark.parametrize(
    ("owner", "namespace", "consumer", "found"),
    [
        (OWNED, None, "", "ns"),
        (OWNED, "", "", "ns"),
        (OWNED, "ns", "", "ns"),
        (OWNED, None, "elsewhere", "ns"),
        (CLUSTER, "there", "", "there"),
        (CLUSTER, "there", "consumer", "there"),
        (CLUSTER, None, "consumer", "consumer"),
    ],
)
def test_a_reference_ends_in_one_namespace(owner: Key, namespace: Any, consumer: str, found: str) -> None:
    assert resolve(owner, SECRETS, "a", namespace, at="spec.x", consumer=consumer) == Key(SECRETS, found, "a")


@pytest.mark.parametrize(
    ("owner", "name", "namespace", "said"),
    [
        (OWNED, "a", "kube-system", "spec.x.namespace is not the namespace of this object"),
        (CLUSTER, "a", None, "spec.x.namespace is missing"),
        (OWNED, None, None, "spec.x.name is missing"),
        (OWNED, "", None, "spec.x.name is missing"),
        (OWNED, 5, None, "spec.x.name is missing"),
        (OWNED, "a", 5, "spec.x.namespace is not a string"),
        (OWNED, "a", ["ns"], "spec.x.namespace is not a string"),
    ],
)
def test_a_reference_that_reaches_too_far_is_refused(owner: Key, name: Any, namespace: Any, said: str) -> None:
    with pytest.raises(NeedsHuman) as caught:
        resolve(owner, SECRETS, name, namespace, at="spec.x")

    assert said in caught.value.message

"""The deprecated `spec.data`: a whole Secret in one blob."""

import json
from typing import Any

import pytest

from manager.core.secret_value import SecretValue
from manager.kube.resources import Body
from manager.settings.model import SealedSettings, Settings
from sealed.crypto.unseal import UnsealFailed, open_object
from sealed.crypto.wire_format import CLUSTER_WIDE, NAMESPACE_WIDE, label, scope_of, seal
from sealed.plan import SKIP_OWNER
from tests.builders.sealed_module import TARGET, SealedModule, key_secret, sealed_secret
from tests.builders.sealed_vectors import private_key

CANARY = "canary-0e21"
KEYS = [("key", private_key())]
INNER: Body = {
    "apiVersion": "v1",
    "kind": "Secret",
    "metadata": {"name": "other", "namespace": "other", "labels": {"inner": "1"}, "resourceVersion": "3"},
    "type": "kubernetes.io/basic-auth",
    "data": {"k": "dg=="},
    "stringData": {"s": "text"},
}


def legacy(inner: Any = INNER, *, annotations: dict[str, str] | None = None, **more: Any) -> Body:
    text = inner if isinstance(inner, str) else json.dumps(inner)
    bound_to = label(scope_of(annotations or {}), "ns", "a")
    blob = seal(private_key().public_key(), SecretValue(text.encode()), bound_to)
    return sealed_secret(annotations=annotations, data=blob, **more)


@pytest.mark.parametrize(
    "annotations",
    [{}, {NAMESPACE_WIDE: "true"}, {CLUSTER_WIDE: "true"}, {NAMESPACE_WIDE: "true", CLUSTER_WIDE: "true"}],
)
def test_the_secret_inside_is_opened_in_every_scope(annotations: dict[str, str]) -> None:
    opened = open_object(legacy(annotations=annotations), KEYS, legacy=True)

    assert {name: value.reveal() for name, value in opened.values.items()} == {"k": b"v", "s": b"text"}
    assert opened.key_ids == {"key"}


@pytest.mark.parametrize("data", ["", "AQ==", legacy()["spec"]["data"]])
def test_with_the_gate_closed_it_is_refused(data: str) -> None:
    with pytest.raises(UnsealFailed, match="deprecated"):
        open_object(sealed_secret({"k": "v"}, data=data), KEYS, legacy=False)


def test_both_forms_at_the_same_time_are_refused() -> None:
    with pytest.raises(UnsealFailed, match="at the same time"):
        open_object(sealed_secret({"k": "v"}, data=""), KEYS, legacy=True)


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        ("!", "illegal base64 data at input byte 0"),
        ("", "no key could decrypt secret"),
        (5, "no key could decrypt secret"),
    ],
)
def test_its_errors_name_no_item(data: Any, problem: str) -> None:
    with pytest.raises(UnsealFailed) as failed:
        open_object(sealed_secret(data=data), KEYS, legacy=True)

    assert str(failed.value) == problem


@pytest.mark.parametrize(
    "inner",
    [
        CANARY,
        "[]",
        {},
        {**INNER, "kind": "ConfigMap"},
        {**INNER, "data": [CANARY]},
        {**INNER, "data": {"k": f"!{CANARY}"}},
        {**INNER, "stringData": {"k": 5}},
    ],
)
def test_legacy_content_that_is_no_secret_is_refused_unquoted(inner: Any) -> None:
    with pytest.raises(UnsealFailed) as failed:
        open_object(legacy(inner), KEYS, legacy=True)

    assert str(failed.value) == "spec.data does not hold a Secret of version v1"
    assert failed.value.__cause__ is None


async def made(body: Body, **settings: Any) -> SealedModule:
    bench = SealedModule(Settings(sealed=SealedSettings(**settings)))
    await bench.registry.put(key_secret())
    bench.place(body)
    await bench.work()
    return bench


async def test_a_legacy_value_brings_metadata_and_type() -> None:
    bench = await made(legacy(template={"type": "Opaque", "metadata": {"labels": {"outer": "1"}}, "data": {"x": "y"}}))

    secret = bench.api.objects[TARGET]
    assert secret["type"] == "kubernetes.io/basic-auth"
    assert secret["metadata"]["labels"] == {"inner": "1"}
    assert (secret["metadata"]["namespace"], secret["metadata"]["name"]) == ("ns", "a")
    assert bench.data() == {"k": "v", "s": "text"}
    assert len(secret["metadata"]["ownerReferences"]) == 1


async def test_only_the_templates_wish_for_no_owner_counts() -> None:
    bench = await made(legacy(template={"metadata": {"annotations": {SKIP_OWNER: "true"}}}))

    assert "ownerReferences" not in bench.api.objects[TARGET]["metadata"]


async def test_a_token_inside_is_refused_like_one_outside() -> None:
    bench = await made(legacy({**INNER, "type": "kubernetes.io/service-account-token"}))

    assert TARGET not in bench.api.objects
    assert "service-account-token" in bench.condition()["message"]


async def test_the_setting_closes_the_gate() -> None:
    bench = await made(legacy(), accept_deprecated_v1_data=False)

    assert "deprecated" in bench.condition()["message"]

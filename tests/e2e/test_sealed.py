"""SealedSecrets become Secrets, and every rule about a Secret that already exists."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from sealed.crypto.key_pair import generate
from sealed.crypto.wire_format import Scope
from tests.builders.manifests import MIRROR, SEALED, canary, encoded, sealed_secret, secret
from tests.cluster.wait import wait_until
from tests.e2e.world import DEFAULT_TIMEOUT_SECONDS, World

MANAGED, PATCH = {f"{SEALED}managed": "true"}, {f"{SEALED}patch": "true"}


def test_a_sealed_secret_becomes_a_secret_that_it_owns(world: World) -> None:
    ns, values = world.namespace(), {"username": "app", "password": canary()}
    metadata = {"labels": {"mylabel": "myvalue"}, "annotations": {"note": "kept"}}

    [sealed] = world.apply(sealed_secret(world.certificate, ns, "app", values, metadata=metadata))

    made = world.await_data(ns, "app", values)
    condition = world.await_ready("sealedsecrets", ns, "app")
    assert made["metadata"]["labels"] == {"mylabel": "myvalue"}
    assert made["metadata"]["annotations"] == {"note": "kept"}
    assert made["type"] == "Opaque"
    [owner] = made["metadata"]["ownerReferences"]
    assert (owner["kind"], owner["uid"], owner["controller"]) == ("SealedSecret", sealed["metadata"]["uid"], True)
    assert "blockOwnerDeletion" not in owner
    assert condition["lastUpdateTime"] == condition["lastTransitionTime"]
    assert world.await_event(ns, "app", "Unsealed")["source"]["component"] == "sealed-secrets"


def test_a_changed_sealed_secret_changes_the_secret(world: World) -> None:
    ns, first, second = world.namespace(), {"old": canary(), "both": canary()}, {"both": canary(), "new": canary()}
    world.apply(sealed_secret(world.certificate, ns, "app", first))
    world.await_data(ns, "app", first)

    world.apply(sealed_secret(world.certificate, ns, "app", second))

    world.await_data(ns, "app", second)
    found = world.kube.wait_until(
        lambda: world.kube.get("sealedsecrets", "app", ns), lambda each: each["status"]["observedGeneration"] == 2
    )
    assert found["status"]["conditions"][0]["status"] == "True"


def test_a_value_made_with_raw_can_be_added_to_a_sealed_secret(world: World) -> None:
    ns, values, added = world.namespace(), {"one": canary()}, canary()
    [first] = world.apply(sealed_secret(world.certificate, ns, "app", values))
    blob = sealed_secret(world.certificate, ns, "app", {"two": added})["spec"]["encryptedData"]["two"]

    world.kube.patch("sealedsecrets", "app", ns, {"spec": {"encryptedData": {"two": blob}}})
    world.await_data(ns, "app", {**values, "two": added})

    one = first["spec"]["encryptedData"]["one"]
    world.kube.patch("sealedsecrets", "app", ns, {"spec": {"encryptedData": {"one": None, "renamed": one}}})
    world.await_data(ns, "app", {"renamed": values["one"], "two": added})


@pytest.mark.parametrize("kind", ["kubernetes.io/dockerconfigjson", "kubernetes.io/basic-auth", "example.com/own"])
def test_the_type_of_the_secret_is_the_templates(world: World, kind: str) -> None:
    ns = world.namespace()
    values = {".dockerconfigjson": '{"auths": {}}', "username": "app", "password": canary()}

    world.apply(sealed_secret(world.certificate, ns, "typed", values, type=kind))

    assert world.await_data(ns, "typed", values)["type"] == kind


def test_an_immutable_secret_is_created_and_refusals_explained(world: World) -> None:
    ns, values = world.namespace(), {"foo": canary()}
    world.apply(sealed_secret(world.certificate, ns, "fixed", values, immutable=True))
    assert world.await_data(ns, "fixed", values)["immutable"] is True

    world.apply(sealed_secret(world.certificate, ns, "fixed", {"foo": canary()}, immutable=True))

    world.await_condition("sealedsecrets", ns, "fixed", "False", text="the target Secret is immutable")
    assert world.kube.get("sealedsecrets", "fixed", ns)["status"]["observedGeneration"] == 2
    world.await_event(ns, "fixed", "ErrUpdateFailed", "the target Secret is immutable")
    assert world.data(ns, "fixed") == values


def test_a_secret_annotated_managed_is_replaced_and_adopted(world: World) -> None:
    ns, values = world.namespace(), {"foo": canary()}
    world.apply(secret(ns, "app", {"foo": "old", "foo2": "old"}, labels={"anything": "x"}, annotations=MANAGED))

    [sealed] = world.apply(sealed_secret(world.certificate, ns, "app", values, metadata={"labels": {"ours": "1"}}))

    made = world.await_data(ns, "app", values)
    assert made["metadata"].get("annotations", {}) == {}
    assert made["metadata"]["labels"] == {"ours": "1"}
    assert [each["uid"] for each in made["metadata"]["ownerReferences"]] == [sealed["metadata"]["uid"]]
    world.await_event(ns, "app", "Unsealed")


def test_a_secret_annotated_patch_keeps_foreign_keys(world: World) -> None:
    ns, ours = world.namespace(), canary()
    labels = {"anything": "x"}
    world.apply(secret(ns, "app", {"foo": "old", "foo2": "kept"}, labels=labels, annotations=PATCH))

    world.apply(sealed_secret(world.certificate, ns, "app", {"foo": ours}, metadata={"labels": {"ours": "1"}}))

    made = world.await_data(ns, "app", {"foo": ours, "foo2": "kept"})
    assert made["metadata"]["labels"] == {"anything": "x", "ours": "1"}
    assert made["metadata"]["annotations"] == PATCH
    assert "ownerReferences" not in made["metadata"]


def test_an_empty_secret_can_be_patched(world: World) -> None:
    ns, ours = world.namespace(), canary()
    world.apply(secret(ns, "app", {}, annotations=PATCH))

    world.apply(sealed_secret(world.certificate, ns, "app", {"foo": ours}))

    assert "ownerReferences" not in world.await_data(ns, "app", {"foo": ours})["metadata"]


def test_managed_and_patch_together_merge_and_adopt(world: World) -> None:
    ns, ours = world.namespace(), canary()
    world.apply(secret(ns, "app", {"foo": "old", "foo2": "kept"}, annotations=MANAGED | PATCH))

    world.apply(sealed_secret(world.certificate, ns, "app", {"foo": ours}))

    made = world.await_data(ns, "app", {"foo": ours, "foo2": "kept"})
    assert made["metadata"]["annotations"] == MANAGED | PATCH
    assert len(made["metadata"]["ownerReferences"]) == 1


def test_a_secret_in_the_way_waits_for_its_owners_consent(world: World) -> None:
    ns, values = world.namespace(), {"foo": canary()}
    [foreign] = world.apply(secret(ns, "app", {"foo": canary()}))
    world.apply(sealed_secret(world.certificate, ns, "app", values))

    world.await_condition("sealedsecrets", ns, "app", "False", text="already exists and is not managed by SealedSecret")
    world.await_event(ns, "app", "ErrUpdateFailed", f"{SEALED}managed")
    assert world.kube.get("secrets", "app", ns) == foreign

    world.kube.annotate("secrets", "app", ns, MANAGED)
    world.await_data(ns, "app", values)
    world.await_ready("sealedsecrets", ns, "app")


@pytest.mark.parametrize("metadata", [{}, {"annotations": MANAGED}], ids=["owned", "managed"])
def test_a_deleted_secret_comes_back(world: World, metadata: dict[str, object]) -> None:
    ns, values = world.namespace(), {"foo": canary()}
    world.apply(sealed_secret(world.certificate, ns, "app", values, metadata=metadata))
    before = world.await_data(ns, "app", values)
    world.await_ready("sealedsecrets", ns, "app")

    world.kube.delete("secrets", "app", ns)

    made = world.await_data(ns, "app", values)
    assert made["metadata"]["uid"] != before["metadata"]["uid"]
    assert len(made["metadata"]["ownerReferences"]) == 1


def test_a_deleted_patched_or_blocking_secret_is_created_as_ours(world: World) -> None:
    """The original created neither of them again until 0.40."""
    ns, values = world.namespace(), {"foo": canary()}
    world.apply(secret(ns, "patched", {"theirs": "x"}, annotations=PATCH), secret(ns, "blocked", {"theirs": "x"}))
    world.apply(*(sealed_secret(world.certificate, ns, name, values) for name in ("patched", "blocked")))
    world.await_data(ns, "patched", {"theirs": "x", **values})
    world.await_condition("sealedsecrets", ns, "blocked", "False", text="already exists")

    for name in ("patched", "blocked"):
        world.kube.delete("secrets", name, ns)

    for name in ("patched", "blocked"):
        assert len(world.await_data(ns, name, values)["metadata"]["ownerReferences"]) == 1
        world.await_ready("sealedsecrets", ns, name)


def test_a_deleted_sealed_secret_takes_its_secret_with_it(world: World) -> None:
    ns, values = world.namespace(), {"foo": canary()}
    world.apply(sealed_secret(world.certificate, ns, "app", values))
    world.await_data(ns, "app", values)

    world.kube.delete("sealedsecrets", "app", ns)

    world.await_gone("secrets", ns, "app")


def test_a_recreated_sealed_secret_gets_its_own_secret(world: World) -> None:
    ns, values = world.namespace(), {"foo": canary()}
    manifest = sealed_secret(world.certificate, ns, "app", values)
    world.apply(manifest)
    world.await_data(ns, "app", values)

    world.kube.delete("sealedsecrets", "app", ns)
    world.await_gone("sealedsecrets", ns, "app")
    [again] = world.apply(manifest)

    def owner() -> list[str]:
        return [each["uid"] for each in world.kube.get("secrets", "app", ns)["metadata"]["ownerReferences"]]

    world.kube.wait_until(owner, lambda found: found == [again["metadata"]["uid"]], timeout=20)
    world.await_ready("sealedsecrets", ns, "app")
    assert world.data(ns, "app") == values


def test_without_an_owner_the_secret_outlives_its_sealed_secret(world: World) -> None:
    ns, values = world.namespace(), {"foo": canary()}
    metadata = {"annotations": {f"{SEALED}skip-set-owner-references": "true"}}
    world.apply(sealed_secret(world.certificate, ns, "app", values, metadata=metadata))

    world.await_ready("sealedsecrets", ns, "app")
    assert "ownerReferences" not in world.await_data(ns, "app", values)["metadata"]


@pytest.mark.parametrize(
    ("scope", "sealed_for", "opens"),
    [
        (Scope.STRICT, ("", "other-name"), False),
        (Scope.STRICT, ("other-namespace", ""), False),
        (Scope.NAMESPACE_WIDE, ("", "other-name"), True),
        (Scope.NAMESPACE_WIDE, ("other-namespace", ""), False),
        (Scope.CLUSTER_WIDE, ("other-namespace", "other-name"), True),
    ],
)
def test_a_scope_decides_where_a_value_opens(
    world: World, scope: Scope, sealed_for: tuple[str, str], opens: bool
) -> None:
    ns, values = world.namespace(), {"foo": canary()}

    world.apply(sealed_secret(world.certificate, ns, "app", values, scope=scope, sealed_for=sealed_for))

    if opens:
        world.await_data(ns, "app", values)
        return
    world.await_condition("sealedsecrets", ns, "app", "False", text="no key could decrypt")
    message = world.await_event(ns, "app", "ErrUnsealFailed", "Failed to unseal: no key could decrypt")["message"]
    assert all(word in message for word in ("1 key", f"scope {scope}", f"namespace {ns}", "name app"))
    assert world.data(ns, "app") is None


def test_a_scope_mended_on_the_object_is_noticed(world: World) -> None:
    ns, values = world.namespace(), {"foo": canary()}
    manifest = sealed_secret(world.certificate, ns, "app", values, scope=Scope.CLUSTER_WIDE)
    manifest["metadata"]["annotations"] = {}
    world.apply(manifest)
    world.await_condition("sealedsecrets", ns, "app", "False", text="no key could decrypt")

    world.kube.annotate("sealedsecrets", "app", ns, {f"{SEALED}cluster-wide": "true"})

    world.await_data(ns, "app", values)
    world.await_ready("sealedsecrets", ns, "app")


def test_a_reflector_annotation_on_a_sealed_secret_is_reported(world: World) -> None:
    """It belongs into the template."""
    ns, values = world.namespace(), {"foo": canary()}
    annotations = {f"{MIRROR}reflection-allowed": "true"}

    world.apply(sealed_secret(world.certificate, ns, "app", values, annotations=annotations))

    event = world.await_event(ns, "app", "MisplacedAnnotation", "spec.template.metadata")
    assert event["type"] == "Warning"
    assert "annotations" not in world.await_data(ns, "app", values)["metadata"]


def test_a_key_restored_later_opens_what_failed_before(world: World) -> None:
    coffer = world.coffer
    assert coffer is not None
    ns, values = world.namespace(), {"foo": canary()}
    key = foreign_key()
    world.apply(sealed_secret(key["tls.crt"].encode(), ns, "app", values))
    world.await_condition("sealedsecrets", ns, "app", "False", text="no key could decrypt")

    restored = secret(
        coffer.installation.namespace,
        "sealed-secrets-key-restored",
        key,
        type="kubernetes.io/tls",
        labels={f"{SEALED}sealed-secrets-key": "active"},
    )
    world.apply(restored)
    try:
        world.await_data(ns, "app", values)
        world.await_ready("sealedsecrets", ns, "app")
    finally:
        world.kube.delete("secrets", "sealed-secrets-key-restored", coffer.installation.namespace)
        # Removed because other tests count the keys.
        wait_until(
            lambda: coffer.metric("coffer_sealing_keys") == 1, timeout=DEFAULT_TIMEOUT_SECONDS, what="the key to go"
        )


def test_plain_template_values_are_added_to_decrypted_ones(world: World) -> None:
    ns, hidden = world.namespace(), canary()

    world.apply(sealed_secret(world.certificate, ns, "app", {"password": hidden}, data={"host": "db.example.com"}))

    made = world.await_data(ns, "app", {"password": hidden, "host": "db.example.com"})
    assert made["data"]["password"] == encoded(hidden)


def test_a_template_joins_decrypted_and_plain_values(world: World) -> None:
    ns, password = world.namespace(), canary()
    texts = {
        "host": "db.example.com",
        "url": "https://{{ .user }}:{{ .password | trim }}@{{ .host }}",
        "user": None,
    }

    world.apply(sealed_secret(world.certificate, ns, "app", {"user": "me", "password": password}, data=texts))

    url = f"https://me:{password}@db.example.com"
    world.await_data(ns, "app", {"password": password, "host": "db.example.com", "url": url})


def test_the_deprecated_form_of_a_whole_secret_is_opened(world: World) -> None:
    ns, value = world.namespace(), canary()
    inner = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"labels": {"inner": "1"}},
        "data": {"k": encoded(value)},
    }
    manifest = sealed_secret(world.certificate, ns, "app", {"whole": json.dumps(inner)})
    manifest["spec"] = {"encryptedData": {}, "data": manifest["spec"]["encryptedData"]["whole"]}

    world.apply(manifest)

    assert world.await_data(ns, "app", {"k": value})["metadata"]["labels"] == {"inner": "1"}


def foreign_key() -> dict[str, str]:
    """Return an old sealing key pair that this cluster does not have; only this test's values use it."""
    private_key, certificate = generate(2048, timedelta(days=10), "", datetime.now(UTC) - timedelta(days=5))
    return {"tls.key": private_key.decode(), "tls.crt": certificate.decode()}

"""PushSecrets and ClusterPushSecrets through the whole controller."""

from uuid import uuid4

import pytest

from tests.builders.manifests import aws, aws_keys, canary, external_secret, fake, push_secret, secret, store
from tests.cluster.kube import ApiError, Object
from tests.cluster.wait import wait_until
from tests.e2e.world import World

PROMISED_SECONDS = 30.0  # the promise is two; a crowded machine must not fail the test
FINALIZER = "pushsecret.externalsecrets.io/finalizer"


@pytest.fixture
def ns(world: World) -> str:
    """Return a namespace with a ready store of AWS and one of values that stay in the controller."""
    made = world.namespace()
    key = f"AKIA{made[-8:].upper()}"
    world.apply(
        secret(made, "aws-credentials", aws_keys(key)), store(made, "aws", aws()), store(made, "fake", fake({}))
    )
    world.await_ready("secretstores", made, "aws")
    world.await_ready("secretstores", made, "fake")
    return made


def remote_name() -> str:
    return f"pushed/{uuid4().hex[:8]}"


def at_aws(world: World, name: str) -> str | None:
    """Return the value of a secret at the double of AWS, None if there is none."""
    client = world.moto.client()
    try:
        found = client.get_secret_value(SecretId=name)
    except (client.exceptions.ResourceNotFoundException, client.exceptions.InvalidRequestException):
        return None
    return str(found["SecretString"]) if "SecretString" in found else bytes(found["SecretBinary"]).decode()


def await_remote(world: World, name: str, value: str | None) -> None:
    wait_until(lambda: at_aws(world, name) == value, timeout=PROMISED_SECONDS, what=f"{name} at the provider")


def status(world: World, ns: str, name: str = "push") -> Object:
    found: Object = world.kube.get("pushsecrets", name, ns).get("status", {})
    return found


def test_a_secret_is_pushed_changed_and_deleted_with_its_object(world: World, ns: str) -> None:
    first, second, name = canary(), canary(), remote_name()
    world.apply(secret(ns, "source", {"password": first}))
    world.apply(push_secret(ns, "push", "aws", {"password": name}, deletionPolicy="Delete"))
    world.await_condition("pushsecrets", ns, "push", "True", text="PushSecret synced successfully")
    await_remote(world, name, first)
    assert world.kube.get("pushsecrets", "push", ns)["metadata"]["finalizers"] == [FINALIZER]
    match = {"secretKey": "password", "remoteRef": {"remoteKey": name}}
    pushed = status(world, ns)["syncedPushSecrets"]
    assert pushed == {"SecretStore/aws": {name: {"match": match, "conversionStrategy": "None"}}}

    world.apply(secret(ns, "source", {"password": second}))
    await_remote(world, name, second)

    world.kube.delete("pushsecrets", "push", ns)
    world.await_gone("pushsecrets", ns, "push")
    assert at_aws(world, name) is None


def test_what_is_pushed_can_be_read_again(world: World, ns: str) -> None:
    value = canary()
    world.apply(secret(ns, "source", {"password": value}), push_secret(ns, "push", "fake", {"password": "shared"}))
    world.await_condition("pushsecrets", ns, "push", "True")

    world.apply(external_secret(ns, "back", "fake", {"k": "shared"}))

    world.await_data(ns, "back", {"k": value})


def test_a_secret_of_others_is_not_overwritten(world: World, ns: str) -> None:
    theirs, name = canary(), remote_name()
    world.moto.client().create_secret(Name=name, SecretString=theirs)
    world.apply(secret(ns, "source", {"password": canary()}), push_secret(ns, "push", "aws", {"password": name}))

    told = world.await_condition("pushsecrets", ns, "push", "False", text="Errored")

    assert told["message"].startswith(
        "set secret failed: could not write remote ref password to target secretstore aws"
    )
    assert at_aws(world, name) == theirs


def test_a_removed_entry_goes_and_the_record_with_it(world: World, ns: str) -> None:
    value, kept, gone = canary(), remote_name(), remote_name()
    world.apply(secret(ns, "source", {"a": value, "b": value}))
    world.apply(push_secret(ns, "push", "aws", {"a": kept, "b": gone}, deletionPolicy="Delete"))
    await_remote(world, gone, value)

    world.apply(push_secret(ns, "push", "aws", {"a": kept}, deletionPolicy="Delete"))

    await_remote(world, gone, None)
    wait_until(lambda: list(status(world, ns)["syncedPushSecrets"]["SecretStore/aws"]) == [kept], what="the record")
    assert at_aws(world, kept) == value


def test_a_switch_of_stores_leaves_no_entry_of_the_old_one(world: World, ns: str) -> None:
    value, name = canary(), remote_name()
    world.apply(secret(ns, "source", {"a": value}))
    world.apply(push_secret(ns, "push", "aws", {"a": name}, deletionPolicy="Delete"))
    await_remote(world, name, value)

    world.apply(push_secret(ns, "push", "fake", {"a": name}, deletionPolicy="Delete"))

    await_remote(world, name, None)
    wait_until(lambda: list(status(world, ns)["syncedPushSecrets"]) == ["SecretStore/fake"], what="the record")
    world.kube.delete("pushsecrets", "push", ns)
    world.await_gone("pushsecrets", ns, "push")


def test_a_store_waits_for_what_was_pushed_to_it(world: World, ns: str) -> None:
    value, name = canary(), remote_name()
    world.apply(secret(ns, "source", {"a": value}))
    world.apply(push_secret(ns, "push", "aws", {"a": name}, deletionPolicy="Delete"))
    await_remote(world, name, value)
    wait_until(lambda: world.kube.get("secretstores", "aws", ns)["metadata"].get("finalizers"), what="the finalizer")

    world.kube.delete("secretstores", "aws", ns)
    world.kube.delete("pushsecrets", "push", ns)

    world.await_gone("pushsecrets", ns, "push")
    world.await_gone("secretstores", ns, "aws")
    assert at_aws(world, name) is None


def test_a_store_that_is_gone_holds_its_object_until_it_is_let_go(world: World, ns: str) -> None:
    value, name = canary(), remote_name()
    world.apply(secret(ns, "source", {"a": value}))
    world.apply(push_secret(ns, "push", "aws", {"a": name}, deletionPolicy="Delete"))
    await_remote(world, name, value)
    wait_until(lambda: world.kube.get("secretstores", "aws", ns)["metadata"].get("finalizers"), what="the finalizer")
    world.kube.delete("secretstores", "aws", ns)
    world.kube.patch("secretstores", "aws", ns, {"metadata": {"finalizers": None}})
    world.await_gone("secretstores", ns, "aws")
    world.kube.delete("pushsecrets", "push", ns)
    world.await_condition("pushsecrets", ns, "push", "False", text="coffer.dev/leave-pushed")

    annotated = {"metadata": {"annotations": {"coffer.dev/leave-pushed": "SecretStore/aws"}}}
    world.kube.patch("pushsecrets", "push", ns, annotated)

    world.await_gone("pushsecrets", ns, "push")
    assert at_aws(world, name) == value


def test_all_keys_are_pushed_under_new_names(world: World, ns: str) -> None:
    prefix, one, two = remote_name(), canary(), canary()
    world.apply(secret(ns, "source", {"db-host": one, "db-user": two, "other": "x"}))
    rewrite = [{"regexp": {"source": "^db-", "target": f"{prefix}/"}}]
    to = [{"storeRef": {"name": "aws"}, "match": {"regexp": "^db-"}, "rewrite": rewrite}]
    world.apply(push_secret(ns, "push", "aws", {}, dataTo=to))
    world.await_condition("pushsecrets", ns, "push", "True")

    assert (at_aws(world, f"{prefix}/host"), at_aws(world, f"{prefix}/user")) == (one, two)
    assert at_aws(world, f"{prefix}/other") is None


@pytest.mark.parametrize(
    ("entry", "text"),
    [
        ({}, "storeRef must specify either name or labelSelector"),
        ({"storeRef": {"kind": "SecretStore"}}, "storeRef must specify either name or labelSelector"),
        (
            {"storeRef": {"name": "aws"}, "remoteKey": "x", "rewrite": [{"regexp": {"source": "a", "target": "b"}}]},
            "remoteKey and rewrite are mutually exclusive",
        ),
        (
            {"storeRef": {"name": "aws"}, "rewrite": [{}]},
            "exactly one of regexp or transform must be set",
        ),
    ],
)
def test_the_api_server_refuses_what_the_originals_refuses(world: World, ns: str, entry: Object, text: str) -> None:
    with pytest.raises(ApiError, match=text):
        world.apply(push_secret(ns, "push", "aws", {}, dataTo=[entry]))


def test_a_cluster_object_pushes_from_each_chosen_namespace(world: World, ns: str) -> None:
    value, name, label = canary(), f"cps-{world.unique}", f"push-{world.unique}"
    other = world.namespace(**{label.replace("-", "_"): "yes"})
    world.apply(store(other, "fake", fake({})), secret(other, "source", {"a": value}))
    world.await_ready("secretstores", other, "fake")
    spec = push_secret(ns, "ignored", "fake", {"a": "shared"})["spec"]
    about = {"apiVersion": "external-secrets.io/v1alpha1", "kind": "ClusterPushSecret", "metadata": {"name": name}}
    chosen = [{"matchLabels": {label: "yes"}}]
    world.apply(about | {"spec": {"pushSecretSpec": spec, "namespaceSelectors": chosen}})
    try:
        wait_until(lambda: world.kube.find("pushsecrets", name, other), what="the PushSecret")
        world.await_condition("pushsecrets", other, name, "True")
        wait_until(
            lambda: world.kube.get("clusterpushsecrets", name)["status"].get("provisionedNamespaces") == [other],
            what="the status",
        )
        world.apply(external_secret(other, "back", "fake", {"k": "shared"}))
        world.await_data(other, "back", {"k": value})
    finally:
        world.kube.delete("clusterpushsecrets", name)
    world.await_gone("pushsecrets", other, name)


def test_secrets_of_a_label_are_pushed_and_cleaned_up_one_by_one(world: World, ns: str) -> None:
    one, two, prefix = canary(), canary(), remote_name()
    labels = {"push": "me"}
    world.apply(secret(ns, "one", {"one": one}, labels=labels), secret(ns, "two", {"two": two}, labels=labels))
    to = [{"storeRef": {"name": "aws"}, "rewrite": [{"regexp": {"source": "^", "target": f"{prefix}/"}}]}]
    selector = {"secret": {"selector": {"matchLabels": labels}}}
    world.apply(push_secret(ns, "push", "aws", {}, dataTo=to, selector=selector, deletionPolicy="Delete"))
    await_remote(world, f"{prefix}/one", one)
    await_remote(world, f"{prefix}/two", two)

    world.kube.delete("secrets", "two", ns)

    await_remote(world, f"{prefix}/two", None)
    assert at_aws(world, f"{prefix}/one") == one
    world.apply(secret(ns, "three", {"three": two}, labels=labels))
    await_remote(world, f"{prefix}/three", two)
    world.kube.delete("pushsecrets", "push", ns)
    world.await_gone("pushsecrets", ns, "push")
    assert at_aws(world, f"{prefix}/one") is None

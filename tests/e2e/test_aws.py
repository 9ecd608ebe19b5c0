"""AWS Secrets Manager as a provider: what is read, what it costs, and that no failure removes a Secret."""

import json
from base64 import urlsafe_b64decode
from uuid import uuid4

import pytest

from tests.builders.manifests import (
    Remote,
    aws,
    aws_by_account,
    aws_keys,
    canary,
    external_secret,
    fake,
    secret,
    service_account,
    store,
)
from tests.e2e.world import World

ROLE = "arn:aws:iam::123456789012:role/reader"
FAILURES = [
    ("AccessDeniedException", 400),
    ("ThrottlingException", 400),
    ("InternalServiceErrorException", 500),
    ("DecryptionFailure", 400),
    ("InvalidRequestException", 400),
    ("UnrecognizedClientException", 403),
    ("", 0),  # no answer at all
]


def key_of(ns: str) -> str:
    """Return the access key of a namespace's store; its calls are counted by this key."""
    return f"AKIA{ns[-8:].upper()}"


def with_store(world: World, *, once: bool = False, **provider: object) -> str:
    """Return a new namespace with a ready AWS store and its own credentials; `once` disables the SDK's retries."""
    ns = world.namespace()
    spec = aws()
    spec["aws"] |= provider
    retries = {"maxRetries": 0 if once else 3}
    made = store(ns, "aws", spec, retrySettings=retries)
    world.apply(secret(ns, "aws-credentials", aws_keys(key_of(ns))), made)
    world.await_ready("secretstores", ns, "aws")
    return ns


def remote(world: World, value: str) -> str:
    """Create a secret in AWS; return its name."""
    name = f"remote/{uuid4().hex[:8]}"
    world.moto.client().create_secret(Name=name, SecretString=value)
    return name


def test_a_store_validates_without_reading_anything(world: World) -> None:
    ns = with_store(world)

    assert world.kube.get("secretstores", "aws", ns)["status"]["capabilities"] == "ReadWrite"
    assert not world.moto.counts(key_of(ns))


def test_versions_and_stages_are_read_as_asked(world: World) -> None:
    ns, first, second = with_store(world), canary(), canary()
    name = remote(world, first)
    client = world.moto.client()
    old = client.describe_secret(SecretId=name)["VersionIdsToStages"]
    client.put_secret_value(SecretId=name, SecretString=second)
    versions = {"current": "", "previous": "AWSPREVIOUS", "by_id": f"uuid/{next(iter(old))}"}

    data = {key: {"key": name, "version": text} for key, text in versions.items()}
    world.apply(external_secret(ns, "app", "aws", data))

    world.await_data(ns, "app", {"current": second, "previous": first, "by_id": first})


def test_binary_secrets_and_tags_are_read_too(world: World) -> None:
    ns, value, client = with_store(world), canary(), world.moto.client()
    name = f"binary/{uuid4().hex[:8]}"
    client.create_secret(Name=name, SecretBinary=value.encode(), Tags=[{"Key": "team", "Value": "a"}])

    tags = {"key": name, "metadataPolicy": "Fetch"}
    data: dict[str, Remote] = {"tags": tags, "team": {**tags, "property": "team"}, "value": name}
    world.apply(external_secret(ns, "app", "aws", data))

    world.await_data(ns, "app", {"tags": '{"team":"a"}', "team": "a", "value": value})


def test_a_prefix_stands_before_every_key(world: World) -> None:
    name, value = f"team-a/{uuid4().hex[:8]}", canary()
    world.moto.client().create_secret(Name=name, SecretString=value)
    ns = with_store(world, prefix="team-a/")

    world.apply(external_secret(ns, "app", "aws", {"key": name.removeprefix("team-a/")}))

    world.await_data(ns, "app", {"key": value})


def test_a_role_is_assumed_once_and_used(world: World) -> None:
    ns, name = with_store(world, role=ROLE), remote(world, value := canary())

    for at in range(3):
        world.apply(external_secret(ns, f"app-{at}", "aws", {"key": name}, refreshInterval="1s"))
        world.await_data(ns, f"app-{at}", {"key": value})

    assert world.moto.counts(key_of(ns)) == {"AssumeRole": 1}


def test_those_who_want_the_same_share_one_call(world: World) -> None:
    ns, count = with_store(world), 12
    names = [remote(world, json.dumps({f"key-{at}": canary() for at in range(count)})) for _ in range(2)]

    world.apply(
        *(external_secret(ns, f"app-{at}", "aws", {"key": (names[at % 2], f"key-{at}")}) for at in range(count))
    )

    for at in range(count):
        world.await_ready("externalsecrets", ns, f"app-{at}")
    assert world.moto.counts(key_of(ns))["GetSecretValue"] <= 4


def test_new_credentials_are_used_at_once(world: World) -> None:
    ns, name = with_store(world), remote(world, value := canary())
    world.apply(external_secret(ns, "app", "aws", {"key": name}))
    world.await_data(ns, "app", {"key": value})

    renewed = f"{key_of(ns)}NEW"
    world.apply(secret(ns, "aws-credentials", aws_keys(renewed)))

    world.kube.wait_until(lambda: world.moto.counts(renewed)["GetSecretValue"] == 1, what="a read with the new keys")


def test_a_store_is_ready_once_its_credentials_exist(world: World) -> None:
    """Until then its condition says what is missing."""
    ns, name = with_store(world), remote(world, value := canary())
    world.kube.delete("secrets", "aws-credentials", ns)
    world.await_condition("secretstores", ns, "aws", "False", text="aws-credentials")
    world.apply(external_secret(ns, "app", "aws", {"key": name}))
    world.await_condition("externalsecrets", ns, "app", "False", text="not ready")

    world.apply(secret(ns, "aws-credentials", aws_keys(key_of(ns))))

    world.await_data(ns, "app", {"key": value}, timeout=8)


@pytest.mark.parametrize("deletion", ["Retain", "Delete"])
@pytest.mark.parametrize(("code", "status"), FAILURES, ids=[code or "hang" for code, _ in FAILURES])
def test_no_failure_of_aws_takes_a_secret_away(world: World, code: str, status: int, deletion: str) -> None:
    ns, name = with_store(world, once=True), remote(world, value := canary())
    world.apply(external_secret(ns, "app", "aws", {"key": name}, target={"deletionPolicy": deletion}))
    world.await_data(ns, "app", {"key": value})
    world.await_ready("externalsecrets", ns, "app")

    fault = (
        world.moto.fail("GetSecretValue", code, status, times=1000) if code else world.moto.hang("GetSecretValue", 1000)
    )
    world.kube.annotate("externalsecrets", "app", ns, {"external-secrets.io/force-sync": "1"})
    world.kube.wait_until(lambda: fault.times < 1000, what="the failing call")
    if code:
        world.await_condition("externalsecrets", ns, "app", "False", text=code)
    assert world.data(ns, "app") == {"key": value}

    changed = canary()
    world.moto.client().put_secret_value(SecretId=name, SecretString=changed)
    world.moto.heal()
    world.kube.annotate("externalsecrets", "app", ns, {"external-secrets.io/force-sync": "2"})
    world.await_data(ns, "app", {"key": changed}, timeout=40)
    world.await_ready("externalsecrets", ns, "app", timeout=40)


@pytest.mark.parametrize("policy", [{"refreshPolicy": "CreatedOnce"}, {"refreshInterval": "1h"}], ids=str)
def test_an_object_made_again_gets_the_value_of_now(world: World, policy: dict[str, str]) -> None:
    """A cached read serves others, but not a request that was made after the read began."""
    ns, name = with_store(world), remote(world, old := canary())
    world.apply(external_secret(ns, "app", "aws", {"key": name}, **policy))
    world.await_data(ns, "app", {"key": old})
    world.moto.client().put_secret_value(SecretId=name, SecretString=(new := canary()))

    world.apply(external_secret(ns, "second", "aws", {"key": name}, **policy))
    world.kube.delete("externalsecrets", "app", ns)
    world.kube.wait_until(lambda: world.kube.find("externalsecrets", "app", ns) is None)
    world.kube.delete("secrets", "app", ns)
    world.apply(external_secret(ns, "app", "aws", {"key": name}, **policy))

    for each in ("app", "second"):
        world.await_data(ns, each, {"key": new})
        world.await_ready("externalsecrets", ns, each)


def test_one_denied_secret_does_not_affect_the_others(world: World) -> None:
    ns, names = with_store(world), [remote(world, canary()) for _ in range(4)]
    world.moto.partial[names[0]] = "AccessDeniedException"

    world.apply(external_secret(ns, "mixed", "aws", {"a": names[0], "b": names[1]}))
    world.apply(external_secret(ns, "clean", "aws", {"a": names[2], "b": names[3]}))

    world.await_ready("externalsecrets", ns, "clean")
    found = world.await_condition("externalsecrets", ns, "mixed", "False", text="AccessDenied")
    assert f"spec.data[0] (key: {names[0]})" in found["message"]
    assert world.data(ns, "mixed") is None
    world.moto.heal()
    world.await_ready("externalsecrets", ns, "mixed")


def test_a_secret_deleted_in_aws_follows_the_deletion_policy(world: World) -> None:
    ns, name = with_store(world), remote(world, value := canary())
    for deletion in ("Retain", "Delete"):
        target = {"deletionPolicy": deletion}
        world.apply(external_secret(ns, deletion.lower(), "aws", {"key": name}, target=target))
        world.await_data(ns, deletion.lower(), {"key": value})

    world.moto.client().delete_secret(SecretId=name, ForceDeleteWithoutRecovery=True)
    for deletion in ("retain", "delete"):
        world.kube.annotate("externalsecrets", deletion, ns, {"external-secrets.io/force-sync": "1"})

    world.await_gone("secrets", ns, "delete")
    world.await_condition("externalsecrets", ns, "retain", "False", text="does not exist")
    assert world.data(ns, "retain") == {"key": value}


def test_a_provider_that_hangs_delays_no_other_store(world: World) -> None:
    stuck, more_than_workers = with_store(world), 40
    for call in ("GetSecretValue", "BatchGetSecretValue"):
        world.moto.hang(call, 1000)
    try:
        world.apply(
            *(external_secret(stuck, f"es-{at}", "aws", {"key": f"remote/{at}"}) for at in range(more_than_workers))
        )
        world.kube.wait_until(lambda: sum(world.moto.counts(key_of(stuck)).values()) >= 1)

        ns, value = world.namespace(), canary()
        world.apply(store(ns, "store", fake({"remote": value})))
        world.apply(external_secret(ns, "app", "store", {"key": "remote"}))
        world.await_data(ns, "app", {"key": value}, timeout=8)
    finally:
        world.moto.heal()


def test_what_aws_is_asked_can_be_counted(world: World) -> None:
    assert world.coffer is not None
    ns, name = with_store(world), remote(world, value := canary())
    series = ("externalsecret_provider_api_calls_count", 'call="GetSecretValue"')
    before = world.coffer.metric(*series)

    world.apply(external_secret(ns, "app", "aws", {"key": name}))
    world.await_data(ns, "app", {"key": value})

    assert world.coffer.metric(*series) >= before + 1  # other tests use this controller too


def test_a_service_account_assumes_a_role_once_annotated(world: World) -> None:
    ns, name, value = world.namespace(), f"remote/{uuid4().hex[:8]}", canary()
    world.moto.client().create_secret(Name=name, SecretString=value)
    world.apply(service_account(ns, "reader"), store(ns, "aws", aws_by_account("reader")))
    world.await_condition("secretstores", ns, "aws", "False", text="an IAM role must be associated")
    world.apply(external_secret(ns, "app", "aws", {"key": name}))

    world.apply(service_account(ns, "reader", ROLE))

    world.await_data(ns, "app", {"key": value}, timeout=60)
    form = next(call.form for call in world.moto.calls if call.action == "AssumeRoleWithWebIdentity")
    assert form["RoleArn"] == ROLE
    claims = json.loads(urlsafe_b64decode(form["WebIdentityToken"].split(".")[1] + "=="))
    assert (claims["aud"], claims["sub"]) == (["sts.amazonaws.com"], f"system:serviceaccount:{ns}:reader")


def test_session_tags_tell_amazon_which_namespace_asks(world: World) -> None:
    name, value, cluster = f"remote/{uuid4().hex[:8]}", canary(), f"store-{uuid4().hex[:8]}"
    world.moto.client().create_secret(Name=name, SecretString=value)
    one, two, keys = world.namespace(), world.namespace(), world.namespace()
    world.apply(secret(keys, "aws-credentials", aws_keys(key_of(keys))))
    spec = aws(namespace=keys)
    spec["aws"] |= {"role": ROLE, "sessionTagsPolicy": "Custom", "customSessionTags": {"team": "a", "none": ""}}
    world.apply(store("", cluster, spec))
    try:
        for ns in (one, two):
            world.apply(external_secret(ns, "app", f"cluster/{cluster}", {"key": name}))
            world.await_data(ns, "app", {"key": value})
    finally:
        world.kube.delete("clustersecretstores", cluster)

    forms = [call.form for call in world.moto.calls if call.action == "AssumeRole" and call.access_key == key_of(keys)]
    tags = [{form[f"Tags.member.{at}.Key"]: form[f"Tags.member.{at}.Value"] for at in range(1, 5)} for form in forms]
    known = {"esoStoreName": cluster, "esoStoreKind": "ClusterSecretStore", "team": "a"}
    assert sorted(tags, key=str) == sorted(({"esoNamespace": ns, **known} for ns in (one, two)), key=str)


@pytest.mark.parametrize("service", ["SecretsManager", "ParameterStore"])
def test_found_secrets_are_rewritten_and_follow_the_provider(world: World, service: str) -> None:
    ns, top, values = with_store(world, service=service), f"/{uuid4().hex[:8]}", [canary() for _ in range(3)]
    place(world, service, f"{top}/one", values[0])
    place(world, service, f"{top}/two", values[1])
    find = {"find": {"path": top, "name": {"regexp": "(one|two|three)$"}}}
    rewrite = [{"regexp": {"source": "^/[^/]*/(.*)", "target": "KEY_$1"}}]
    world.apply(external_secret(ns, "app", "aws", {}, dataFrom=[find | {"rewrite": rewrite}], refreshInterval="2s"))
    world.apply(external_secret(ns, "plain", "aws", {}, dataFrom=[find]))

    world.await_data(ns, "app", {"KEY_one": values[0], "KEY_two": values[1]})
    key = top.replace("/", "_")
    world.await_data(ns, "plain", {f"{key}_one": values[0], f"{key}_two": values[1]})

    place(world, service, f"{top}/three", values[2])
    world.await_data(ns, "app", {"KEY_one": values[0], "KEY_two": values[1], "KEY_three": values[2]})


def place(world: World, service: str, name: str, value: str) -> None:
    """Make a secret or a parameter."""
    if service == "SecretsManager":
        world.moto.client().create_secret(Name=name, SecretString=value)
    else:
        world.moto.client("ssm").put_parameter(Name=name, Value=value, Type="SecureString")


def test_parameters_are_read_with_their_versions_and_properties(world: World) -> None:
    ns, name, value = with_store(world, service="ParameterStore", prefix="/app/"), uuid4().hex[:8], canary()
    client = world.moto.client("ssm")
    client.put_parameter(Name=f"/app/{name}", Value="old", Type="String")
    client.put_parameter(Name=f"/app/{name}", Value=json.dumps({"url": value}), Type="SecureString", Overwrite=True)

    data: dict[str, Remote] = {"url": (name, "url"), "old": {"key": name, "version": "1"}}
    world.apply(external_secret(ns, "app", "aws", data))

    world.await_data(ns, "app", {"url": value, "old": "old"})

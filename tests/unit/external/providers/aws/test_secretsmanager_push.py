"""Pushes to Secrets Manager on moto's server: what a secret has beside its value, and sequences that stop half-way."""

import json
from typing import Any

import pytest

from external.providers.protocol import ProviderDenied, ProviderUnavailable
from external.providers.push import PushRefused, ReferencedObject, RemoteRef, RemoteUnmanaged
from manager.core.secret_value import SecretValue
from tests.cluster.moto import Moto
from tests.conformance.providers.amazon import PREFIX, SecretsManagerSubject
from tests.conformance.providers.subject import OWNER, metadata, request

REF = RemoteRef("app")
MINE = {"managed-by": "external-secrets", "coffer.dev/push-secret": OWNER}
SOURCE = ReferencedObject("ConfigMap", "policies", "app.json")
POLICY = '{"Version": "2012-10-17", "Statement": []}'
POLICED = {"resourcePolicy": {"policySourceRef": SOURCE._asdict(), "blockPublicPolicy": True}}


@pytest.fixture
def bench(moto: Moto, monkeypatch: pytest.MonkeyPatch) -> SecretsManagerSubject:
    for name, value in moto.environment().items():
        monkeypatch.setenv(name, value)
    return SecretsManagerSubject(moto)


def policed(policy: str = POLICY, **more: Any) -> Any:
    return request(REF, metadata=metadata(**POLICED), referenced={SOURCE: SecretValue(policy.encode())}, **more)


def policy_of(bench: SecretsManagerSubject) -> Any:
    found = bench.aws.get_resource_policy(SecretId=f"{PREFIX}app").get("ResourcePolicy")
    return json.loads(found) if found else None


def described(bench: SecretsManagerSubject) -> Any:
    return bench.aws.describe_secret(SecretId=f"{PREFIX}app")


def test_an_unchanged_push_takes_two_reads(bench: SecretsManagerSubject) -> None:
    client = bench.client()
    client.push(request(REF))
    bench.calls.clear()
    client.push(request(REF))

    assert bench.calls == {("DescribeSecret", "success"): 1, ("GetSecretValue", "success"): 1}


def test_a_policy_comes_from_the_object_that_metadata_names(bench: SecretsManagerSubject) -> None:
    client = bench.client()
    assert client.references(metadata(**POLICED)) == (SOURCE,)
    client.push(policed())
    assert policy_of(bench) == json.loads(POLICY)
    bench.calls.clear()

    assert not client.push(policed(json.dumps(json.loads(POLICY), indent=2))).written
    assert bench.written() == 0
    assert client.push(policed('{"Statement": [], "Version": "2008-10-17"}')).written
    assert policy_of(bench)["Version"] == "2008-10-17"


@pytest.mark.parametrize("policy", [None, "text", "[]", b"\xff"])
def test_a_policy_that_is_missing_or_none_stops_the_push(bench: SecretsManagerSubject, policy: Any) -> None:
    text = policy if isinstance(policy, bytes) else (policy or "").encode()
    given = {} if policy is None else {SOURCE: SecretValue(text)}
    with pytest.raises(PushRefused, match=r"data\[\].metadata.spec.resourcePolicy.policySourceRef"):
        bench.client().push(request(REF, metadata=metadata(**POLICED), referenced=given))

    assert bench.content("app") is None


def test_only_a_policy_that_was_pushed_is_removed(bench: SecretsManagerSubject) -> None:
    """The original removes the policy of whoever has set one, at every push."""
    client = bench.client()
    client.push(request(REF))
    bench.aws.put_resource_policy(SecretId=f"{PREFIX}app", ResourcePolicy=POLICY)
    client.push(request(REF, b"second"))
    assert policy_of(bench) == json.loads(POLICY)

    client.push(policed())
    assert client.push(request(REF)).written
    assert policy_of(bench) is None
    assert set(bench.found_marks("app")) == set(MINE)
    bench.calls.clear()
    client.push(request(REF))
    assert bench.written() == 0


def test_a_policy_that_failed_is_set_by_the_next_push(bench: SecretsManagerSubject) -> None:
    client = bench.client()
    bench.moto.fail("PutResourcePolicy")
    with pytest.raises(ProviderDenied, match="must allow secretsmanager:PutResourcePolicy"):
        client.push(policed())
    assert bench.content("app") == b"v"

    assert client.push(policed()).written
    assert policy_of(bench) == json.loads(POLICY)
    bench.calls.clear()
    assert not client.push(policed()).written
    assert bench.calls["CreateSecret", "success"] == bench.calls["PutSecretValue", "success"] == 0


def test_replicas_follow_the_list_and_stay_without_one(bench: SecretsManagerSubject) -> None:
    client = bench.client()

    def regions() -> set[str]:
        return {each["Region"] for each in described(bench).get("ReplicationStatus") or ()}

    client.push(request(REF, metadata=metadata(replicationLocations=["eu-west-1", "us-east-1"])))
    assert regions() == {"eu-west-1", "us-east-1"}
    client.push(request(REF, metadata=metadata(replicationLocations=["eu-west-1", "us-west-2"])))
    assert regions() == {"eu-west-1", "us-west-2"}
    client.push(request(REF))
    assert regions() == {"eu-west-1", "us-west-2"}
    assert client.delete(REF, OWNER)
    assert described(bench).get("DeletedDate")


def test_tags_and_description_change_without_a_new_version(bench: SecretsManagerSubject) -> None:
    client = bench.client()
    client.push(request(REF, metadata=metadata(tags={"a": "1", "b": "2"})))
    version = client.push(request(REF)).version
    assert bench.found_marks("app") == MINE | {"a": "1", "b": "2"}

    client.push(request(REF, metadata=metadata(tags={"a": "3"}, description="new")))
    assert bench.found_marks("app") == MINE | {"a": "3"}
    assert described(bench)["Description"] == "new"
    assert client.push(request(REF)).version == version


@pytest.mark.parametrize("tag", ["managed-by", "coffer.dev/push-secret", "coffer.dev/resource-policy"])
def test_marks_are_no_tags_of_an_entry(bench: SecretsManagerSubject, tag: str) -> None:
    with pytest.raises(PushRefused, match=rf"data\[\].metadata.spec.tags: {tag}"):
        bench.client().references(metadata(tags={tag: "x"}))


def test_the_format_is_kept_unless_an_entry_names_another(bench: SecretsManagerSubject) -> None:
    client = bench.client()
    bench.put("app", b"v", MINE)
    bench.aws.put_secret_value(SecretId=f"{PREFIX}app", SecretString="v")

    assert not client.push(request(REF)).written
    assert client.push(request(REF, b"second")).written
    assert bench.aws.get_secret_value(SecretId=f"{PREFIX}app")["SecretString"] == "second"
    assert client.push(request(REF, metadata=metadata(secretPushFormat="binary"))).written
    assert client.push(request(REF, metadata=metadata(secretPushFormat="string"))).written
    with pytest.raises(PushRefused, match=r"data\[\].metadata.spec.secretPushFormat"):
        client.push(request(REF, b"\xff", metadata=metadata(secretPushFormat="string")))
    assert bench.content("app") == b"v"


def test_a_secret_that_is_to_be_deleted_is_told(bench: SecretsManagerSubject) -> None:
    client = bench.client()
    client.push(request(REF))
    client.delete(REF, OWNER)

    with pytest.raises(ProviderDenied, match="scheduled for deletion: restore it"):
        client.push(request(REF))
    assert not client.exists(REF)
    assert not client.delete(REF, OWNER)


def test_a_secret_goes_at_once_or_after_days_as_the_store_says(bench: SecretsManagerSubject) -> None:
    client = bench.client(secretsManager={"forceDeleteWithoutRecovery": True})
    client.push(request(REF))
    assert client.delete(REF, OWNER)
    assert client.push(request(REF)).written

    later = bench.client(secretsManager={"recoveryWindowInDays": 7})
    assert later.delete(REF, OWNER)
    found = described(bench)
    assert (found["DeletedDate"] - found["LastChangedDate"]).days in (6, 7)


def test_a_marked_secret_without_a_version_gets_its_first(bench: SecretsManagerSubject) -> None:
    tags = [{"Key": name, "Value": value} for name, value in MINE.items()]
    bench.aws.create_secret(Name=f"{PREFIX}app", Tags=tags)
    client = bench.client()

    assert not client.exists(REF)
    assert client.push(request(REF)).written
    assert bench.content("app") == b"v"


def test_a_lost_answer_to_a_create_is_no_second_create(bench: SecretsManagerSubject) -> None:
    """The secret is there with our mark, so that the next push finds it as its own."""
    client = bench.client()
    bench.moto.fail("PutSecretValue", "InternalServiceError", 500, times=9)
    client.push(request(REF))
    with pytest.raises(ProviderUnavailable):
        client.push(request(REF, b"second"))
    bench.moto.heal()

    assert client.push(request(REF, b"second")).written
    assert bench.content("app") == b"second"


def test_versions_are_told_of_marked_secrets_only(bench: SecretsManagerSubject) -> None:
    client = bench.client()
    versions = {name: client.push(request(RemoteRef(name))).version for name in ("app", "app-2")}
    bench.put("app-3", b"v", None)
    client.push(request(RemoteRef("app-4")))
    client.delete(RemoteRef("app-4"), OWNER)
    bench.calls.clear()

    odd = ("!app", "a#b", "x" * 513, "")
    asked = frozenset({*versions, *odd, "app-3", "app-4", "none", *(f"n{number}" for number in range(7))})
    assert client.current_versions(asked) == versions
    assert bench.calls == {("ListSecrets", "success"): 2}
    assert bench.client(prefix="").current_versions(frozenset(odd)) == {}


def test_the_owner_of_long_names_fits_into_a_tag(bench: SecretsManagerSubject) -> None:
    owner, client = "n" * 63 + "/" + "a" * 253, bench.client()
    assert client.push(request(REF, owner=owner)).written
    assert not client.push(request(REF, owner=owner)).written
    with pytest.raises(RemoteUnmanaged):
        client.push(request(REF, owner=owner[:-1] + "b"))

"""Pushes to Parameter Store on moto's server: settings that a write must not lose."""

from typing import Any

import pytest

from external.api.push_metadata.aws import ParameterStorePushSpec
from external.providers.aws.parameterstore_push import _settings_differ
from external.providers.push import PushRefused, RemoteRef
from tests.cluster.moto import Moto
from tests.conformance.providers.amazon import PREFIX, ParameterStoreSubject
from tests.conformance.providers.subject import OWNER, metadata, request

REF = RemoteRef("app")
MINE = {"managed-by": "external-secrets", "coffer.dev/push-secret": OWNER}


@pytest.fixture
def bench(moto: Moto, monkeypatch: pytest.MonkeyPatch) -> ParameterStoreSubject:
    for name, value in moto.environment().items():
        monkeypatch.setenv(name, value)
    return ParameterStoreSubject(moto)


def described(bench: ParameterStoreSubject) -> Any:
    filters = [{"Key": "Name", "Values": [f"{PREFIX}app"]}]
    return bench.aws.describe_parameters(ParameterFilters=filters)["Parameters"][0]


def test_an_unchanged_push_takes_two_reads(bench: ParameterStoreSubject) -> None:
    client = bench.client()
    client.push(request(REF))
    bench.calls.clear()
    client.push(request(REF))

    assert bench.calls == {("GetParameter", "success"): 1, ("ListTagsForResource", "success"): 1}


def test_a_write_keeps_type_key_and_description(bench: ParameterStoreSubject) -> None:
    """A SecureString that became a String would be readable by everyone who may read parameters."""
    tags = [{"Key": name, "Value": value} for name, value in (MINE | {"team": "x"}).items()]
    kept = {"Type": "SecureString", "KeyId": "alias/own", "Description": "mine", "Tier": "Advanced"}
    bench.aws.put_parameter(Name=f"{PREFIX}app", Value="old", Tags=tags, **kept)

    assert bench.client().push(request(REF, b"new")).written

    found = described(bench)
    assert {name: found[name] for name in kept} == kept
    assert bench.content("app") == b"new"
    assert bench.found_marks("app") == MINE | {"team": "x"}


def test_a_denied_listing_does_not_stop_a_write(bench: ParameterStoreSubject) -> None:
    client = bench.client()
    client.push(request(REF))
    bench.moto.fail("DescribeParameters", times=9)

    assert client.push(request(REF, b"second")).written
    assert not client.push(request(REF, b"second", metadata=metadata(description="new"))).written


@pytest.mark.parametrize(
    ("spec", "field", "value"),
    [
        ({"secretType": "SecureString"}, "Type", "SecureString"),
        ({"description": "new"}, "Description", "new"),
        ({"tier": {"type": "Advanced"}}, "Tier", "Advanced"),
    ],
)
def test_a_setting_alone_is_applied_once(
    bench: ParameterStoreSubject, spec: dict[str, Any], field: str, value: str
) -> None:
    client = bench.client()
    client.push(request(REF))

    assert client.push(request(REF, metadata=metadata(**spec))).written
    assert described(bench)[field] == value
    assert not client.push(request(REF, metadata=metadata(**spec))).written
    assert not client.push(request(REF)).written


def test_tags_follow_the_entry_and_stay_without_any(bench: ParameterStoreSubject) -> None:
    client = bench.client()
    client.push(request(REF, metadata=metadata(tags={"a": "1", "b": "2"})))
    client.push(request(REF, b"second"))
    assert bench.found_marks("app") == MINE | {"a": "1", "b": "2"}

    client.push(request(REF, b"second", metadata=metadata(tags={"a": "3"})))
    assert bench.found_marks("app") == MINE | {"a": "3"}


def test_the_whole_source_has_base64_unless_the_entry_says_otherwise(bench: ParameterStoreSubject) -> None:
    client = bench.client()
    client.push(request(REF, None, values={"a": b"1", "b": b"\xff"}))
    assert bench.content("app") == b'{"a":"MQ==","b":"/w=="}'

    client.push(request(REF, None, values={"a": b"1"}, metadata=metadata(encodeAsDecoded=True)))
    assert bench.content("app") == b'{"a":"1"}'
    with pytest.raises(PushRefused, match="secret key b is not UTF-8"):
        client.push(request(REF, None, values={"b": b"\xff"}, metadata=metadata(encodeAsDecoded=True)))


@pytest.mark.parametrize(
    ("told", "differs"),
    [
        ([{"PolicyText": '{"Type":"NoChangeNotification","Version":"1.0"}'}], False),
        ([{"PolicyText": '{"Type":"Expiration","Version":"1.0"}'}], True),
        ([], True),
        ([{"PolicyText": "odd"}], False),
        ([{}], False),
    ],
)
def test_policies_are_compared_by_what_they_say(told: Any, differs: bool) -> None:
    policies = [{"Version": "1.0", "Type": "NoChangeNotification"}]
    for given in (policies, '[{"Version":"1.0","Type":"NoChangeNotification"}]'):
        spec = ParameterStorePushSpec.model_validate({"tier": {"type": "Advanced", "policies": given}})

        assert _settings_differ(spec, {}, {"Tier": "Advanced", "Policies": told}) is differs


@pytest.mark.parametrize("policies", ["text", {"Type": "Expiration"}, '{"a":1}', 5])
def test_policies_that_are_no_list_are_refused(bench: ParameterStoreSubject, policies: Any) -> None:
    with pytest.raises(PushRefused, match=r"data\[\].metadata.spec.tier.policies"):
        bench.client().references(metadata(tier={"policies": policies}))

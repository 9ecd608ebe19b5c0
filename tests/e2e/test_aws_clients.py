"""The clients of Secrets Manager and Parameter Store on moto's server, without a controller: values, calls, errors."""

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from external.api.providers.aws import AwsProvider
from external.api.store import RetrySettings
from external.providers.aws.parameterstore import ParameterStore
from external.providers.aws.secretsmanager import SecretsManager
from external.providers.protocol import (
    ProviderDenied,
    ProviderError,
    ProviderUnavailable,
    SearchRequest,
    SecretAbsent,
    SecretRequest,
)
from external.providers.support.amazon.identity import SESSION_NAME, Identity, Role, WebIdentity
from external.providers.support.amazon.session import AwsConnection
from manager.core.errors import Retry
from manager.core.secret_value import SecretValue
from tests.cluster.moto import REGION, Moto

SERVICES = {"SecretsManager": SecretsManager, "ParameterStore": ParameterStore}
KEY = "AKIACLIENTS"
KEYS = {"access_key_id": SecretValue(KEY.encode()), "secret_access_key": SecretValue(b"x")}
ROLE, INNER = (f"arn:aws:iam::123456789012:role/{name}" for name in ("reader", "inner"))
Open = Callable[..., Any]


@pytest.fixture
def opened(moto: Moto, monkeypatch: pytest.MonkeyPatch) -> Open:
    """Open a client of moto."""
    for name, value in moto.environment().items():
        monkeypatch.setenv(name, value)

    def make(service: str = "SecretsManager", identity: Identity | None = None, **fields: object) -> Any:
        spec = AwsProvider.model_validate({"service": service, "region": REGION, **fields})
        kind: Any = SERVICES[service]
        return kind(AwsConnection(spec, identity or Identity(KEYS), None, lambda *_: None, 10, kind.label))

    return make


def put(moto: Moto, service: str = "SecretsManager", /, **values: str) -> None:
    """Create secrets or parameters; `__` stands for a slash."""
    client = moto.client({"SecretsManager": "secretsmanager", "ParameterStore": "ssm"}[service])
    for name, value in values.items():
        place = name.replace("__", "/")
        if service == "SecretsManager":
            client.create_secret(Name=place, SecretString=value, Tags=[{"Key": "team", "Value": value}])
        else:
            client.put_parameter(
                Name=f"/{place}", Value=value, Type="SecureString", Tags=[{"Key": "team", "Value": value}]
            )


def read(client: Any, *keys: str | SecretRequest) -> Mapping[str, Any]:
    """Read; return values, and errors as their classes."""
    requests = [key if isinstance(key, SecretRequest) else SecretRequest(key) for key in keys]
    return {request.key: _shown(found) for request, found in client.read(requests).items()}


def _shown(found: SecretValue | ProviderError) -> Any:
    return type(found) if isinstance(found, ProviderError) else found.reveal().decode()


def found(client: Any, **find: Any) -> dict[str, str]:
    """Find; return values by name."""
    tags = tuple(sorted(find.pop("tags", {}).items()))
    return {name: value.reveal().decode() for name, value in client.find(SearchRequest(**find, tags=tags)).items()}


@pytest.mark.parametrize("service", SERVICES)
def test_many_are_read_with_one_call(moto: Moto, opened: Open, service: str) -> None:
    values = {f"k{at}": f"v{at}" for at in range(10)}
    put(moto, service, **values)
    slash = "/" if service == "ParameterStore" else ""

    client = opened(service)

    assert read(client, *(slash + key for key in values)) == {slash + key: value for key, value in values.items()}
    assert sum(moto.counts(KEY).values()) == 1


@pytest.mark.parametrize("service", SERVICES)
def test_one_missing_secret_of_a_batch_is_absent(moto: Moto, opened: Open, service: str) -> None:
    """The other secrets of the batch are returned."""
    put(moto, service, a="1", b="2")
    slash = "/" if service == "ParameterStore" else ""

    answers = read(opened(service), *(slash + key for key in ("a", "missing", "b")))

    assert list(answers.values()) == ["1", SecretAbsent, "2"]


@pytest.mark.parametrize(
    ("service", "call"), [("SecretsManager", "BatchGetSecretValue"), ("ParameterStore", "GetParameters")]
)
def test_a_denied_batch_is_read_one_by_one_from_then_on(moto: Moto, opened: Open, service: str, call: str) -> None:
    put(moto, service, a="1", b="2")
    slash = "/" if service == "ParameterStore" else ""
    client = opened(service)
    moto.fail(call, times=100)

    for _ in range(3):
        assert read(client, slash + "a", slash + "b") == {slash + "a": "1", slash + "b": "2"}

    assert moto.counts(KEY)[call] == 1


def test_a_denied_parameter_is_read_alone(moto: Moto, opened: Open) -> None:
    """The other parameters stay in one batch."""
    put(moto, "ParameterStore", a="1", b="2", c="3")
    client = opened("ParameterStore")
    moto.fail("GetParameters", times=1)
    moto.fail("GetParameter", times=1)

    assert read(client, "/a", "/b", "/c")["/b"] == "2"
    before = dict(moto.counts(KEY))
    assert read(client, "/a", "/b", "/c") == {"/a": "1", "/b": "2", "/c": "3"}

    assert moto.counts(KEY)["GetParameters"] - before["GetParameters"] == 1
    assert moto.counts(KEY)["GetParameter"] - before["GetParameter"] == 1


@pytest.mark.parametrize("service", SERVICES)
@pytest.mark.parametrize(
    ("code", "status", "error"),
    [
        ("ThrottlingException", 400, ProviderUnavailable),
        ("InternalServiceError", 500, ProviderUnavailable),
        ("UnrecognizedClientException", 400, ProviderDenied),
    ],
)
def test_what_an_error_means(
    moto: Moto, opened: Open, service: str, code: str, status: int, error: type[ProviderError]
) -> None:
    client = opened(service)
    moto.fail("*", code, status, times=100)

    try:
        answer = read(client, "/a")["/a"]
    except ProviderError as raised:
        answer = type(raised)

    assert answer is error


def test_versions_stages_and_tags(moto: Moto, opened: Open) -> None:
    put(moto, a="1")
    aws = moto.client()
    [first] = aws.describe_secret(SecretId="a")["VersionIdsToStages"]
    aws.put_secret_value(SecretId="a", SecretString="2")
    client = opened()

    assert read(client, SecretRequest("a")) == {"a": "2"}
    assert read(client, SecretRequest("a", "AWSPREVIOUS")) == {"a": "1"}
    assert read(client, SecretRequest("a", f"uuid/{first}")) == {"a": "1"}
    assert read(client, SecretRequest("a", metadata=True)) == {"a": '{"team":"1"}'}


def test_parameters_have_versions_labels_and_tags_too(moto: Moto, opened: Open) -> None:
    put(moto, "ParameterStore", a="1", b="x")
    aws = moto.client("ssm")
    aws.put_parameter(Name="/a", Value="2", Type="SecureString", Overwrite=True)
    aws.label_parameter_version(Name="/a", ParameterVersion=1, Labels=["old"])
    client = opened("ParameterStore")

    requests = [SecretRequest("/a"), SecretRequest("/a", "1"), SecretRequest("/a", "old"), SecretRequest("/b")]
    answers = client.read(requests)

    assert [answers[request].reveal() for request in requests] == [b"2", b"1", b"1", b"x"]
    assert read(client, SecretRequest("/a", metadata=True)) == {"/a": '{"team":"1"}'}


def test_a_secret_that_is_marked_for_deletion_is_absent(moto: Moto, opened: Open) -> None:
    put(moto, a="1", b="2")
    moto.client().delete_secret(SecretId="a", RecoveryWindowInDays=7)
    client = opened()

    assert read(client, "a") == {"a": SecretAbsent}
    assert read(client, "a", "b") == {"a": SecretAbsent, "b": "2"}
    assert read(client, SecretRequest("a", metadata=True)) == {"a": ProviderDenied}, (
        "only a value proves that it is absent"
    )
    assert read(client, SecretRequest("none", metadata=True)) == {"none": ProviderDenied}


@pytest.mark.parametrize("service", SERVICES)
def test_find_by_name(moto: Moto, opened: Open, service: str) -> None:
    put(moto, service, app__one="1", app__two="2", other="3")
    slash = "/" if service == "ParameterStore" else ""

    answers = found(opened(service), name="app/")

    assert answers == {f"{slash}app/one": "1", f"{slash}app/two": "2"}
    assert sum(moto.counts(KEY).values()) <= 2, "a list, and one call for all values"


@pytest.mark.parametrize("service", SERVICES)
def test_find_by_name_below_a_path(moto: Moto, opened: Open, service: str) -> None:
    put(moto, service, app__one="1", app__two="2", other__one="3")
    slash = "/" if service == "ParameterStore" else ""

    assert found(opened(service), name="one", path=f"{slash}app") == {f"{slash}app/one": "1"}


@pytest.mark.parametrize("service", SERVICES)
def test_find_by_tags_takes_pairs_and_adds_the_name(moto: Moto, opened: Open, service: str) -> None:
    put(moto, service, a="1", b="2", c="1")
    slash = "/" if service == "ParameterStore" else ""
    client = opened(service)

    assert found(client, tags={"team": "1"}) == {f"{slash}a": "1", f"{slash}c": "1"}
    assert found(client, tags={"team": "1"}, name="c") == {f"{slash}c": "1"}
    assert found(client, tags={"team": "9"}) == {}


def test_a_pair_of_tags_is_no_mixture_of_two(moto: Moto, opened: Open) -> None:
    tags = [{"Key": "team", "Value": "x"}, {"Key": "stage", "Value": "prod"}]
    moto.client().create_secret(Name="a", SecretString="1", Tags=tags)

    assert found(opened(), tags={"team": "prod"}) == {}


@pytest.mark.parametrize("service", SERVICES)
def test_find_reports_what_it_may_not_read(moto: Moto, opened: Open, service: str) -> None:
    put(moto, service, a="1", b="2")
    client = opened(service)
    for call in ("BatchGetSecretValue", "GetParametersByPath", "GetParameters", "GetSecretValue", "GetParameter"):
        moto.fail(call, times=100)

    with pytest.raises(ProviderDenied, match="AccessDeniedException"):
        found(client, name=".")


def test_who_may_not_read_a_path_lists_and_reads(moto: Moto, opened: Open) -> None:
    put(moto, "ParameterStore", a="1", b="2")
    moto.fail("GetParametersByPath", times=100)

    assert found(opened("ParameterStore"), name=".") == {"/a": "1", "/b": "2"}
    assert moto.counts(KEY) == {"GetParametersByPath": 1, "DescribeParameters": 1, "GetParameters": 1}


@pytest.mark.parametrize("service", SERVICES)
@pytest.mark.parametrize(("find", "text"), [({}, "unexpected find operator"), ({"name": "("}, "could not compile")])
def test_a_find_that_makes_no_sense_is_refused(opened: Open, service: str, find: Any, text: str) -> None:
    with pytest.raises(ProviderDenied, match=text):
        found(opened(service), **find)


def test_roles_are_assumed_in_turn_with_their_options(moto: Moto, opened: Open) -> None:
    put(moto, a="1")
    said = {"ExternalId": "known", "Tags": [{"Key": "team", "Value": "t"}], "TransitiveTagKeys": ["team"]}
    client = opened(identity=Identity(KEYS, roles=(Role(INNER), Role(ROLE, said))))

    client.validate()
    for _ in range(3):
        assert read(client, "a") == {"a": "1"}

    forms = [call.form for call in moto.calls if call.action == "AssumeRole"]
    assert [form["RoleArn"] for form in forms] == [INNER, ROLE], "once each: kept until they expire"
    assert {form["RoleSessionName"] for form in forms} == {SESSION_NAME}
    assert "ExternalId" not in forms[0]
    last = forms[1]
    assert (last["ExternalId"], last["Tags.member.1.Key"], last["Tags.member.1.Value"]) == ("known", "team", "t")
    assert last["TransitiveTagKeys.member.1"] == "team"


def test_a_web_identity_becomes_a_role_and_is_kept(moto: Moto, opened: Open) -> None:
    put(moto, a="1")
    asked: list[str] = []

    def token() -> SecretValue:
        asked.append("token")
        return SecretValue(b"header.payload.signature")

    client = opened(identity=Identity(web=WebIdentity(ROLE, token), roles=(Role(INNER),)))
    client.validate()
    assert read(client, "a") == read(client, "a") == {"a": "1"}

    form = next(call.form for call in moto.calls if call.action == "AssumeRoleWithWebIdentity")
    assert (form["RoleArn"], form["WebIdentityToken"]) == (ROLE, "header.payload.signature")
    assert asked == ["token"]


def test_a_web_identity_without_a_token_is_worth_another_try(opened: Open) -> None:
    def token() -> SecretValue:
        raise Retry("InvalidProviderConfig", "no token of ServiceAccount")

    client = opened(identity=Identity(web=WebIdentity(ROLE, token)))

    with pytest.raises(ProviderUnavailable, match="no token of ServiceAccount"):
        client.validate()


def test_a_region_that_is_none_is_named_as_the_fault(opened: Open) -> None:
    with pytest.raises(ProviderDenied, match="region"):
        opened(region="evil.example.com/#")


@pytest.mark.parametrize("service", SERVICES)
def test_a_list_names_the_versions_that_come_with_values(moto: Moto, opened: Open, service: str) -> None:
    put(moto, service, a="1", b="2", c="3")
    slash = "/" if service == "ParameterStore" else ""
    client, requests = opened(service), [SecretRequest(f"{slash}{key}") for key in ("a", "b", "c", "missing")]
    together, alone = client.read(requests[:2]), client.read(requests[2:3])

    listed = client.list_versions(requests, 1)

    assert listed == {request: given.version for request, given in [*together.items(), *alone.items()]}
    assert len(set(listed.values())) == 3 or service == "ParameterStore"
    if service == "SecretsManager":
        moto.client().put_secret_value(SecretId="a", SecretString="new")
        moto.client().delete_secret(SecretId="b", ForceDeleteWithoutRecovery=True)
        put(moto, service, b="2")
    else:
        moto.client("ssm").put_parameter(Name="/a", Value="new", Type="SecureString", Overwrite=True)
        moto.client("ssm").delete_parameter(Name="/b")
        put(moto, service, b="2")
    again = client.list_versions(requests, 1)
    assert again[requests[0]] == client.read(requests[:1])[requests[0]].version != listed[requests[0]]
    assert again[requests[1]] != listed[requests[1]], "deleted and made anew is another version"
    assert again[requests[2]] == listed[requests[2]]


def test_a_list_that_lags_tells_the_version_before(moto: Moto, opened: Open) -> None:
    put(moto, a="1")
    client, request = opened(), SecretRequest("a")
    moto.freeze("ListSecrets")
    before = client.list_versions([request], 1)
    moto.client().put_secret_value(SecretId="a", SecretString="new")

    assert client.list_versions([request], 1) == before
    assert client.read([request])[request].version != before[request]


def test_a_list_ends_where_it_would_cost_more_than_it_may(
    moto: Moto, opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("external.providers.aws.secretsmanager.MAX_PAGE_SECRETS", 2)
    put(moto, a="1", b="2", c="3", d="4", e="5")
    client, last = opened(), [SecretRequest("e"), SecretRequest("missing")]

    assert client.list_versions(last, 0) is None
    assert client.list_versions(last, 2) is None
    assert list(client.list_versions(last, 3)) == [SecretRequest("e")]
    assert moto.counts(KEY)["ListSecrets"] == 2 + 3
    assert client.reads(41) == 3


@pytest.mark.parametrize(
    ("service", "call"), [("SecretsManager", "ListSecrets"), ("ParameterStore", "DescribeParameters")]
)
def test_who_may_not_list_is_told_so(moto: Moto, opened: Open, service: str, call: str) -> None:
    moto.fail(call)

    with pytest.raises(ProviderDenied, match="AccessDenied"):
        opened(service).list_versions([SecretRequest("a")], 1)


@pytest.mark.parametrize(
    ("code", "meaning"),
    [
        ("AccessDeniedException", ProviderDenied),
        ("ThrottlingException", ProviderUnavailable),
        ("ResourceNotFoundException", SecretAbsent),
        ("DecryptionFailure", ProviderDenied),
    ],
)
def test_an_error_in_a_batch_belongs_to_its_secret(
    moto: Moto, opened: Open, code: str, meaning: type[ProviderError]
) -> None:
    put(moto, a="1", b="2", c="3")
    moto.partial["b"] = code

    answers = read(opened(), "a", "b", "c")

    assert (answers["a"], answers["c"]) == ("1", "3")
    assert issubclass(answers["b"], meaning)
    assert moto.counts(KEY) == {"BatchGetSecretValue": 1}


@pytest.mark.parametrize(("wanted", "attempts"), [(0, 1), (2, 2)])
def test_retry_settings_bound_the_attempts_of_a_call(moto: Moto, opened: Open, wanted: int, attempts: int) -> None:
    del opened  # a parameter only for the variables that it sets
    spec = AwsProvider.model_validate({"service": "SecretsManager", "region": REGION})
    amazon = AwsConnection(spec, Identity(KEYS), RetrySettings(max_retries=wanted), lambda *_: None, 10, "x")
    fault = moto.fail("GetSecretValue", "InternalServiceError", 500, times=10)

    with pytest.raises(ProviderUnavailable):
        SecretsManager(amazon).read([SecretRequest("a")])

    assert fault.times == 10 - attempts

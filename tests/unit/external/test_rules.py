"""Hashes, properties, schedules and the rules of targets (external-secrets-core.md 0 and 2), without a cluster."""

import base64
from dataclasses import replace
from typing import Any

import pytest

from external.admission import admits, selects
from external.digest import ExternalDigest, external_digest, store_digest
from external.durations import parse_duration
from external.fetch import require_served
from external.hashing import data_hash, field_manager, metadata_hash, object_hash, owner_hash, synced_version
from external.model import ExternalSecretSpec, SecretStoreSpec, parse
from external.plan import ADOPT, CREATED_BY, DATA_HASH, MANAGED, View, orphan, ours, plan, valid
from external.properties import convert_keys, decode, take, to_map, validate_keys
from external.refresh import due_in, persist_due
from manager.errors import NeedsHuman
from manager.kube.apply import Create, Delete, Update
from manager.kube.mirrors import AUTO_REFLECTS, REFLECTS
from manager.kube.resources import CLUSTER_SECRET_STORES, EXTERNAL_SECRETS, SECRET_STORES, SECRETS, Key
from manager.kube.secretdata import LARGEST
from manager.plain import Plain

KEY = Key(EXTERNAL_SECRETS, "ns", "es")
UID = "es-uid"


def test_hashes_are_the_originals() -> None:
    assert (
        data_hash({"foo": Plain(b"value1"), "bar": Plain(b"value2")})
        == "1bed8bcbcb4547ffe19a19cd47d9078e84aa6598266d86b99f992d64"
    )
    assert data_hash({}) == "74a974446e359fb3e6baff9bd0058950e6edd0f040888d9989b0a11b"
    assert object_hash("<nil>") == "c461202a18e99215f121936fb2452e03843828e448a00a53f285a6fc"
    assert metadata_hash({}, None) == "f47fe3c0b255b6dd8047cdffa772587bb829efe7a1cb70febeda2eb2"
    assert metadata_hash({"a": "b"}, {"foo": "bar"}) == "a366c67789d90ed5749538ecaaf6585f8d4e358f422e41255a51f01c"


def test_a_synced_version_is_generation_and_metadata() -> None:
    body = {"metadata": {"generation": 3, "labels": {"a": "b"}, "annotations": {"foo": "bar"}}}

    assert synced_version(body) == "3-a366c67789d90ed5749538ecaaf6585f8d4e358f422e41255a51f01c"


@pytest.mark.parametrize(("length", "hashed"), [(1, False), (27, False), (28, True), (200, True)])
def test_a_long_name_is_hashed_in_the_field_manager(length: int, hashed: bool) -> None:
    manager = field_manager("n" * length)

    assert manager.startswith("externalsecrets.external-secrets.io/")
    assert ("/sha3/" in manager) is hashed


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("1h0m0s", 3600),
        ("5m", 300),
        ("1.5h", 5400),
        ("100ms", 0.1),
        ("0", 0),
        ("-1s", -1),
        ("1m30s", 90),
        ("2us", 2e-6),
        ("1h2m3s4ms", 3723.004),
    ],
)
def test_durations(text: str, seconds: float) -> None:
    assert parse_duration(text) == pytest.approx(seconds)


@pytest.mark.parametrize("text", ["", "5", "m", "1x", "1h 2m", "1.2.3s", "h1"])
def test_what_is_no_duration(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - the caller words the message
        parse_duration(text)


DOCUMENT = (
    b'{"a.b": "flat", "a": {"b": "nested", "n": 1.50, "l": [1, {"z": "q\\u00e4"}]},'
    b' "t": true, "none": null, "o": { "k" : 1 }}'
)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("a.b", b"flat"),
        ("a.n", b"1.50"),
        ("a.l.0", b"1"),
        ("a.l.1.z", "qä".encode()),
        ("a.l", b'[1, {"z": "q\\u00e4"}]'),
        ("t", b"true"),
        ("none", b""),
        ("o", b'{ "k" : 1 }'),
    ],
)
def test_a_property_is_taken_as_it_was_written(path: str, value: bytes) -> None:
    found = take(DOCUMENT, path)

    assert found is not None
    assert found.reveal() == value


@pytest.mark.parametrize("path", ["missing", "a.missing", "a.l.7", "t.x", "a.l.x", ""])
def test_a_property_that_is_not_there_is_none(path: str) -> None:
    assert take(DOCUMENT, path) is None


@pytest.mark.parametrize("document", [b"", b"no json", b"\xff\xfe", b"[" * 100_000])
def test_what_is_no_json_has_no_properties(document: bytes) -> None:
    assert take(document, "a") is None
    assert to_map(document) is None


@pytest.mark.parametrize("path", ["a.#", "a.*", "a|b", "@this", "a.#(x==1)", "a\\.b"])
def test_query_syntax_is_refused_by_name(path: str) -> None:
    with pytest.raises(NeedsHuman, match="gjson"):
        take(DOCUMENT, path)


def test_an_object_becomes_a_map_of_texts() -> None:
    found = to_map(DOCUMENT) or {}

    assert {name: value.reveal() for name, value in found.items()} == {
        "a.b": b"flat",
        "a": b'{"b": "nested", "n": 1.50, "l": [1, {"z": "q\\u00e4"}]}',
        "t": b"true",
        "none": b"",
        "o": b'{ "k" : 1 }',
    }
    assert to_map(b"[1]") is None


@pytest.mark.parametrize(
    ("strategy", "value", "found"),
    [
        (None, b"YQ==", b"YQ=="),
        ("None", b"YQ==", b"YQ=="),
        ("Base64", b"YQ==", b"a"),
        ("Base64URL", b"_-8=", b"\xff\xef"),
        ("Auto", b"YQ==", b"a"),
        ("Auto", b"_-8=", b"\xff\xef"),
        ("Auto", b"plain text", b"plain text"),
    ],
)
def test_decoding(strategy: Any, value: bytes, found: bytes) -> None:
    assert decode(Plain(value), strategy, ValueError).reveal() == found


@pytest.mark.parametrize("strategy", ["Base64", "Base64URL"])
def test_what_cannot_be_decoded_is_an_error_without_the_value(strategy: str) -> None:
    with pytest.raises(ValueError, match="the value is not Base64") as caught:
        decode(Plain(b"canary!"), strategy, ValueError)

    assert "canary" not in str(caught.value)


@pytest.mark.parametrize(("strategy", "name"), [(None, "a_b"), ("Default", "a_b"), ("Unicode", "a_U002f_b")])
def test_keys_are_made_to_fit(strategy: Any, name: str) -> None:
    assert list(convert_keys({"a/b": Plain(b"1")}, strategy, ValueError)) == [name]


def test_an_emoji_is_spelled_out() -> None:
    assert list(convert_keys({"\U0001f600": Plain(b"1")}, "Unicode", ValueError)) == ["_U1f600_"]


def test_two_keys_never_become_one() -> None:
    with pytest.raises(ValueError, match="secret name collision during conversion"):
        convert_keys({"a/b": Plain(b"1"), "a:b": Plain(b"2")}, None, ValueError)


def test_the_empty_key_is_dropped_and_a_bad_one_refused() -> None:
    assert validate_keys({"": Plain(b"1"), "ok": Plain(b"2")}, ValueError) == {"ok": Plain(b"2")}
    for bad in ("a/b", "x" * 254):
        with pytest.raises(ValueError, match="invalid secret keys"):
            validate_keys({bad: Plain(b"1")}, ValueError)


def digest(**changes: Any) -> ExternalDigest:
    base = ExternalDigest(True, "es", "Owner", (), "1-x", "1-x", 1000.0, 300.0, "Periodic")
    return replace(base, **changes)


@pytest.mark.parametrize(
    ("changes", "last", "now", "due"),
    [
        ({}, 1000, 1100, 200),
        ({}, 1000, 1300, 0),
        ({}, 1000, 9000, 0),
        ({"synced": ""}, 1000, 1100, 0),
        ({}, None, 1100, 0),
        ({"current": "2-x"}, 1000, 1100, 0),
        ({}, 2000, 1100, 0),
        ({"interval": 0.0}, 1000, 9000, None),
        ({"interval": 0.0, "current": "2-x"}, 1000, 9000, None),
        ({"interval": 0.0, "synced": ""}, None, 9000, 0),
        ({"policy": "CreatedOnce"}, 1000, 9000, None),
        ({"policy": "CreatedOnce", "current": "2-x"}, 1000, 9000, None),
        ({"policy": "CreatedOnce", "synced": ""}, None, 9000, 0),
        ({"policy": "OnChange"}, 1000, 9000, None),
        ({"policy": "OnChange", "current": "2-x"}, 1000, 9000, 0),
        ({"policy": "something new"}, 1000, 1300, 0),
    ],
)
def test_when_a_refresh_is_due(changes: Any, last: Any, now: float, due: Any) -> None:
    assert due_in(digest(**changes), last, now) == due


@pytest.mark.parametrize(
    ("interval", "age", "written"), [(60, 599, False), (60, 600, True), (3600, 601, False), (3600, 3600, True)]
)
def test_an_unchanged_refresh_is_written_rarely(interval: float, age: float, written: bool) -> None:
    assert persist_due(digest(interval=interval), 1000.0 + age) is written


def spec(**changes: Any) -> ExternalSecretSpec:
    raw = {"secretStoreRef": {"name": "store"}, "data": [{"secretKey": "k", "remoteRef": {"key": "r"}}], **changes}
    return parse(ExternalSecretSpec, raw, reason="SecretSyncedError")


def view(secret: Any = None, data: Any = None, target: Any = None, **meta: Any) -> View:
    body = {"metadata": {"namespace": "ns", "name": "es", "uid": UID, "generation": 1, **meta}}
    values = None if data is None else {name: Plain(text.encode()) for name, text in data.items()}
    return View(KEY, body, spec(target=target or {}), secret, values)


def encoded(**data: str) -> dict[str, str]:
    return {key: base64.b64encode(value.encode()).decode() for key, value in data.items()}


def secret(owner: Any = None, manager: str = "", keys: Any = ("k",), **more: Any) -> dict[str, Any]:
    meta: dict[str, Any] = {
        "namespace": "ns",
        "name": "es",
        "uid": "s",
        "resourceVersion": "7",
        **more.pop("metadata", {}),
    }
    if owner:
        meta["ownerReferences"] = [
            {
                "kind": "ExternalSecret",
                "name": "es",
                "uid": owner,
                "controller": True,
                "apiVersion": "external-secrets.io/v1",
                "blockOwnerDeletion": True,
            }
        ]
    if manager:
        fields = {"f:data": {f"f:{key}": {} for key in keys}, "f:metadata": {"f:labels": {"f:stale": {}}}}
        meta["managedFields"] = [{"manager": manager, "fieldsV1": fields}]
    return {"apiVersion": "v1", "kind": "Secret", "type": "Opaque", "metadata": meta, "data": encoded(k="v"), **more}


def test_a_target_is_created_with_marks_owner_and_hash() -> None:
    found = plan(view(data={"k": "v"}))

    assert isinstance(found.action, Create)
    meta = found.action.body["metadata"]
    assert meta["labels"] == {MANAGED: "true", CREATED_BY: owner_hash("ns", "es")}
    assert meta["annotations"] == {DATA_HASH: data_hash({"k": Plain(b"v")})}
    (reference,) = meta["ownerReferences"]
    assert (reference["uid"], reference["controller"], reference["blockOwnerDeletion"]) == (UID, True, True)
    assert found.action.body["data"] == encoded(k="v")
    assert found.action.body["type"] == "Opaque"


def test_what_was_written_is_left_alone() -> None:
    created = plan(view(data={"k": "v"})).action
    assert isinstance(created, Create)

    found = plan(view(created.body, {"k": "v"}))

    assert found.action is None
    assert valid(view(created.body))


def test_labels_and_annotations_of_the_external_secret_are_copied_but_those_about_itself() -> None:
    annotations = {
        "mine": "1",
        "kubectl.kubernetes.io/last-applied-configuration": "x",
        "argocd.argoproj.io/tracking-id": "x",
    }
    found = plan(view(data={"k": "v"}, labels={"team": "a"}, annotations=annotations))

    assert isinstance(found.action, Create)
    assert found.action.body["metadata"]["labels"]["team"] == "a"
    assert set(found.action.body["metadata"]["annotations"]) == {"mine", DATA_HASH}


@pytest.mark.parametrize(
    ("existing", "is_ours"),
    [
        (secret(owner=UID), True),
        (secret(owner="another"), False),
        (secret(manager=field_manager("es")), True),
        (secret(manager="kubectl"), False),
        (secret(metadata={"labels": {MANAGED: "true"}}), False),
        (secret(metadata={"labels": {CREATED_BY: owner_hash("ns", "es")}}), False),
        (secret(metadata={"labels": {CREATED_BY: owner_hash("ns", "es")}, "annotations": {DATA_HASH: "wrong"}}), False),
        (
            secret(
                metadata={
                    "labels": {CREATED_BY: owner_hash("ns", "es")},
                    "annotations": {DATA_HASH: data_hash({"k": Plain(b"v")})},
                }
            ),
            True,
        ),
        (secret(), False),
    ],
)
@pytest.mark.parametrize("policy", ["Owner", "Orphan"])
def test_only_what_is_proven_ours_is_written(existing: Any, is_ours: bool, policy: str) -> None:
    seen = view(existing, {"k": "new"}, {"creationPolicy": policy})

    assert ours(seen, existing) is is_ours
    if is_ours:
        assert isinstance(plan(seen).action, Update)
    else:
        with pytest.raises(NeedsHuman) as caught:
            plan(seen)
        assert caught.value.event == "UpdateFailed"


def test_the_refusal_names_every_way_out() -> None:
    with pytest.raises(NeedsHuman) as caught:
        plan(view(secret(), {"k": "new"}))

    for word in ("rename the target", "Merge", ADOPT):
        assert word in caught.value.message


def test_the_target_of_another_external_secret_is_named() -> None:
    existing = secret(owner="another")
    existing["metadata"]["ownerReferences"][0]["name"] = "first"

    with pytest.raises(NeedsHuman, match="target is owned by another ExternalSecret: first"):
        plan(view(existing, {"k": "new"}))


def test_a_secret_that_is_handed_over_is_adopted() -> None:
    found = plan(view(secret(metadata={"annotations": {ADOPT: "true"}}), {"k": "new"})).action

    assert isinstance(found, Update)
    assert ADOPT not in found.body["metadata"]["annotations"]
    assert found.body["metadata"]["ownerReferences"][0]["uid"] == UID


def test_a_setting_restores_taking_over() -> None:
    assert isinstance(plan(replace(view(secret(), {"k": "new"}), adopt_foreign=True)).action, Update)


def test_a_pushed_mirror_gives_way_and_loses_its_marks() -> None:
    found = plan(view(secret(metadata={"annotations": {AUTO_REFLECTS: "True", REFLECTS: "x/es"}}), {"k": "new"})).action

    assert isinstance(found, Update)
    assert set(found.body["metadata"]["annotations"]) == {DATA_HASH}


def test_merging_touches_only_our_keys() -> None:
    existing = secret(manager=field_manager("es"), keys=("old",), data=encoded(old="1", theirs="2"))
    existing["metadata"]["labels"] = {"stale": "x", "theirs": "y"}

    found = plan(view(existing, {"k": "v"}, {"creationPolicy": "Merge"})).action

    assert isinstance(found, Update)
    assert found.body["data"] == encoded(theirs="2", k="v")
    assert "stale" not in found.body["metadata"]["labels"]
    assert found.body["metadata"]["labels"]["theirs"] == "y"
    assert CREATED_BY not in found.body["metadata"]["labels"]
    assert "ownerReferences" not in found.body["metadata"]


def test_owning_replaces_all_keys() -> None:
    existing = secret(owner=UID, data=encoded(old="1"))

    found = plan(view(existing, {"k": "v"})).action

    assert isinstance(found, Update)
    assert found.body["data"] == encoded(k="v")


@pytest.mark.parametrize(
    ("policy", "deletion", "reason", "action"),
    [
        ("Merge", "Retain", "SecretMissing", None),
        ("None", "Retain", "SecretSynced", None),
    ],
)
def test_some_policies_create_nothing(policy: str, deletion: str, reason: str, action: Any) -> None:
    found = plan(view(None, {"k": "v"}, {"creationPolicy": policy, "deletionPolicy": deletion}))

    assert (found.reason, found.action) == (reason, action)


def test_absent_values_keep_remove_or_empty_the_target_as_asked() -> None:
    existing = secret(owner=UID)

    kept = plan(view(existing, {}))
    assert (kept.action, kept.message) == (None, "secret retained due to DeletionPolicy=Retain")
    removed = plan(view(existing, {}, {"deletionPolicy": "Delete"}))
    assert isinstance(removed.action, Delete)
    assert (removed.action.uid, removed.action.version, removed.reason) == ("s", "7", "SecretDeleted")
    emptied = plan(view(existing, {}, {"deletionPolicy": "Merge"})).action
    assert isinstance(emptied, Update)
    assert emptied.body["data"] == {}


def test_a_foreign_secret_is_not_deleted_for_absent_values() -> None:
    assert plan(view(secret(owner="another"), {}, {"deletionPolicy": "Delete"})).action is None
    with pytest.raises(NeedsHuman, match="is not Owner"):
        plan(view(None, {}, {"deletionPolicy": "Delete", "creationPolicy": "Orphan"}))


def test_an_earlier_target_goes_only_if_it_is_ours() -> None:
    earlier = secret(owner=UID, metadata={"name": "before"})

    assert isinstance(orphan(view(), earlier), Delete)
    assert orphan(view(), secret(owner="another", metadata={"name": "before"})) is None
    assert orphan(view(), secret(owner=UID)) is None


def test_an_immutable_target_is_not_written() -> None:
    with pytest.raises(NeedsHuman, match="target is immutable"):
        plan(view(secret(owner=UID, immutable=True), {"k": "new"}))


def test_too_much_is_refused_with_its_size() -> None:
    with pytest.raises(NeedsHuman, match=str(LARGEST + 1)):
        plan(view(None, {"k": "x" * (LARGEST + 1)}))


@pytest.mark.parametrize(
    ("existing", "policy", "answer"),
    [
        (None, "Owner", False),
        (None, "Merge", True),
        (None, "Orphan", True),
        (None, "None", True),
        (secret(owner=UID), "Owner", False),
        (
            secret(metadata={"labels": {MANAGED: "true"}, "annotations": {DATA_HASH: data_hash({"k": Plain(b"v")})}}),
            "Owner",
            True,
        ),
        (secret(metadata={"labels": {MANAGED: "true"}, "annotations": {DATA_HASH: "x"}}), "Owner", False),
    ],
)
def test_a_target_is_valid_while_its_hash_is_that_of_its_data(existing: Any, policy: str, answer: bool) -> None:
    assert valid(view(existing, target={"creationPolicy": policy})) is answer


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"target": {"template": {"data": {}}}}, "spec.target.template"),
        ({"target": {"manifest": {"kind": "ConfigMap"}}}, "spec.target.manifest"),
        ({"syncWindows": {"kind": "allow"}}, "spec.syncWindows"),
        ({"dataFrom": [{"find": {"name": {}}}]}, "spec.dataFrom[0].find"),
        ({"dataFrom": [{"extract": {"key": "r"}, "rewrite": [{}]}]}, "spec.dataFrom[0].rewrite"),
        ({"dataFrom": [{"sourceRef": {"generatorRef": {"kind": "UUID"}}}]}, "sourceRef.generatorRef"),
    ],
)
def test_what_is_not_served_is_answered_by_its_field(changes: Any, field: str) -> None:
    with pytest.raises(NeedsHuman) as caught:
        require_served(spec(**changes))

    assert field in caught.value.message


def test_nothing_to_fetch_is_an_error() -> None:
    with pytest.raises(NeedsHuman, match="either data or dataFrom"):
        require_served(spec(data=[]))


@pytest.mark.parametrize(
    ("raw", "place"),
    [
        ({"data": [{"secretKey": "canary key", "remoteRef": {"key": "r"}}]}, "spec.data[0].secretKey"),
        ({"data": [{"secretKey": "k"}]}, "spec.data[0].remoteRef"),
        ({"target": {"creationPolicy": "canary"}}, "spec.target.creationPolicy"),
        ({"data": "canary"}, "spec.data"),
        ("canary", "spec"),
        (None, "spec"),
    ],
)
def test_a_spec_that_cannot_be_read_is_named_by_field_and_not_quoted(raw: Any, place: str) -> None:
    with pytest.raises(NeedsHuman) as caught:
        parse(ExternalSecretSpec, raw, reason="SecretSyncedError")

    assert place in caught.value.message
    assert "canary" not in caught.value.message


def test_unknown_provider_fields_are_kept() -> None:
    found = parse(SecretStoreSpec, {"provider": {"vault": {"server": "x"}}}, reason="R")

    assert found.provider.model_dump(exclude_none=True) == {"vault": {"server": "x"}}


@pytest.mark.parametrize(
    "odd",
    [
        {},
        {"spec": None},
        {"spec": "x", "status": 5},
        {"spec": {"data": [5], "dataFrom": {}}, "status": {"refreshTime": "x"}},
    ],
)
def test_an_odd_external_secret_is_digested(odd: Any) -> None:
    found = external_digest({"metadata": {"namespace": "ns", "name": "es"}, **odd})

    assert found.target == "es"
    assert not found.ready


def test_a_digest_names_every_store_once() -> None:
    refs = [{"name": "a"}, {"name": "b", "kind": "ClusterSecretStore"}, {"name": "a"}]
    data = [{"sourceRef": {"storeRef": each}} for each in refs]

    found = external_digest(
        {"metadata": {"namespace": "ns", "name": "es"}, "spec": {"secretStoreRef": {"name": "a"}, "data": data}}
    )

    assert set(found.stores) == {Key(SECRET_STORES, "ns", "a"), Key(CLUSTER_SECRET_STORES, "", "b")}
    assert len(found.stores) == 2


def test_a_stores_credentials_are_found_wherever_they_stand() -> None:
    provider = {
        "x": {
            "auth": {
                "secretRef": {
                    "accessKeyIDSecretRef": {"name": "a", "key": "k"},
                    "tokenSecretRef": {"name": "b", "namespace": "other"},
                }
            },
            "list": [{"caSecretRef": {"name": "c"}}],
        }
    }

    cluster = store_digest({"metadata": {"name": "s"}, "spec": {"provider": provider}})
    namespaced = store_digest({"metadata": {"name": "s", "namespace": "ns"}, "spec": {"provider": provider}})

    assert set(cluster.credentials) == {("", "a"), ("other", "b"), ("", "c")}
    assert set(namespaced.credentials) == {("ns", "a"), ("ns", "b"), ("ns", "c")}


@pytest.mark.parametrize(
    ("condition", "answer"),
    [
        ({"namespaces": ["prod"]}, True),
        ({"namespaces": ["other"]}, False),
        ({"namespaceRegexes": ["pro.*"]}, True),
        ({"namespaceRegexes": ["pro"]}, False),
        ({"namespaceRegexes": ["rod"]}, False),
        ({"namespaceRegexes": ["x|prod"]}, True),
        ({"namespaceRegexes": ["(?!x)"]}, False),
        ({"namespaceSelector": {"matchLabels": {"t": "1"}}}, True),
        ({"namespaceSelector": {"matchLabels": {"t": "2"}}}, False),
        ({"namespaceSelector": {}}, True),
        ({}, False),
    ],
)
def test_a_cluster_store_admits_by_full_match(condition: Any, answer: bool) -> None:
    assert admits([condition], "prod", {"t": "1"}) is answer
    assert admits([], "prod", {})


@pytest.mark.parametrize(
    ("operator", "values", "answer"),
    [
        ("In", ["1"], True),
        ("In", ["2"], False),
        ("NotIn", ["2"], True),
        ("Exists", None, True),
        ("DoesNotExist", None, False),
        ("Gt", ["0"], False),
    ],
)
def test_selector_expressions(operator: str, values: Any, answer: bool) -> None:
    assert selects({"matchExpressions": [{"key": "t", "operator": operator, "values": values}]}, {"t": "1"}) is answer


def test_the_target_is_named_or_the_objects_own() -> None:
    assert view().target == Key(SECRETS, "ns", "es")
    assert view(target={"name": "other"}).target == Key(SECRETS, "ns", "other")

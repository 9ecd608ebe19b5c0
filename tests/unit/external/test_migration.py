"""What becomes of what external-secrets left: every verdict, by the module's own models, views and plans."""

from datetime import UTC, datetime
from typing import Any

import pytest

from external.api.cluster_external_secret import ClusterExternalSecretSpec
from external.api.fields import parse
from external.api.hashes import data_hash, field_manager, owner_hash, synced_version
from external.cluster_external_secrets.plan import Copies
from external.external_secrets.view import ADOPT, CREATED_BY, DATA_HASH, MANAGED
from external.migration import (
    Surroundings,
    cluster_finding,
    finding,
    needs_data,
    store_finding,
    target_key,
    unserved_finding,
)
from manager.core.clock import rfc3339
from manager.core.secret_value import SecretValue
from manager.findings import ObjectFinding, Verdict
from manager.kube.cache import MetadataCache
from manager.kube.resources import (
    CLUSTER_EXTERNAL_SECRETS,
    CLUSTER_SECRET_STORES,
    NAMESPACES,
    SECRET_STORES,
    SECRETS,
    Key,
    Resource,
)
from manager.settings.model import ExternalSettings
from tests.builders.external_objects import encoded
from tests.builders.manifests import external_secret, fake, generated, generator, store

NOW = datetime(2026, 1, 1, tzinfo=UTC)
UID = "es-uid"
MARKS = {MANAGED: "true", CREATED_BY: owner_hash("ns", "es")}
HASHED = {DATA_HASH: data_hash({"k": SecretValue(b"v")})}
OWNER = {"kind": "ExternalSecret", "name": "es", "uid": UID, "controller": True}


def external(*, ready: bool = True, age: float = 60.0, name: str = "es", **spec: Any) -> Any:
    """Return an ExternalSecret that was refreshed `age` seconds ago."""
    body = external_secret("ns", name, spec.pop("store", "store"), spec.pop("data", {"k": "remote"}), **spec)
    body["metadata"] |= {"uid": UID, "generation": 1, "resourceVersion": "5"}
    refreshed = datetime.fromtimestamp(NOW.timestamp() - age, UTC)
    condition = {"type": "Ready", "status": "True" if ready else "False"}
    status = {"conditions": [condition], "refreshTime": rfc3339(refreshed)}
    return body | {"status": status | {"syncedResourceVersion": synced_version(body)}}


def target(owned: bool = True, managers: Any = None, *, made: bool = False, **metadata: Any) -> Any:
    """Return the metadata of a target as the original leaves it."""
    fields = {"f:data": {"f:k": {}}} | ({"f:type": {}} if made else {})
    record = [{"manager": each, "fieldsV1": fields} for each in managers or (field_manager("es"),)]
    meta: Any = {"namespace": "ns", "name": "es", "uid": "u", "resourceVersion": "7", "managedFields": record}
    meta |= {"labels": MARKS, "annotations": HASHED, **metadata}
    return {"metadata": meta | ({"ownerReferences": [OWNER]} if owned else {})}


def found(body: Any = None, secret: Any = None, stores: Any = None, made: Any = (), **settings: Any) -> ObjectFinding:
    given = [store("ns", "store", fake({"remote": "v"})), *(stores or ())]
    known = {_key(each): each for each in given}
    generators = {each["metadata"]["name"]: each for each in made}
    around = Surroundings(known, generators, ExternalSettings(**settings), NOW.timestamp())
    return finding(body or external(), secret, around)


def _key(body: Any) -> Key:
    resource = SECRET_STORES if body["kind"] == "SecretStore" else CLUSTER_SECRET_STORES
    return Key(resource, body["metadata"].get("namespace", ""), body["metadata"]["name"])


def test_what_the_original_left_stays_until_its_refresh_is_due() -> None:
    result = found(secret=target())

    assert (result.verdict, result.why, result.blocks) == (Verdict.NOTHING, "", False)
    assert result.target == Key(SECRETS, "ns", "es")
    assert result.due == NOW.timestamp() + 3600 - 60


def test_a_refresh_that_is_due_is_told() -> None:
    result = found(external(age=7200), target())

    assert (result.verdict, result.due) == (Verdict.NOTHING, NOW.timestamp())
    assert result.why == "its refresh is due: the provider is read at once"


@pytest.mark.parametrize("spec", [{"refreshPolicy": "CreatedOnce"}, {"refreshInterval": "0"}])
def test_what_is_read_once_is_never_due(spec: Any) -> None:
    assert found(external(age=1e6, **spec), target()).due is None


@pytest.mark.parametrize(
    ("policy", "secret", "verdict"),
    [
        ("Owner", None, Verdict.DIFFERS),
        ("Orphan", None, Verdict.DIFFERS),
        ("Merge", None, Verdict.NOTHING),
        ("None", None, Verdict.NOTHING),
        ("None", target(owned=False), Verdict.NOTHING),
        ("Merge", target(owned=False, managers=("team",)), Verdict.NOTHING),
        ("CreateOrMerge", target(owned=False), Verdict.NOTHING),
        ("Orphan", target(owned=False, made=True), Verdict.NOTHING),
    ],
)
def test_creation_policies_have_their_own_answer(policy: str, secret: Any, verdict: Verdict) -> None:
    result = found(external(target={"creationPolicy": policy}), secret)

    assert (result.verdict, result.blocks) == (verdict, False)


def test_what_fails_already_is_tried_again_and_no_reason_to_keep_the_original() -> None:
    missing, wrong = found(external(ready=False)), found(external(ready=False, refreshInterval="soon"), target())

    assert missing.why.endswith("Coffer tries again what failed; the condition says why it did")
    assert wrong.why.endswith("correct it: external-secrets cannot serve it either")
    assert found(external(refreshInterval="soon"), target()).why.endswith("or remove it")


@pytest.mark.parametrize(("ready", "blocks"), [(True, True), (False, False)])
def test_a_foreign_target_blocks_only_what_worked_before(ready: bool, blocks: bool) -> None:
    result = found(external(ready=ready), target(owned=False, labels={}))

    assert (result.verdict, result.blocks) == (Verdict.DIFFERS, blocks)
    assert "that is not this ExternalSecret's" in result.why


@pytest.mark.parametrize(
    ("metadata", "settings"), [({"annotations": {ADOPT: "true"}}, {}), ({"labels": {}}, {"adopt_foreign": True})]
)
def test_a_target_that_is_handed_over_is_adopted(metadata: Any, settings: Any) -> None:
    assert found(secret=target(owned=False, **metadata), **settings).verdict is Verdict.ADOPT


@pytest.mark.parametrize(
    ("secret", "why"),
    [
        (target(labels={}), f"the label {MANAGED} is missing"),
        (target(annotations={}), f"the annotation {DATA_HASH} is missing"),
    ],
)
def test_a_target_that_was_edited_is_repaired(secret: Any, why: str) -> None:
    result = found(secret=secret)

    assert (result.verdict, result.due) == (Verdict.DIFFERS, NOW.timestamp())
    assert result.why.startswith(why)


def test_an_object_that_was_not_ready_is_read_at_once() -> None:
    assert found(external(ready=False), target()).why.startswith("the condition is not Ready: ")


@pytest.mark.parametrize(("policy", "named"), [("Owner", "kubectl-edit"), ("Merge", "")])
def test_other_writers_are_named_where_the_target_is_not_shared(policy: str, named: str) -> None:
    secret = target(managers=(field_manager("es"), "kubectl-edit"))

    assert named in found(external(target={"creationPolicy": policy}), secret).why
    assert bool(found(external(target={"creationPolicy": policy}), secret).why) is bool(named)


def test_data_is_read_only_where_nothing_else_shows_whose_a_target_is() -> None:
    restored = target(owned=False, managers=("velero",))

    assert needs_data(external(), restored)
    assert not needs_data(external(), target())
    assert not needs_data(external(), target(owned=False, made=True))
    assert not needs_data(external(), target(owned=False, managers=("velero",), labels={}))
    assert found(secret=restored).blocks
    assert found(secret=restored | {"data": encoded(k="v")}).verdict is Verdict.NOTHING


@pytest.mark.parametrize(
    ("spec", "why"),
    [
        ({"secretStoreReff": {}}, "spec.secretStoreReff: unknown field; did you mean secretStoreRef?"),
        ({"refreshInterval": "often"}, "spec.refreshInterval: "),
        ({"data": {}}, "either data or dataFrom should be specified"),
        ({"target": {"deletionPolicy": "Delete", "creationPolicy": "Merge"}}, "deletionPolicy=Delete must not be used"),
    ],
)
def test_a_field_that_is_not_supported_is_named(spec: Any, why: str) -> None:
    result = found(external(**spec), target())

    assert (result.verdict, result.blocks) == (Verdict.UNSERVED, True)
    assert result.why.startswith(why)
    assert found(external(ready=False, **spec), target()).blocks is False


@pytest.mark.parametrize(
    ("provider", "told"), [("oracle", "spec.provider.oracle is not supported"), ("valt", "unknown")]
)
def test_a_provider_that_is_not_served_is_named_at_store_and_object(provider: str, told: str) -> None:
    given = store("ns", "clouds", {provider: {"projectID": "p"}})
    given["status"] = {"conditions": [{"type": "Ready", "status": "True"}]}

    at_store = store_finding(SECRET_STORES, given, ExternalSettings())
    result = found(external(store="clouds"), target(), [given])

    assert {at_store.verdict, result.verdict} == {Verdict.UNSERVED}
    assert at_store.blocks
    assert result.blocks
    assert told in at_store.why
    assert result.why.startswith("SecretStore ns/clouds: ")
    assert result.why.count("keep external-secrets for it") == 1


def test_a_served_store_stays() -> None:
    result = store_finding(SECRET_STORES, store("ns", "store", fake({})), ExternalSettings())

    assert (result.verdict, result.why) == (Verdict.NOTHING, "")


def test_a_store_that_does_not_exist_is_named() -> None:
    assert "it does not exist in namespace" in found(external(store="gone"), target()).why


@pytest.mark.parametrize(
    ("given", "settings"),
    [
        (store("ns", "other", fake({}), controller="team"), {}),
        (store("", "other", fake({})), {"cluster_stores": False}),
    ],
)
def test_what_another_controller_serves_is_left_to_it(given: Any, settings: Any) -> None:
    name = "other" if given["kind"] == "SecretStore" else "cluster/other"

    result = found(external(store=name), target(), [given], **settings)

    assert (result.verdict, result.blocks) == (Verdict.UNSERVED, False)
    assert "leaves it to another controller" in result.why
    assert store_finding(_key(given).resource, given, ExternalSettings(**settings)).verdict is Verdict.UNSERVED


@pytest.mark.parametrize(
    ("kind", "made", "told"),
    [
        ("BeyondtrustWorkloadCredentialsDynamicSecret", (), "and not BeyondtrustWorkloadCredentialsDynamicSecret"),
        ("ClusterGenerator", (), "ClusterGenerator g does not exist"),
        (
            "ClusterGenerator",
            (generator("", "BeyondtrustWorkloadCredentialsDynamicSecret", "g"),),
            "and not BeyondtrustWorkloadCredentialsDynamicSecret",
        ),
        ("ClusterGenerator", ({"metadata": {"name": "g"}, "spec": {"generator": {}}},), "exactly one generator"),
    ],
)
def test_a_generator_that_is_not_served_is_named(kind: str, made: Any, told: str) -> None:
    result = found(external(data={}, dataFrom=[generated(kind, "g")]), target(), made=made)

    assert (result.verdict, result.blocks) == (Verdict.UNSERVED, True)
    assert told in result.why


@pytest.mark.parametrize(("kind", "made"), [("Password", ()), ("ClusterGenerator", (generator("", "UUID", "g"),))])
def test_a_generator_that_is_served_is_no_finding(kind: str, made: Any) -> None:
    assert found(external(data={}, dataFrom=[generated(kind, "g")]), target(), made=made).verdict is Verdict.NOTHING


@pytest.mark.parametrize(("allowed", "verdict"), [(False, Verdict.UNSERVED), (True, Verdict.DIFFERS)])
def test_a_target_of_another_kind_depends_on_the_setting(allowed: bool, verdict: Verdict) -> None:
    manifest = {"manifest": {"apiVersion": "v1", "kind": "ConfigMap"}}

    result = found(external(target=manifest), None, generic_targets=allowed)

    assert (result.verdict, result.blocks) == (verdict, not allowed)


def test_kinds_that_are_not_served() -> None:
    kind = "BeyondtrustWorkloadCredentialsDynamicSecret"
    resource = Resource("generators.external-secrets.io", "v1alpha1", "grafanas", kind)
    result = unserved_finding(resource, {"metadata": {"name": "x", "namespace": "ns"}})

    assert (result.verdict, result.blocks) == (Verdict.UNSERVED, False)
    assert result.why.startswith(f"{resource.kind} is not served")


def test_the_target_of_an_external_secret_is_found_by_its_name() -> None:
    assert target_key(external()) == Key(SECRETS, "ns", "es")
    assert target_key(external(target={"name": "other"})) == Key(SECRETS, "ns", "other")


def cluster(**spec: Any) -> Any:
    inner = external_secret("", "x", "store", {"k": "remote"})["spec"]
    meta = {"name": "ces", "uid": "ces-uid", "generation": 1}
    return {"metadata": meta, "spec": {"externalSecretSpec": inner, "namespaces": ["ns"], **spec}}


def copies_of(body: Any, *namespaces: str) -> list[Any]:
    copies = Copies(body, parse(ClusterExternalSecretSpec, body["spec"], reason="x"))
    return [copies.new(each) for each in namespaces]


def of_cluster(body: Any, made: Any) -> ObjectFinding:
    cache = MetadataCache()
    for name in ("ns", "other"):
        cache.observe(NAMESPACES, None, {"metadata": {"name": name, "uid": name, "resourceVersion": "1"}})
    return cluster_finding(body, made, cache.items(NAMESPACES))


def test_the_copies_of_a_cluster_external_secret_stay() -> None:
    body = cluster()

    assert of_cluster(body, copies_of(body, "ns")).verdict is Verdict.NOTHING


@pytest.mark.parametrize(
    ("namespaces", "edited", "told", "blocks"),
    [
        ((), False, "Coffer creates its ExternalSecret in ns", False),
        (("ns", "other"), False, "Coffer deletes its ExternalSecret in other", True),
        (("ns",), True, "Coffer writes its ExternalSecret once in ns", False),
    ],
)
def test_copies_that_change_are_told(namespaces: Any, edited: bool, told: str, blocks: bool) -> None:
    body = cluster()
    made = copies_of(body, *namespaces)
    if edited:
        made[0]["spec"] = {**made[0]["spec"], "refreshInterval": "5m"}

    result = of_cluster(body, made)

    assert (result.verdict, result.why, result.blocks) == (Verdict.DIFFERS, told, blocks)


@pytest.mark.parametrize("spec", [{"namespaces": 5}, {"namespaceSelector": {"matchExpressions": [{"key": "a"}]}}])
def test_a_cluster_external_secret_that_cannot_be_read_is_not_served(spec: Any) -> None:
    result = of_cluster(cluster(**spec), [])

    assert (result.verdict, result.key.resource) == (Verdict.UNSERVED, CLUSTER_EXTERNAL_SECRETS)
    assert result.blocks

"""Converged objects of external-secrets 2.9 are taken over as they are: no write of data, no provider call.

The objects and their hashes are built here without the module under test.
"""

import hashlib
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from functools import partial
from urllib.parse import urlencode

import pytest

from tests.builders.manifests import aws, aws_keys, canary, encoded, external_secret, fake, secret, store
from tests.cluster.kube import ApiError, Object
from tests.e2e.conftest import MakeCoffer
from tests.e2e.world import World

SIZES = [pytest.param(30, id="some"), pytest.param(500, id="many", marks=[pytest.mark.soak, pytest.mark.timeout(600)])]
RECONCILE = "reconcile.external-secrets.io/"
FINALIZER = "externalsecrets.external-secrets.io/externalsecret-cleanup"
DATA_CALLS = {"GetSecretValue", "BatchGetSecretValue", "ListSecrets"}
NAMES = ("short", "a-name-of-more-than-27-characters", "x" * 90)
"""The original's field manager is the name, or its hash if the name would exceed 63 characters."""

SHAPES: tuple[Object, ...] = (
    {},
    {"target": {"name": "renamed-{name}"}},
    {"target": {"creationPolicy": "Orphan"}},
    {"target": {"creationPolicy": "Merge"}},
    {"target": {"creationPolicy": "CreateOrMerge"}},
    {"target": {"deletionPolicy": "Delete"}},
    {"target": {"template": {"metadata": {"labels": {"from": "template"}}, "data": {"k": "{{ .k }}"}}}},
    {"refreshPolicy": "CreatedOnce"},
    {"refreshPolicy": "OnChange"},
    {"refreshInterval": "0"},
)


def sha3(text: str) -> str:
    """ObjectHash of a text."""
    return hashlib.sha3_224(text.encode()).hexdigest()


def go_data(values: Mapping[str, bytes]) -> str:
    """Render a map of bytes as Go's %+v does."""
    entries = [f"{key}:[{' '.join(str(each) for each in values[key])}]" for key in sorted(values)]
    return f"map[{' '.join(entries)}]"


def go_texts(values: Mapping[str, str]) -> str:
    """Render a map of texts as Go's %+v does."""
    return "map[" + " ".join(f"{key}:{values[key]}" for key in sorted(values)) + "]"


def test_the_reading_is_the_originals() -> None:
    """The hash vectors that external-secrets publishes."""
    assert sha3("<nil>") == "c461202a18e99215f121936fb2452e03843828e448a00a53f285a6fc"
    vector = {"foo": b"value1", "bar": b"value2"}
    assert sha3(go_data(vector)) == "1bed8bcbcb4547ffe19a19cd47d9078e84aa6598266d86b99f992d64"
    empty = f"{{annotations:{go_texts({})} labels:{go_texts({})}}}"
    assert sha3(empty) == "f47fe3c0b255b6dd8047cdffa772587bb829efe7a1cb70febeda2eb2"


def field_manager(name: str) -> str:
    plain = f"externalsecrets.external-secrets.io/{name}"
    return plain if len(plain) <= 63 else f"externalsecrets.external-secrets.io/sha3/{sha3(name)}"


def wanted(ns: str, at: int) -> Object:
    """Return the ExternalSecret as a user wrote it, with the original's finalizer."""
    name = f"{NAMES[at % len(NAMES)]}-{at}"
    shape = {
        key: {inner: each.replace("{name}", name) if isinstance(each, str) else each for inner, each in value.items()}
        if isinstance(value, dict)
        else value
        for key, value in SHAPES[at % len(SHAPES)].items()
    }
    manifest = external_secret(ns, name, "store", {"k": "remote"}, **shape)
    manifest["metadata"] |= {"labels": {"team": "a"}, "annotations": {"note": str(at)}, "finalizers": [FINALIZER]}
    return manifest


def target_of(external: Object, value: str) -> Object:
    """Return the Secret as the original leaves it."""
    meta, spec = external["metadata"], external["spec"]
    policy = spec["target"].get("creationPolicy", "Owner")
    template = spec["target"].get("template")
    given = template["metadata"]["labels"] if template else meta["labels"]
    labels = {**given, f"{RECONCILE}managed": "true"}
    annotations = {} if template else dict(meta["annotations"])
    annotations[f"{RECONCILE}data-hash"] = sha3(go_data({"k": value.encode()}))
    about: Object = {"namespace": meta["namespace"], "name": spec["target"].get("name", meta["name"])}
    if policy == "Owner":
        labels[f"{RECONCILE}created-by"] = sha3(f"{meta['namespace']}/{meta['name']}")
        owner = {"apiVersion": external["apiVersion"], "kind": "ExternalSecret", "name": meta["name"]}
        about["ownerReferences"] = [{**owner, "uid": meta["uid"], "controller": True, "blockOwnerDeletion": True}]
    about |= {"labels": labels, "annotations": annotations}
    return {"apiVersion": "v1", "kind": "Secret", "type": "Opaque", "metadata": about, "data": {"k": encoded(value)}}


def status_of(external: Object, target: Object, refreshed: datetime) -> Object:
    """Return the status as the original leaves it."""
    meta = external["metadata"]
    metadata_hash = sha3(f"{{annotations:{go_texts(meta['annotations'])} labels:{go_texts(meta['labels'])}}}")
    moment = refreshed.strftime("%Y-%m-%dT%H:%M:%SZ")
    condition = {"type": "Ready", "status": "True", "reason": "SecretSynced", "message": "secret synced"}
    return {
        "refreshTime": moment,
        "syncedResourceVersion": f"{meta['generation']}-{metadata_hash}",
        "binding": {"name": target["metadata"]["name"]},
        "conditions": [{**condition, "lastTransitionTime": moment}],
    }


def leave(arena: World, ns: str, value: str, refreshed: datetime, at: int) -> None:
    """Create an ExternalSecret with its Secret and its status."""
    external = arena.kube.create(wanted(ns, at))
    target = target_of(external, value)
    manager = urlencode({"fieldManager": field_manager(external["metadata"]["name"])})
    arena.kube.request("POST", f"{arena.kube.path('secrets', ns)}?{manager}", target)
    status = {"status": status_of(external, target, refreshed)}
    arena.kube.patch("externalsecrets", external["metadata"]["name"], ns, status, subresource="status")


def place(arena: World, access_key: str) -> str:
    """Return a namespace with a store that the original has validated; this key signs its calls."""
    ns = arena.namespace()
    arena.apply(secret(ns, "aws-credentials", aws_keys(access_key)), store(ns, "store", aws()))
    condition = {"type": "Ready", "status": "True", "reason": "Valid", "message": "store validated"}
    condition["lastTransitionTime"] = "2026-01-01T00:00:00Z"
    status = {"status": {"conditions": [condition], "capabilities": "ReadWrite"}}
    arena.kube.patch("secretstores", "store", ns, status, subresource="status")
    return ns


def reads(arena: World, access_key: str) -> list[str]:
    """Return the calls for values that were signed by a key."""
    return [each.action for each in arena.moto.calls if each.access_key == access_key and each.action in DATA_CALLS]


@pytest.mark.parametrize("count", SIZES)
def test_what_the_original_left_costs_no_write_and_no_call(arena: World, arena_coffer: MakeCoffer, count: int) -> None:
    value, now = canary(), datetime.now(UTC)
    arena.moto.client().create_secret(Name="remote", SecretString=value)
    ns, elsewhere = place(arena, "AKIACONVERGED"), place(arena, "AKIADUE")
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(partial(leave, arena, ns, value, now), range(count)))
    leave(arena, elsewhere, value, now - timedelta(hours=2), 0)

    def versions() -> dict[str, str]:
        found = [each["metadata"] for kept in (ns, elsewhere) for each in arena.kube.list("secrets", kept)]
        return {f"{each['namespace']}/{each['name']}": each["resourceVersion"] for each in found}

    before = versions()
    assert len(before) == count + 3, "the targets, and the credentials of both stores"

    coffer = arena_coffer("coffer-0", "--modules-sealed=false", "--modules-reflector=false")
    coffer.wait_leading()
    arena.kube.wait_until(
        lambda: coffer.metric("coffer_reconcile_total", 'controller="external"') > count,
        timeout=30 + count * 0.1,
        what="every object to be compared once",
    )
    arena.kube.wait_until(lambda: reads(arena, "AKIADUE"), what="the read that is due")

    assert reads(arena, "AKIACONVERGED") == []
    assert [str(each) for each in arena.writes(coffer.installation.user) if each.namespace == ns] == []
    assert versions() == before


@pytest.mark.soak  # changing a CRD takes the API server seconds
def test_v1beta1_is_accepted_where_it_is_served(arena: World, arena_coffer: MakeCoffer) -> None:
    """The original's chart serves v1beta1 with crds.unsafeServeV1Beta1: such manifests in Git keep working."""
    kinds = ("externalsecrets", "secretstores")
    served = {each: arena.kube.get("customresourcedefinitions", f"{each}.external-secrets.io") for each in kinds}

    def serve(old: bool) -> None:
        for each in served.values():
            versions = [{**version, "served": version["name"] == "v1" or old} for version in each["spec"]["versions"]]
            name = each["metadata"]["name"]
            arena.kube.patch("customresourcedefinitions", name, None, {"spec": {"versions": versions}})

    old = "external-secrets.io/v1beta1"
    value, ns = canary(), arena.namespace()
    serve(old=True)
    try:
        for kind in ("ExternalSecret", "SecretStore"):
            arena.kube.wait_until(partial(_listed, arena, f"{old}/{kind}"), timeout=30, what=f"{old} {kind}")
        arena.apply({**store(ns, "store", fake({"remote": value})), "apiVersion": old})
        arena.apply({**external_secret(ns, "app", "store", {"k": "remote"}), "apiVersion": old})

        arena_coffer("coffer-0").wait_leading()

        arena.await_data(ns, "app", {"k": value})
        arena.await_ready("externalsecrets", ns, "app")
    finally:
        serve(old=False)
        for each in kinds:
            arena.kube.wait_until(partial(_listed, arena, each), timeout=30, what=each)


def _listed(arena: World, kind: str) -> bool:
    try:
        arena.kube.list(kind)
    except (LookupError, ApiError):  # a changed CRD is not served for a moment
        return False
    return True

"""A hostile tenant gets nothing that is not its own, by any route."""

import json
from collections.abc import Callable, Iterator
from functools import cache, partial
from pathlib import Path
from typing import Any

import pytest
import yaml

from external.providers.registry import PROVIDERS
from tests.builders.manifests import (
    MIRROR,
    SEALED,
    allowed,
    aws,
    aws_keys,
    canary,
    config_map,
    external_secret,
    fake,
    reflects,
    sealed_secret,
    secret,
    service_account,
    store,
)
from tests.cluster.kube import LOADER, Object
from tests.controller import CRDS
from tests.e2e.test_sealed import foreign_key
from tests.e2e.world import World

KEY_LABEL = f"{SEALED}sealed-secrets-key"
TOKEN, BOOTSTRAP = "kubernetes.io/service-account-token", "bootstrap.kubernetes.io/token"
ACCOUNT = {"kubernetes.io/service-account.name": "default"}
MANAGED = "reconcile.external-secrets.io/managed"


def await_account(world: World, ns: str) -> None:
    """Wait for a namespace's default ServiceAccount; a token Secret cannot be created without it."""
    world.kube.wait_until(lambda: world.kube.find("serviceaccounts", "default", ns))


@pytest.mark.parametrize("kind", [TOKEN, BOOTSTRAP])
def test_a_sealed_secret_cannot_make_a_secret_that_grants_rights(world: World, kind: str) -> None:
    ns = world.namespace()
    await_account(world, ns)

    metadata = {"annotations": ACCOUNT}
    world.apply(sealed_secret(world.certificate, ns, "token", {"a": canary()}, type=kind, metadata=metadata))

    world.await_condition("sealedsecrets", ns, "token", "False", text=kind)
    assert world.data(ns, "token") is None


def test_a_secret_that_grants_rights_is_never_written(world: World) -> None:
    """Neither a merge nor a patch nor a pull changes it."""
    ns, source = world.namespace(), world.namespace()
    await_account(world, ns)
    consent = {"sealed": {f"{SEALED}patch": "true"}, "external": {}, "pulled": reflects(source, "source")}
    for name, annotations in consent.items():
        world.apply(secret(ns, name, {}, type=TOKEN, annotations=ACCOUNT | annotations))
    before = {name: world.kube.wait_until(partial(world.data, ns, name)) for name in consent}

    world.apply(
        secret(source, "source", {"token": canary()}, annotations=allowed()),
        store(ns, "store", fake({"remote": canary()})),
        external_secret(ns, "external", "store", {"token": "remote"}, target={"creationPolicy": "Merge"}),
        sealed_secret(world.certificate, ns, "sealed", {"token": canary()}),
    )

    world.await_condition("sealedsecrets", ns, "sealed", "False", text=TOKEN)
    world.await_condition("externalsecrets", ns, "external", "False", text=TOKEN)
    world.await_event(ns, "pulled", "MirrorFailed", TOKEN)
    assert {name: world.data(ns, name) for name in consent} == before


def test_a_token_is_never_pushed_to_another_namespace(world: World) -> None:
    ns, target = world.namespace(), world.namespace()
    await_account(world, ns)
    world.apply(secret(ns, "token", {}, type=TOKEN, annotations=ACCOUNT | allowed(target, auto="")))

    world.await_event(ns, "token", "MirrorFailed", TOKEN)

    assert world.data(target, "token") is None


@pytest.mark.parametrize("route", ["sealed", "external"])
def test_nobody_can_smuggle_in_a_sealing_key(world: World, route: str) -> None:
    assert world.coffer is not None
    ns, label = world.namespace(), {KEY_LABEL: "active"}
    before = world.coffer.certificate()
    if route == "sealed":
        world.apply(sealed_secret(world.certificate, ns, "key", foreign_key(), metadata={"labels": label}))
    else:
        manifest = external_secret(ns, "key", "store", {"tls.key": "key", "tls.crt": "crt"})
        manifest["metadata"]["labels"] = label
        world.apply(store(ns, "store", fake({"key": "x", "crt": "y"})), manifest)

    world.await_condition(f"{route}secrets", ns, "key", "False", text=KEY_LABEL)
    assert world.data(ns, "key") is None
    assert world.coffer.certificate() == before


def test_a_sealing_key_is_never_mirrored(world: World) -> None:
    assert world.coffer is not None
    home, target = world.coffer.installation.namespace, world.namespace()
    key = world.kube.list("secrets", home, labelSelector=KEY_LABEL)[0]["metadata"]["name"]
    own, control = world.namespace(), world.namespace()
    world.apply(secret(own, "fake-key", {"a": canary()}, labels={KEY_LABEL: "x"}, annotations=allowed(auto="")))
    world.kube.annotate("secrets", key, home, allowed(target, auto=""))
    try:
        for name, ns in ((key, home), ("fake-key", own)):
            world.apply(secret(target, f"pulls-{name}"[:60], {"x": "x"}, annotations=reflects(ns, name)))
        world.apply(secret(own, "control", {"a": "1"}, annotations=allowed(f"{control},{target}", auto="")))
        world.await_data(target, "control", {"a": "1"})

        assert world.data(target, key) is None
        assert world.data(target, "fake-key") is None
        assert world.data(target, f"pulls-{key}"[:60]) == {"x": "x"}
        assert world.data(target, "pulls-fake-key") == {"x": "x"}
    finally:
        world.kube.annotate("secrets", key, home, dict.fromkeys(allowed(target, auto="")))


def test_a_template_cannot_choose_owner_identity_or_place(world: World) -> None:
    ns, elsewhere, values = world.namespace(), world.namespace(), {"a": canary()}
    [owner] = world.apply(config_map(ns, "victim", {}))
    reference = {"apiVersion": "v1", "kind": "ConfigMap", "name": "victim", "uid": owner["metadata"]["uid"]}
    metadata = {
        "ownerReferences": [reference],
        "uid": owner["metadata"]["uid"],
        "generateName": "other-",
        "name": "other",
        "namespace": elsewhere,
        "resourceVersion": "1",
    }

    world.apply(sealed_secret(world.certificate, ns, "app", values, metadata=metadata))

    made = world.await_data(ns, "app", values)
    assert [each["kind"] for each in made["metadata"]["ownerReferences"]] == ["SealedSecret"]
    assert "generateName" not in made["metadata"]
    assert [each for each in world.kube.list("secrets", elsewhere) if each["type"] == "Opaque"] == []


LOGINS = ("aws", "azure", "gcpIam", "gcpIdToken", "kubernetes", "oci")
UNSERVED = {
    *(("vault", "auth", "gcp", "serviceAccountRef"), ("webhook", "auth")),
    ("akeyless", "authSecretRef", "serviceAccountRef"),
    *(("infisical", "auth", f"{each}AuthCredentials") for each in LOGINS),
}
"""Fields of supported providers that are refused before anything is read."""
NO_REFERENCES = {("crd", "whitelist"), ("akeyless", "caProvider")}
"""Fields that have a name and a namespace, and mean no object; or that are read only after the kind of the login."""


def references(schema: Object, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Yield the path of every field of a schema that names an object in a namespace."""
    properties: Object = schema.get("properties") or (schema.get("items") or {}).get("properties") or {}
    if {"name", "namespace"} <= set(properties):
        yield path
    for name, each in properties.items():
        yield from references(each, (*path, name))


@cache
def provider_schema() -> Object:
    """Return the CRD's schema of a SecretStore's provider."""
    crd = yaml.load(Path(CRDS / "secretstores.yaml").read_text(), LOADER)
    schema = next(each for each in crd["spec"]["versions"] if each["served"])["schema"]["openAPIV3Schema"]
    provider: Object = schema["properties"]["spec"]["properties"]["provider"]
    return provider


def store_references() -> list[tuple[str, ...]]:
    """Return these fields of the supported providers; a new field in the CRD gets its test automatically."""
    found = [path for path in references(provider_schema()) if path[0] in PROVIDERS]
    return [path for path in found if not any(path[: len(each)] == each for each in UNSERVED | NO_REFERENCES)]


NO_SECRETS = ("authRef", "credConfig")
"""Fields with a key that stand for another way to log in, or are no Secret."""
OWN: Object = {"name": "aws-credentials", "key": "AWS_ACCESS_KEY_ID"}
BESIDE: dict[str, Object] = {
    "akeyless": {"authSecretRef": {"secretRef": dict.fromkeys(("accessID", "accessType", "accessTypeParam"), OWN)}},
    "azurekv": {"tenantId": "tenant"},
    "crd": {"resource": {"group": "", "version": "v1", "kind": "ConfigMap"}, "auth": {"token": {"bearerToken": OWN}}},
    "delinea": {"tenant": "acme"},
    "github": {"organization": "acme"},
    "gitlab": {"projectID": "1", "auth": {"SecretRef": {"accessToken": OWN}}},
    "infisical": {
        "secretsScope": {"projectSlug": "app", "environmentSlug": "dev"},
        "auth": {"universalAuthCredentials": {"clientId": OWN, "clientSecret": OWN}},
    },
    "onepassword": {"vaults": {"app": 1}},
    "scaleway": {"region": "fr-par", "projectId": "11111111-2222-3333-4444-555555555555"},
    "secretserver": {"serverURL": "https://example.com", "username": {"value": "me"}, "password": {"value": "p"}},
}
"""What providers demand that their schemas do not say."""


def plain(schema: Object, own: Object) -> object:
    """Return a value that a schema takes, with its required fields; a Secret where it may name one."""
    fields: Object = schema.get("properties") or {}
    match schema.get("type"):
        case "object" if {"name", "key"} <= set(fields):
            return own
        case "object" if "secretRef" in fields and "value" in fields:
            return {"secretRef": own}
        case "object":
            return {name: plain(fields[name], own) for name in schema.get("required", ())}
        case "array":
            return [plain(schema["items"], own)]
        case "integer" | "number":
            return 1
        case "boolean":
            return False
        case _:
            return (
                schema["enum"][0] if "enum" in schema else "eu-west-1" if "pattern" in schema else "https://example.com"
            )


def filled(schema: Object, path: tuple[str, ...], last: Object, own: Object) -> Object:
    """Return an object with `last` at a path, and the fields that the schema requires beside it with own Secrets."""
    properties = schema["properties"]
    found: Object = {each: plain(properties[each], own) for each in schema.get("required", ())}
    name, *rest = path
    if rest:
        inner = filled(properties[name].get("items") or properties[name], tuple(rest), last, own)
        return found | {name: [inner] if "items" in properties[name] else inner}
    fields = {each: set(schema.get("properties", ())) for each, schema in properties.items()}
    secrets = [each for each, has in fields.items() if "key" in has and "type" not in has and each not in NO_SECRETS]
    return found | dict.fromkeys(secrets, own) | {name: last}


def with_all(provider: Object, path: tuple[str, ...]) -> Object:
    """Return a provider with what it demands; `auth` and `authRef` stand for each other."""
    beside = BESIDE.get(path[0], {})
    taken = {path[1], path[-1], "auth" if path[1] == "authRef" else ""}
    whole = provider[path[0]] | {name: value for name, value in beside.items() if name not in taken}
    if path[0] == "azurekv":
        federated = path[-1] in ("serviceAccountRef", "tenantId")
        whole = {"serviceAccountRef": {"name": "aws-credentials"}, **whole} if federated else whole
        whole["authType"] = "WorkloadIdentity" if federated else "ServicePrincipal"
        whole.get("authSecretRef", {}).pop(
            {"clientCertificate": "clientSecret"}.get(path[-1], "clientCertificate"), None
        )
    return {path[0]: whole}


def test_the_references_of_a_store_are_known() -> None:
    assert len(store_references()) >= 30
    assert ("webhook", "secrets", "secretRef") in store_references()


def elsewhere(path: tuple[str, ...], namespace: str) -> Object:
    """Return a reference to another namespace, in the form of the field."""
    kind = {"type": "Secret"} if path[-1] == "caProvider" else {}
    there = OWN | kind | {"namespace": namespace}
    if path[-1].startswith("serviceAccount") or path[-1] == "awsCredentialsSecretRef":
        del there["key"]
    return there


@pytest.mark.parametrize("provider", sorted({path[0] for path in store_references()}))
def test_a_store_cannot_read_what_lies_in_another_namespace(world: World, provider: str) -> None:
    """One test for a provider: each namespace takes the control plane seconds to delete."""
    assert world.coffer is not None
    mine, theirs = world.namespace(), world.namespace()
    world.apply(secret(theirs, "aws-credentials", aws_keys()), secret(mine, "aws-credentials", aws_keys()))
    world.apply(service_account(mine, "aws-credentials"))
    mark = world.mark()
    paths = {f"store-{at}": path for at, path in enumerate(store_references()) if path[0] == provider}
    for name, path in paths.items():
        there = elsewhere(path, theirs)
        world.apply(store(mine, name, with_all(filled(provider_schema(), path, there, OWN), path)))

    for name, path in paths.items():
        condition = world.await_condition("secretstores", mine, name, "False", text=path[-1])
        assert condition["reason"] == "InvalidProviderConfig"
        assert "is not the namespace of this object" in condition["message"]
    read = [each for each in world.audit.requests(mark, user=world.coffer.installation.user) if each.verb == "get"]
    assert not [each for each in read if each.namespace == theirs]


def test_a_cluster_store_uses_each_consumers_credentials(world: World) -> None:
    """Its reference to the credentials names no namespace."""
    first, second = world.namespace(), world.namespace()
    keys = {ns: f"AKIA{ns[-8:].upper()}" for ns in (first, second)}
    value = canary()
    world.moto.client().create_secret(Name=f"remote-{first}", SecretString=value)
    world.apply(store("", first, aws()))
    try:
        for ns, key in keys.items():
            world.apply(secret(ns, "aws-credentials", aws_keys(key)))
            world.apply(external_secret(ns, "app", f"cluster/{first}", {"a": f"remote-{first}"}))
            world.await_data(ns, "app", {"a": value})
        assert all(world.moto.counts(key)["GetSecretValue"] == 1 for key in keys.values())
    finally:
        world.kube.delete("clustersecretstores", first)


SQUATTERS: dict[str, Object] = {
    "bare": {},
    "annotated": {"metadata": {"annotations": {"a": "1"}}},
    "of Helm": {"metadata": {"labels": {"app.kubernetes.io/managed-by": "Helm"}}},
    "with the original's label": {"metadata": {"labels": {MANAGED: "true"}}},
    "immutable": {"immutable": True},
    "terminating": {"metadata": {"finalizers": ["example.com/hold"]}},
    "a mirror of another": {"metadata": {"annotations": reflects("elsewhere", "x")}},
    "owned": {"metadata": {"ownerReferences": [{"apiVersion": "v1", "kind": "ConfigMap", "controller": True}]}},
}


def squat(world: World, ns: str, name: str, how: str) -> Object:
    """Create a foreign Secret with the target's name and return it."""
    extra = json.loads(json.dumps(SQUATTERS[how]))
    manifest = secret(ns, name, {"theirs": canary()})
    manifest |= {key: value for key, value in extra.items() if key != "metadata"}
    manifest["metadata"] |= extra.get("metadata", {})
    if how == "owned":
        [owner] = world.apply(config_map(ns, f"owner-{name}", {}))
        manifest["metadata"]["ownerReferences"][0] |= {key: owner["metadata"][key] for key in ("name", "uid")}
    world.apply(manifest)
    if how == "terminating":
        world.kube.delete("secrets", name, ns)
    return world.kube.get("secrets", name, ns)


@pytest.mark.parametrize("how", SQUATTERS, ids=lambda how: how.replace(" ", "-"))
def test_a_foreign_secret_stays_as_it_is_for_every_module(world: World, how: str) -> None:
    ns, source = world.namespace(), world.namespace()
    names = ["sealed", "external", f"pushed-{world.unique}"]
    before = [squat(world, ns, name, how) for name in names]
    claims: list[Callable[[], Any]] = [
        lambda: world.apply(sealed_secret(world.certificate, ns, names[0], {"ours": canary()})),
        lambda: world.apply(external_secret(ns, names[1], "store", {"ours": "remote"})),
        lambda: world.apply(secret(source, names[2], {"ours": canary()}, annotations=allowed(ns, auto=""))),
    ]

    world.apply(store(ns, "store", fake({"remote": canary()})))
    world.await_ready("secretstores", ns, "store")
    for claim in claims:
        claim()

    world.await_condition("sealedsecrets", ns, names[0], "False")
    world.await_condition("externalsecrets", ns, names[1], "False")
    world.await_event(source, names[2], "ConflictingObject", ns)
    assert [world.kube.get("secrets", name, ns) for name in names] == before
    for name in names:
        world.kube.patch("secrets", name, ns, {"metadata": {"finalizers": None}})


def test_nothing_is_pushed_into_kube_system_or_our_own_namespace(world: World) -> None:
    assert world.coffer is not None
    home, control = world.coffer.installation.namespace, world.namespace()
    name, ns = f"pushed-{world.unique}", world.namespace()

    world.apply(secret(ns, name, {"a": "1"}, annotations=allowed(f"kube-system,{home},{control}", auto="")))

    world.await_data(control, name, {"a": "1"})
    assert world.data("kube-system", name) is None
    assert world.data(home, name) is None


def test_a_pattern_made_to_hang_a_matcher_hangs_nothing(world: World) -> None:
    assert world.coffer is not None
    ns, target = world.namespace(), world.namespace("x" * 50)
    evil = "([a-z0-9-]+)+_,(a|aa)+$,(.*)*(.*)*(.*)*z"
    world.apply(*(secret(ns, f"evil-{at}", {"a": "1"}, annotations=allowed(evil, auto="")) for at in range(5)))
    world.apply(secret(ns, f"control-{world.unique}", {"a": "1"}, annotations=allowed(target, auto="")))

    world.await_data(target, f"control-{world.unique}", {"a": "1"}, timeout=3)
    assert world.coffer.http("/healthz").status == 200


def test_circular_mirrors_cause_no_endless_writes_or_provenance(world: World) -> None:
    ns = world.namespace()
    for one, other in (("a", "b"), ("b", "c"), ("c", "a")):
        world.apply(secret(ns, one, {"x": one}, annotations=reflects(ns, other) | allowed()))
    control = world.namespace()
    world.apply(secret(ns, f"s-{world.unique}", {"x": "1"}, annotations=allowed(control, auto="")))
    world.await_data(control, f"s-{world.unique}", {"x": "1"})
    assert world.coffer is not None

    writes = world.writes(world.coffer.installation.user)

    assert len(writes) <= 10, "the circle writes for ever"
    assert not [each for name in "abc" for each in world.events(ns, name, "MirrorsExternalSecret")]
    assert f"{MIRROR}auto-reflects" not in str(world.kube.get("secrets", f"s-{world.unique}", ns)["metadata"])

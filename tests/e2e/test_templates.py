"""Targets made by templates, on the real API server."""

import json
from functools import partial
from typing import Any

import pytest

from tests.builders.manifests import canary, config_map, external_secret, fake, secret, store
from tests.cluster.kube import ApiError, Object
from tests.e2e.world import World


def with_template(world: World, values: dict[str, str], template: Object, **spec: Any) -> str:
    """Return a new namespace with a store of these values and an ExternalSecret `app` with this template."""
    ns = world.namespace()
    world.apply(store(ns, "store", fake(values)))
    data: dict[str, Any] = {} if "dataFrom" in spec else {"user": "user"}
    world.apply(external_secret(ns, "app", "store", data, target={"template": template}, **spec))
    return ns


def test_a_template_makes_type_metadata_and_data(world: World) -> None:
    value = canary()
    metadata = {"labels": {"l": "{{ .user | len }}"}, "annotations": {"a": "1"}, "finalizers": ["coffer.dev/test"]}
    template = {"type": "kubernetes.io/basic-auth", "metadata": metadata, "data": {"password": "{{ .user }}!"}}

    ns = with_template(world, {"user": value}, template)

    made = world.await_data(ns, "app", {"password": f"{value}!"})
    assert made["type"] == "kubernetes.io/basic-auth"
    assert made["metadata"]["labels"]["l"] == str(len(value))
    assert made["metadata"]["annotations"]["a"] == "1"
    assert made["metadata"]["finalizers"] == ["coffer.dev/test"]
    world.kube.patch("secrets", "app", ns, {"metadata": {"finalizers": None}})


def test_an_edited_template_takes_effect_within_two_seconds(world: World) -> None:
    """The same holds for ConfigMaps and Secrets in templateFrom."""
    value = canary()
    given = [
        {"configMap": {"name": "map", "items": [{"key": "k"}]}},
        {"secret": {"name": "templates", "items": [{"key": "pairs", "templateAs": "KeysAndValues"}]}},
        {"literal": "{{ range $at, $each := fromJson .list }}item-{{ $at }}: {{ $each }}\n{{ end }}"},
    ]
    ns = with_template(world, {"user": value, "list": json.dumps(["a", "b"])}, {"templateFrom": given})
    spec = {"data": [{"secretKey": each, "remoteRef": {"key": each}} for each in ("user", "list")]}
    world.kube.patch("externalsecrets", "app", ns, {"spec": spec})
    condition = world.await_condition("externalsecrets", ns, "app", "False", text="does not exist")
    assert "spec.target.template.templateFrom[0].configMap: ConfigMap" in condition["message"]

    world.apply(config_map(ns, "map", {"k": "one-{{ .user }}"}), secret(ns, "templates", {"pairs": "p: {{ .user }}"}))
    made = {"k": f"one-{value}", "p": value, "item-0": "a", "item-1": "b"}
    world.await_data(ns, "app", made)

    edits = [
        partial(world.kube.patch, "configmaps", "map", ns, {"data": {"k": "two-{{ .user }}"}}),
        partial(world.kube.patch, "secrets", "templates", ns, {"stringData": {"pairs": "p: '{{ .user }}-2'"}}),
    ]
    for edit, changed in zip(edits, ({"k": f"two-{value}"}, {"p": f"{value}-2"}), strict=True):
        edit()
        made |= changed
        world.await_data(ns, "app", made)


def test_a_faulty_template_is_reported_and_keeps_the_secret(world: World) -> None:
    """The condition names the place and the fix."""
    value = canary()
    ns = with_template(world, {"user": value}, {"data": {"k": "{{ .user }}"}})
    world.await_data(ns, "app", {"k": value})

    for text, cure in (("{{ .user", "correct the template"), ("{{ .nobody }}", "the values of its keys: user")):
        template = {"target": {"template": {"data": {"k": text}}}}
        world.kube.patch("externalsecrets", "app", ns, {"spec": template})
        told = world.await_condition("externalsecrets", ns, "app", "False", text=cure)
        assert "spec.target.template.data[k]" in told["message"]
        assert world.data(ns, "app") == {"k": value}

    world.kube.patch("externalsecrets", "app", ns, {"spec": {"target": {"template": {"data": {"k": "x"}}}}})
    world.await_data(ns, "app", {"k": "x"})


TOKEN, OWNER = "kubernetes.io/service-account-token", "kubernetes.io/service-account.name"
REFUSED: dict[str, tuple[Object, str]] = {
    "rendered": ({"type": TOKEN, "templateFrom": [{"target": "annotations", "literal": f"{OWNER}: a"}]}, "not allowed"),
    "bare": ({"type": TOKEN}, "never written"),
    "key": ({"metadata": {"labels": {"sealedsecrets.bitnami.com/sealed-secrets-key": "active"}}}, "never written"),
    "owner": ({"templateFrom": [{"target": "metadata.ownerReferences", "literal": "a: b"}]}, "not allowed"),
    "immutable": ({"templateFrom": [{"target": "immutable", "literal": "a: b"}]}, "not allowed"),
}


def test_a_template_sets_no_privileged_type_and_no_owner(world: World) -> None:
    ns = world.namespace()
    world.apply(store(ns, "store", fake({"user": canary()})))
    for name, (template, _) in REFUSED.items():
        world.apply(external_secret(ns, name, "store", {"user": "user"}, target={"template": template}))

    for name, (_, text) in REFUSED.items():
        world.await_condition("externalsecrets", ns, name, "False", text=text)
        assert world.data(ns, name) is None


@pytest.mark.parametrize(
    ("spec", "text"),
    [
        ({"target": {"template": {"type": "bootstrap.kubernetes.io/token"}}}, "is not allowed"),
        ({"target": {"template": {"type": TOKEN, "metadata": {"annotations": {OWNER: "a"}}}}}, "is not allowed"),
        ({"target": {"deletionPolicy": "Delete", "creationPolicy": "Merge"}}, "Please set creationPolicy=Owner"),
        ({"target": {"deletionPolicy": "Merge", "creationPolicy": "None"}}, "There is no Secret to merge with"),
        ({"data": []}, "either data or dataFrom should be specified"),
        ({"dataFrom": [{}]}, "either extract, find, or sourceRef must be set to dataFrom"),
        (
            {"dataFrom": [{"extract": {"key": "a"}, "find": {"name": {"regexp": "."}}}]},
            "cannot be set at the same time",
        ),
    ],
)
def test_the_schema_refuses_what_its_rules_say(world: World, spec: Object, text: str) -> None:
    manifest = external_secret(world.namespace(), "app", "store", {"user": "user"})
    manifest["spec"] |= spec

    with pytest.raises(ApiError, match=text) as refused:
        world.apply(manifest)

    assert refused.value.status == 422


def test_keys_are_made_by_a_template(world: World) -> None:
    one, two = canary(), canary()
    rewrite = [{"transform": {"template": '{{ .value | upper | replace "-" "_" }}'}}]
    extract = [{"extract": {"key": "remote"}, "rewrite": rewrite}]
    ns = world.namespace()
    world.apply(store(ns, "store", fake({"remote": json.dumps({"db-user": one, "db-pass": two})})))

    world.apply(external_secret(ns, "app", "store", {}, dataFrom=extract))

    world.await_data(ns, "app", {"DB_USER": one, "DB_PASS": two})


def test_slow_templates_of_one_namespace_delay_no_other(world: World) -> None:
    theirs, mine, value = world.namespace(), world.namespace(), canary()
    world.apply(*(store(ns, "store", fake({"user": value})) for ns in (theirs, mine)))
    for ns in (theirs, mine):
        world.await_ready("secretstores", ns, "store")
    endless = {"data": {"k": "{{ range until 30000 }}{{ range until 30000 }}{{ end }}{{ end }}"}}
    quick = {"data": {"k": "{{ .user }}"}}
    for at in range(24):  # more than the number of workers
        world.apply(external_secret(theirs, f"slow-{at}", "store", {"user": "user"}, target={"template": endless}))

    def told() -> int:
        return sum("took longer" in str(each.get("status")) for each in world.kube.list("externalsecrets", theirs))

    world.kube.wait_until(told, what="one of them to be given up")

    world.apply(external_secret(mine, "app", "store", {"user": "user"}, target={"template": quick}))
    world.await_data(mine, "app", {"k": value})

    assert told() < 24, "those that came later are done before"

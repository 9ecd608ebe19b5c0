"""What the provider of custom resources reads, and what it refuses; a real API server is asked end to end."""

import json
from collections.abc import Mapping
from typing import Any

import pytest

from external.api.providers.kubernetes import CustomResource, ResourceRule
from external.providers.kubernetes.connection import Forbidden
from external.providers.kubernetes.custom_resources import CustomResources, Scope
from external.providers.kubernetes.resource_rules import AccessRules
from external.providers.protocol import (
    DocumentPath,
    ProviderDenied,
    ProviderError,
    ProviderUnavailable,
    SearchRequest,
    SecretAbsent,
    SecretRequest,
    ValidationUnknown,
)
from external.values.json_document import take
from manager.core.secret_value import SecretValue
from tests.builders.providers import found_texts, read, text

API = "/apis/example.com/v1"


def widget(name: str, namespace: str = "team", **spec: Any) -> dict[str, Any]:
    meta = {"name": name, "namespace": namespace, "labels": {"app": name}}
    return {"apiVersion": "example.com/v1", "kind": "Widget", "metadata": meta, "spec": spec}


class Api:
    """Answers as the API server would."""

    def __init__(self, *objects: Mapping[str, Any], namespaced: bool = True) -> None:
        self.objects = {(each["metadata"].get("namespace", ""), each["metadata"]["name"]): each for each in objects}
        self.kinds = [
            {"name": "widgets/status", "kind": "Widget", "namespaced": namespaced},
            {"name": "widgets", "kind": "Widget", "namespaced": namespaced},
        ]
        self.allowed = True
        self.calls: list[str] = []
        self.faults: dict[str, Exception | Mapping[str, Any]] = {}

    def request(self, call: str, method: str, path: str, *, params: Any = None, json: Any = None) -> Any:
        del method, json
        self.calls.append(call)
        fault = self.faults.get(call)
        if isinstance(fault, Exception):
            raise fault
        if fault is not None:
            return fault
        if call == "CreateSelfSubjectAccessReview":
            return {"status": {"allowed": self.allowed}}
        if call == "GetAPIResources":
            if path != API:
                raise SecretAbsent("none")
            return {"resources": self.kinds}
        steps = path.removeprefix(f"{API}/").split("/")
        namespace = steps[1] if steps[0] == "namespaces" else ""
        if call == "ListObjects":
            label = (params or {}).get("labelSelector", "").partition("=")[2]
            found = [
                {key: value for key, value in each.items() if key in ("metadata", "spec")}
                for (where, name), each in self.objects.items()
                if namespace in ("", where) and label in ("", name)
            ]
            return {"items": found, "metadata": {}}
        if (namespace, steps[-1]) not in self.objects:
            raise SecretAbsent("Secret does not exist")
        return self.objects[namespace, steps[-1]]

    def close(self) -> None:
        self.calls.append("close")


def client(api: Any, namespace: str = "team", *rules: dict[str, Any], kind: str = "Widget") -> CustomResources:
    """Return the client of a store; without a namespace of a cluster-scoped one."""
    resource = CustomResource(group="example.com", version="v1", kind=kind)
    given = AccessRules([ResourceRule.model_validate(each) for each in rules], cluster=not namespace, at="rules")
    return CustomResources(api, resource, Scope(namespace, "this cluster", 5), given)


def picked(made: CustomResources, key: str, path: str) -> bytes | None:
    found = made.property_value(read(made, key), path)
    if isinstance(found, DocumentPath):
        value = take(found.document.reveal(), found.path)
        return None if value is None else value.reveal()
    return found.reveal()


def test_properties_are_paths_through_the_whole_object() -> None:
    made = client(Api(widget("a", password="swordfish", big=12345678901234567890, list=[1, {"x": "<&>"}])))

    assert picked(made, "a", "spec.password") == b"swordfish"
    assert picked(made, "a", "metadata.labels.app") == b"a"
    assert picked(made, "a", "spec.big") == b"12345678901234567890"
    assert picked(made, "a", "spec.list.1") == b'{"x":"\\u003c\\u0026\\u003e"}'
    assert json.loads(picked(made, "a", "") or b"") == widget(
        "a", password="swordfish", big=12345678901234567890, list=[1, {"x": "<&>"}]
    )


def test_members_are_those_of_an_object_and_of_anything_else_its_value() -> None:
    made = client(Api(widget("a", user="u")))
    whole = read(made, "a")

    assert made.members(whole) is whole
    assert made.members(SecretValue(b'{"a":1}')) == SecretValue(b'{"a":1}')
    for other in (b"text", b"[1]", b"5", b"\xff"):
        assert made.members(SecretValue(other)) == {"value": SecretValue(other)}


def test_a_kind_is_looked_up_once() -> None:
    api = Api(widget("a"), widget("b"))
    made = client(api)

    made.read([SecretRequest("a"), SecretRequest("b")])
    read(made, "a")

    assert api.calls == ["GetAPIResources", "GetObject", "GetObject", "GetObject"]


@pytest.mark.parametrize("key", ["", ".", "..", "a/b", "team/a", "a%2fb", "x" * 254])
def test_a_namespaced_store_reads_names_of_its_own_namespace(key: str) -> None:
    with pytest.raises(ProviderDenied, match="the key"):
        read(client(Api(widget("a"), widget("b", "a"))), key)


@pytest.mark.parametrize("key", ["a", "/a", "team/", "../a", "te/am/a", "TEAM/a", "team/.."])
def test_a_cluster_store_reads_by_namespace_and_name(key: str) -> None:
    made = client(Api(widget("a"), widget("a", "other", x="y")), "")

    assert picked(made, "other/a", "spec.x") == b"y"
    with pytest.raises(ProviderDenied, match="the key"):
        read(made, key)


@pytest.mark.parametrize("namespace", ["", "team"])
def test_an_object_of_the_cluster_is_read_by_its_name(namespace: str) -> None:
    made = client(Api(widget("a", "", x="y"), namespaced=False), namespace)

    assert picked(made, "a", "spec.x") == b"y"
    with pytest.raises(ProviderDenied, match="the key must be the name"):
        read(made, "team/a")


def test_what_an_object_does_not_have_is_refused() -> None:
    made = client(Api(widget("a")))

    with pytest.raises(ProviderDenied, match=r"remoteRef\.version"):
        read(made, "a", "1")
    with pytest.raises(ProviderDenied, match="metadataPolicy Fetch"):
        read(made, "a", metadata=True)
    with pytest.raises(ProviderDenied, match=r"find\.path"):
        made.find(SearchRequest(path="/a"))


def test_absence_is_proven_by_the_kind_that_is_still_served() -> None:
    """While a CRD is replaced, every object is "not found": targets would be deleted."""
    api = Api(widget("a"))
    made = client(api)
    with pytest.raises(SecretAbsent):
        read(made, "none")

    api.kinds, api.objects = [], {}

    with pytest.raises(ProviderDenied, match=r"example.com/v1 of the API server has no kind Widget"):
        read(made, "a")
    api.faults["GetAPIResources"] = SecretAbsent("x")
    with pytest.raises(ProviderDenied, match=r"does not serve example\.com/v1"):
        read(made, "a")


def test_rules_hold_for_objects_properties_and_searches() -> None:
    made = client(Api(widget("a", user="u", password="p")), "team", {"name": "^a$", "properties": ["^spec.user$"]})
    whole = read(made, "a")

    assert picked(made, "a", "spec.user") == b"u"
    for refused in ("spec.password", "", "{spec.user,spec.password}"):
        with pytest.raises(ProviderDenied, match="whitelist: no rule"):
            made.property_value(whole, refused)
    with pytest.raises(ProviderDenied, match="whitelist: no rule"):
        made.members(whole)
    assert made.find(SearchRequest()) == {}


def test_a_search_leaves_out_what_the_rules_deny() -> None:
    made = client(Api(widget("a"), widget("b"), widget("a", "other")), "", {"namespace": "^team$"})

    assert sorted(made.find(SearchRequest())) == ["team/a", "team/b"]
    assert sorted(made.find(SearchRequest(name="/b"))) == ["team/b"]


def test_a_search_gives_whole_objects_by_name_and_label() -> None:
    made = client(Api(widget("a", x="1"), widget("ab", x="2"), widget("c", "other")))

    assert sorted(made.find(SearchRequest())) == ["a", "ab"]
    assert sorted(made.find(SearchRequest(name="^a$"))) == ["a"]
    found = found_texts(made.find(SearchRequest(tags=(("app", "ab"),))))
    assert json.loads(found["ab"]) == widget("ab", x="2"), "items of a list do not repeat apiVersion and kind"


def test_a_store_is_valid_if_the_kind_is_served_and_readable() -> None:
    api = Api()
    client(api).validate()
    assert api.calls == ["GetAPIResources", "CreateSelfSubjectAccessReview"]

    api.allowed = False
    with pytest.raises(ProviderDenied, match=r"may not get widgets\.example\.com in namespace team"):
        client(api).validate()
    with pytest.raises(ValidationUnknown):
        client(api, "").validate()
    with pytest.raises(ProviderDenied, match="has no kind Gadget"):
        client(api, kind="Gadget").validate()


def test_a_refusal_names_the_right_that_is_missing() -> None:
    api = Api(widget("a"))
    api.faults = {"GetObject": Forbidden("GetObject: 403"), "ListObjects": Forbidden("ListObjects: 403")}

    with pytest.raises(Forbidden, match=r"needs get on widgets\.example\.com in namespace team"):
        read(client(api), "a")
    with pytest.raises(Forbidden, match=r"needs list on widgets\.example\.com"):
        client(api).find(SearchRequest())


@pytest.mark.parametrize(
    ("call", "answer"),
    [
        ("GetObject", {}),
        ("GetObject", {"kind": "Widget", "metadata": {"name": 5}}),
        ("GetObject", {"kind": "Widget", "metadata": {"name": "b", "namespace": "team"}}),
        ("GetObject", {"kind": "Other", "metadata": {"name": "a", "namespace": "team"}}),
        ("GetObject", {"kind": "Widget", "metadata": {"name": "a", "namespace": "other"}}),
        ("ListObjects", {}),
        ("ListObjects", {"items": "x"}),
        ("ListObjects", {"items": [5]}),
        ("ListObjects", {"items": [{}]}),
        ("ListObjects", {"items": [], "metadata": "x"}),
        ("ListObjects", SecretAbsent("x")),
        ("GetAPIResources", {"resources": 5}),
        ("GetAPIResources", {"resources": ["x"]}),
    ],
)
def test_an_answer_of_another_form_takes_nothing_away(call: str, answer: Any) -> None:
    api = Api(widget("a"))
    api.faults[call] = answer

    with pytest.raises(ProviderUnavailable) as caught:
        client(api).find(SearchRequest()) if call == "ListObjects" else read(client(api), "a")
    assert not isinstance(caught.value, SecretAbsent)


def test_labels_of_calls_do_not_depend_on_the_kind() -> None:
    api = Api(widget("a"))
    made = client(api)
    text(made, "a")
    made.find(SearchRequest())
    made.close()

    assert set(api.calls) == {"GetAPIResources", "GetObject", "ListObjects", "close"}
    assert made.location(SecretRequest("a")) == "Widget in namespace team of this cluster"
    assert issubclass(Forbidden, ProviderError)

"""Templates of targets, rendered by the real sandbox."""

from collections.abc import AsyncIterator, Mapping
from typing import Any

import pytest

from external.api.fields import parse
from external.api.target import Template
from external.external_secrets.plan import plan
from external.values.namespace_lock import NamespaceLock
from external.values.object_paths import placed
from external.values.templates import Content, Renderer
from manager.core.errors import NeedsHuman, WaitFor
from manager.core.secret_value import SecretValue
from manager.gotemplate.sandbox import Sandbox
from manager.kube.resources import CONFIGMAPS, SECRETS
from manager.kube.writer import SEALING_KEY_LABEL, Create, Update
from tests.builders.api_in_memory import MemoryApi
from tests.builders.external_objects import KEY, UID, encoded, secret, values, view

CANARY = "canary-f00d"


class Kitchen:
    """A renderer over an API in memory."""

    def __init__(self, sandbox: Sandbox) -> None:
        api: Any = MemoryApi()
        self.api = api
        self.sandbox = sandbox
        self.renderer = Renderer(api, sandbox, NamespaceLock())

    async def content(self, values: Mapping[str, str], **template: Any) -> Content:
        wanted = parse(Template, template, reason="SecretSyncedError", at="spec.target.template")
        return await self.renderer.content(
            KEY, wanted, {key: SecretValue(text.encode()) for key, text in values.items()}
        )

    async def data(self, values: Mapping[str, str], **template: Any) -> dict[str, str]:
        made = (await self.content(values, **template)).data
        return {key: value.reveal().decode() for key, value in made.items()}

    def config_map(self, namespace: str = "ns", **data: str) -> None:
        self.api.put(CONFIGMAPS, {"metadata": {"name": "source", "namespace": namespace}, "data": data})

    def secret(self, labels: Mapping[str, str] | None = None, **data: str) -> None:
        meta = {"name": "source", "namespace": "ns", "labels": labels or {}}
        self.api.put(SECRETS, {"metadata": meta, "data": encoded(**data)})


@pytest.fixture
async def kitchen() -> AsyncIterator[Kitchen]:
    sandbox = Sandbox()
    yield Kitchen(sandbox)
    await sandbox.close()


def source(kind: str, *items: str, scope: str = "Values", **more: Any) -> dict[str, Any]:
    given = {"name": "source", "items": [{"key": key, "templateAs": scope} for key in items]}
    return {kind: given, **more}


@pytest.mark.parametrize(
    ("template", "wanted"),
    [
        ({}, {"user": "u", "pass": "p"}),
        ({"metadata": {"labels": {"a": "b"}}}, {"user": "u", "pass": "p"}),
        ({"data": {"url": "{{ .user }}:{{ .pass }}@db"}}, {"url": "u:p@db"}),
        ({"data": {"url": "{{ .user }}"}, "mergePolicy": "Merge"}, {"user": "u", "pass": "p", "url": "u"}),
        ({"data": {"user": "{{ .user | upper }}"}, "mergePolicy": "Merge"}, {"user": "U", "pass": "p"}),
        ({"data": {"plain": "no action"}}, {"plain": "no action"}),
        ({"data": {"x": '{{ index . "absent" }}'}}, {"x": ""}),
        ({"templateFrom": [{"literal": "a: {{ .user }}\nb: 5432\nc: 3.10\nd: yes\ne:"}]},
         {"a": "u", "b": "5432", "c": "3.1", "d": "true", "e": ""}),
        ({"templateFrom": [{"literal": ""}]}, {}),
        ({"templateFrom": [{"literal": "a: 1"}, {"literal": "a: 2"}]}, {"a": "2"}),
        ({"templateFrom": [{"literal": "a: 1"}], "data": {"a": "3"}}, {"a": "3"}),
        ({"templateFrom": [{"literal": "a: aGk=", "valuesDecodingStrategy": "Base64"}], "data": {"b": "aGk="}},
         {"a": "hi", "b": "aGk="}),
    ],
)  # fmt: skip
async def test_data_is_made_in_the_originals_order(kitchen: Kitchen, template: Any, wanted: dict[str, str]) -> None:
    assert await kitchen.data({"user": "u", "pass": "p"}, **template) == wanted


async def test_config_maps_and_secrets_hold_templates(kitchen: Kitchen) -> None:
    kitchen.config_map(one="{{ .user }}-map", both="map", pairs="k: {{ .user }}\nl: m")
    kitchen.secret(two="{{ .user }}-secret", both="secret")
    given = [
        source("secret", "two", "both"),
        source("configMap", "one", "both"),
        source("configMap", "pairs", scope="KeysAndValues"),
    ]

    made = await kitchen.data({"user": "u"}, templateFrom=given)

    assert made == {"two": "u-secret", "one": "u-map", "both": "map", "k": "u", "l": "m"}


async def test_in_one_entry_literal_beats_secret_beats_config_map(kitchen: Kitchen) -> None:
    kitchen.config_map(a="map", b="map", c="map")
    kitchen.secret(a="secret", b="secret")
    entry = source("configMap", "a", "b", "c") | source("secret", "a", "b") | {"literal": "a: literal"}

    assert await kitchen.data({}, templateFrom=[entry]) == {"a": "literal", "b": "secret", "c": "map"}


async def test_labels_and_annotations_are_templates_too(kitchen: Kitchen) -> None:
    given = [
        {"target": "Labels", "literal": "a: from-literal\nb: '{{ .user }}'"},
        {"target": "annotations", "literal": "note: '{{ .user | upper }}'"},
    ]
    metadata = {"labels": {"a": "own-{{ .user }}"}, "annotations": {"plain": "text"}, "finalizers": ["x.dev/f"]}

    made = await kitchen.content({"user": "u"}, templateFrom=given, metadata=metadata, type="kubernetes.io/tls")

    assert (made.labels, made.annotations) == ({"a": "own-u", "b": "u"}, {"note": "U", "plain": "text"})
    assert (made.type, made.finalizers) == ("kubernetes.io/tls", ("x.dev/f",))


async def test_delimiters_are_a_setting(kitchen: Kitchen) -> None:
    kitchen.renderer = Renderer(kitchen.api, kitchen.sandbox, NamespaceLock(), ("<<", ">>"))

    assert await kitchen.data({"user": "u"}, data={"a": "<< .user >>{{ .user }}"}) == {"a": "u{{ .user }}"}


@pytest.mark.parametrize(
    ("template", "kind", "place", "word"),
    [
        ({"data": {"k": "{{ .user "}}, NeedsHuman, "spec.target.template.data[k]", "unable to parse template"),
        ({"data": {"k": "{{ nothing }}"}}, NeedsHuman, "spec.target.template.data[k]", "nothing"),
        ({"data": {"k": "{{ .absent }}"}}, WaitFor, "spec.target.template.data[k]", "the values of its keys: user"),
        ({"data": {"k": "{{ fail .user }}"}}, WaitFor, "spec.target.template.data[k]", "unable to execute"),
        ({"metadata": {"labels": {"l": "{{ .x }}"}}}, WaitFor, "spec.target.template.metadata.labels[l]", "x"),
        ({"templateFrom": [{"literal": "a: [1]"}]}, WaitFor, "spec.target.template.templateFrom[0].literal", "it"),
        ({"templateFrom": [source("configMap", "gone")]}, NeedsHuman, "templateFrom[0].configMap", "missing key gone"),
        ({"templateFrom": [source("secret", "a")]}, NeedsHuman, "templateFrom[0].secret", "does not exist"),
        ({"templateFrom": [{"literal": "a: '*'", "valuesDecodingStrategy": "Base64"}]}, WaitFor,
         "templateFrom[0].literal", "failed to decode rendered template value for key a"),
    ],
)  # fmt: skip
async def test_an_error_names_its_place_and_shows_no_value(
    kitchen: Kitchen, template: Any, kind: type[Exception], place: str, word: str
) -> None:
    kitchen.config_map(a="x")

    with pytest.raises(kind) as caught:
        await kitchen.content({"user": CANARY}, **template)

    assert str(caught.value).startswith("could not update secret: ")
    assert place in str(caught.value)
    assert word in str(caught.value)
    assert CANARY not in str(caught.value)


async def test_templates_come_from_the_own_namespace_alone(kitchen: Kitchen) -> None:
    kitchen.config_map(namespace="other", a="x")

    with pytest.raises(NeedsHuman, match="does not exist"):
        await kitchen.content({}, templateFrom=[source("configMap", "a")])


async def test_a_sealing_key_is_no_template(kitchen: Kitchen) -> None:
    kitchen.secret({SEALING_KEY_LABEL: "active"}, **{"tls.key": "x"})

    with pytest.raises(NeedsHuman, match="a sealing key is no template"):
        await kitchen.content({}, templateFrom=[source("secret", "tls.key")])


async def test_other_kinds_are_written_anywhere_but_their_identity(kitchen: Kitchen) -> None:
    kitchen.config_map(port="{{ .port }}", text="a: [", empty="", extra="added: '{{ .user }}'")
    given = [
        {"target": "spec", "literal": "port: {{ .port }}\nlist: [1, x]"},
        source("configMap", "port", target="spec.rules[1].port"),
        source("configMap", "text", target="spec.text"),
        source("configMap", "empty", target="spec.none"),
        source("configMap", "extra", scope="KeysAndValues", target="spec.rules[1]"),
        {"target": "Data", "literal": "plain: '{{ .user }}'"},
    ]
    metadata = {"labels": {"l": "{{ .user }}"}}
    wanted = parse(Template, {"templateFrom": given, "metadata": metadata, "data": {"d": "{{ .user }}"}}, reason="R")

    values = {"user": SecretValue(b"{{ .port }}"), "port": SecretValue(b"5432")}
    made = await kitchen.renderer.content(KEY, wanted, values, free=True)

    whole: Any = {}
    for each in made.placements:
        whole = placed(whole, each.steps, each.value, joins=each.joins)
    rule = {"port": 5432, "added": "{{ .port }}"}
    assert whole == {"spec": {"port": 5432, "list": [1, "x"], "rules": [None, rule], "text": "a: [", "none": None}}
    assert {key: value.reveal() for key, value in made.data.items()} == {"plain": b"{{ .port }}", "d": b"{{ .port }}"}
    assert made.labels == {"l": "{{ .user }}"}, "taken as it is written"

    wrong = parse(Template, {"templateFrom": [{"target": "metadata.ownerReferences", "literal": "a"}]}, reason="R")
    with pytest.raises(NeedsHuman, match=r"target metadata\.ownerReferences: metadata is not for templates"):
        await kitchen.renderer.content(KEY, wrong, values, free=True)


def planned(content: Content, present: Any = None, **target: Any) -> Any:
    """Return the body that would be written."""
    action = plan(view(present, target), values(raw="value"), content).action
    assert isinstance(action, Create | Update)
    return action.body


def test_what_the_template_makes_is_written_and_nothing_else() -> None:
    content = Content({"k": SecretValue(b"v")}, {"l": "1"}, {"a": "1"}, "kubernetes.io/tls", ("x.dev/f",))

    made = planned(content)

    assert made["type"] == "kubernetes.io/tls"
    assert made["data"] == encoded(k="v")
    assert made["metadata"]["labels"]["l"] == "1"
    assert made["metadata"]["annotations"]["a"] == "1"
    assert made["metadata"]["finalizers"] == ["x.dev/f"]
    assert [each["uid"] for each in made["metadata"]["ownerReferences"]] == [UID]


def test_a_finalizer_is_added_and_none_taken_away() -> None:
    present = secret(UID, metadata={"finalizers": ["theirs.dev/f"]})

    assert planned(Content({}, finalizers=("x.dev/f",)), present)["metadata"]["finalizers"] == [
        "theirs.dev/f",
        "x.dev/f",
    ]


def test_a_type_that_nobody_can_change_is_told_with_its_cure() -> None:
    with pytest.raises(NeedsHuman, match=r"of type Opaque, which nobody can change to kubernetes\.io/tls: delete it"):
        planned(Content({}, type="kubernetes.io/tls"), secret(UID))

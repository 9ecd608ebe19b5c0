"""What is copied: keys, labels and annotations by choice, under which name, and whether it can be changed."""

from typing import Any

import pytest

from manager.kube.auto_mirrors import AUTO_REFLECTS, REFLECTS
from manager.kube.resources import CONFIGMAPS, SECRETS, Key
from reflector.content import MIRROR_LABEL
from reflector.rules.annotations import problems, read
from reflector.rules.globs import MAX_LIST_CHARACTERS, globs
from reflector.rules.selection import COPIED_ANNOTATIONS, COPIED_LABELS, PLAIN, PREFIX, Choice, selection_of
from reflector.view import ACCEPT_LABELS
from tests.builders.reflector_module import ALLOWED, AUTO, AUTO_NAMESPACES, ReflectorModule

ACCEPTING = {ACCEPT_LABELS: "true"}
TO_TEAM_1 = {**AUTO, AUTO_NAMESPACES: "team-1"}


def wish(**annotations: str) -> dict[str, str]:
    """Return our own annotations; underscores stand for dashes."""
    return {PREFIX + name.replace("_", "-"): text for name, text in annotations.items()}


@pytest.fixture
def bench() -> ReflectorModule:
    return ReflectorModule()


def pushed(bench: ReflectorModule, name: str = "s", namespace: str = "team-1") -> Any:
    body = bench.body(namespace, name)
    assert body is not None
    return body


@pytest.mark.parametrize(
    ("text", "name", "answer"),
    [
        ("a,b", "b", True),
        ("a", "ab", False),
        ("a*", "ab", True),
        ("*", "anything", True),
        ("?", "ab", False),
        ("tls.crt", "tlsxcrt", False),
        ("tls.*", "tls.crt", True),
        ("[ab]", "a", False),
        ("", "a", False),
        (" , ", "a", False),
    ],
)
def test_globs(text: str, name: str, answer: bool) -> None:
    assert globs(text).match(name) is answer


@pytest.mark.timeout(60)  # one that goes back at each sign would never end
def test_a_glob_goes_back_for_no_sign_and_a_huge_list_matches_nothing() -> None:
    assert not globs("*a" * 2_000 + "b").match("a" * 253)
    assert not globs("a," * MAX_LIST_CHARACTERS).match("a")
    assert not Choice("*", "a," * MAX_LIST_CHARACTERS).takes("b"), (
        "an exclusion that cannot be read leaves everything out"
    )


def test_most_objects_have_the_plain_shape() -> None:
    assert selection_of({"a": "b"}) is PLAIN
    assert selection_of(wish(keys="*")) is PLAIN


def test_keys_are_chosen_and_renamed() -> None:
    shape = selection_of(wish(keys="tls.*,ca", keys_except="tls.key", rename_keys="tls.crt:cert.pem, ca : ca.pem"))

    assert shape.data({"tls.crt": 1, "tls.key": 2, "ca": 3, "other": 4}) == {"cert.pem": 1, "ca.pem": 3}


@pytest.mark.parametrize(
    ("annotations", "text"),
    [
        (wish(rename_keys="a"), "old:new"),
        (wish(rename_keys="a:x,b:x"), "one name"),
        (wish(keys="a," * MAX_LIST_CHARACTERS), "too large"),
        (wish(target_name="No Name"), "not a name"),
    ],
)
def test_what_cannot_be_read_is_named(annotations: dict[str, str], text: str) -> None:
    found = read(annotations)

    assert found is not None
    assert text in "; ".join(problems(found))


async def test_a_mirror_gets_the_chosen_keys_and_nothing_else(bench: ReflectorModule) -> None:
    about = {"namespace": "src", "name": "s", "annotations": TO_TEAM_1 | wish(keys_except="key", rename_keys="crt:pem")}
    bench.put(SECRETS, about, data={"crt": "one", "key": "private"}, type="Opaque")
    await bench.settle()

    assert pushed(bench)["data"] == {"pem": "one"}


async def test_a_pull_chooses_from_what_its_source_gives(bench: ReflectorModule) -> None:
    about = {"namespace": "src", "name": "s", "annotations": ALLOWED | wish(keys_except="private")}
    bench.put(SECRETS, about, data={"a": "1", "b": "2", "private": "3"}, type="Opaque")
    bench.secret("team-1", "x", {REFLECTS: "src/s"} | wish(keys="a,private", rename_keys="a:c"))
    bench.secret("team-2", "x", {REFLECTS: "src/s"})
    await bench.settle()

    assert pushed(bench)["data"] == {"c": "1"}
    other = bench.body("team-2")
    assert other is not None
    assert other["data"] == {"a": "1", "b": "2"}


async def test_labels_and_annotations_are_copied_where_asked_and_follow_their_source(bench: ReflectorModule) -> None:
    bench.namespace("team-1", **ACCEPTING)
    asked = TO_TEAM_1 | wish(labels="*", labels_except="secret-*", annotations="note.*")
    labels = {"app": "x", "secret-a": "y", "argocd.argoproj.io/instance": "z", "sealedsecrets.bitnami.com/x": "w"}
    bench.secret("src", "one", asked | {"note.a": "1", "other": "2"}, labels=labels)
    await bench.settle()

    meta = pushed(bench)["metadata"]
    assert meta["labels"] == {"app": "x"}
    assert meta["annotations"]["note.a"] == "1"
    assert "other" not in meta["annotations"]

    bench.secret("team-1", "one", meta["annotations"] | {"mine": "1"}, labels={"app": "x", "mine": "1"})
    bench.secret("src", "one", TO_TEAM_1 | wish(labels="team"), labels={"team": "t", "app": "x"})
    await bench.settle()

    meta = pushed(bench)["metadata"]
    assert meta["labels"] == {"team": "t", "mine": "1"}
    assert "note.a" not in meta["annotations"]
    assert meta["annotations"]["mine"] == "1"
    bench.secret("src", "one", TO_TEAM_1, labels={"team": "t"})
    await bench.settle()
    meta = pushed(bench)["metadata"]
    assert meta["labels"] == {"mine": "1"}
    assert not {COPIED_LABELS, COPIED_ANNOTATIONS} & set(meta["annotations"])


async def test_what_tools_find_their_objects_by_is_copied_only_by_name(bench: ReflectorModule) -> None:
    bench.namespace("team-1", **ACCEPTING)
    label = {"argocd.argoproj.io/instance": "z"}
    bench.secret("src", "one", TO_TEAM_1 | wish(labels="argocd.argoproj.io/instance"), labels=label)
    await bench.settle()

    assert pushed(bench)["metadata"]["labels"] == label


async def test_a_copied_label_that_was_changed_by_hand_is_repaired(bench: ReflectorModule) -> None:
    bench.namespace("team-1", **ACCEPTING)
    bench.secret("src", "one", TO_TEAM_1 | wish(labels="app"), labels={"app": "x"})
    await bench.settle()
    bench.secret("team-1", "one", pushed(bench)["metadata"]["annotations"], labels={"app": "y"})
    await bench.settle()

    assert pushed(bench)["metadata"]["labels"] == {"app": "x"}


async def test_a_push_under_another_name_moves_when_the_name_changes(bench: ReflectorModule) -> None:
    bench.secret("src", "one", TO_TEAM_1 | wish(target_name="first"))
    await bench.settle()
    assert (bench.value("team-1", "first"), bench.value("team-1")) == ("one", None)

    bench.mirror("team-1", "mine", "1", name="copy")  # somebody's, with our annotations in it
    bench.secret("src", "two", TO_TEAM_1 | wish(target_name="second"))
    await bench.settle()

    assert (bench.value("team-1", "first"), bench.value("team-1", "second")) == (None, "two")
    assert bench.value("team-1", "copy") == "mine"
    bench.remove("src")
    for _ in range(3):
        await bench.settle()
        bench.pass_by(40)
    assert bench.value("team-1", "second") is None


async def test_sources_of_two_names_with_one_target_name_have_one_winner(bench: ReflectorModule) -> None:
    bench.secret("src", "one", TO_TEAM_1 | wish(target_name="t"), name="a")
    bench.secret("src", "two", TO_TEAM_1 | wish(target_name="t"), name="b", creationTimestamp="2026-02-01T00:00:00Z")
    await bench.settle()

    assert bench.value("team-1", "t") == "one"
    assert bench.told("ConflictingSource")


@pytest.mark.parametrize("resource", [SECRETS, CONFIGMAPS])
async def test_a_mirror_that_cannot_be_changed_is_made_anew(bench: ReflectorModule, resource: Any) -> None:
    about = {"namespace": "src", "name": "s", "annotations": TO_TEAM_1 | wish(immutable="true")}
    bench.put(resource, about, data={"k": "one"}, immutable=True)
    await bench.settle()
    key = Key(resource, "team-1", "s")
    assert bench.api.objects[key]["immutable"] is True

    del bench.api.objects[Key(resource, "src", "s")]
    bench.put(resource, about, data={"k": "two"}, immutable=True)
    await bench.settle()

    assert bench.api.objects[key]["data"] == {"k": "two"}
    assert bench.writes() == {"create": 2, "patch": 1, "delete": 1}


async def test_a_pull_that_cannot_be_changed_stays_and_says_so(bench: ReflectorModule) -> None:
    bench.secret("src", "one", ALLOWED)
    about = {"namespace": "team-1", "name": "s", "annotations": {REFLECTS: "src/s"}}
    bench.put(SECRETS, about, data={"k": "fixed"}, type="Opaque", immutable=True)
    await bench.settle()

    assert bench.value("team-1") == "fixed"
    assert "delete it and create it without immutable" in bench.told("MirrorFailed")[0][1]


async def test_a_pushed_mirror_follows_its_source_to_another_type(bench: ReflectorModule) -> None:
    about = {"namespace": "src", "name": "s", "annotations": TO_TEAM_1}
    bench.put(SECRETS, about, data={"k": "one"}, type="Opaque")
    await bench.settle()
    bench.remove("src")
    bench.put(SECRETS, about, data={"k": "one"}, type="kubernetes.io/basic-auth")
    await bench.settle()

    assert pushed(bench)["type"] == "kubernetes.io/basic-auth"


async def test_an_object_is_taken_over_by_the_source_that_it_names_and_by_no_other(bench: ReflectorModule) -> None:
    bench.secret("src", "one", AUTO)
    bench.secret("team-1", "theirs", wish(adopt="src/s"))
    bench.secret("team-2", "theirs", wish(adopt="src/other"))
    await bench.settle()

    assert (bench.value("team-1"), bench.value("team-2")) == ("one", "theirs")
    assert pushed(bench)["metadata"]["annotations"].items() >= {REFLECTS: "src/s", AUTO_REFLECTS: "True"}.items()
    [(_, message)] = bench.told("ConflictingObject")
    assert "team-2" in message


async def test_what_another_module_owns_is_not_adopted(bench: ReflectorModule) -> None:
    bench.secret("src", "one", TO_TEAM_1)
    owner = {"kind": "SealedSecret", "name": "s", "uid": "o", "controller": True}
    bench.secret("team-1", "theirs", wish(adopt="src/s"), ownerReferences=[owner])
    await bench.settle()

    assert bench.value("team-1") == "theirs"


@pytest.mark.parametrize("name", ["s", "s" * 80])
async def test_pushed_mirrors_are_labelled_with_their_source_where_the_setting_says_so(name: str) -> None:
    bench = ReflectorModule(label_mirrors=True)
    bench.secret("src", "one", TO_TEAM_1, name=name)
    await bench.settle()

    label = pushed(bench, name)["metadata"]["labels"][MIRROR_LABEL]
    assert label.startswith("src.sss" if len(name) > 1 else "src.s")
    assert len(label) <= 63


async def test_a_target_name_goes_to_the_older_source_whenever_that_asks_for_it(bench: ReflectorModule) -> None:
    bench.secret("src", "two", TO_TEAM_1 | wish(target_name="t"), name="b", creationTimestamp="2026-02-01T00:00:00Z")
    await bench.settle()
    bench.secret("src", "one", TO_TEAM_1 | wish(target_name="t"), name="a")
    await bench.settle()

    assert bench.value("team-1", "t") == "one"


async def test_an_adopted_object_that_cannot_be_changed_stays_and_is_told(bench: ReflectorModule) -> None:
    bench.secret("src", "one", TO_TEAM_1)
    about = {"namespace": "team-1", "name": "s", "annotations": wish(adopt="src/s")}
    bench.put(SECRETS, about, data={"k": "fixed"}, type="Opaque", immutable=True)
    await bench.settle()

    assert bench.value("team-1") == "fixed"
    assert "delete it and create it without immutable" in bench.told("MirrorFailed")[0][1]


LABELLED: dict[str, Any] = {"labels": {"argocd.argoproj.io/secret-type": "repository", "grafana_dashboard": "1"}}
ASKED = wish(labels="argocd.argoproj.io/secret-type,grafana_dashboard", annotations="note")


@pytest.mark.parametrize("asked", [ASKED, wish(labels="*")])
async def test_labels_go_only_into_namespaces_that_accept_them(bench: ReflectorModule, asked: dict[str, str]) -> None:
    """A label means something to whoever looks for it there: a repository to Argo CD, a dashboard to Grafana."""
    bench.namespace("team-2", **ACCEPTING)
    bench.secret("src", "one", {**AUTO, "note": "n"} | asked, **LABELLED)
    await bench.settle()

    assert (bench.value("team-1"), bench.value("team-2")) == ("one", "one")
    assert not pushed(bench)["metadata"].get("labels")
    assert "note" not in pushed(bench)["metadata"]["annotations"]
    assert "grafana_dashboard" in pushed(bench, namespace="team-2")["metadata"]["labels"]
    [(namespace, message)] = bench.told("LabelsNotAccepted")
    assert namespace == "src"
    assert "1 namespace(s): team-1; label them coffer.dev/accept-labels" in message


async def test_labels_follow_a_namespace_that_begins_or_ends_to_accept_them(bench: ReflectorModule) -> None:
    bench.secret("src", "one", {**TO_TEAM_1} | ASKED, **LABELLED)
    await bench.settle()
    assert not pushed(bench)["metadata"].get("labels")

    bench.namespace("team-1", **ACCEPTING)
    await bench.settle()
    assert pushed(bench)["metadata"]["labels"] == LABELLED["labels"]

    bench.namespace("team-1")
    await bench.settle()
    assert not pushed(bench)["metadata"].get("labels")
    calls = bench.writes()
    await bench.settle()
    assert bench.writes() == calls


async def test_an_administrators_rule_accepts_labels_for_the_pair_that_it_names() -> None:
    bench = ReflectorModule(allow=("src -> team-1",))
    bench.secret("src", "one", TO_TEAM_1 | ASKED, **LABELLED)
    await bench.settle()

    assert pushed(bench)["metadata"]["labels"] == LABELLED["labels"]


async def test_a_pull_copies_the_labels_that_it_asks_for_itself(bench: ReflectorModule) -> None:
    bench.secret("src", "one", ALLOWED, labels={"app": "x"})
    bench.secret("team-1", "placeholder", {REFLECTS: "src/s"} | wish(labels="app"))
    await bench.settle()

    assert pushed(bench)["metadata"]["labels"] == {"app": "x"}

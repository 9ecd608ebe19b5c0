"""Values change in a file, and nothing else does: no comment, no order, no style."""

import json
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from sealed.manifests.documents import InputError
from sealed.manifests.editing import ManifestFile

FILE = """\
# who to ask: ops
apiVersion: bitnami.com/v1alpha1
kind: SealedSecret
metadata:
  name: a   # the name
  namespace: ns
spec:
  encryptedData:
    # rotated in May
    old: AgA1   # keep me
    quoted: "AgA2"
    folded: |
      AgA3
      AgA4
    last: AgA5  # the last

  # about the template
  template:
    metadata:
      labels:
      annotations: {}
---
# the next one
kind: SealedSecret
apiVersion: bitnami.com/v1alpha1
metadata: {name: b, namespace: ns}
spec: {encryptedData: {k: AgB1}, template: {}}
"""
ITEMS = ("spec", "encryptedData")


def edited(path: tuple[str, ...], value: str | None = "NEW", *, position: int = 0, text: str = FILE) -> str:
    file = ManifestFile(text.encode())
    if value is None:
        file.drop(position, path)
    else:
        file.put(position, path, value)
    return file.content().decode()


def changed(after: str, before: str = FILE) -> list[str]:
    """Return the lines that came and went, as a diff would show them."""
    old, new = before.splitlines(), after.splitlines()
    return [f"-{line}" for line in old if line not in new] + [f"+{line}" for line in new if line not in old]


@pytest.mark.parametrize(
    ("path", "value", "diff"),
    [
        ((*ITEMS, "old"), "NEW", ["-    old: AgA1   # keep me", "+    old: NEW   # keep me"]),
        ((*ITEMS, "quoted"), "NEW", ['-    quoted: "AgA2"', '+    quoted: "NEW"']),
        ((*ITEMS, "folded"), "NEW", ["-    folded: |", "-      AgA3", "-      AgA4", "+    folded: NEW"]),
        ((*ITEMS, "last"), "NEW", ["-    last: AgA5  # the last", "+    last: NEW  # the last"]),
        ((*ITEMS, "added"), "NEW", ["+    added: NEW"]),
        ((*ITEMS, "y"), "NEW", ['+    "y": NEW']),
        ((*ITEMS, "12"), "NEW", ['+    "12": NEW']),
        (("spec", "template", "metadata", "labels", "l"), "v", ["-      labels:", '+      labels: {"l": "v"}']),
        (
            ("spec", "template", "metadata", "annotations", "n"),
            "true",
            ["-      annotations: {}", '+      annotations: {"n": "true"}'],
        ),
        (("spec", "template", "data", "x"), "y: z", ["+    data:", "+      x: 'y: z'"]),
        ((*ITEMS, "old"), None, ["-    old: AgA1   # keep me"]),
        ((*ITEMS, "folded"), None, ["-    folded: |", "-      AgA3", "-      AgA4"]),
        ((*ITEMS, "last"), None, ["-    last: AgA5  # the last"]),
    ],
)
def test_one_value_is_one_change(path: tuple[str, ...], value: str | None, diff: list[str]) -> None:
    assert changed(edited(path, value)) == diff


def test_a_new_value_is_placed_before_comments_that_follow() -> None:
    lines = edited((*ITEMS, "added")).splitlines()

    assert lines[lines.index("    last: AgA5  # the last") + 1] == "    added: NEW"


def test_other_documents_stay_and_the_second_can_be_changed_too() -> None:
    after = edited((*ITEMS, "new"), position=1)

    assert changed(after) == [
        "-spec: {encryptedData: {k: AgB1}, template: {}}",
        '+spec: {encryptedData: {"k": "AgB1", "new": "NEW"}, template: {}}',
    ]


def test_the_only_value_of_a_block_leaves_an_empty_mapping() -> None:
    text = "kind: SealedSecret\nspec:\n  encryptedData:\n    k: A\n  template:\n    type: Opaque\n"

    after = edited((*ITEMS, "k"), None, text=text)

    assert yaml.safe_load(after)["spec"] == {"encryptedData": {}, "template": {"type": "Opaque"}}


def test_a_file_that_does_not_end_its_last_line_can_be_added_to() -> None:
    text = "spec:\n  encryptedData:\n    k: A"

    assert edited((*ITEMS, "m"), text=text) == f"{text}\n    m: NEW\n"


def test_windows_line_ends_and_a_byte_order_mark_are_survived() -> None:
    text = "\ufeffspec:\r\n  encryptedData:\r\n    k: A\r\n    l: B\r\n"

    assert "l: B\r\n" in edited((*ITEMS, "k"), text=text)


def test_json_keeps_its_order_and_gets_the_originals_style() -> None:
    text = json.dumps({"kind": "SealedSecret", "spec": {"encryptedData": {"z": "1", "a": "2"}}, "apiVersion": "x"})

    after = edited((*ITEMS, "a"), text=text + text)

    assert after.startswith('{\n  "kind": "SealedSecret",\n  "spec": {')
    assert list(json.JSONDecoder().raw_decode(after)[0]["spec"]["encryptedData"]) == ["z", "a"]
    assert after.count('"kind"') == 2


@pytest.mark.parametrize(
    "text",
    [
        "x: &v A\nspec:\n  encryptedData:\n    k: *v\n",
        "base: &b {k: A}\nspec:\n  encryptedData: *b\n",
        "base: &b {k: A}\nspec:\n  encryptedData:\n    <<: *b\n",
    ],
)
def test_what_cannot_be_changed_in_place_is_refused_and_stays(text: str) -> None:
    file = ManifestFile(text.encode())

    with pytest.raises(InputError):
        file.put(0, (*ITEMS, "k"), "NEW")

    assert file.content().decode() == text


names = st.text("abyn01.-_", min_size=1, max_size=4)
tree: Any = st.recursive(
    st.text("ab:#'\" \n{}-", max_size=6) | st.none(),
    lambda inner: st.dictionaries(names, inner, max_size=3),
    max_leaves=6,
)

trees = st.dictionaries(names, tree, min_size=1, max_size=3)


@settings(deadline=None, max_examples=200)
@given(
    st.dictionaries(names, tree, min_size=1, max_size=3), st.lists(names, min_size=1, max_size=3), st.booleans(), names
)
def test_a_change_does_what_it_says_or_is_refused(document: Any, path: list[str], flow: bool, value: str) -> None:
    text = yaml.safe_dump(document, default_flow_style=flow)
    file = ManifestFile(text.encode())

    try:
        file.put(0, path, value)
    except InputError:
        assert file.content().decode() == text
        return

    found = yaml.safe_load(file.content())
    for name in path:
        found = found[name]
    assert str(found).lower() == value or found == value or isinstance(found, bool | int | float)


def test_an_item_of_a_list_is_edited_in_its_place() -> None:
    text = (
        "kind: List\nitems:\n- metadata: {name: a}\n  spec:\n    encryptedData:\n      k: old # stays\n- kind: Other\n"
    )
    file = ManifestFile(text.encode())

    file.put(0, ("spec", "encryptedData", "k"), "new")
    file.put(0, ("spec", "encryptedData", "l"), "more")

    assert file.content().decode() == text.replace("old # stays\n", "new # stays\n      l: more\n")
    assert len(file.documents) == 2


def test_a_list_in_json_stays_one() -> None:
    file = ManifestFile(b'{"kind": "List", "items": [{"a": {"k": "old"}}, {"b": "c"}]}')

    file.put(0, ("a", "k"), "new")

    assert json.loads(file.content()) == {"kind": "List", "items": [{"a": {"k": "new"}}, {"b": "c"}]}


def test_lines_that_end_as_on_windows_stay_so() -> None:
    file = ManifestFile(b"spec:\r\n  a: old\r\n  z: last\r\n")

    file.put(0, ("spec", "a"), "new")
    file.put(0, ("spec", "b"), "more")

    assert file.content() == b"spec:\r\n  a: new\r\n  z: last\r\n  b: more\r\n"

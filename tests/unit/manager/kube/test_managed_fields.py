"""managedFields: who is recorded for which field, whatever is missing or empty in the record."""

from typing import Any

import pytest

from manager.kube.managed_fields import managers_of, managers_of_item, manages, owned_keys

MARK = "reflector.v1.k8s.emberstack.com/reflects"


def metadata(*entries: tuple[str, Any]) -> dict[str, Any]:
    return {"name": "s", "managedFields": [{"manager": name, "fieldsV1": fields} for name, fields in entries]}


WRITTEN = metadata(
    ("coffer", {"f:data": {".": {}, "f:a": {}, "f:b.c": {}}, "f:type": {}, "f:metadata": {"f:labels": {"f:x/y": {}}}}),
    ("coffer", {"f:data": {"f:d": {}}}),
    ("kubectl", {"f:data": {"f:e": {}}, "f:metadata": {"f:annotations": {".": {}, f"f:{MARK}": {}}}}),
    ("cleaner", {"f:metadata": {"f:finalizers": {".": {}, 'v:"a/b"': {}}}}),
)


@pytest.mark.parametrize(
    ("path", "managers"),
    [
        (("data",), {"coffer", "kubectl"}),
        (("data", "d"), {"coffer"}),
        (("data", "b.c"), {"coffer"}),
        (("type",), {"coffer"}),
        (("metadata", "annotations", MARK), {"kubectl"}),
        (("metadata", "annotations", "other"), set()),
        (("type", "below"), set()),
        (("spec",), set()),
        ((), {"coffer", "kubectl", "cleaner"}),
    ],
)
def test_managers_of_a_field_are_those_recorded_for_it(path: tuple[str, ...], managers: set[str]) -> None:
    assert managers_of(WRITTEN, *path) == managers
    assert all(manages(WRITTEN, each, *path) for each in managers)
    assert not any(manages(WRITTEN, each, *path) for each in {"coffer", "kubectl", "cleaner", "x"} - managers)


@pytest.mark.parametrize(
    ("manager", "path", "keys"),
    [
        ("coffer", ("data",), {"a", "b.c", "d"}),
        ("kubectl", ("data",), {"e"}),
        ("coffer", ("metadata", "labels"), {"x/y"}),
        ("coffer", ("metadata", "annotations"), set()),
        ("coffer", (), {"data", "type", "metadata"}),
        ("cleaner", ("metadata", "finalizers"), set()),
        ("x", ("data",), set()),
    ],
)
def test_owned_keys_join_all_records_of_a_manager(manager: str, path: tuple[str, ...], keys: set[str]) -> None:
    assert owned_keys(WRITTEN, manager, *path) == keys


def test_an_item_of_a_list_belongs_to_the_manager_that_added_it() -> None:
    assert managers_of_item(WRITTEN, "a/b", "metadata", "finalizers") == {"cleaner"}
    assert not managers_of_item(WRITTEN, "a", "metadata", "finalizers")
    assert not managers_of_item(WRITTEN, "a/b", "data")


@pytest.mark.parametrize(
    "empty",
    [
        {},
        {"managedFields": None},
        {"managedFields": []},
        metadata(("coffer", None)),
        {"managedFields": [{"fieldsV1": {"f:data": None}}]},
    ],
)
def test_an_empty_record_proves_nothing(empty: dict[str, Any]) -> None:
    assert managers_of(empty, "data") == frozenset()
    assert not manages(empty, "coffer", "data")
    assert owned_keys(empty, "coffer", "data") == frozenset()
    assert not managers_of_item(empty, "a/b", "metadata", "finalizers")

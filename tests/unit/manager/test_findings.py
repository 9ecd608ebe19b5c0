"""Who wrote data, by the API server's record."""

from typing import Any

import pytest

from manager.findings import other_writers


def written(*managers: str, field: str = "f:data") -> Any:
    return {"managedFields": [{"manager": each, "fieldsV1": {field: {"f:k": {}}}} for each in managers]}


@pytest.mark.parametrize(
    ("metadata", "expected"),
    [
        (written("ours"), ""),
        (written("ours", "velero", "argocd-controller"), "argocd-controller, velero"),
        (written("labeller", field="f:metadata"), ""),
        ({"managedFields": None}, ""),
        ({}, ""),
    ],
)
def test_other_writers_of_data_are_named_in_order(metadata: Any, expected: str) -> None:
    assert other_writers(metadata, frozenset({"ours"})) == expected

"""Which values of an original's release are lost, by what stands in its record."""

from typing import Any

import pytest

from manager.cli.migrate.chart_values.translation import TABLES
from manager.cli.migrate.hazards import Hazard, Kind
from manager.cli.migrate.originals import ORIGINALS, ReleaseKey
from manager.cli.migrate.release_values import value_hazards
from manager.cli.migrate.releases import Release

KEY = ReleaseKey("kube-system", "sealed")
MODULES = {KEY: "sealed"}
VERSION = TABLES["sealed-secrets"].version


def found(values: Any, chart: str = "sealed-secrets") -> list[Hazard]:
    return list(value_hazards({KEY: Release(chart, "2.17.0", {}, values)}, MODULES))


def test_each_original_has_a_table() -> None:
    assert {each.chart for each in ORIGINALS.values()} == set(TABLES)


@pytest.mark.parametrize("values", [{}, {"image": {"tag": ""}}, {"keyrenewperiod": "720h"}])
def test_what_has_a_counterpart_or_asks_for_nothing_is_not_named(values: Any) -> None:
    assert found(values) == []


def test_a_value_without_a_counterpart_is_named_by_its_path_only() -> None:
    [hazard] = found({"nosuch": {"key": "pa55"}})

    assert (hazard.kind, hazard.module, hazard.about) == (Kind.VALUE, "sealed", "Release kube-system/sealed")
    assert hazard.problem == f"nosuch has no counterpart: sealed-secrets {VERSION} has no such value"
    assert hazard.cure == "see `coffer migrate values --from sealed-secrets --release sealed -n kube-system`"
    assert not hazard.blocks
    assert "pa55" not in repr(hazard)


def test_the_values_of_a_parent_chart_are_read() -> None:
    assert [each.about for each in found({"sealed-secrets": {"nosuch": 1}}, "platform")] == [
        "Release kube-system/sealed"
    ]


def test_values_of_another_chart_are_not_read() -> None:
    assert found({"nosuch": 1}, "platform") == []


def test_a_record_that_cannot_be_read_has_no_values() -> None:
    assert list(value_hazards({KEY: None}, MODULES)) == []
    assert list(value_hazards({}, MODULES)) == []

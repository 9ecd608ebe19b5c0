"""The chart renders what its snapshots show."""

from tests.unit.charts.snapshots import SNAPSHOTS


def test_the_chart_renders_its_snapshots() -> None:
    assert SNAPSHOTS.differences() == [], f"look at the change, then run {SNAPSHOTS.cure}"

"""Random templates give what native Go gives, or differ in a way that is listed."""

from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings

from tests.conformance.gotemplate.differences import explanation
from tests.conformance.gotemplate.grammar import templates
from tests.conformance.gotemplate.native import Native, Outcome
from tests.conformance.gotemplate.ours import Ours
from tests.conformance.gotemplate.rows import PROFILES, Row

SLICES, CASES = 10, 10_000
ASKED_AGAIN = 40
PATIENT = settings(
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.generate, Phase.shrink],
)


class Comparison:
    """Both sides, kept running."""

    def __init__(self) -> None:
        self.ours = Ours()
        self.natives: dict[str, Native] = {}
        self.explained: dict[str, int] = {}

    def disagreement(self, row: Row) -> str:
        """Return what differs and is not listed; empty otherwise."""
        if row.profile not in self.natives:
            self.natives[row.profile] = Native(row.profile)
        native, ours = self.natives[row.profile].render(row), self.ours.render(row)
        if native == ours:
            return ""
        name = explanation(row.source, native, ours) or self._map_order(row, ours)
        self.explained[name] = self.explained.get(name, 0) + 1
        return "" if name else f"{row.profile}: {row.source}\n native {native}\n ours   {ours}"

    def _map_order(self, row: Row, ours: Outcome) -> str:
        """Native Go goes through a map in another order each time: what it says itself at some time is right."""
        said = {self.natives[row.profile].render(row) for _ in range(ASKED_AGAIN)}
        return "Go's own order of maps" if len(said) > 1 and ours in said else ""

    def close(self) -> None:
        self.ours.close()
        for each in self.natives.values():
            each.close()


@pytest.fixture(scope="module")
def comparison(built_template: None) -> Iterator[Comparison]:
    found = Comparison()
    yield found
    found.close()


def test_a_few_hundred_random_templates_agree(comparison: Comparison) -> None:
    """The sealed profile alone: its native program is built in seconds."""

    @settings(PATIENT, max_examples=400)
    @given(templates(("sealed",)))
    def check(row: Row) -> None:
        assert comparison.disagreement(row) == ""

    check()


@pytest.mark.soak
@pytest.mark.timeout(900)
@pytest.mark.parametrize("part", range(SLICES))
def test_a_hundred_thousand_random_templates_agree(comparison: Comparison, part: int) -> None:
    @seed(part)
    @settings(PATIENT, max_examples=CASES)
    @given(templates(PROFILES))
    def check(row: Row) -> None:
        assert comparison.disagreement(row) == ""

    check()
    print(f"{CASES} templates, explained: {comparison.explained}")

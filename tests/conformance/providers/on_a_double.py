"""Subjects whose server is a double of the vendor."""

from typing import Any, ClassVar

from tests.conformance.providers.subject import Subject
from tests.doubles.double import Double

NO_SEARCH = "neither Coffer nor the original searches it"
SEARCHES = (
    "test_a_search_by_name",
    "test_a_search_by_tags",
    "test_a_search_below_a_path",
    "test_a_search_goes_through_all_pages",
    "test_a_search_that_finds_nothing_is_empty",
    "test_a_search_by_a_broken_expression_is_refused",
)
"""The rows of searches."""


class DoubleSubject(Subject):
    """A subject with a double, which runs as long as it does."""

    DOUBLE: ClassVar[type[Double]]
    double: Any

    def __init__(self) -> None:
        super().__init__()
        self.double = self.DOUBLE()
        self.double.__enter__()

    def stop(self) -> None:
        self.double.__exit__()


def spared(tests: tuple[str, ...], why: str) -> dict[str, str]:
    """Return what spares several tests for one reason."""
    return dict.fromkeys(tests, why)

"""What holds for every unit test: one that hangs ends long before the limit of all tests."""

from pathlib import Path

import pytest

HANGING_AFTER_SECONDS = 60.0
"""Wall time, so it must be generous: the slowest unit test takes 20 s on two busy cores."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Limit unit tests that state no limit; one that draws many examples keeps the limit of all tests."""
    for item in items:
        many = getattr(getattr(item, "obj", None), "is_hypothesis_test", False)
        ours = Path(__file__).parent in item.path.parents
        if ours and not many and item.get_closest_marker("timeout") is None:
            item.add_marker(pytest.mark.timeout(HANGING_AFTER_SECONDS))

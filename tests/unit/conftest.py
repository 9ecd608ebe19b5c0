"""What holds for every unit test: it takes five seconds at most of a machine that it has to itself."""

import os
from collections.abc import Generator
from pathlib import Path

import pytest

LIMIT_SECONDS = 5.0
RUNNABLE = Path("/proc/loadavg")


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Limit a unit test that states no limit; one that draws many examples keeps the limit of all tests.

    Fixtures are not counted: those that tests share are made within whichever test comes first.
    """
    many = getattr(getattr(item, "obj", None), "is_hypothesis_test", False)
    ours = Path(__file__).parent in item.path.parents
    if ours and not many and item.get_closest_marker("timeout") is None:
        item.add_marker(pytest.mark.timeout(LIMIT_SECONDS * crowding(), func_only=True))
    return (yield)


def crowding() -> float:
    """Return how many programs want each processor, at least 2: else what runs beside a test decides about it.

    The average of a minute says nothing of what began a moment ago, so those that want to run now count too.
    """
    wanting = [os.getloadavg()[0]]
    if RUNNABLE.exists():
        wanting.append(float(RUNNABLE.read_text().split()[3].partition("/")[0]))
    return max(2.0, *(each / (os.cpu_count() or 1) for each in wanting))

"""Sets which examples the property tests draw: the same in every run, or new ones each time."""

from hypothesis import settings
from hypothesis.internal.conjecture import providers

SAME, EXPLORE = "same", "explore"

settings.register_profile(SAME, derandomize=True, database=None, deadline=None)
settings.register_profile(EXPLORE, deadline=None)


def choose(*, explore: bool) -> None:
    """Set how tests that are imported from now on draw examples."""
    settings.load_profile(EXPLORE if explore else SAME)
    if not explore:
        # Constants of the modules that happen to be imported are among the examples otherwise, and which are depends
        # on the tests that ran before.
        providers._get_local_constants = providers.Constants  # type: ignore[attr-defined]

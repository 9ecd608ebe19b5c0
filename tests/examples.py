"""Sets which examples the property tests draw: the same in every run, or new ones each time."""

from hypothesis import settings
from hypothesis.database import DirectoryBasedExampleDatabase
from hypothesis.internal.conjecture import providers

SAME, EXPLORE = "same", "explore"

# The examples that failed, tried first next time. `make clean` removes the folder.
KEPT = ".hypothesis/examples"

# Every choice is stated: what is left out comes from the default profile, which is another one where CI is set.
settings.register_profile(SAME, derandomize=True, database=None, deadline=None)
settings.register_profile(EXPLORE, derandomize=False, database=DirectoryBasedExampleDatabase(KEPT), deadline=None)


def choose(*, explore: bool) -> None:
    """Set how tests that are imported from now on draw examples."""
    settings.load_profile(EXPLORE if explore else SAME)
    if not explore:
        # Constants of the modules that happen to be imported are among the examples otherwise, and which are depends
        # on the tests that ran before.
        providers._get_local_constants = providers.Constants  # type: ignore[attr-defined]

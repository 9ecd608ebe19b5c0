"""How many requests a store sends in a day, where the vendor counts them."""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable

from external.providers.protocol import ProviderUnavailable

DAY_SECONDS = 86_400.0
MAX_STORES = 1024
"""Of the store that was used longest ago the count is forgotten."""


class DailyBudget:
    """Counts the requests of one store from midnight to midnight (UTC); used by several threads.

    Args:
        limit: requests a day; 0 for any number.
    """

    def __init__(self, limit: int, clock: Callable[[], float] = time.time) -> None:
        self.limit = limit
        self.spent = 0
        self._clock = clock
        self._day = 0
        self._lock = threading.Lock()

    def spend(self) -> None:
        """Count one request. Raises ProviderUnavailable once the day's are spent."""
        with self._lock:
            self._turn()
            self._require()
            self.spent += 1

    def require(self) -> None:
        """Raise ProviderUnavailable if the day's requests are spent."""
        with self._lock:
            self._turn()
            self._require()

    def _turn(self) -> None:
        today = int(self._clock() // DAY_SECONDS)
        if today != self._day:
            self._day, self.spent = today, 0

    def _require(self) -> None:
        if self.limit and self.spent >= self.limit:
            text = f"the store has sent the {self.limit} requests that it may send in a day"
            cure = "raise refreshInterval, or ask an administrator for external.onepassword_daily_requests"
            raise ProviderUnavailable(f"{text}, and goes on at midnight UTC: {cure}")


class DailyBudgets:
    """The budgets of all stores: a store that is opened again goes on where it was."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: OrderedDict[str, DailyBudget] = OrderedDict()

    def of(self, store: str, limit: int) -> DailyBudget:
        """Return the budget of a store, with its present limit."""
        with self._lock:
            found = self._kept.setdefault(store, DailyBudget(limit))
            found.limit = limit
            self._kept.move_to_end(store)
            while len(self._kept) > MAX_STORES:
                self._kept.popitem(last=False)
            return found

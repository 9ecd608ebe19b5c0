"""Collect the errors of entries, so that one condition names all of them, each with its field."""

from collections.abc import Iterator
from contextlib import contextmanager

from external.errors import FAILED, FETCH_FAILED, NeedsRemote, StoreUnavailable
from external.providers.protocol import ProviderError, ProviderUnavailable
from manager.core.errors import NeedsHuman, ReconcileError, TemplateError

MAX_ENTRIES_NAMED = 5  # named for one reason
MAX_REASONS_NAMED = 10  # in one message


class EntryErrors:
    """Collects the errors of entries, so that one that fails does not hide the others."""

    def __init__(self) -> None:
        self._reasons: dict[str, list[str]] = {}
        self._kinds: set[type[ReconcileError]] = set()

    @contextmanager
    def at(self, place: str, about: str = "") -> Iterator[None]:
        """Keep an error of an entry.

        Args:
            place: the entry's field.
            about: what the message adds to the field if the provider has answered.
        """
        try:
            yield
        except ProviderUnavailable as error:
            self._keep(StoreUnavailable, place, str(error))
        except (ProviderError, TemplateError) as error:
            self._keep(NeedsRemote, f"{place}{about}", str(error))
        except NeedsHuman as error:
            self._keep(NeedsHuman, place, error.message)

    def settle(self) -> None:
        """Raise one error for all that were collected, if there is any.

        Raises:
            StoreUnavailable: a provider does not answer.
            NeedsRemote: something must be fixed at a provider.
            NeedsHuman: something must be fixed in the cluster only.

        """
        kind = next((each for each in (StoreUnavailable, NeedsRemote, NeedsHuman) if each in self._kinds), None)
        if kind is None:
            return
        reasons = [f"{_some(places, MAX_ENTRIES_NAMED, ', ')}: {text}" for text, places in self._reasons.items()]
        raise kind(FAILED, f"{FETCH_FAILED}: {_some(reasons, MAX_REASONS_NAMED, '; ')}")

    def _keep(self, kind: type[ReconcileError], place: str, text: str) -> None:
        self._kinds.add(kind)
        self._reasons.setdefault(text, []).append(place)


def _some(texts: list[str], most: int, between: str) -> str:
    more = f" and {len(texts) - most} more" if len(texts) > most else ""
    return between.join(texts[:most]) + more

"""Collect the errors of entries, so that one condition names all of them, each with its field."""

from dataclasses import dataclass

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

    def at(self, place: str, about: str = "") -> "_Entry":
        """Return a context that keeps an error of an entry.

        Args:
            place: the entry's field.
            about: what the message adds to the field if the provider has answered.
        """
        return _Entry(self, place, about)

    def add(self, error: ProviderError | TemplateError | NeedsHuman, place: str, about: str = "") -> None:
        """Keep an error that was not raised: many entries may share one, and each raise makes its traceback longer."""
        if isinstance(error, ProviderUnavailable):
            self._keep(StoreUnavailable, place, str(error))
        elif isinstance(error, NeedsHuman):
            self._keep(NeedsHuman, place, error.message)
        else:
            self._keep(NeedsRemote, f"{place}{about}", str(error))

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
        places = self._reasons.setdefault(text, [])
        if places[-1:] != [place]:  # entries may share the field that is wrong
            places.append(place)


@dataclass(frozen=True, slots=True)
class _Entry:
    """One entry; a generator's frame would stay in the traceback of its error, and hold the frames above it."""

    errors: EntryErrors
    place: str
    about: str

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> bool:
        if not isinstance(error, ProviderError | TemplateError | NeedsHuman):
            return False
        self.errors.add(error, self.place, self.about)
        return True


def _some(texts: list[str], most: int, between: str) -> str:
    more = f" and {len(texts) - most} more" if len(texts) > most else ""
    return between.join(texts[:most]) + more

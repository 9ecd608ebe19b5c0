"""What is known of mirrors because we wrote or read them: it tells our echoes and others' edits apart."""

from dataclasses import dataclass, replace
from typing import Protocol

from manager.core.clock import Clock
from manager.kube.resources import Body, Key

WATCH_DELAY_SECONDS = 10.0  # seconds for a new object to come through the watch; then the API server is asked again


@dataclass(frozen=True, slots=True)
class ObservedState:
    """One mirror as it was when we last wrote or read it."""

    uid: str
    version: str
    """Its resourceVersion: another one means that somebody else has written it since."""
    source: str
    """The source's resourceVersion whose content it held."""
    content: bytes
    """Fingerprint of that content."""
    bare: bool = False
    """Whether labels and annotations were left out of it."""


class Content(Protocol):
    """What a mirror holds."""

    @property
    def version(self) -> str:
        """The source's resourceVersion."""
        ...

    @property
    def fingerprint(self) -> bytes:
        """Equal for equal content."""
        ...

    @property
    def bare(self) -> bool:
        """Whether labels and annotations were left out."""
        ...


class ObservedStates:
    """One proof a mirror, for as long as it exists."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._of: dict[Key, ObservedState] = {}
        self._created: dict[Key, float] = {}
        self._doubted: set[Key] = set()

    def of(self, mirror: Key) -> ObservedState | None:
        """Return what is known of a mirror."""
        return self._of.get(mirror)

    def give(self, mirror: Key, body: Body, content: "Content", *, created: bool = False) -> None:
        """Remember a mirror as the server answered it, and what it holds."""
        meta = body["metadata"]
        version, source = meta["resourceVersion"], content.version
        self._of[mirror] = ObservedState(meta["uid"], version, source, content.fingerprint, content.bare)
        self._doubted.discard(mirror)
        if created:
            self._created[mirror] = self._clock.monotonic() + WATCH_DELAY_SECONDS

    def keep(self, mirror: Key, source: str) -> None:
        """Note that a mirror holds the content of a later version of its source too."""
        self._of[mirror] = replace(self._of[mirror], source=source)

    def seen(self, mirror: Key, version: str | None) -> bool:
        """Take note of what the watch shows, None for an object that has gone; tell whether it is our own write."""
        self._created.pop(mirror, None)
        if version is None:
            self._of.pop(mirror, None)
            self._doubted.discard(mirror)
        proof = self._of.get(mirror)
        return proof is not None and proof.version == version

    def pending(self, mirror: Key) -> bool:
        """Tell whether a mirror has been made that the watch has not shown yet."""
        due = self._created.get(mirror)
        return due is not None and self._clock.monotonic() < due

    def doubt(self, mirror: Key) -> None:
        """Ask for a mirror to be read: it may have been edited while no replica was leading."""
        self._doubted.add(mirror)

    def doubted(self, mirror: Key) -> bool:
        """Tell whether a mirror is to be read."""
        return mirror in self._doubted

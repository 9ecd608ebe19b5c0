"""Remember mirrors as we wrote or read them, to separate watch events of our own writes from edits by others."""

from dataclasses import dataclass, replace
from typing import Protocol

from manager.core.clock import Clock
from manager.kube.resources import Body, Key

WATCH_DELAY_SECONDS = 10.0  # for a new object to come through the watch; afterwards it is created again


@dataclass(frozen=True, slots=True)
class ObservedState:
    """One mirror as it was when we last wrote or read it."""

    uid: str
    version: str
    """Its resourceVersion; another one means that it was written by others since."""
    source: str
    """The source's resourceVersion whose content it held."""
    content: bytes
    """Fingerprint of that content."""
    bare: bool = False
    """True if labels and annotations were left out."""


class Content(Protocol):
    """The content of a mirror."""

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
        """True if labels and annotations are left out."""
        ...


class ObservedStates:
    """The last observed state of each existing mirror."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._of: dict[Key, ObservedState] = {}
        self._created: dict[Key, float] = {}
        self._doubted: set[Key] = set()

    def of(self, mirror: Key) -> ObservedState | None:
        """Return the observed state of a mirror, None without one."""
        return self._of.get(mirror)

    def give(self, mirror: Key, body: Body, content: "Content", *, created: bool = False) -> None:
        """Remember a mirror as the API server returned it, and its content."""
        meta = body["metadata"]
        version, source = meta["resourceVersion"], content.version
        self._of[mirror] = ObservedState(meta["uid"], version, source, content.fingerprint, content.bare)
        self._doubted.discard(mirror)
        if created:
            self._created[mirror] = self._clock.monotonic() + WATCH_DELAY_SECONDS

    def keep(self, mirror: Key, source: str) -> None:
        """Note that a mirror also holds the content of a later version of its source."""
        self._of[mirror] = replace(self._of[mirror], source=source)

    def seen(self, mirror: Key, version: str | None) -> bool:
        """Note a version from the watch, None for a deletion; return True if it is our own write."""
        self._created.pop(mirror, None)
        if version is None:
            self._of.pop(mirror, None)
            self._doubted.discard(mirror)
        proof = self._of.get(mirror)
        return proof is not None and proof.version == version

    def pending(self, mirror: Key) -> bool:
        """Return True if we created a mirror that the watch has not shown yet."""
        due = self._created.get(mirror)
        return due is not None and self._clock.monotonic() < due

    def doubt(self, mirror: Key) -> None:
        """Mark a mirror to be read: it may have been edited while no replica was leading."""
        self._doubted.add(mirror)

    def doubted(self, mirror: Key) -> bool:
        """Return True if a mirror is marked to be read."""
        return mirror in self._doubted

"""What the clients share that read one place over one connection."""

from typing import Protocol

from external.providers.protocol import SecretRequest


class Closes(Protocol):
    """A connection."""

    def close(self) -> None:
        """Close it. Never raises."""
        ...


class OnePlace:
    """A client's connection and what messages call the place that it reads.

    Args:
        place: of every secret; never a value.
    """

    natural = False
    batch = 1

    def __init__(self, connection: Closes, place: str) -> None:
        self._to_close = connection
        self._place = place

    def close(self) -> None:
        """Close the connections."""
        self._to_close.close()

    def location(self, request: SecretRequest) -> str:
        """Return the place."""
        del request
        return self._place

"""The type of a decrypted value: no log line, message or traceback can show it by accident."""

from typing import Final, NoReturn


class SecretValue:
    """A secret value whose text appears only where `.reveal()` is written out.

    `grep -rn reveal` lists every use. Formatting is masked and pickling refused; equality is allowed, because a
    comparison avoids a write.
    """

    __slots__ = ("_value",)

    def __init__(self, value: bytes) -> None:
        self._value: Final = value

    def reveal(self) -> bytes:
        """Return the bytes themselves. Never pass them to a logger, an exception or an Event."""
        return self._value

    def __len__(self) -> int:
        return len(self._value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, SecretValue) and self._value == other._value

    def __hash__(self) -> int:
        return hash(self._value)

    def __repr__(self) -> str:
        return f"Plain({len(self._value)} bytes)"

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return repr(self)

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Plain value is never pickled")

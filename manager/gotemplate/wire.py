"""Encode requests and decode answers: parts of bytes, each preceded by its length (go/wire.go)."""

import struct
from collections.abc import Iterable
from enum import IntEnum
from typing import NamedTuple

_LENGTH = struct.Struct("<I")


class Status(IntEnum):
    """The first byte of an answer."""

    DONE = 0
    PARSE_FAILED = 1
    EXECUTE_FAILED = 2
    OUTPUT_TOO_LARGE = 3
    NOT_A_MAP = 4
    BAD_REQUEST = 5


class Answer(NamedTuple):
    """An answer of the sandbox; an error text in `fields` is not redacted yet."""

    status: Status
    random: bool
    fields: list[bytes]


def request(parts: Iterable[bytes]) -> bytes:
    """Pack a request."""
    return b"".join(piece for part in parts for piece in (_LENGTH.pack(len(part)), part))


def answer(message: bytes) -> Answer:
    """Unpack an answer."""
    fields, place = [], 2
    while place < len(message):
        start = place + _LENGTH.size
        place = start + _LENGTH.unpack_from(message, place)[0]
        fields.append(message[start:place])
    return Answer(Status(message[0]), bool(message[1]), fields)

"""Where the sandbox answers otherwise than Go on amd64, each with its reason and its harm. At most twenty."""

import re
from collections.abc import Callable
from dataclasses import dataclass

from tests.conformance.gotemplate.native import Outcome


@dataclass(frozen=True)
class Difference:
    """One kind of difference."""

    name: str
    reason: str
    harm: str
    explains: Callable[[str, Outcome, Outcome], bool]
    """Whether this is it, given the template, native Go's outcome and ours."""


DEPTH = b"exceeded maximum template depth"
# 2^63 as a float literal, where a whole number is wanted.
TWO_TO_63 = re.compile(r"9223372036854775808\.0|0x1p63")


def _depth(_: str, native: Outcome, ours: Outcome) -> bool:
    there, here = DEPTH + b" (100000)", DEPTH + b" (1000)"
    return native.verdict == ours.verdict and native.text.replace(there, here) == ours.text and here in ours.text


def _limit(_: str, native: Outcome, ours: Outcome) -> bool:
    return native.verdict == "crash" and ours.verdict == "limit"


def _literal(source: str, native: Outcome, ours: Outcome) -> bool:
    return bool(TWO_TO_63.search(source)) and b"expected integer; found" in native.text and ours.verdict == "ok"


DIFFERENCES = (
    Difference(
        "template depth",
        "Go itself limits templates that include themselves to 1,000 levels on WebAssembly, and to 100,000 elsewhere.",
        "A template that recurses between 1,000 and 100,000 levels deep fails, with an error that names the depth.",
        _depth,
    ),
    Difference(
        "what ends the process there",
        "A cyclic value that is printed, or a list of 2^62, ends a Go process; here a limit ends the render.",
        "None: there is an error where there was no controller any more.",
        _limit,
    ),
    Difference(
        "a float literal of exactly 2^63 as a whole number",
        "The parser converts it to an integer and back. Go leaves that to the processor; here it is the nearest.",
        "`trunc 9223372036854775808.0` is accepted, as on arm64, where amd64 reports an error.",
        _literal,
    ),
)


def explanation(source: str, native: Outcome, ours: Outcome) -> str:
    """Return the name of the difference that explains two outcomes; empty where none does."""
    return next((each.name for each in DIFFERENCES if each.explains(source, native, ours)), "")

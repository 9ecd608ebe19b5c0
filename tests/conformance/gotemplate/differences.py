"""Where the sandbox answers otherwise than Go on amd64, each with its reason and its harm. At most twenty."""

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
# Each leads to a conversion of a float to an integer that cannot hold it, which Go leaves to the processor.
OUT_OF_RANGE = ("chunk", "mustChunk")


def _depth(_: str, native: Outcome, ours: Outcome) -> bool:
    return (
        native.verdict == ours.verdict
        and native.text.replace(b"(100000)", b"(1000)") == ours.text
        and DEPTH in ours.text
    )


def _out_of_range(source: str, native: Outcome, _: Outcome) -> bool:
    return any(name in source for name in OUT_OF_RANGE) and b"makeslice: len out of range" in native.text


DIFFERENCES = (
    Difference(
        "template depth",
        "Go itself limits templates that include themselves to 1,000 levels on WebAssembly, and to 100,000 elsewhere.",
        "A template that recurses between 1,000 and 100,000 levels deep fails, with an error that names the depth.",
        _depth,
    ),
    Difference(
        "chunks of size zero",
        "Go leaves it to the processor what a float becomes that fits no integer; WebAssembly does as arm64 does.",
        "`chunk 0 list` is an empty list, as on arm64 nodes, where amd64 reports an error.",
        _out_of_range,
    ),
)


def explanation(source: str, native: Outcome, ours: Outcome) -> str:
    """Return the name of the difference that explains two outcomes; empty where none does."""
    return next((each.name for each in DIFFERENCES if each.explains(source, native, ours)), "")

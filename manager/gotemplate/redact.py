"""Remove the data from an error text before it leaves the renderer.

The engine quotes values: `range can't iterate over …`, `parsing time "…"`, whatever `fail` is given. Two steps:
every value of four bytes or more is replaced where it stands; then, of what a function or the engine said about data,
only words stay that the template's author wrote, or that Go and sprig use in error texts (words.txt). So a value that
was cut, decoded, escaped or hashed does not get through either.
"""

import json
import re
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Final

from manager.core.secret_value import SecretValue
from manager.gotemplate.model import SHOWN_ERROR_CHARACTERS

MIN_VALUE_BYTES = 4
"""Bytes; shorter values cannot be told from ordinary text."""

MAX_CASE_INSENSITIVE_CHARACTERS: Final = 4096  # a longer expression takes too long to compile

MARK: Final = "***"  # shorter than any value that is replaced, so that it is never replaced itself

_WORD: Final = re.compile(r"\w+")
_EDGES: Final = re.compile(r"""^(["':,;(]{0,2})(.*?)([)"':,;]{0,2})$""", re.DOTALL)
# Up to here an error of the engine consists of positions and of the template's source.
_PLACE: Final = re.compile(r'template: .*?: executing ".*?" at <.*?>: ', re.DOTALL)
# One word between signs, or several as Go joins them: map[string]string, can't, time.Time; of signs alone, three.
_TOGETHER: Final = re.compile(r"\W{0,3}|\W{0,3}\w+\W{0,3}|\W{0,3}\w+([.\[\]*'(){}:/,]{1,4}\w+)+\W{0,4}")
_SHORT_NUMBER: Final = re.compile(r"\d{1,3}")


class Redaction:
    """Knows the values to hide, and the texts whose words may be shown.

    Args:
        values: the data.
        allowed: what is public already: the template's source, the keys of the data.
        name: the template's name, public too; where that is the whole source, `label` takes its place.
    """

    def __init__(self, values: Iterable[SecretValue], *allowed: str, name: str = "", label: str = "") -> None:
        self._values = values
        self._allowed = (*allowed, name)
        self._name, self._label = name, label

    def applied(self, text: str, *, executed: bool) -> str:
        """Return an error text that may be shown. Without execution it can only quote the template."""
        if self._name != self._label:
            for written in (self._name, json.dumps(self._name, ensure_ascii=False)[1:-1]):
                text = text.replace(written, self._label)
        text = self._without_values(text)
        if executed:
            place = _PLACE.match(text)
            end = place.end() if place else 0
            text = text[:end] + self._without_strangers(text[end:])
        return text if len(text) <= SHOWN_ERROR_CHARACTERS else f"{text[: SHOWN_ERROR_CHARACTERS - 1]}…"

    def _without_values(self, text: str) -> str:
        size = len(text.encode())
        found = {value.reveal() for value in self._values if MIN_VALUE_BYTES <= len(value) <= size}
        for value in sorted(found, key=len, reverse=True):
            plain = value.decode(errors="replace")
            if len(plain) <= MAX_CASE_INSENSITIVE_CHARACTERS:
                text = re.sub(re.escape(plain), MARK, text, flags=re.IGNORECASE)
            else:
                text = text.replace(plain, MARK)
        return text

    def _without_strangers(self, text: str) -> str:
        known = _vocabulary().union(*(_WORD.findall(each) for each in self._allowed))
        return "".join(
            part if part.isspace() or not part else self._shown(part, known) for part in re.split(r"(\s+)", text)
        )

    def _shown(self, part: str, known: frozenset[str]) -> str:
        if part.strip("\"'(),:;") in known:
            return part
        words = _WORD.findall(part)
        if all(word in known for word in words) and (
            _TOGETHER.fullmatch(part) or any(part in each for each in self._allowed)
        ):
            return part
        if len(words) == 1 and _SHORT_NUMBER.fullmatch(words[0]):
            return part
        edges = _EDGES.match(part)
        return f"{edges[1]}{MARK}{edges[3]}" if edges else MARK


@cache
def _vocabulary() -> frozenset[str]:
    return frozenset(Path(__file__).with_name("words.txt").read_text().split())

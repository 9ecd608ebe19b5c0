"""Text for people: tables, and lines that a terminal may show in colour. Hostile text is made harmless here.

Where the output is no terminal, only plain text is printed. Colours follow NO_COLOR, FORCE_COLOR and TERM.
"""

import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

import click

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

MINUTE, HOUR, DAY = 60, 3600, 86400
GAP = 2  # blanks between two columns


class Tone(StrEnum):
    """What a text means to its reader; the value is its style in a terminal."""

    GOOD = "green"
    BAD = "bold red"
    DOUBTFUL = "yellow"
    FAINT = "dim"


class Cell(NamedTuple):
    """A text of a table with a tone."""

    text: str
    tone: Tone

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True)
class Table:
    """Rows beneath a head; all rows have as many cells as the head."""

    head: Sequence[str]
    rows: Sequence[Sequence[str | Cell]]

    def plain(self) -> list[str]:
        """Return the aligned lines, the head first."""
        shown = [tuple(printable(str(cell)) for cell in row) for row in (self.head, *self.rows)]
        widths = [max(map(len, column)) for column in zip(*shown, strict=True)]
        gap = " " * GAP
        return [gap.join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip() for row in shown]


def printable(text: str) -> str:
    """Return a text without control characters, by which a tenant could control a terminal."""
    return "".join(each if each.isprintable() else "?" for each in text)


def draw(lines: Iterable[str | Table], console: "Console | None" = None) -> None:
    """Print lines and tables, to a terminal in colours.

    Args:
        lines: the lines; one that begins with `!` needs a person.
        console: where to print; by default the terminal, or plain text where there is none.

    """
    screen = console or _terminal()
    if screen is not None:
        for each in lines:
            _print(screen, each)
        return
    for line in plain_lines(lines):
        click.echo(line)


def plain_lines(lines: Iterable[str | Table]) -> Iterator[str]:
    """Yield lines and tables as plain text, line by line."""
    for each in lines:
        yield from each.plain() if isinstance(each, Table) else [printable(each)]


def _terminal() -> "Console | None":
    """Return the terminal; None without one, so that nothing is loaded for it."""
    if not (sys.stdout.isatty() or os.environ.get("FORCE_COLOR")):
        return None
    from rich.console import Console

    return Console(markup=False, highlight=False, emoji=False)


def _print(screen: "Console", each: "str | Table") -> None:
    """Print to a terminal. Every text is a `Text`: rich would read markup in a plain string."""
    from rich.table import Table as RichTable
    from rich.text import Text

    if isinstance(each, str):
        text = printable(each)
        screen.print(Text(text, style=_tone_of(text)), soft_wrap=True)
        return
    drawn = RichTable(box=None, pad_edge=False, padding=(0, GAP, 0, 0), header_style="bold")
    for name in each.head:
        drawn.add_column(Text(printable(name)), overflow="fold")  # a name that is cut cannot be copied
    for row in each.rows:
        drawn.add_row(*_texts(row))
    screen.print(drawn)


def _texts(row: Sequence[str | Cell]) -> "Iterator[Text]":
    from rich.text import Text

    for cell in row:
        yield Text(printable(str(cell)), style=str(cell.tone.value) if isinstance(cell, Cell) else "")


def _tone_of(line: str) -> str:
    return Tone.BAD.value if line.lstrip().startswith("!") else ""


def span(seconds: float) -> str:
    """Return a duration as kubectl shows ages: its one or two largest units."""
    if seconds == float("inf"):
        return "never"
    whole = max(0, round(seconds))
    if whole < 2 * MINUTE:
        return f"{whole}s"
    if whole < 2 * HOUR:
        return f"{whole // MINUTE}m"
    if whole < 2 * DAY:
        return f"{whole // HOUR}h"
    return f"{whole // DAY}d"

"""Tables and lines for people: aligned, coloured only in a terminal, harmless whatever a tenant writes."""

import io

import pytest
from rich.console import Console

from manager.tables import Cell, Table, Tone, draw, printable, span
from tests.builders.hostile_text import HARMFUL, HOSTILE

TABLE = Table(("NAME", "STATE"), [("a", Cell("ready", Tone.GOOD)), ("longer", Cell("failed", Tone.BAD))])


def terminal(width: int = 80, **more: object) -> Console:
    given = {"force_terminal": True, "color_system": "standard", "legacy_windows": False, **more}
    return Console(file=io.StringIO(), width=width, markup=False, highlight=False, emoji=False, **given)  # type: ignore[arg-type]


def shown(console: Console) -> str:
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


@pytest.fixture(autouse=True)
def _plain(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NO_COLOR", "FORCE_COLOR", "COLUMNS"):
        monkeypatch.delenv(name, raising=False)


def test_without_a_terminal_the_text_is_plain_and_aligned(capsys: pytest.CaptureFixture[str]) -> None:
    draw(["!  bad", TABLE])

    assert capsys.readouterr().out == "!  bad\nNAME    STATE\na       ready\nlonger  failed\n"


def test_a_terminal_shows_tones() -> None:
    console = terminal()
    draw(["!  bad", TABLE], console)

    assert "\x1b[32mready" in shown(console)
    assert "\x1b[1;31m!  bad" in shown(console)


def test_no_color_is_honoured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    console = terminal()
    draw(["!  bad", TABLE], console)

    assert "\x1b[32m" not in shown(console)
    assert "\x1b[31m" not in shown(console)


def test_a_narrow_terminal_folds_names_and_cuts_none() -> None:
    console = terminal(20, color_system=None)
    draw([Table(("NAME", "STATE"), [("n" * 40, "ready")])], console)

    assert shown(console).count("n") == 40
    assert max(map(len, shown(console).splitlines())) <= 20


@pytest.mark.parametrize("text", HOSTILE, ids=ascii)
def test_a_hostile_text_controls_no_terminal(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    console = terminal(200, color_system=None)
    draw([text, Table((text, "B"), [(text, Cell(text, Tone.BAD))])], console)
    draw([text, Table((text, "B"), [(text, "b")])])
    plain_text = capsys.readouterr().out

    for output, rows in ((shown(console), 3), (plain_text, 3)):
        assert not (HARMFUL - {"\n"}) & set(output)
        assert len(output.splitlines()) == rows
        assert printable(text) in output


def test_printable_keeps_what_people_write() -> None:
    assert printable("größe-名前 ok") == "größe-名前 ok"


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(-5, "0s"), (119, "119s"), (120, "2m"), (7199, "119m"), (7200, "2h"), (172_800, "2d"), (float("inf"), "never")],
)
def test_a_duration_has_one_unit(seconds: float, shown: str) -> None:
    assert span(seconds) == shown

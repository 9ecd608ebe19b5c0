"""`coffer seal edit`: a person sees the values, changes some, and only those change in the file."""

import signal
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner, Result

from manager.cli.main import main
from manager.core.secret_value import SecretValue
from sealed.manifests.documents import InputError
from sealed.manifests.edit_buffer import read_back, written
from tests.builders.kubeseal_command import TWO, opened, sealing
from tests.builders.sealed_vectors import pem, private_key

pytestmark = pytest.mark.usefixtures("folder")
Edit = Callable[[str], str]
PAGES: list[tuple[Path, str, int]] = []  # place, text and mode of every page that was edited
SECRET = "metadata: {name: a, namespace: ns}\nstringData: {password: old, user: me}\ndata: {raw: /w==}\n"


@pytest.fixture
def file(folder: Path) -> Path:
    (folder / "key.pem").write_bytes(pem(private_key()))
    assert sealing("-w", "sealed.yaml", stdin=SECRET).exit_code == 0
    path = folder / "sealed.yaml"
    path.write_text("# ask ops\n" + path.read_text())
    return path


def edited(monkeypatch: pytest.MonkeyPatch, change: Edit, *flags: str, file: str = "sealed.yaml") -> Result:
    def editor(*, filename: str) -> None:
        place = Path(filename)
        PAGES.append((place, place.read_text(), place.stat().st_mode & 0o777))
        place.write_text(change(place.read_text()))

    PAGES.clear()
    monkeypatch.setattr("click.edit", editor)
    return CliRunner().invoke(
        main,
        ["seal", "edit", file, "--cert", "cert.pem", "--recovery-private-key", "key.pem", *flags],
        catch_exceptions=False,
    )


def test_only_what_was_changed_is_sealed_anew(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = file.read_text().splitlines()

    result = edited(monkeypatch, lambda page: page.replace("password: old", "password: new"))

    after = file.read_text().splitlines()
    assert "1 sealed, 0 removed" in result.output
    assert [one.split(":")[0] for one, other in zip(before, after, strict=True) if one != other] == ["    password"]


def test_values_can_be_added_and_taken_away(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    edited(monkeypatch, lambda page: page.replace("  user: me\n", "  added: x\n").replace("  raw: /w==\n", ""))

    items = yaml.safe_load(file.read_text())["spec"]["encryptedData"]
    assert set(items) == {"password", "added"}
    assert file.read_text().startswith("# ask ops\n")


@pytest.mark.parametrize("change", [lambda page: page, lambda page: page + "# a comment\n"])
def test_a_page_left_as_it_is_changes_nothing(file: Path, monkeypatch: pytest.MonkeyPatch, change: Edit) -> None:
    before = file.read_bytes()

    assert edited(monkeypatch, change).output == "nothing changed\n"
    assert file.read_bytes() == before


@pytest.mark.parametrize("page", ["][", "", "stringData: {a: b}\nkind: x\n", "a\n---\nb\n"])
def test_a_broken_page_changes_nothing_and_is_not_quoted(
    file: Path, monkeypatch: pytest.MonkeyPatch, page: str
) -> None:
    before = file.read_bytes()

    result = edited(monkeypatch, lambda _: page)

    assert result.exit_code == 1
    assert "nothing was changed" in result.output
    assert file.read_bytes() == before


def test_the_page_is_its_owners_alone_and_gone_afterwards(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert file.exists()
    edited(monkeypatch, lambda page: page)

    [(place, page, mode)] = PAGES
    assert mode == 0o600
    assert not place.exists()
    assert not place.parent.exists()
    assert yaml.safe_load(page) == {"stringData": {"password": "old", "user": "me"}, "data": {"raw": "/w=="}}


def test_of_several_one_is_named(folder: Path, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert file.exists()
    sealing("-w", "two.yaml", stdin=TWO)

    refused = edited(monkeypatch, lambda page: page, file="two.yaml")
    done = edited(monkeypatch, lambda page: page.replace("canary-11d0", "new"), "--name", "b", file="two.yaml")

    assert "several SealedSecrets: use --name" in refused.output
    assert "1 sealed" in done.output
    one, other = yaml.safe_load_all((folder / "two.yaml").read_text())
    assert [opened(yaml.safe_dump(each))["password"] for each in (one, other)] == ["canary-11d0", "new"]


def test_values_that_nobody_tells_are_named_and_kept() -> None:
    page = written("f, a", {"k": SecretValue(b"v")}, ["z", "y"])

    assert "and kept: y, z\n" in page
    assert read_back(page) == {"k": SecretValue(b"v")}


ODD = [b"", b"\xff", b"a: b\n# c", "über".encode(), b"y", b"12", b" x ", b"\r\n", b"0x1f", b"null"]


@pytest.mark.parametrize("value", ODD)
def test_every_value_is_read_back_as_it_was(value: bytes) -> None:
    assert read_back(written("f", {"k": SecretValue(value)}, [])) == {"k": SecretValue(value)}


def test_a_page_with_more_than_values_is_refused() -> None:
    with pytest.raises(InputError, match="more than stringData and data"):
        read_back("stringData: {a: b}\nmetadata: {}\n")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_leaves_no_values_behind(file: Path, monkeypatch: pytest.MonkeyPatch, number: signal.Signals) -> None:
    """A lost session is a SIGHUP."""
    before = signal.getsignal(number)

    def end(page: str) -> str:
        signal.raise_signal(number)
        return page

    result = edited(monkeypatch, end)

    assert result.exit_code == 128 + number
    assert not PAGES[0][0].exists()
    assert signal.getsignal(number) is before

"""`coffer run` accepts every command line that the original's program accepts."""

import subprocess

import click
import pytest

from manager.cli.main import main
from manager.core.errors import CofferError
from manager.settings.load import load
from manager.settings.predecessors import SEALED_SECRETS, WITHOUT_EFFECT
from sealed.keys.renewal import go_duration, schedule_of
from tests.cluster import build

WORDS = ["", "true", "T", "f", "False", "0", "1", "2", "4096", "-1", "0.5", "10s", "1h30m", "720h", "x", "a=b", "a,b"]
WORDS += ["Mon, 02 Jan 2006 15:04:05 -0700", "text", "json", "INFO", "debug", ":8080", "CertNotBefore"]
OURS_ALONE = {
    ("key-size", "0"): "the original makes no key then",
    ("key-size", "1"): "the original makes no key then",
    ("key-size", "2"): "the original makes no key then",
    ("key-size", "-1"): "the original makes no key then",
    ("rate-limit", "-1"): "means nothing",
    ("rate-limit-burst", "-1"): "means nothing",
}
"""Values that the original accepts at start and fails on later; Coffer refuses them at start and names them."""
LATER = {"key-cutoff-time", "log-level", "log-format", "label-selector"}
"""Texts that the original reads only later; Coffer refuses invalid ones at start."""


def accepted_by_the_original(flag: str, word: str) -> bool:
    command = [str(build.binary("controller")), f"--{flag}={word}", "--version"]
    return subprocess.run(command, capture_output=True, check=False, timeout=20).returncode == 0


def accepted_here(flag: str, word: str) -> bool:
    run = main.commands["run"]
    try:
        flags = run.make_context("run", [f"--{flag}={word}"]).params
        settings = load({name: value for name, value in flags.items() if not name.startswith(("unused", "config"))})
        schedule_of(settings.sealed)
        go_duration("key-ttl", settings.sealed.key_ttl)
        go_duration("read-timeout", settings.sealed.read_timeout)
    except (click.UsageError, CofferError):
        return False
    return True


@pytest.mark.soak
@pytest.mark.parametrize("flag", [*SEALED_SECRETS, *WITHOUT_EFFECT])
def test_every_flag_parses_as_the_originals(flag: str) -> None:
    refused = [
        word
        for word in WORDS
        if (flag, word) not in OURS_ALONE and flag not in LATER
        if accepted_by_the_original(flag, word) and not accepted_here(flag, word)
    ]

    assert not refused

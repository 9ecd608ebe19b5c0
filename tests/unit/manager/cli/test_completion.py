"""Scripts that complete commands in a shell."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner

from manager.cli.completion import KUBECTL, SHELLS, VARIABLE
from manager.cli.main import main


@pytest.mark.parametrize("shell", [each for each in SHELLS if each != KUBECTL])
def test_the_script_of_a_shell_asks_coffer(shell: str) -> None:
    done = CliRunner().invoke(main, ["completion", shell])

    assert done.exit_code == 0
    assert f"{VARIABLE}={shell}_complete" in done.output
    program = shutil.which(shell)
    if program is not None:
        assert subprocess.run([program, "-n"], input=done.output, text=True, check=False).returncode == 0


def test_what_follows_is_completed() -> None:
    answers = CliRunner().invoke(
        main, env={VARIABLE: "bash_complete", "COMP_WORDS": "coffer expl", "COMP_CWORD": "1"}, prog_name="coffer"
    )

    assert answers.output.split() == ["plain,explain"]


def test_kubectl_gets_names_and_a_directive(tmp_path: Path) -> None:
    script = CliRunner().invoke(main, ["completion", KUBECTL]).output
    stand_in = tmp_path / "coffer"
    stand_in.write_text('#!/bin/sh\necho "$COMP_WORDS:$COMP_CWORD" >&2\necho plain,status\n')
    stand_in.chmod(0o700)

    done = subprocess.run(
        ["sh", "-c", script, "kubectl_complete-coffer", "-n", "app", "sta"],
        env={"PATH": f"{tmp_path}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=True,
    )

    assert done.stdout.split("\n")[:2] == ["status", ":4"]
    assert done.stderr == "coffer -n app sta:3\n"

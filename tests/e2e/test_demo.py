"""`make demo KEEP=1` runs the story and keeps a cluster in which every printed command works."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cluster.wait import wait_until

ROOT = Path(__file__).parents[2]
BARE = {"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": "/nonexistent"}
END = "Ctrl-C here ends it."


@pytest.fixture(scope="module")
def demo_output(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The output of the demo while it is kept running."""
    folder = tmp_path_factory.mktemp("demo")
    said = folder / "said"
    environment = {**os.environ, "KEEP": "1", "PYTHONPATH": str(ROOT)}
    with said.open("w") as out:
        demo = subprocess.Popen(
            [sys.executable, "-m", "tests.demo"], cwd=folder, env=environment, stdout=out, stderr=subprocess.STDOUT
        )
    try:
        wait_until(lambda: END in said.read_text() or demo.poll() is not None, timeout=90, what="the end of the story")
        assert demo.poll() is None, said.read_text()[-3000:]
        yield said.read_text()
        demo.send_signal(signal.SIGINT)
        assert demo.wait(90) == 0
    finally:
        demo.kill()
        demo.wait()


@pytest.mark.timeout(180)
def test_every_command_that_the_demo_prints_can_be_pasted(demo_output: str) -> None:
    kept = demo_output.partition("Still running")[2].splitlines()
    source, *commands = [line.strip() for line in kept if line.startswith("  ")]
    assert len(commands) > 8

    for command in commands:
        line = f"set -euo pipefail; {source}; {command}"
        done = subprocess.run(["bash", "-c", line], env=BARE, capture_output=True, text=True, check=False, timeout=60)
        assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
        assert done.stdout or "put-secret" in command, f"{command}: nothing is shown"
    rotated = "kubectl -n app get secret database-credentials -o jsonpath='{.data.DATABASE_URL}' | base64 -d"
    wait_until(
        lambda: (
            subprocess.run(["bash", "-c", f"{source}; {rotated}"], env=BARE, capture_output=True, check=True).stdout
            == b"postgres://app:third@db/main"
        ),
        what="the value that was put into AWS",
    )

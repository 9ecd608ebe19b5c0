"""Runs commands as a user would, prints them, and measures the time."""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.cluster import build
from tests.cluster.wait import wait_until

BOLD, DIM, GREEN, RESET = ("\033[1m", "\033[2m", "\033[32m", "\033[0m") if sys.stdout.isatty() else ("", "", "", "")
TIMEOUT_SECONDS = 20.0


class StoryBroken(Exception):
    """A command failed or a promise was not kept; the message explains it."""


@dataclass
class Stage:
    """A folder with the story's files, and a shell in it.

    Args:
        folder: where commands run; examples/ is copied there.
        environment: KUBECONFIG and the variables that direct kubeseal to the controller.
    """

    folder: Path
    environment: dict[str, str]
    took: list[tuple[str, float]] = field(default_factory=list)

    def __post_init__(self) -> None:
        shutil.copytree(Path(__file__).parents[2] / "examples", self.folder, dirs_exist_ok=True)
        self.programs.mkdir(exist_ok=True)
        ours = {name: Path(sys.executable).with_name(name) for name in ("kubeseal", "coffer")}
        for name, target in {"kubectl": build.binary("kubectl"), "helm": build.binary("helm"), **ours}.items():
            (self.programs / name).unlink(missing_ok=True)
            (self.programs / name).symlink_to(target)
        self.environment = {**os.environ, **self.environment, "PATH": f"{self.programs}:{os.environ['PATH']}"}

    @property
    def programs(self) -> Path:
        """The folder whose programs commands find first."""
        return self.folder / ".bin"

    def program(self, name: str, text: str) -> None:
        """Write a program that the story needs."""
        (self.programs / name).write_text(text)
        (self.programs / name).chmod(0o755)

    @contextmanager
    def chapter(self, title: str) -> Iterator[None]:
        """Run one part and record how long it takes."""
        print(f"\n{BOLD}{title}{RESET}")
        started = time.monotonic()
        yield
        self.took.append((title, time.monotonic() - started))

    def say(self, text: str) -> None:
        """Explain, in one line."""
        print(f"{DIM}# {text}{RESET}")

    def run(self, command: str, *, quiet: bool = False) -> str:
        """Run a shell command in the folder, print it and its output. Raises StoryBroken if it fails."""
        if not quiet:
            print(f"{GREEN}${RESET} {command}")
        done = subprocess.run(
            command,
            shell=True,
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        if done.returncode:
            raise StoryBroken(f"`{command}` ended with {done.returncode}:\n{done.stdout}{done.stderr}")
        if not quiet and done.stdout:
            print("  " + done.stdout.rstrip().replace("\n", "\n  "))
        return done.stdout.strip()

    def until(self, command: str, shows: Callable[[str], bool], what: str) -> str:
        """Repeat a command silently until it prints something, then print it once."""
        started = time.monotonic()
        try:
            wait_until(lambda: shows(self.run(command, quiet=True)), timeout=TIMEOUT_SECONDS, what=what)
        except TimeoutError as error:
            raise StoryBroken(str(error)) from None
        seconds = time.monotonic() - started
        output = self.run(command)
        if seconds > 0.3:
            print(f"{DIM}  ({what}: {seconds:.1f} s){RESET}")
        return output

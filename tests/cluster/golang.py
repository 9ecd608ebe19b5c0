"""Builds a program of the control plane if it could not be downloaded."""

from pathlib import Path

from tests.cluster.programs import MODULES, Program
from tools import golang

GO_REQUIREMENTS = MODULES / "go.txt"


def build(program: Program, target: Path, log: Path) -> None:
    """Compile the program to `target`. Raises BuildFailed with the end of the log."""
    arguments = ["-ldflags", program.linker_flags, "-o", str(target), program.package]
    golang.compile_package(f"{program.name} {program.version}", toolchain(program), arguments, program.folder, log)


def toolchain(program: Program) -> Path:
    """Return a Go that is new enough for the program's go.mod."""
    return golang.toolchain(program.folder, GO_REQUIREMENTS)

"""Runs the Dockerfile without a container engine: its commands, in a separate root.

The base image is this machine's system directories and a Python of the same version; everything else comes from the
Dockerfile. Needs root, `unshare` and `chroot`.
"""

import fnmatch
import json
import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests.cluster.network import unshare
from tests.cluster.pythons import DOCKERFILE, image_python

CONTEXT = DOCKERFILE.parent
SYSTEM = ("bin", "sbin", "lib", "lib64", "usr", "etc", "proc", "dev")
ARGUMENT = re.compile(r"\$\{\w+\}")
"""An argument of the build, which a build without arguments leaves empty."""
SKELETON = ("tmp", "root", "opt", "src", "var/tmp")
BIND = 'for each in $BOUND; do mkdir -p "$ROOT$each"; mount --rbind "$each" "$ROOT$each"; done'
READ_ONLY = 'mount --bind "$ROOT" "$ROOT"'
SEAL = 'mount -o remount,ro,bind "$ROOT"'


def unavailable() -> str:
    """Return why no image can be assembled here, empty if one can."""
    if os.geteuid() != 0:
        return "an image is assembled as root"
    if not (shutil.which("unshare") and shutil.which("chroot")):
        return "no `unshare` or `chroot` on this machine"
    tried = subprocess.run([*unshare("m"), "true"], capture_output=True, text=True, check=False)
    if tried.returncode:
        return f"the kernel forbids a private mount table: {tried.stderr.strip()}"
    return "" if image_python() else "this machine does not have the image's Python"


@dataclass
class Stage:
    """One stage of the Dockerfile; the image after its last command."""

    root: Path
    workdir: str = "/"
    user: str = "0:0"
    environment: dict[str, str] = field(default_factory=dict)
    entrypoint: list[str] = field(default_factory=list)
    command: list[str] = field(default_factory=list)

    def run(self, script: str) -> None:
        """Run a command of a RUN line. Raises CalledProcessError, with its output."""
        inner = f"cd {shlex.quote(self.workdir)} && {script}"
        home = str(Path.home())
        command = [*self.inside(bound=(home,), writable=True), "/bin/sh", "-c", inner]
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=os.environ | self._path())
        if done.returncode:
            raise RuntimeError(f"RUN {script}: exit code {done.returncode}\n{done.stdout}{done.stderr}")

    def inside(self, *, bound: tuple[str, ...] = (), writable: bool = False) -> list[str]:
        """Return the start of a command line that runs the rest in this root.

        Args:
            bound: more directories of this machine that are visible there.
            writable: run as root in a writable root; otherwise as the image's user in a read-only root.
        """
        directories = [f"/{each}" for each in SYSTEM if Path("/", each).is_dir() and not Path("/", each).is_symlink()]
        python = str(_base_python().parents[1])
        settings = f"ROOT={shlex.quote(str(self.root))}; BOUND={shlex.quote(' '.join((*directories, python, *bound)))}"
        steps = [settings, "set -e", READ_ONLY, BIND, *(() if writable else (SEAL,))]
        who = "" if writable else f"--userspec={self.user} "
        return [*unshare("m"), "sh", "-c", f'{"; ".join(steps)}; exec chroot {who}"$ROOT" "$@"', "sh"]

    def variables(self) -> dict[str, str]:
        """Return the environment of the image's process."""
        return {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/", **self.environment}

    def _path(self) -> Mapping[str, str]:
        return {"PATH": f"/pythons:{os.environ['PATH']}"}


def assemble(folder: Path) -> Stage:
    """Run the Dockerfile; return its last stage."""
    stages: dict[str, Stage] = {}
    stage: Stage | None = None
    for word, rest in _instructions(DOCKERFILE.read_text()):
        if word == "ARG":
            continue
        if word == "FROM":
            name = rest.split(" AS ")[-1] if " AS " in rest else "last"
            stage = stages[name] = Stage(_base(folder / name))
        elif stage is not None:
            _carry_out(stage, word, rest, stages)
    return stages["last"]


def _carry_out(stage: Stage, word: str, rest: str, stages: Mapping[str, Stage]) -> None:
    if word == "RUN":
        stage.run(rest)
    elif word == "COPY":
        _copy(stage, rest, stages)
    elif word == "WORKDIR":
        stage.workdir = rest
        (stage.root / rest.lstrip("/")).mkdir(parents=True, exist_ok=True)
    elif word == "USER":
        stage.user = rest
    elif word == "ENV":
        pairs = dict(each.split("=", 1) for each in shlex.split(rest))
        stage.environment |= {name: ARGUMENT.sub("", value) for name, value in pairs.items()}
    elif word == "ENTRYPOINT":
        stage.entrypoint = json.loads(rest)
    elif word == "CMD":
        stage.command = json.loads(rest)
    else:
        raise ValueError(f"{word} is not understood")


def _instructions(text: str) -> Iterator[tuple[str, str]]:
    lines = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    for whole in "\n".join(lines).replace("\\\n", " ").splitlines():
        word, _, rest = whole.partition(" ")
        yield word, " ".join(rest.split()) if word != "RUN" else rest


def _copy(stage: Stage, rest: str, stages: Mapping[str, Stage]) -> None:
    *sources, target = rest.split()
    if sources[0].startswith("--from="):
        origin = stages[sources.pop(0).removeprefix("--from=")].root
        shutil.copytree(origin / sources[0].lstrip("/"), stage.root / target.lstrip("/"), symlinks=True)
        return
    place = stage.root / Path(stage.workdir, target).relative_to("/")
    for source in sources:
        for file in sorted(CONTEXT.joinpath(source).rglob("*")) or [CONTEXT / source]:
            inner = file.relative_to(CONTEXT)
            if file.is_file() and not _ignored(str(inner)):
                copied = place / (inner.relative_to(source) if (CONTEXT / source).is_dir() else inner.name)
                copied.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(file, copied)


def _ignored(path: str) -> bool:
    """Return True if .dockerignore excludes a path: the last matching pattern decides."""
    left_out = False
    for line in (CONTEXT / ".dockerignore").read_text().splitlines():
        pattern, inverse = line.removeprefix("!"), line.startswith("!")
        parts = [path, *map(str, Path(path).parents)]
        if any(fnmatch.fnmatch(part, pattern) or fnmatch.fnmatch(f"/{part}", f"*/{pattern[3:]}") for part in parts):
            left_out = not inverse
    return left_out


def _base(root: Path) -> Path:
    """Return a root like the base image's; running a command mounts the system's directories."""
    for name in (*SKELETON, "pythons"):
        (root / name).mkdir(parents=True)
    for name in SYSTEM:
        place = Path("/", name)
        if place.is_symlink():
            (root / name).symlink_to(place.readlink())
    for name in ("python", "python3"):
        (root / "pythons" / name).symlink_to(_base_python())
    (root / "tmp").chmod(0o1777)
    return root


def _base_python() -> Path:
    python = image_python()
    if python is None:
        raise RuntimeError(unavailable())
    return python

"""Runs the benchmarks and prints their table."""

import os
import platform
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.bench import (
    clouds,
    command,
    everything,
    external,
    listed_clouds,
    original,
    providers,
    push,
    reflector,
    sealed,
    templates,
)
from tests.bench.scene import Row, Scene
from tests.cluster import build
from tests.cluster.controlplane import ControlPlane
from tests.cluster.moto import Moto

PARTS: dict[str, Callable[[Scene], Iterator[Row]]] = {
    "empty": everything.empty,
    "sealed": sealed.run,
    "external": external.run,
    "external-many": external.many,
    "external-hang": providers.run,
    "clouds": clouds.run,
    "listed": listed_clouds.run,
    "push": push.run,
    "reflector": reflector.run,
    "everything": everything.run,
    "kubeseal": command.run,
    "templates": templates.run,
    "mirrors": reflector.many,
    "many": sealed.many,
    "beside": sealed.beside,
    "original": original.run,
}


def machine() -> str:
    """Describe where the figures come from."""
    model = next(
        (line.split(":")[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in line),
        platform.machine(),
    )
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    system = f"Linux {platform.release()}, Python {platform.python_version()}"
    return f"{model}, {os.cpu_count()} cores, {memory:.0f} GiB, {system}"


def main() -> int:
    """Run all parts, or those that ONLY names."""
    wanted = [each for each in os.environ.get("ONLY", "").split(",") if each] or list(PARTS)
    unknown = set(wanted) - set(PARTS)
    if unknown:
        sys.exit(f"no such part: {', '.join(unknown)}; there are {', '.join(PARTS)}")
    build.binary("helm")
    print(f"{machine()}\nControl plane, AWS stand-in, load and Coffer share these cores.\n")
    print(f"{'':<66} {'Coffer':>10} {'':<6} {'beside it':>10}")
    with ControlPlane() as plane, Moto() as moto:
        scene = Scene.build(plane, moto)
        for name in wanted:
            print(f"\n{name}")
            for row in PARTS[name](scene):
                print(row.text(), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())

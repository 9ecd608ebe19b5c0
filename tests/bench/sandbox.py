"""Measures the template sandbox in its own process: `python -m tests.bench.sandbox PART` prints JSON.

Each part needs a new process, because memory and the first use can be measured only once per process.
"""

import asyncio
import json
import re
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median, quantiles

MEGABYTE = 1024

TEMPLATES = {
    "a connection string": (
        '{{ printf "postgres://%s:%s@%s:5432/%s?sslmode=disable" .user (.pw | urlquery) "db" "app" }}'
    ),
    "a configuration file": (
        "config:\n  user: {{ .user | quote }}\n"
        '  url: {{ printf "postgres://%s:%s@%s:5432/%s?sslmode=disable" .user (.pw | urlquery) "db" "app" }}\n'
    ),
    "a .dockerconfigjson": (
        '{{ $auth := printf "%s:%s" .user .pw | b64enc }}'
        '{{ dict "auths" (dict "registry.example.com" (dict "username" .user "password" .pw "auth" $auth)) | toJson }}'
    ),
}
VALUES = {"user": b"alice", "pw": b"p@ss w/d+"}
CYCLE = '{{ $d := dict }}{{ $_ := set $d "d" $d }}'
HOSTILE = {
    "range until 1000000000": "{{ range until 1000000000 }}{{ end }}",
    "repeat 1e9": '{{ repeat 1000000000 "a" }}',
    "recursion": '{{ define "x" }}{{ template "x" }}{{ end }}{{ template "x" }}',
    "a cyclic dict printed": CYCLE + "{{ $d }}",
    "a cyclic dict copied": CYCLE + "{{ deepCopy $d }}",
    "an expression that is slow": (
        '{{ range until 1000 }}{{ $_ := regexMatch "(x+x+)+(x+x+)+y" (repeat 100000 "x") }}{{ end }}'
    ),
    "a repetition of repetitions": '{{ mustRegexMatch "((a{1,1000}){1,1000}){1,1000}" "a" }}',
    "1 MiB of source": "{{1}}" * 209_000,
    "1 MiB of parentheses": "{{" + "(" * 1_000_000,
    "RSA in a loop": '{{ range until 1000 }}{{ genPrivateKey "rsa" }}{{ end }}',
    "bcrypt in a loop": '{{ range until 1000 }}{{ bcrypt "x" }}{{ end }}',
}


def resident() -> int:
    """Return the RSS of this process in KiB."""
    found = re.search(r"VmRSS:\s+(\d+)", Path("/proc/self/status").read_text())
    assert found
    return int(found[1])


async def first() -> dict[str, float]:
    """Measure the first template of a process, and memory after it and after a thousand more."""
    from manager.core.secret_value import SecretValue
    from manager.gotemplate.model import Template
    from manager.gotemplate.sandbox import Sandbox

    data = {key: SecretValue(value) for key, value in VALUES.items()}
    before, began = resident(), time.perf_counter()
    sandbox = Sandbox()
    await sandbox.render("ns", Template.eso("k", TEMPLATES["a configuration file"]), data)
    took, after = time.perf_counter() - began, resident()
    for index in range(1000):
        await sandbox.render("ns", Template.eso("k", f"{TEMPLATES['a configuration file']}{index}"), data)
    later = resident()
    await sandbox.close()
    return {"seconds": took, "grown": (after - before) / MEGABYTE, "grown later": (later - before) / MEGABYTE}


async def renders() -> dict[str, float]:
    """Measure cold and compiled renders, inside an instance and as callers see them."""
    from manager.core.secret_value import SecretValue
    from manager.gotemplate import requests
    from manager.gotemplate.instance import Instance, Machine
    from manager.gotemplate.model import Limits, Template
    from manager.gotemplate.requests import Scope
    from manager.gotemplate.sandbox import Sandbox
    from manager.gotemplate.wire import request

    data = {key: SecretValue(value) for key, value in VALUES.items()}
    machine, sandbox, found = Machine(Limits()), Sandbox(), {}
    instance = Instance(machine)

    def inside(source: str) -> None:
        packed = request(requests.render(Template.eso("k", source), data, Scope.VALUES, machine.limits))
        instance.call(packed, time.monotonic() + 2)

    async def outside(source: str) -> None:
        await sandbox.render("ns", Template.eso("k", source), data)

    for name, source in TEMPLATES.items():
        inside(source)
        await outside(source)
        found[f"{name}, cold"] = _median(inside, [f"{source}{{{{/* {index} */}}}}" for index in range(500)])
        found[f"{name}, compiled"] = _median(inside, [source] * 500)
        took = []
        for _ in range(500):
            began = time.perf_counter()
            await outside(source)
            took.append(time.perf_counter() - began)
        found[f"{name}, compiled, through a worker thread"] = 1000 * median(took)
    began = time.perf_counter()
    for _ in range(20):
        Instance(machine).close()
    found["a new instance"] = (time.perf_counter() - began) / 20 * 1000
    instance.close()
    machine.close()
    await sandbox.close()
    return found


def _median(work: Callable[[str], None], sources: list[str]) -> float:
    """Return milliseconds."""
    took = []
    for source in sources:
        began = time.perf_counter()
        work(source)
        took.append(time.perf_counter() - began)
    return 1000 * median(took)


async def hostile() -> dict[str, dict[str, float | str]]:
    """Run each hostile template while other tenants render a thousand times; measure memory during and after."""
    from manager.core.errors import TemplateError
    from manager.core.secret_value import SecretValue
    from manager.gotemplate.model import Template
    from manager.gotemplate.sandbox import Sandbox

    data = {key: SecretValue(value) for key, value in VALUES.items()}
    sandbox, found = Sandbox(), dict[str, dict[str, float | str]]()
    source = TEMPLATES["a configuration file"]
    for index in range(10):
        await sandbox.render(f"tenant-{index % 2}", Template.eso("k", source), data)
    before = resident()

    async def attack(name: str, namespace: str) -> None:
        began = time.perf_counter()
        ended = "it was rendered"
        try:
            await sandbox.render(namespace, Template.eso("k", HOSTILE[name]), data)
        except TemplateError as error:
            ended = str(error)
        found[name] = found.get(name, {}) | {"seconds": time.perf_counter() - began, "ended": ended}

    for name in HOSTILE:
        work = asyncio.create_task(attack(name, name))
        peak = before
        while not work.done():
            await asyncio.sleep(0.002)
            peak = max(peak, resident())
        found[name] |= {
            "alone": found[name].pop("seconds"),
            "grown": (peak - before) / MEGABYTE,
            "left": (resident() - before) / MEGABYTE,
        }

    took: list[float] = []

    async def tenant(namespace: str, times: int) -> None:
        for index in range(times):
            began = time.perf_counter()
            await sandbox.render(namespace, Template.eso("k", f"{source}{index % 10}"), data)
            took.append(time.perf_counter() - began)
            await asyncio.sleep(0.01)

    slow = ["RSA in a loop", "bcrypt in a loop", "an expression that is slow", "a cyclic dict copied"]
    attacks = [asyncio.create_task(attack(name, f"another {name}")) for name in slow]
    await asyncio.gather(*(tenant(f"tenant-{index}", 250) for index in range(4)))
    await asyncio.gather(*attacks)
    await sandbox.close()
    found["1,000 renders of four other tenants"] = {
        "median": 1000 * median(took),
        "p99": 1000 * quantiles(took, n=100)[-1],
        "most": 1000 * max(took),
        "left": (resident() - before) / MEGABYTE,
    }
    return found


PARTS = {"first": first, "renders": renders, "hostile": hostile}

if __name__ == "__main__":
    print(json.dumps(asyncio.run(PARTS[sys.argv[1]]())))

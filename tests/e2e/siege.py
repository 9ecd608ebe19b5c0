"""Hostile tenants in their own program: inside the test they would slow the interpreter that measures the victim.

Each tenant sends as many requests as client-go allows by default: 5 a second after a burst of 10.
"""

import json
import random
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import urllib3

from tests.cluster.controlplane import ControlPlane
from tests.cluster.kube import ApiError, Kube
from tests.e2e.hostile import Tenant, slow_server

REQUESTS_PER_SECOND, BURST_REQUESTS = 5.0, 10
ROOT = Path(__file__).parents[2]


class Pace:
    """client-go's request limit."""

    def __init__(self) -> None:
        self._left, self._at = float(BURST_REQUESTS), time.monotonic()

    def wait(self) -> None:
        """Wait until the next request may be sent."""
        now = time.monotonic()
        self._left = min(float(BURST_REQUESTS), self._left + (now - self._at) * REQUESTS_PER_SECOND) - 1
        self._at = now
        if self._left < 0:
            time.sleep(-self._left / REQUESTS_PER_SECOND)


@contextmanager
def besieging(
    plane: ControlPlane, namespaces: Sequence[str], seconds: float, seed: int
) -> Iterator[subprocess.Popen[bytes]]:
    """Run one hostile tenant in each namespace for some seconds."""
    admin = plane._admin
    given = [plane.url, plane.ca_file, admin.certificate, admin.key, seconds, seed, *namespaces]
    command = [sys.executable, "-m", "tests.e2e.siege", *map(str, given)]
    with subprocess.Popen(command, cwd=ROOT) as process:
        try:
            yield process
        finally:
            process.kill()


def attack(kube: Kube, tenant: Tenant, until: float) -> None:
    """Create and replace objects until a point in time."""
    pace = Pace()
    for _, texts in tenant.objects():
        for text in texts:
            if time.monotonic() > until:
                return
            with suppress(ApiError, urllib3.exceptions.HTTPError):
                _send(kube, text, pace)


def _send(kube: Kube, text: str, pace: Pace) -> None:
    """Create or replace an object; ignore the API server's answer, which may be nested as deeply."""
    head = json.loads(text.partition(', "metadata"')[0] + "}")
    rest = text[text.index('"metadata"') :]
    meta = json.JSONDecoder().raw_decode(rest, rest.index("{"))[0]
    place = kube.path(f"{head['apiVersion']}/{head['kind']}", meta["namespace"])
    headers = {**kube._pool.headers, "Content-Type": "application/json"}
    for method, path in (("POST", place), ("DELETE", f"{place}/{meta['name']}"), ("POST", place)):
        pace.wait()
        body = text.encode() if method == "POST" else None
        if kube._pool.request(method, kube.url + path, body=body, headers=headers).status < 300 and method == "POST":
            return


def main() -> None:
    """Run the attack."""
    url, ca, certificate, key, seconds, seed, *namespaces = sys.argv[1:]
    until = time.monotonic() + float(seconds)
    with slow_server() as port:

        def tenant(namespace: str, number: int) -> None:
            with closing(Kube(url, Path(ca), cert=(Path(certificate), Path(key)))) as kube:
                attack(kube, Tenant(namespace, random.Random(int(seed) + number), port), until)

        threads = [threading.Thread(target=tenant, args=each[::-1]) for each in enumerate(namespaces)]
        for each in threads:
            each.start()
        for each in threads:
            each.join()


if __name__ == "__main__":
    main()

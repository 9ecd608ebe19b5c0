"""Runs `coffer run` as the chart would: its ServiceAccount, its RBAC, the arguments of its Deployment, as a process."""

import json
import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any, Self
from uuid import uuid4

import urllib3
import yaml

from tests.cluster import build
from tests.cluster.audit import service_account
from tests.cluster.controlplane import ControlPlane
from tests.cluster.kube import LOADER, Kube, Object, Objects
from tests.cluster.process import Process
from tests.cluster.wait import wait_until

CHART = Path(__file__).parents[1] / "charts" / "coffer"
CRDS = CHART / "files" / "crds"
COMMAND = Path(sys.executable).with_name("coffer")
START_TIMEOUT = 90.0  # seconds; imports and a key pair take 2 s on an idle machine, half a minute on a crowded one
PORTS = range(20_000, 32_000)  # below the range from which the kernel takes ports for outgoing connections
TICKS = os.sysconf("SC_CLK_TCK")


PLACEHOLDER = "namespace-of-an-installation"


def rendered(namespace: str, *values: str) -> tuple[Object, ...]:
    """Return the chart's manifests as helm renders them; `values` are `--set` expressions."""
    text = _rendered(*values).replace(PLACEHOLDER, namespace)
    return tuple(each for each in yaml.load_all(text, LOADER) if each)


@cache
def _rendered(*values: str) -> str:
    """Run helm once for each set of values: nothing else than the namespace differs between installations."""
    sets = [f"--set={value}" for value in ("crds.install=false", *values)]  # tests apply CRDS themselves
    command = [str(build.binary("helm")), "template", "coffer", str(CHART), f"--namespace={PLACEHOLDER}", *sets]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    if done.returncode:
        raise RuntimeError(f"helm template: {done.stderr.strip()}")
    return done.stdout


class Installation:
    """The chart's objects without the Pods: several installations can share a control plane.

    The chart's cluster-scoped names are fixed, so a second release fails; here they get the namespace as a suffix.

    Args:
        values: `--set` expressions for helm.
    """

    WANTED = frozenset({"ServiceAccount", "Role", "RoleBinding", "ClusterRole", "ClusterRoleBinding"})

    def __init__(self, plane: ControlPlane, kube: Kube, *values: str, namespace: str = "") -> None:
        self.plane, self.kube = plane, kube
        self.namespace = namespace or f"coffer-{uuid4().hex[:8]}"
        self.manifests = rendered(self.namespace, *values)
        self._create()
        deployment = next(each for each in self.manifests if each["kind"] == "Deployment")
        self.account: str = deployment["spec"]["template"]["spec"]["serviceAccountName"]
        self.container: Object = deployment["spec"]["template"]["spec"]["containers"][0]
        self.user = service_account(self.namespace, self.account)
        self.token = kube.token(self.account, self.namespace)

    def rules(self) -> list[tuple[str, Object]]:
        """Return (namespace, rule) of every Role and, with an empty namespace, ClusterRole of the chart's own account.

        Roles for other accounts, such as the one that lets users reach the Service, are not included.
        """
        bound = {
            (each["roleRef"]["kind"], each["roleRef"]["name"])
            for each in self.manifests
            if each["kind"] in {"RoleBinding", "ClusterRoleBinding"}
            if any(who.get("kind") == "ServiceAccount" for who in each["subjects"])
        }
        roles = [each for each in self.manifests if (each["kind"], each["metadata"]["name"]) in bound]
        return [(each["metadata"].get("namespace", ""), rule) for each in roles for rule in each["rules"]]

    def arguments(self, pod: str) -> list[str]:
        """Return the arguments of the Deployment's container, with its variables filled in."""
        environment = self.environment(pod)
        command: list[str] = self.container.get("args", [])
        for name, value in environment.items():
            command = [each.replace(f"$({name})", value) for each in command]
        return command

    def environment(self, pod: str) -> dict[str, str]:
        """Return the variables of the Deployment's container, as the kubelet would fill them."""
        fields = {"metadata.namespace": self.namespace, "metadata.name": pod}
        found = {}
        for each in self.container.get("env", []):
            path = each.get("valueFrom", {}).get("fieldRef", {}).get("fieldPath")
            found[each["name"]] = fields[path] if path else each.get("value", "")
        return found

    def _create(self) -> None:
        metadata = {"name": self.namespace}
        self.kube.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": metadata})
        for manifest in self.manifests:
            if manifest["kind"] in self.WANTED:
                self.kube.apply(self._renamed(manifest))

    def _renamed(self, manifest: Object) -> Object:
        def suffixed(name: str) -> str:
            return f"{name}-{self.namespace}"

        manifest = json.loads(json.dumps(manifest))
        shared = manifest["metadata"].get("namespace") != self.namespace
        if shared:
            manifest["metadata"]["name"] = suffixed(manifest["metadata"]["name"])
        if "roleRef" in manifest and shared:
            manifest["roleRef"]["name"] = suffixed(manifest["roleRef"]["name"])
        return manifest


class Coffer:
    """One replica as a process. Use it as a context manager, or call `start` and `stop`.

    Args:
        name: its identity in the lease and in Events; a second one gives the second replica.
        flags: more arguments; they win over the chart's.
        environment: more variables, such as those that direct it to a test's AWS.
        server: URL of a proxy in front of the API server.
        address: that it listens on.
        folder: of its log and kubeconfig.
        program: to start.
    """

    def __init__(
        self,
        installation: Installation,
        name: str = "coffer-0",
        *,
        flags: Sequence[str] = (),
        environment: Mapping[str, str] | None = None,
        server: str = "",
        address: str = "127.0.0.1",
        folder: Path | None = None,
        program: Sequence[str | Path] = (COMMAND,),
    ) -> None:
        self._program = program
        self.installation, self.name = installation, name
        folder = folder or installation.plane.folder
        unique = f"{installation.namespace}-{name}"
        self.log = folder / f"{unique}.log"
        self.log.touch()
        self.kubeconfig = installation.plane.kubeconfig_for(
            installation.token, folder / f"{unique}.kubeconfig", server=server or None, namespace=installation.namespace
        )
        self.url, self.metrics_url = (f"http://{address}:{_free_port()}" for _ in range(2))
        self._arguments = [*installation.arguments(name), *self._own_flags(), *flags]
        self._environment = {**installation.environment(name), **(environment or {})}
        self._pool = urllib3.PoolManager(retries=False, timeout=5.0)
        self._process: Process | None = None
        self.revived = False
        """Whether it is restarted when it ends: then its end does not fail the test."""
        self.said: list[str] = []
        """Every HTTP body that was read from it, to search for secret values."""

    def __enter__(self) -> Self:
        self.start()
        self.wait_ready()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def process(self) -> Process:
        """The running program."""
        if self._process is None:
            raise RuntimeError(f"{self.name} was never started")
        return self._process

    @property
    def alive(self) -> bool:
        """Whether it runs."""
        return self._process is not None and self._process.alive

    def start(self) -> None:
        """Start or restart it with the same name and ports, without waiting."""
        command: list[str | Path] = [*self._program, *self._arguments]
        self._process = Process(self.name, command, self.log, self._environment)

    def wait_ready(self, timeout: float = START_TIMEOUT) -> None:
        """Wait until /readyz succeeds. Raises ProcessDied with the end of the log if it ends instead."""

        self._wait(lambda: self.http("/readyz").status == 200, timeout, "be ready")

    def wait_leading(self, timeout: float = START_TIMEOUT) -> None:
        """Wait until it holds the lease and its modules work. Raises ProcessDied if it ends instead."""

        def working() -> bool:
            found = self.metrics()
            synced = [value for name, value in found.items() if name.startswith("coffer_synced")]
            return found["coffer_leader"] == 1 and bool(synced) and all(synced)

        self._wait(working, timeout, "lead")

    def _wait(self, probe: Callable[[], bool], timeout: float, what: str) -> None:
        try:
            wait_until(lambda: self._given_up() or probe(), timeout=timeout, what=f"{self.name} to {what}")
        except TimeoutError as error:
            raise TimeoutError(f"{error}\n{self.process.tail()}") from None
        if self._given_up():
            self.process.check()

    def _given_up(self) -> bool:
        """Return True if it has ended and is not restarted."""
        return not self.process.alive and not self.revived

    def stop(self, grace: float = 10.0) -> int:
        """Send SIGTERM and return the exit code."""
        if self.alive:
            self.resume()
            self.process.signal(signal.SIGTERM)
        code = self.process.wait(grace)
        self.process.kill()
        self._pool.clear()
        return code

    def kill(self) -> None:
        """Send SIGKILL."""
        self.process.kill()

    def pause(self) -> None:
        """Freeze it, as a machine that swaps or migrates does."""
        self.process.signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Resume it."""
        self.process.signal(signal.SIGCONT)

    def http(self, path: str, url: str = "", *, headers: Mapping[str, str] | None = None) -> urllib3.BaseHTTPResponse:
        """Request one of its endpoints."""
        answer = self._pool.request("GET", (url or self.url) + path, headers=headers)
        self.said.append(answer.data.decode(errors="replace"))
        return answer

    def metrics(self) -> dict[str, float]:
        """Return its metrics by series: `coffer_leader`, `coffer_synced{module="sealed"}`."""
        lines = self.http("/metrics", self.metrics_url).data.decode().splitlines()
        pairs = (line.rsplit(" ", 1) for line in lines if line and not line.startswith("#"))
        return {series: float(value) for series, value in pairs}

    def metric(self, prefix: str, having: str = "") -> float:
        """Return the sum of all series that begin with a prefix and contain `having`, such as a label."""
        return sum(value for series, value in self.metrics().items() if series.startswith(prefix) and having in series)

    def certificate(self) -> bytes:
        """Return the PEM certificate that seals for it."""
        answer = self.http("/v1/cert.pem")
        if answer.status != 200:
            raise RuntimeError(f"/v1/cert.pem answers {answer.status}")
        return answer.data

    def lines(self) -> list[dict[str, Any]]:
        """Return its log, one mapping per line; a line that is not JSON is under `event`."""
        return [_parsed(line) for line in self.log.read_text(errors="replace").splitlines()]

    def rss(self) -> int:
        """Return its resident memory in bytes."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return 1024 * next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS"))

    def cpu(self) -> float:
        """Return the seconds of processor time that it has used."""
        words = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(words[11]) + int(words[12])) / TICKS

    def _own_flags(self) -> list[str]:
        return [
            f"--kubeconfig={self.kubeconfig}",
            f"--process-listen={self.url.removeprefix('http://')}",
            f"--process-listen-metrics={self.metrics_url.removeprefix('http://')}",
            f"--process-instance={self.name}",
            f"--process-namespace={self.installation.namespace}",
        ]


@contextmanager
def kubelet(coffer: Coffer) -> Iterator[None]:
    """Start the controller again whenever it has died."""
    done = threading.Event()

    def restart() -> None:
        while not done.wait(0.02):
            if not coffer.alive:
                coffer.start()

    thread = threading.Thread(target=restart, name="kubelet", daemon=True)
    coffer.revived = True
    thread.start()
    try:
        yield
    finally:
        coffer.revived = False
        done.set()
        thread.join()


@contextmanager
def always_serving(coffer: Coffer) -> Iterator[None]:
    """Check continuously that a replica is ready and serves the certificate."""
    done = threading.Event()
    failures: list[tuple[str, object]] = []

    def watch() -> None:
        with urllib3.PoolManager(retries=False, timeout=3.0) as pool:
            while not done.wait(0.1):
                for path in ("/readyz", "/v1/cert.pem", "/healthz"):
                    try:
                        status: object = pool.request("GET", coffer.url + path).status
                    except urllib3.exceptions.HTTPError as error:
                        status = type(error).__name__
                    if status != 200:
                        failures.append((path, status))

    watcher = threading.Thread(target=watch, name=f"watches {coffer.name}", daemon=True)
    watcher.start()
    try:
        yield
    finally:
        done.set()
        watcher.join()
    assert not failures, f"{coffer.name} did not serve: {failures[:5]}"


def leader_of(kube: Kube, namespace: str, lease: str = "coffer") -> str:
    """Return the holder of the lease, empty if there is none."""
    found = kube.find("leases", lease, namespace) or {}
    return str(found.get("spec", {}).get("holderIdentity") or "")


def seconds_until(probe: Any, timeout: float, what: str) -> float:
    """Wait for a condition and return how long it took."""
    started = time.monotonic()
    wait_until(probe, timeout=timeout, what=what)
    return time.monotonic() - started


def of_kind(manifests: Sequence[Object], kind: str) -> Objects:
    """Return the manifests of one kind."""
    return [each for each in manifests if each["kind"] == kind]


def _free_port() -> int:
    while True:
        port = random.choice(PORTS)
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port


def _parsed(line: str) -> dict[str, Any]:
    try:
        found = json.loads(line)
    except ValueError:
        return {"event": line}
    return found if isinstance(found, dict) else {"event": line}

"""etcd, kube-apiserver and kube-controller-manager, private to one test session and ready in a few seconds."""

import base64
import json
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.cluster import build
from tests.cluster.certificates import Authority, Pair, signing_key
from tests.cluster.kube import Kube
from tests.cluster.process import Folder, Process
from tests.cluster.wait import wait_until

START_TIMEOUT = 60.0  # 5 s on two idle cores; a build beside it can cost ten times that

# Without these controllers namespaces and owned objects are never deleted, and the role `edit` stays empty.
CONTROLLERS = (
    "garbage-collector-controller",
    "namespace-controller",
    "serviceaccount-controller",
    "serviceaccount-token-controller",
    "root-ca-certificate-publisher-controller",
    "clusterrole-aggregation-controller",
)

AUDIT_POLICY = {"apiVersion": "audit.k8s.io/v1", "kind": "Policy", "omitStages": ["RequestReceived"]} | {
    "rules": [{"level": "Metadata"}]
}


class KubectlFailed(Exception):
    """kubectl ended with an error; the message is its output."""


class ControlPlane:
    """A real control plane. Use it as a context manager, or call `start` and `stop`.

    Args:
        address: where the API server listens and what it advertises. Loopback, except in a private network
            namespace, where the API server's service proxy needs another address.
    """

    def __init__(self, address: str = "127.0.0.1") -> None:
        self._address = address
        self._folder: Folder | None = None
        self._running: dict[str, Process] = {}
        self._held: socket.socket | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()

    def start(self) -> None:
        """Start all programs. Raises ProcessDied or TimeoutError with the end of the log, and then stops them."""
        binaries = build.control_plane()
        self._folder = Folder(Path(tempfile.mkdtemp(prefix="coffer-")))
        self.folder = self._folder.path
        self.audit_log = self.folder / "audit.log"
        self.kubeconfig = self.folder / "admin.kubeconfig"
        try:
            self._prepare()
            self._commands = self._command_lines(binaries)
            self._run("etcd")
            self.start_apiserver()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Stop all programs and remove their folder."""
        for name in reversed(list(self._running)):
            self._end(name)
        if self._held:
            self._held.close()
        if self._folder:
            self._folder.remove()

    def stop_apiserver(self) -> None:
        """Kill the API server and its connections; etcd keeps running, so `start_apiserver` restores everything."""
        self._end("kube-controller-manager")
        self._end("kube-apiserver")

    def start_apiserver(self) -> None:
        """Start the API server again on the same port, with its controllers."""
        self._run("kube-apiserver")
        with closing(self.client()) as kube:
            try:
                wait_until(lambda: self._ready_or_dead(kube), timeout=START_TIMEOUT, what="kube-apiserver")
            except TimeoutError as error:
                raise TimeoutError(f"{error}\n{self._running['kube-apiserver'].tail()}") from None
        self.check()
        self._run("kube-controller-manager")

    def backup(self, path: Path) -> None:
        """Copy etcd's data; the API server is stopped meanwhile."""
        self._offline(lambda: shutil.copytree(self.folder / "etcd", path))

    def restore(self, path: Path) -> None:
        """Restore a backup, with the resourceVersions of that time."""

        def replace() -> None:
            shutil.rmtree(self.folder / "etcd")
            shutil.copytree(path, self.folder / "etcd")

        self._offline(replace)

    def _offline(self, action: Callable[[], object]) -> None:
        self.stop_apiserver()
        self._end("etcd")
        action()
        self._run("etcd")
        self.start_apiserver()

    def restart_controllers(self) -> None:
        """Make the garbage collector notice new CRDs now; it checks only every 30 s."""
        self._end("kube-controller-manager")
        self._run("kube-controller-manager")

    def check(self) -> None:
        """Raise ProcessDied, with the end of the log, if a program has ended."""
        for process in self._running.values():
            process.check()

    def client(self) -> Kube:
        """Return an administrator's client."""
        return Kube(self.url, self.ca_file, cert=(self._admin.certificate, self._admin.key))

    def kubectl(self, *arguments: str, input: str | None = None) -> str:  # noqa: A002 - subprocess calls it so
        """Run kubectl as administrator and return what it prints. Raises KubectlFailed."""
        files = [f"--kubeconfig={self.kubeconfig}", f"--cache-dir={self.folder / 'kubectl'}"]
        command = [str(build.binary("kubectl")), *files, *arguments]
        done = subprocess.run(command, input=input, capture_output=True, text=True, check=False, timeout=120)
        if done.returncode:
            raise KubectlFailed(f"kubectl {' '.join(arguments)}: {done.stderr.strip()}")
        return done.stdout

    def kubeconfig_for(
        self, user_token: str, path: Path, *, server: str | None = None, namespace: str = "default"
    ) -> Path:
        """Write a kubeconfig with a bearer token; `server` may be a proxy in front of the API server."""
        self._write_kubeconfig(path, {"token": user_token}, server or self.url, namespace)
        return path

    def _prepare(self) -> None:
        self._held, port = _hold_port(self._address)
        self.url = f"https://{self._address}:{port}"
        authority = Authority.create(self.folder)
        self.authority, self.ca_file = authority, authority.file
        hosts = ("localhost", "127.0.0.1", self._address, "10.0.0.1", "kubernetes.default.svc")
        self._serving = authority.server("apiserver", hosts)
        self._admin = authority.client("admin", "coffer-test-admin", ["system:masters"])
        controllers = authority.client("controllers", "system:kube-controller-manager", ["system:masters"])
        self._signing = signing_key(self.folder / "service-accounts.key")
        (self.folder / "audit-policy.json").write_text(json.dumps(AUDIT_POLICY))
        self._write_kubeconfig(self.kubeconfig, _identity(self._admin), self.url, "default")
        self._write_kubeconfig(self.folder / "controllers.kubeconfig", _identity(controllers), self.url, "default")

    def _command_lines(self, binaries: dict[str, Path]) -> dict[str, list[str | Path]]:
        folder, port = self.folder, self.url.rpartition(":")[2]
        # Sockets in our folder cannot collide with another session's, as ports could.
        etcd, peer = f"unix://{folder}/etcd.sock", f"unix://{folder}/peer.sock"
        flags: dict[str, dict[str, object]] = {
            "etcd": {
                "data-dir": folder / "etcd",
                "unsafe-no-fsync": "true",
                "listen-client-urls": etcd,
                "advertise-client-urls": etcd,
                "listen-peer-urls": peer,
                "initial-advertise-peer-urls": peer,
                "initial-cluster": f"default={peer}",
            },
            "kube-apiserver": {
                "etcd-servers": etcd,
                "bind-address": self._address,
                "advertise-address": self._address,
                "secure-port": port,
                "permit-port-sharing": "true",  # because another socket of ours reserves the port
                # The reconciler would try to write a loopback endpoint, which is refused each time.
                "endpoint-reconciler-type": "none" if self._address.startswith("127.") else "lease",
                "authorization-mode": "RBAC",
                "service-cluster-ip-range": "10.0.0.0/24",
                "client-ca-file": self.ca_file,
                "tls-cert-file": self._serving.certificate,
                "tls-private-key-file": self._serving.key,
                "service-account-issuer": "https://kubernetes.default.svc",
                "service-account-key-file": self._signing,
                "service-account-signing-key-file": self._signing,
                "audit-policy-file": folder / "audit-policy.json",
                "audit-log-path": self.audit_log,
                "audit-log-maxsize": 0,  # rotation would move the log while a test reads it
            },
            "kube-controller-manager": {
                "kubeconfig": folder / "controllers.kubeconfig",
                "controllers": ",".join(CONTROLLERS),
                "leader-elect": "false",
                "secure-port": 0,
                "service-account-private-key-file": self._signing,
                "root-ca-file": self.ca_file,
                "kube-api-qps": 500,  # the tests delete hundreds of namespaces at once
                "kube-api-burst": 1000,
            },
        }
        return {name: [binaries[name], *(f"--{flag}={value}" for flag, value in flags[name].items())] for name in flags}

    def _run(self, name: str) -> None:
        self._running[name] = Process(name, self._commands[name], self.folder / f"{name}.log")

    def _end(self, name: str) -> None:
        process = self._running.pop(name, None)
        if process:
            process.kill()  # on SIGTERM the API server waits for watches; a kill loses no data, because etcd has it

    def _ready_or_dead(self, kube: Kube) -> bool:
        if not all(process.alive for process in self._running.values()):
            return True  # stop waiting; `check` raises with the log
        kube.request("GET", "/readyz", accept="text/plain")
        return all(kube.find("namespaces", name) for name in ("default", "kube-system"))

    def _write_kubeconfig(self, path: Path, user: dict[str, str], server: str, namespace: str) -> None:
        cluster = {"server": server}
        if server.startswith("https:"):
            cluster["certificate-authority-data"] = _encoded(self.ca_file)
        name = "coffer-test"
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": name, "cluster": cluster}],
            "users": [{"name": name, "user": user}],
            "contexts": [{"name": name, "context": {"cluster": name, "user": name, "namespace": namespace}}],
            "current-context": name,
        }
        path.touch(mode=0o600)
        path.write_text(json.dumps(config, indent=1))  # JSON is YAML, and every client reads it


def _identity(pair: Pair) -> dict[str, str]:
    return {"client-certificate-data": _encoded(pair.certificate), "client-key-data": _encoded(pair.key)}


def _encoded(path: Path) -> str:
    return base64.b64encode(path.read_bytes()).decode()


def _hold_port(address: str) -> tuple[socket.socket, int]:
    """Bind a free port without listening: no other program can take it while the API server is stopped."""
    held = socket.socket()
    held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    held.bind((address, 0))
    return held, held.getsockname()[1]

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

# What gives objects their ordinary life: without it no namespace ends, no owned object goes, nobody can be `edit`.
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
    """kubectl ended with an error; the message is what it said."""


class ControlPlane:
    """A real control plane. Use it as a context manager, or call `start` and `stop`.

    Args:
        address: where the API server listens and what it says of itself. Loopback, except in a private network
            namespace, where the API server's service proxy needs another (DESIGN.md section 8).
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
        """Start everything. Raises ProcessDied or TimeoutError with the end of the log, and leaves nothing behind."""
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
        """End everything and remove its folder."""
        for name in reversed(list(self._running)):
            self._end(name)
        if self._held:
            self._held.close()
        if self._folder:
            self._folder.remove()

    def stop_apiserver(self) -> None:
        """Take the API server away, connections and all; etcd stays, so `start_apiserver` brings everything back."""
        self._end("kube-controller-manager")
        self._end("kube-apiserver")

    def start_apiserver(self) -> None:
        """Bring the API server back on the same port, with its controllers."""
        self._run("kube-apiserver")
        with closing(self.client()) as kube:
            try:
                wait_until(lambda: self._ready_or_dead(kube), timeout=START_TIMEOUT, what="kube-apiserver")
            except TimeoutError as error:
                raise TimeoutError(f"{error}\n{self._running['kube-apiserver'].tail()}") from None
        self.check()
        self._run("kube-controller-manager")

    def backup(self, path: Path) -> None:
        """Copy all that etcd holds; the API server is away meanwhile."""
        self._offline(lambda: shutil.copytree(self.folder / "etcd", path))

    def restore(self, path: Path) -> None:
        """Go back to a backup, with the resourceVersions of that time."""

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
        """Let the garbage collector see new CRDs now; by itself it looks every 30 s."""
        self._end("kube-controller-manager")
        self._run("kube-controller-manager")

    def check(self) -> None:
        """Raise ProcessDied, with the end of the log, when a part has ended by itself."""
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
                "permit-port-sharing": "true",  # with the socket that holds the port for us
                # A loopback endpoint is refused, again and again.
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
                "audit-log-maxsize": 0,  # rotation would move the log away from a test that reads it
            },
            "kube-controller-manager": {
                "kubeconfig": folder / "controllers.kubeconfig",
                "controllers": ",".join(CONTROLLERS),
                "leader-elect": "false",
                "secure-port": 0,
                "service-account-private-key-file": self._signing,
                "root-ca-file": self.ca_file,
                "kube-api-qps": 500,  # the tests empty hundreds of namespaces at once
                "kube-api-burst": 1000,
            },
        }
        return {name: [binaries[name], *(f"--{flag}={value}" for flag, value in flags[name].items())] for name in flags}

    def _run(self, name: str) -> None:
        self._running[name] = Process(name, self._commands[name], self.folder / f"{name}.log")

    def _end(self, name: str) -> None:
        process = self._running.pop(name, None)
        if process:
            process.kill()  # a graceful end of the API server waits for watches, and etcd keeps what was written

    def _ready_or_dead(self, kube: Kube) -> bool:
        if not all(process.alive for process in self._running.values()):
            return True  # waiting on would only hide the log; `check` shows it
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
    """Bind a free port and keep it, without listening: nobody else gets it while the API server is away."""
    held = socket.socket()
    held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    held.bind((address, 0))
    return held, held.getsockname()[1]

"""The original controller, built for tests from its public Go module, run as its own chart does."""

import shutil
import signal
import subprocess
from collections.abc import Sequence
from typing import Any, Self
from urllib.parse import urlsplit

from tests.cluster import build, network
from tests.cluster.audit import service_account
from tests.cluster.controlplane import ControlPlane
from tests.cluster.kube import Kube, Object
from tests.cluster.process import Process

NAME = "sealed-secrets-controller"
RBAC = {"apiGroup": "rbac.authorization.k8s.io"}
# It reads the API server's address from files at a fixed path, so it gets a mount namespace with its own files.
START = """
mount -t tmpfs tmpfs /run && mkdir -p /run/secrets/kubernetes.io/serviceaccount
cp "$1/token" "$1/ca.crt" /run/secrets/kubernetes.io/serviceaccount/ && shift && exec "$@"
"""
FLAGS = ("--key-size=2048", "--kubeclient-qps=-1")
LISTENING = ("--listen-addr=127.0.0.1:0", "--listen-metrics-addr=127.0.0.1:0")


def unavailable() -> str:
    """Return why it cannot run here; empty if it can."""
    if not shutil.which("unshare"):
        return "no `unshare` on this machine"
    tried = subprocess.run([*network.unshare("m"), "true"], capture_output=True, text=True, check=False)
    return f"the kernel forbids private mounts: {tried.stderr.strip()}" if tried.returncode else ""


class Original:
    """The program with the rights that its chart gives it; a context manager.

    Args:
        namespace: of the program and its sealing keys.
        flags: its flags without the address that it listens on.
    """

    def __init__(self, plane: ControlPlane, kube: Kube, namespace: str, flags: Sequence[str] = FLAGS) -> None:
        self._flags = (*flags, *LISTENING)
        self._plane, self._kube, self._namespace = plane, kube, namespace
        self.user = service_account(namespace, NAME)
        self._folder = plane.folder / f"original-{namespace}"
        self._folder.mkdir(exist_ok=True)
        kube.apply(*rights(namespace))
        (self._folder / "token").write_text(kube.token(NAME, namespace))
        shutil.copy(plane.ca_file, self._folder / "ca.crt")
        self._process: Process | None = None

    def __enter__(self) -> Self:
        server = urlsplit(self._plane.url)
        where = {"KUBERNETES_SERVICE_HOST": str(server.hostname), "KUBERNETES_SERVICE_PORT": str(server.port)}
        command: list[Any] = [*network.unshare("m"), "sh", "-c", START, "sh", self._folder, build.binary("controller")]
        command += self._flags
        log = self._folder / "log"
        self._process = Process("the original", command, log, {**where, "POD_NAMESPACE": self._namespace})
        return self

    def __exit__(self, *_: object) -> None:
        if self._process is not None:
            self._process.signal(signal.SIGTERM)
            self._process.wait(10)
            self._process.kill()

    def new_key(self) -> None:
        """Make it create a sealing key now."""
        if self._process is not None:
            self._process.signal(signal.SIGUSR1)


def rights(namespace: str) -> list[Object]:
    """Return its ServiceAccount, roles and bindings."""
    name = f"{NAME}-{namespace}"
    subject = {"kind": "ServiceAccount", "name": NAME, "namespace": namespace}
    rules = [
        {"apiGroups": ["bitnami.com"], "resources": ["sealedsecrets"], "verbs": ["get", "list", "watch"]},
        {"apiGroups": ["bitnami.com"], "resources": ["sealedsecrets/status"], "verbs": ["update"]},
        {
            "apiGroups": [""],
            "resources": ["secrets"],
            "verbs": ["get", "list", "create", "update", "delete", "watch"],
        },
        {"apiGroups": [""], "resources": ["events"], "verbs": ["create", "patch"]},
        {"apiGroups": [""], "resources": ["namespaces"], "verbs": ["get"]},
    ]
    api = {"apiVersion": "rbac.authorization.k8s.io/v1", "metadata": {"name": name}}
    return [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}},
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": NAME, "namespace": namespace}},
        {**api, "kind": "ClusterRole", "rules": rules},
        {
            **api,
            "kind": "ClusterRoleBinding",
            "roleRef": {**RBAC, "kind": "ClusterRole", "name": name},
            "subjects": [subject],
        },
    ]

"""A private network with a Pod address for the API server's service proxy, which kubeseal uses.

Endpoints may not be loopback addresses, and the API server proxies only to addresses of existing Pods. In a network
namespace of its own a process can use any address without affecting others.
"""

import fcntl
import os
import shutil
import socket
import struct
import subprocess
import sys
from collections.abc import Mapping, Sequence

from tests.cluster.kube import Kube

ADDRESS = "10.255.0.1"

_SIOCSIFADDR, _SIOCSIFFLAGS, _IFF_UP = 0x8916, 0x8914, 0x1


def unshare(kind: str) -> list[str]:
    """Return the command that runs another in a private namespace: `n` of networks, `m` of mounts."""
    return ["unshare", f"-{kind}"] if os.geteuid() == 0 else ["unshare", f"-r{kind}"]


def unavailable() -> str:
    """Return why a private network is not possible here; empty if it is."""
    if not shutil.which("unshare"):
        return "no `unshare` on this machine: a private network needs Linux and util-linux"
    tried = subprocess.run([*unshare("n"), "true"], capture_output=True, text=True, check=False)
    return f"the kernel forbids a private network: {tried.stderr.strip()}" if tried.returncode else ""


def run_inside(
    arguments: Sequence[str], environment: Mapping[str, str] | None = None, timeout: float = 110.0
) -> subprocess.CompletedProcess[str]:
    """Run `python ARGUMENTS` in a private network where ADDRESS is up: a script, or `-m pytest FILE`.

    Raises:
        subprocess.TimeoutExpired: it took longer than `timeout` seconds.
    """
    command = [*unshare("n"), sys.executable, "-m", "tests.cluster.network", *arguments]
    inside = {**os.environ, **(environment or {})}
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=timeout, env=inside)


def bring_up() -> None:
    """Bring the loopback interface up and give it ADDRESS; only our processes use this network."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        fcntl.ioctl(control, _SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", _IFF_UP))
        address = struct.pack("16sHH4s8x", b"lo:1", socket.AF_INET, 0, socket.inet_aton(ADDRESS))
        fcntl.ioctl(control, _SIOCSIFADDR, address)


def expose(kube: Kube, namespace: str, service: str, port: int, port_name: str = "http") -> None:
    """Make a server that listens on ADDRESS reachable as a Service, through a Pod object with that address."""
    about = {"namespace": namespace, "name": service}
    ports = [{"name": port_name, "port": port}]
    kube.wait_until(lambda: kube.find("serviceaccounts", "default", namespace))
    container = {"name": "outside", "image": "none"}
    pod = kube.create({"apiVersion": "v1", "kind": "Pod", "metadata": about, "spec": {"containers": [container]}})
    status = {"phase": "Running", "podIP": ADDRESS, "podIPs": [{"ip": ADDRESS}]}
    kube.patch("pods", service, namespace, {"status": status}, subresource="status")
    kube.apply({"apiVersion": "v1", "kind": "Service", "metadata": about, "spec": {"ports": ports}})
    target = {"kind": "Pod", "uid": pod["metadata"]["uid"], **about}
    kube.create(
        {
            "apiVersion": "discovery.k8s.io/v1",
            "kind": "EndpointSlice",
            "metadata": {**about, "labels": {"kubernetes.io/service-name": service}},
            "addressType": "IPv4",
            "endpoints": [{"addresses": [ADDRESS], "conditions": {"ready": True}, "targetRef": target}],
            "ports": ports,
        }
    )


if __name__ == "__main__":
    bring_up()
    os.execv(sys.executable, [sys.executable, *sys.argv[1:]])

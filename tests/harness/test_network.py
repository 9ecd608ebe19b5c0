"""In a private network the original kubeseal reaches a server through the API server's service proxy."""

from pathlib import Path

import pytest

from tests.cluster import build, network

SCRIPT = """
import subprocess, sys, threading
from contextlib import closing
from http.server import BaseHTTPRequestHandler, HTTPServer
from tests.cluster import network
from tests.cluster.controlplane import ControlPlane

class Certificate(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200 if self.path == "/v1/cert.pem" else 404)
        self.end_headers()
        self.wfile.write(plane.ca_file.read_bytes())

server = HTTPServer((network.ADDRESS, 0), Certificate)
threading.Thread(target=server.serve_forever, daemon=True).start()
with ControlPlane(network.ADDRESS) as plane, closing(plane.client()) as kube:
    network.expose(kube, "kube-system", "sealed-secrets-controller", server.server_port)
    command = [sys.argv[1], "--fetch-cert", f"--kubeconfig={plane.kubeconfig}"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30)
    print("got the certificate" if done.stdout == plane.ca_file.read_text() else done)
"""


@pytest.mark.skipif(bool(network.unavailable()), reason=network.unavailable() or "can run")
def test_kubeseal_fetches_a_certificate_by_service_proxy(tmp_path: Path) -> None:
    script = tmp_path / "inside.py"
    script.write_text(SCRIPT)
    done = network.run_inside([str(script), str(build.binary("kubeseal"))])
    assert done.stdout == "got the certificate\n", done.stderr

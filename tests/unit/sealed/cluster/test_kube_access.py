"""Where the certificate comes from: files, a real local web server, and a stand-in for the API server.

The stand-in answers what an API server would; the real one, with its service proxy, is in the end-to-end tests.
"""

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml

from manager.access.flags import Access
from sealed.cluster.controller_client import (
    HINT,
    MAX_CERTIFICATE_BYTES,
    ControllerClient,
    open_certificate,
    proxy_path,
)
from sealed.cluster.kube_access import KubeAccess
from sealed.manifests.documents import InputError

PEM = b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"
SERVICE = "/api/v1/namespaces/kube-system/services/sealed-secrets-controller"
PROXY = "/api/v1/namespaces/kube-system/services/http:sealed-secrets-controller:http/proxy/v1/cert.pem"


@dataclass
class Site:
    """A web server's address, what it answers, and what it was asked."""

    url: str
    answers: dict[str, tuple[int, bytes]] = field(default_factory=dict)
    asked: list[tuple[str, dict[str, str]]] = field(default_factory=list)


@pytest.fixture
def site() -> Iterator[Site]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            found.asked.append((self.path, dict(self.headers)))
            status, body = found.answers.get(self.path, (404, b"not here"))
            self.send_response(status)
            if status == 302:
                self.send_header("Location", body.decode())
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Keep the test's output clean."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        found = Site(f"http://127.0.0.1:{server.server_port}")
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield found
        server.shutdown()
        thread.join()


@pytest.fixture(autouse=True)
def no_surroundings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither a proxy nor a Pod's service account may take part."""
    monkeypatch.setenv("NO_PROXY", "*")
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)


def kubeconfig(folder: Path, server: str = "http://127.0.0.1:1", *, without: str = "") -> str:
    content = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "first",
        "clusters": [{"name": "c", "cluster": {"server": server}}],
        "users": [{"name": "u", "user": {"token": "my-token"}}],
        "contexts": [
            {"name": "first", "context": {"cluster": "c", "user": "u", "namespace": "of-first"}},
            {"name": "second", "context": {"cluster": "c", "user": "u", "namespace": "of-second"}},
            {"name": "bare", "context": {"cluster": "c", "user": "u"}},
        ],
    }
    path = folder / "config.yaml"
    path.write_text(yaml.safe_dump({key: value for key, value in content.items() if key != without}))
    return str(path)


def status_object(code: int, message: str) -> tuple[int, bytes]:
    return code, json.dumps({"kind": "Status", "apiVersion": "v1", "status": "Failure", "message": message}).encode()


def service(*ports: dict[str, Any]) -> tuple[int, bytes]:
    return 200, json.dumps({"kind": "Service", "spec": {"ports": list(ports)}}).encode()


def fails(call: Any, *arguments: Any) -> str:
    with pytest.raises(InputError) as refused:
        call(*arguments)
    assert refused.value.__suppress_context__ or refused.value.__context__ is None
    return str(refused.value)


def test_a_path_a_file_url_and_a_web_page_give_the_same_bytes(tmp_path: Path, site: Site) -> None:
    file = tmp_path / "a certificate.pem"
    file.write_bytes(PEM)
    site.answers["/v1/cert.pem"] = (200, PEM)

    quoted = str(file).replace(" ", "%20")

    assert open_certificate(str(file)) == PEM
    assert open_certificate(f"file://{quoted}") == PEM
    assert open_certificate(f"{site.url}/v1/cert.pem") == PEM


def test_a_relative_path_is_a_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("cert.pem").write_bytes(PEM)
    Path("c:cert.pem").write_bytes(PEM)

    assert open_certificate("cert.pem") == PEM
    assert open_certificate("c:cert.pem") == PEM, "a scheme of one letter is a drive"


@pytest.mark.parametrize(
    ("place", "problem"),
    [
        ("missing.pem", "open missing.pem: no such file or directory"),
        ("no/such/folder.pem", "open no/such/folder.pem: no such file or directory"),
        (".", "open .: is a directory"),
        ("file:///no/such.pem", "open /no/such.pem: no such file or directory"),
        ("file:///a%00b", "open /a\0b: not a usable path"),
        ("ab:c", 'cannot fetch "ab:c": unsupported protocol scheme "ab"'),
        ("ftp://x/y", 'cannot fetch "ftp://x/y": unsupported protocol scheme "ftp"'),
        ("http:///x", 'cannot fetch "http:///x": no Host in request URL'),
        ("http://h:port/", 'cannot fetch "http://h:port/": not a usable URL'),
        (
            "http://127.0.0.1:1/a b",
            'cannot fetch "http://127.0.0.1:1/a b": not a usable URL: write other characters as %XX',
        ),
        ("http://127.0.0.1:1/x", 'cannot fetch "http://127.0.0.1:1/x": connect: connection refused'),
        ("http://[x/", 'parse "http://[x/": not a usable URL'),
    ],
)
def test_a_certificate_that_cannot_be_opened_is_named(
    place: str, problem: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    assert fails(open_certificate, place).startswith(problem)


@pytest.mark.parametrize(("status", "text"), [(404, "the server answered 404"), (500, "the server answered 500")])
def test_the_status_of_a_page_that_is_no_certificate_is_told(site: Site, status: int, text: str) -> None:
    site.answers["/x"] = (status, b"")

    assert fails(open_certificate, f"{site.url}/x") == f'cannot fetch "{site.url}/x": {text}'


def test_a_moved_certificate_is_followed_but_not_to_a_file(site: Site, tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(b"secret")
    site.answers |= {
        "/old": (302, b"/new"),
        "/new": (200, PEM),
        "/trap": (302, f"file://{tmp_path}/secret".encode()),
    }

    assert open_certificate(f"{site.url}/old") == PEM
    assert "file" in fails(open_certificate, f"{site.url}/trap")


def test_an_endless_page_is_cut(site: Site) -> None:
    site.answers["/x"] = (200, b"x" * (MAX_CERTIFICATE_BYTES + 100))

    assert len(open_certificate(f"{site.url}/x")) == MAX_CERTIFICATE_BYTES


@pytest.mark.parametrize(
    ("port", "path"),
    [
        ("http", "/api/v1/namespaces/ns/services/http:svc:http/proxy/v1/cert.pem"),
        ("", "/api/v1/namespaces/ns/services/http:svc:/proxy/v1/cert.pem"),
    ],
)
def test_the_proxy_path_has_the_form_that_rbac_rules_name(port: str, path: str) -> None:
    assert proxy_path("ns", "svc", port, "/v1/cert.pem") == path


def test_a_name_cannot_lead_out_of_its_place_in_the_path() -> None:
    assert (
        proxy_path("../x", "a/b?c", "d#e", "/v1") == "/api/v1/namespaces/..%2Fx/services/http:a%2Fb%3Fc:d%23e/proxy/v1"
    )


def fetch(config: str, context: str = "") -> bytes:
    cluster = KubeAccess(Access(config, context))
    return ControllerClient(cluster, "sealed-secrets-controller", "kube-system").certificate()


def test_the_certificate_comes_from_the_services_first_port(tmp_path: Path, site: Site) -> None:
    site.answers |= {SERVICE: service({"name": "http", "port": 8080}, {"name": "metrics"}), PROXY: (200, PEM)}

    assert fetch(kubeconfig(tmp_path, site.url)) == PEM

    assert [path for path, _ in site.asked] == [SERVICE, PROXY]
    for _, headers in site.asked:
        assert "Authorization" not in headers, "over plain HTTP nobody is told a credential"
        assert "application/x-pem-file" in headers["Accept"]


@pytest.mark.parametrize("ports", [[{"port": 8080}], [{"name": ""}], [{"name": None}], []])
def test_a_port_without_a_name_is_left_open(tmp_path: Path, site: Site, ports: list[dict[str, Any]]) -> None:
    site.answers |= {SERVICE: service(*ports), PROXY.replace(":http/", ":/"): (200, PEM)}

    assert fetch(kubeconfig(tmp_path, site.url)) == PEM


def test_a_missing_service_is_reported_with_the_cure(tmp_path: Path, site: Site) -> None:
    site.answers[SERVICE] = status_object(404, 'services "sealed-secrets-controller" not found')

    problem = fails(fetch, kubeconfig(tmp_path, site.url))

    expected = f'cannot get sealed secret service: services "sealed-secrets-controller" not found.\n{HINT}'
    assert problem == expected
    assert HINT.endswith("to set up the name and namespace of the sealed secrets controller")


@pytest.mark.parametrize(
    "answer",
    [
        (200, b"not json"),
        (200, b"[]"),
        (200, b'"x"'),
        (200, b"{}"),
        (200, b'{"spec": null}'),
        (200, b""),
        (302, b"/elsewhere"),
        (500, b"<html>"),
        (503, b"[]"),
        (403, b'{"message": null}'),
    ],
)
def test_an_answer_that_is_no_service_is_an_error_not_a_crash(
    tmp_path: Path, site: Site, answer: tuple[int, bytes]
) -> None:
    site.answers[SERVICE] = answer

    assert fails(fetch, kubeconfig(tmp_path, site.url)).startswith("cannot get sealed secret service: ")


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        (status_object(403, "services is forbidden"), "cannot fetch certificate: services is forbidden"),
        ((503, b"no endpoints available"), "cannot fetch certificate: the server answered 503"),
        ((500, b"cannot get certificate\n"), "cannot fetch certificate: the server answered 500"),
    ],
)
def test_a_silent_controller_differs_from_a_missing_service(
    tmp_path: Path, site: Site, answer: tuple[int, bytes], problem: str
) -> None:
    site.answers |= {SERVICE: service({"name": "http"}), PROXY: answer}

    assert fails(fetch, kubeconfig(tmp_path, site.url)) == problem


def test_a_server_that_is_not_there_is_asked_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    problem = fails(fetch, kubeconfig(tmp_path))

    assert problem.startswith("cannot get sealed secret service: ")
    assert "connection refused" in problem
    assert problem.endswith(HINT)
    assert not caplog.records, "urllib3 would log its retries to the terminal"


@pytest.mark.parametrize(
    "content", ["", "not: [valid", "text", "- a\n- b\n", "contexts: 5", "contexts: [5]", "apiVersion: v1"]
)
def test_a_file_that_is_no_kubeconfig_is_an_error_not_a_crash(tmp_path: Path, content: str) -> None:
    (tmp_path / "config").write_text(content)
    path = str(tmp_path / "config")

    assert fails(fetch, path).startswith("invalid configuration: ")
    try:
        assert KubeAccess(Access(path)).namespace() == "", "it holds nothing"
    except InputError as error:
        assert str(error).startswith("invalid configuration: ")  # noqa: PT017 - either is right


def test_what_a_broken_kubeconfig_holds_is_not_shown(tmp_path: Path) -> None:
    (tmp_path / "config").write_text("users:\n- {name: u, user: {token: canary-51}}\n  bad: [\n")

    assert "canary" not in fails(fetch, str(tmp_path / "config"))


def test_no_kubeconfig_at_all_is_an_error(tmp_path: Path) -> None:
    assert fails(fetch, str(tmp_path / "missing")).startswith("invalid configuration: ")


def test_a_context_that_does_not_exist_is_an_error(tmp_path: Path) -> None:
    problem = fails(fetch, kubeconfig(tmp_path), "third")

    assert problem.startswith("invalid configuration: ")
    assert "third" in problem


@pytest.mark.parametrize(
    ("context", "namespace"), [("", "of-first"), ("first", "of-first"), ("second", "of-second"), ("bare", "default")]
)
def test_the_namespace_is_the_one_of_the_chosen_context(tmp_path: Path, context: str, namespace: str) -> None:
    assert KubeAccess(Access(kubeconfig(tmp_path), context)).namespace() == namespace


def test_a_missing_context_has_no_namespace(tmp_path: Path) -> None:
    assert "third" in fails(KubeAccess(Access(kubeconfig(tmp_path), "third")).namespace)


def test_without_a_current_context_the_chosen_one_counts(tmp_path: Path) -> None:
    config = kubeconfig(tmp_path, without="current-context")

    assert KubeAccess(Access(config, "second")).namespace() == "of-second"
    assert KubeAccess(Access(config)).namespace() == ""


def test_without_a_kubeconfig_there_is_no_namespace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "missing"))

    assert KubeAccess(Access()).namespace() == ""
    assert "no such file" in fails(KubeAccess(Access(str(tmp_path / "missing"))).namespace)


def test_in_a_pod_its_namespace_is_the_default(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, text in {"token": "t", "namespace": "of-the-pod\n"}.items():
        (tmp_path / name).write_text(text)
    monkeypatch.setattr("manager.access.pod.SERVICE_ACCOUNT", tmp_path)
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "missing"))
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.0.0.1")
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", "443")

    assert KubeAccess(Access()).namespace() == "of-the-pod"
    assert KubeAccess(Access(kubeconfig(tmp_path), "second")).namespace() == "of-second", "a kubeconfig comes first"
    monkeypatch.setenv("POD_NAMESPACE", "told")
    assert KubeAccess(Access()).namespace() == "told"


def test_several_kubeconfigs_are_merged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = tmp_path / "other"
    other.write_text("{apiVersion: v1, kind: Config, contexts: [{name: x, context: {cluster: c, namespace: of-x}}]}")
    monkeypatch.setenv("KUBECONFIG", f"{other}::{tmp_path}/missing:{kubeconfig(tmp_path)}")

    assert KubeAccess(Access(context="x")).namespace() == "of-x"
    assert KubeAccess(Access()).namespace() == "of-first"

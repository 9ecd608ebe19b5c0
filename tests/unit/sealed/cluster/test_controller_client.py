"""`--validate`, `--re-encrypt`, `--keep-unchanged`: Coffer's own endpoints behind a stand-in for the API server.

The stand-in only routes; the service proxy of a real one is in the end-to-end tests.
"""

import json
import ssl
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml

from sealed.crypto.rotate import rotate
from sealed.crypto.unseal import UnsealFailed, open_object
from tests.builders.kubeseal_command import SECRET, TWO, kubeseal, opened, refused, sealing
from tests.builders.sealed_vectors import private_key
from tests.cluster.certificates import Authority

SERVICE = "/api/v1/namespaces/kube-system/services/sealed-secrets-controller"
PROXY = "/api/v1/namespaces/kube-system/services/http:sealed-secrets-controller:http/proxy"
KEYS = [("key", private_key())]


@dataclass
class Server:
    """What stands there, and what was asked."""

    objects: dict[str, Any] = field(default_factory=dict)
    asked: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    too_often: int = 0
    """Answers of 429 before the next is given."""
    status: int = 0
    """What /v1 answers instead of working."""

    def post(self, path: str, sealed: Any) -> tuple[int, bytes]:
        if self.too_often:
            self.too_often -= 1
            return 429, b"limit exceeded\n"
        if self.status:
            return self.status, b""
        try:
            if path.endswith("verify"):
                open_object(sealed, KEYS, legacy=True)
                return 200, b""
            return 200, json.dumps(rotate(sealed, KEYS, private_key().public_key(), legacy=True)).encode()
        except UnsealFailed:
            return (409 if path.endswith("verify") else 500), b""


@pytest.fixture
def server(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    state = Server(objects={SERVICE: {"spec": {"ports": [{"name": "http"}]}}})

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            state.asked.append((self.path, dict(self.headers)))
            found = state.objects.get(self.path)
            self._answer(404 if found is None else 200, json.dumps(found or {"message": "not found"}).encode())

        def do_POST(self) -> None:
            state.asked.append((self.path, dict(self.headers)))
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            self._answer(*state.post(self.path, body))

        def _answer(self, status: int, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Retry-After", "1")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Keep the test's output clean."""

    monkeypatch.setenv("NO_PROXY", "*")
    monkeypatch.setattr("time.sleep", lambda _seconds: None)
    authority = Authority.create(folder)
    pair = authority.server("server", ["127.0.0.1"])
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(pair.certificate, pair.key)
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        http.socket = tls.wrap_socket(http.socket, server_side=True)
        thread = threading.Thread(target=http.serve_forever, args=(0.01,))
        thread.start()
        trusted = {"certificate-authority": "ca.crt"}
        config = {
            "current-context": "c",
            "clusters": [{"name": "c", "cluster": {"server": f"https://127.0.0.1:{http.server_port}", **trusted}}],
            "users": [{"name": "c", "user": {"token": "my-token"}}, {"name": "basic", "user": {}}],
            "contexts": [{"name": "c", "context": {"cluster": "c", "user": "c"}}],
        }
        (folder / "config").write_text(yaml.safe_dump(config))
        monkeypatch.setenv("SEALED_SECRETS_KUBECONFIG", str(folder / "config"))
        yield state
        http.shutdown()
        thread.join()


def sealed(stdin: str = SECRET, *flags: str) -> str:
    return sealing("-o", "yaml", *flags, stdin=stdin).stdout


def elsewhere(text: str) -> str:
    return text.replace("name: a", "name: other", 1)


def test_what_opens_is_silent(server: Server) -> None:
    result = kubeseal("--validate", stdin=sealed(TWO))

    assert (result.exit_code, result.output) == (0, "")
    assert [path for path, _ in server.asked] == [SERVICE, f"{PROXY}/v1/verify", f"{PROXY}/v1/verify"]


@pytest.mark.usefixtures("server")
def test_what_does_not_open_is_named() -> None:
    refused(kubeseal("--validate", stdin=elsewhere(sealed())), "unable to decrypt sealed secret: other")


@pytest.mark.usefixtures("server")
def test_nothing_is_nothing_to_validate() -> None:
    assert kubeseal("--validate", stdin="").exit_code == 0


@pytest.mark.usefixtures("server")
def test_what_is_no_manifest_is_refused() -> None:
    refused(kubeseal("--validate", stdin="]["), "unable to decrypt sealed secret")


@pytest.mark.parametrize(
    ("flag", "problem"),
    [
        ("--validate", "cannot validate sealed secret: the server answered 500"),
        ("--re-encrypt", "cannot re-encrypt secret: the server answered 500"),
        ("--rotate", "cannot re-encrypt secret: the server answered 500"),
    ],
)
def test_a_controller_that_fails_is_told_apart(server: Server, flag: str, problem: str) -> None:
    text = sealed()
    server.status = 500

    refused(kubeseal(flag, stdin=text), problem)


def test_who_asks_too_often_waits_and_asks_again(server: Server) -> None:
    """The original fails there, so that many files cannot be validated."""
    server.too_often = 5

    assert kubeseal("--validate", stdin=sealed()).exit_code == 0


def test_for_ever_is_too_long(server: Server) -> None:
    server.too_often = 10_000

    refused(kubeseal("--validate", stdin=sealed()), "cannot validate sealed secret: too many requests")


@pytest.mark.usefixtures("server")
def test_a_stream_is_sealed_anew_to_standard_output() -> None:
    before = sealed(TWO)

    result = kubeseal("--re-encrypt", "-o", "yaml", stdin=before)

    assert result.stdout.startswith("---\napiVersion: bitnami.com/v1alpha1\nkind: SealedSecret\n")
    pairs = zip(yaml.safe_load_all(before), yaml.safe_load_all(result.stdout), strict=True)
    for one, other in pairs:
        assert one["spec"]["encryptedData"] != other["spec"]["encryptedData"]
        assert opened(yaml.safe_dump(one)) == opened(yaml.safe_dump(other)) == {"password": "canary-11d0"}


@pytest.mark.usefixtures("server")
@pytest.mark.parametrize("how", ["-f", "files"])
def test_a_file_is_sealed_anew_in_place_and_its_comments_stay(folder: Path, how: str) -> None:
    text = "# ask ops\n" + sealed(TWO).replace("spec:", "spec: # here\n")
    (folder / "s.yaml").write_text(text)

    result = kubeseal("--re-encrypt", *(["-f", "s.yaml"] if how == "-f" else ["s.yaml"]))

    after = (folder / "s.yaml").read_text()
    assert (result.exit_code, result.stdout) == (0, ""), result.stderr
    differing = [one for one, other in zip(text.splitlines(), after.splitlines(), strict=True) if one != other]
    assert len(differing) == 2
    assert all(line.startswith("    password: ") for line in differing)


@pytest.mark.usefixtures("server")
def test_one_file_can_become_another(folder: Path) -> None:
    before = sealed()
    (folder / "s.yaml").write_text(before)

    assert kubeseal("--re-encrypt", "-f", "s.yaml", "-w", "t.yaml").exit_code == 0

    assert (folder / "s.yaml").read_text() == before
    assert opened((folder / "t.yaml").read_text()) == {"password": "canary-11d0"}


@pytest.mark.usefixtures("server")
@pytest.mark.parametrize(("flag", "done"), [("--validate", "validated"), ("--re-encrypt", "re-encrypted")])
def test_many_files_end_in_one_summary(folder: Path, flag: str, done: str) -> None:
    for at in range(20):
        (folder / f"{at}.yaml").write_text(sealed(TWO))
    (folder / "wrong.yaml").write_text(elsewhere(sealed()))
    (folder / "none.yaml").write_text("kind: ConfigMap\n")
    names = [*(f"{at}.yaml" for at in range(20)), "wrong.yaml", "missing.yaml", "none.yaml"]

    result = kubeseal(flag, *names)

    assert result.exit_code == 1
    assert f"40 SealedSecrets in 20 files {done}" in result.stderr
    assert "error: 3 of 23 files failed\nwrong.yaml: " in result.stderr
    assert result.stderr.endswith(
        "missing.yaml: open missing.yaml: no such file or directory\n"
        "none.yaml: there is no SealedSecret in it, but ConfigMap\n"
    )


@pytest.mark.usefixtures("server")
def test_a_file_that_cannot_be_sealed_anew_stays_as_it_is(folder: Path) -> None:
    before = sealed() + elsewhere(sealed())
    (folder / "s.yaml").write_text(before)

    assert kubeseal("--re-encrypt", "s.yaml").exit_code == 1

    assert (folder / "s.yaml").read_text() == before


def live(server: Server, text: str, secret_data: dict[str, str], *, version: str = "7", written: str = "7") -> None:
    """Put a SealedSecret and its Secret into the cluster."""
    body = yaml.safe_load(text)
    body["metadata"]["generation"] = 3
    body["status"] = {"observedGeneration": 3, "secretResourceVersion": written}
    server.objects["/apis/bitnami.com/v1alpha1/namespaces/ns/sealedsecrets/a"] = body
    server.objects["/api/v1/namespaces/ns/secrets/a"] = {"metadata": {"resourceVersion": version}, "data": secret_data}


@pytest.mark.parametrize(
    ("secret_data", "written", "kept"),
    [
        ({"password": "Y2FuYXJ5LTExZDA="}, "7", True),
        ({"password": "b3RoZXI="}, "7", False),
        ({"password": "Y2FuYXJ5LTExZDA="}, "6", False),
        ({}, "7", False),
    ],
    ids=["same", "other value", "edited since", "absent"],
)
def test_a_value_proven_unchanged_keeps_its_ciphertext(
    server: Server, folder: Path, secret_data: dict[str, str], written: str, kept: bool
) -> None:
    text = sealed()
    (folder / "s.yaml").write_text(text)
    live(server, text, secret_data, written=written)

    assert sealing("--merge-into", "s.yaml", "--keep-unchanged").exit_code == 0

    assert ((folder / "s.yaml").read_text() == text) is kept


def test_a_file_that_is_not_what_the_cluster_has_is_sealed_anew(server: Server, folder: Path) -> None:
    (folder / "s.yaml").write_text(sealed())
    live(server, sealed(), {"password": "Y2FuYXJ5LTExZDA="})
    before = (folder / "s.yaml").read_text()

    assert sealing("--merge-into", "s.yaml", "--keep-unchanged").exit_code == 0

    assert (folder / "s.yaml").read_text() != before


@pytest.mark.parametrize(
    ("flags", "name", "value"),
    [
        (["--token", "t"], "Authorization", "Bearer t"),
        (["--user=basic", "--username", "u", "--password", "p"], "Authorization", "Basic dTpw"),
        ([], "Authorization", "Bearer my-token"),
        (["--as", "someone"], "Impersonate-User", "someone"),
        (["--as", "x", "--as-group", "g", "--as-uid", "1"], "Impersonate-Group", "g"),
        (["--as", "x", "--as-group", "g", "--as-uid", "1"], "Impersonate-Uid", "1"),
        (
            ["--request-timeout", "5s", "-v=9", "--logtostderr", "--skip_headers=false"],
            "Authorization",
            "Bearer my-token",
        ),
    ],
)
def test_kubectls_flags_reach_the_server(server: Server, flags: list[str], name: str, value: str) -> None:
    assert kubeseal("--validate", *flags, stdin=sealed()).exit_code == 0

    assert {headers[name] for _, headers in server.asked} == {value}


def test_flags_choose_server_cluster_and_user(server: Server, folder: Path) -> None:
    config = yaml.safe_load((folder / "config").read_text())
    good = config["clusters"][0]["cluster"]["server"]
    config["clusters"][0]["cluster"]["server"] = "http://127.0.0.1:1"
    config["clusters"].append({"name": "good", "cluster": {"server": good, "certificate-authority": "ca.crt"}})
    config["users"].append({"name": "good", "user": {"token": "other"}})
    (folder / "config").write_text(yaml.safe_dump(config))

    result = kubeseal("--validate", "--server", good, stdin=sealed())
    assert result.exit_code == 0, result.output
    assert kubeseal("--validate", "--cluster", "good", "--user", "good", stdin=sealed()).exit_code == 0
    assert server.asked[-1][1]["Authorization"] == "Bearer other"
    assert kubeseal("--validate", "--cluster", "none", stdin=sealed()).exit_code == 1


def test_a_bad_timeout_is_refused(server: Server) -> None:
    assert server.asked == []
    result = kubeseal("--validate", "--request-timeout", "soon", stdin=sealed())

    assert "invalid duration for --request-timeout: soon" in result.stderr

"""Our kubeseal chooses the same cluster, user and namespace as the original's program, case by case.

Both run against the same servers and proxies, which must see the same requests; both must report the same kinds of errors.
"""

import base64
import json
import os
import re
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.builders.kubeseal_command import CERTIFICATE
from tests.cluster.forked import ForkServer
from tests.e2e import kubeseals
from tests.e2e.api_stand_in import Seen, Surroundings, surroundings

V1, BETA = "client.authentication.k8s.io/v1", "client.authentication.k8s.io/v1beta1"
BARE = "metadata: {name: a}\nstringData: {k: v}\n"
FETCH = ("--fetch-cert",)
SEAL = ("--cert", "c.pem", "-f", "bare.yaml", "-o", "json")
TOLD = "test \"$(cat)\" = '' || exit 9; "
"""The start of a plug-in that must not get our standard input."""


@dataclass(frozen=True)
class Case:
    """One command line and its environment; {…} in texts are addresses and folders."""

    name: str
    files: dict[str, Any]
    arguments: tuple[str, ...] = FETCH
    environment: dict[str, str] = field(default_factory=dict)
    stdin: str = ""
    says: str = ""
    """Text that our error must contain."""


def config(
    user: Any = None, *, name: str = "a", cluster: Any = None, context: Any = None, **more: Any
) -> dict[str, Any]:
    """Return a kubeconfig with one cluster, user and context of the same name, which is also the path on the server."""
    server = {"server": f"https://127.0.0.1:{{port}}/{name}", "certificate-authority": "{ca}"}
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": name,
        "clusters": [{"name": name, "cluster": server | (cluster or {})}],
        "users": [{"name": name, "user": {"token": f"token-{name}"} if user is None else user}],
        "contexts": [{"name": name, "context": {"cluster": name, "user": name} | (context or {})}],
        **more,
    }


def exec_user(script: str, version: str = V1, **more: Any) -> dict[str, Any]:
    mode = {"interactiveMode": "Never"} if version == V1 else {}
    return {"exec": {"apiVersion": version, "command": "sh", "args": ["-c", script], **mode, **more}}


def credential(version: str = V1, **status: str) -> str:
    return json.dumps({"apiVersion": version, "kind": "ExecCredential", "status": status})


def says(version: str = V1, **status: str) -> str:
    return f"echo '{credential(version, **status)}'"


def jwt(seconds: float) -> str:
    parts = [{"alg": "none"}, {"exp": int(time.time() + seconds)}]
    return ".".join(base64.urlsafe_b64encode(json.dumps(each).encode()).decode().rstrip("=") for each in parts) + ".x"


def without(text: str, *names: str) -> dict[str, Any]:
    found = config()
    for name in names:
        found[text][0][text.rstrip("s")].pop(name)
    return found


A, B = config(), config(name="b")
TWO = {"a": A, "b": B}
BOTH = {"KUBECONFIG": "a:b"}
PLUGIN_SAYS_CLUSTER = "echo '" + credential(token="PLACE").replace("PLACE", "'\"$T\"'") + "'"
EXTENSION = {"extensions": [{"name": "client.authentication.k8s.io/exec", "extension": {"audience": "x"}}]}
PROXIED = config(cluster={"server": "https://cluster.example/a"})

CASES = [
    Case("one file by variable", {"a": A}, environment={"KUBECONFIG": "a"}),
    Case("one file by flag", {"a": A}, (*FETCH, "--kubeconfig=a")),
    Case("home", {".kube/config": A}),
    Case("the first current-context wins", TWO, environment=BOTH),
    Case("the second file's, where the first has none", {"a": {**A, "current-context": ""}, "b": B}, environment=BOTH),
    Case("the first file's entry wins", {"a": A, "b": config({"token": "late"}, cluster={"server": "https://127.0.0.1:1"})}, environment=BOTH),
    Case("entries are not mixed", {"a": config({}, clusters=[]), "b": config({"token": "late"}, cluster={"tls-server-name": "wrong"})}, (*FETCH, "--token=t"), BOTH),
    Case("missing files of the list are skipped", TWO, environment={"KUBECONFIG": "none::b:a"}),
    Case("all files of the list are missing", TWO, environment={"KUBECONFIG": "none:nothing"}, says="no configuration has been provided"),
    Case("an explicit file alone", TWO, (*FETCH, "--kubeconfig=b"), BOTH),
    Case("an explicit file must be there", TWO, (*FETCH, "--kubeconfig=none"), BOTH, says="no such file"),
    Case("an explicit file is no list", TWO, (*FETCH, "--kubeconfig=a:b"), says="no such file"),
    Case("a broken file of the list", {"a": A, "b": "users: [\n"}, environment=BOTH, says="no YAML"),
    Case("an empty file of the list", {"a": "", "b": B}, environment=BOTH),
    Case("a file of another kind", {"a": {**A, "kind": "Secret"}}, environment={"KUBECONFIG": "a"}, says="kind must be Config"),
    Case("a name twice", {"a": {**A, "users": A["users"] * 2}}, environment={"KUBECONFIG": "a"}, says="twice"),
    Case("a number as token", {"a": config({"token": 12345})}, environment={"KUBECONFIG": "a"}, says=r"users\[a\].user.token: must be a string"),
    Case("context by flag", TWO, (*FETCH, "--context=b"), BOTH),
    Case("context that does not exist", TWO, (*FETCH, "--context=c"), BOTH, says="a, b"),
    Case("current-context that does not exist", {"a": {**A, "current-context": "z"}}, environment={"KUBECONFIG": "a"}, says="z"),
    Case("cluster and user by flags", TWO, (*FETCH, "--cluster=b", "--user=b"), BOTH),
    Case("cluster by flag alone", TWO, (*FETCH, "--cluster=b"), BOTH),
    Case("cluster that does not exist", TWO, (*FETCH, "--cluster=c"), BOTH),
    Case("user that does not exist", TWO, (*FETCH, "--user=c"), BOTH),
    Case("server by flag", {"a": A}, (*FETCH, "--server=https://127.0.0.1:{port}/z"), {"KUBECONFIG": "a"}),
    Case("server and token by flags alone", {}, (*FETCH, "--server=https://127.0.0.1:{port}/z", "--token=t", "--certificate-authority={ca}")),
    Case("server by flag takes the name of the certificate away", {"a": config(cluster={"tls-server-name": "wrong"})}, (*FETCH, "--server=https://127.0.0.1:{port}/z"), {"KUBECONFIG": "a"}),
    Case("a context without a server", {"a": without("clusters", "server")}, environment={"KUBECONFIG": "a"}, says="server"),
    Case("namespace of the context", {"a": config(context={"namespace": "of-a"}), "b": config(name="b", context={"namespace": "of-b"})}, SEAL, BOTH),
    Case("namespace of the flag's context", {"a": config(context={"namespace": "of-a"}), "b": config(name="b", context={"namespace": "of-b"})}, (*SEAL, "--context=b"), BOTH),
    Case("no namespace in the context", {"a": A}, SEAL, {"KUBECONFIG": "a"}),
    Case("no kubeconfig and no namespace", {}, SEAL, says="namespace"),
    Case("no context and no namespace", {"a": {**A, "current-context": ""}}, SEAL, {"KUBECONFIG": "a"}, says="namespace"),
    Case("token file with line breaks", {"a": config({"tokenFile": "t"}), "t": "from-file\n\n"}, environment={"KUBECONFIG": "a"}),
    Case("token file beside its kubeconfig", {"k/a": config({"tokenFile": "../t"}), "t": "up"}, environment={"KUBECONFIG": "k/a"}),
    Case("token file wins over the token", {"a": config({"token": "x", "tokenFile": "t"}), "t": "from-file"}, environment={"KUBECONFIG": "a"}),
    Case("token file that is missing", {"a": config({"tokenFile": "t"})}, environment={"KUBECONFIG": "a"}, says=r"users\[a\].user.tokenFile"),
    Case("basic", {"a": config({"username": "u", "password": "p:w"})}, environment={"KUBECONFIG": "a"}),
    Case("basic by flags", {"a": config({})}, (*FETCH, "--username=u", "--password=p"), {"KUBECONFIG": "a"}),
    Case("two methods", {"a": config({"username": "u", "password": "p", "token": "t"})}, environment={"KUBECONFIG": "a"}, says="more than one authentication method"),
    Case("two methods by flags", {"a": A}, (*FETCH, "--username=u", "--password=p"), {"KUBECONFIG": "a"}, says="more than one"),
    Case("token by flag", {"a": A}, (*FETCH, "--token=mine"), {"KUBECONFIG": "a"}),
    Case("acting for another", {"a": config({"token": "t", "as": "you", "as-uid": "7", "as-groups": ["g", "h"], "as-user-extra": {"Why/not": ["x"]}})}, environment={"KUBECONFIG": "a"}),
    Case("acting by flags", {"a": config({"token": "t", "as": "you", "as-groups": ["g"]})}, (*FETCH, "--as=me", "--as-group=z"), {"KUBECONFIG": "a"}),
    Case("groups without a user", {"a": config({"token": "t", "as-groups": ["g"]})}, environment={"KUBECONFIG": "a"}, says="without impersonating a user"),
    Case("client certificate in files", {"a": config({"client-certificate": "{folder}/client.crt", "client-key": "{folder}/client.key"})}, environment={"KUBECONFIG": "a"}),
    Case("client certificate in data", {"a": config({"client-certificate-data": "{crt64}", "client-key-data": "{key64}"})}, environment={"KUBECONFIG": "a"}),
    Case("client certificate of file and data", {"a": config({"client-certificate": "{folder}/client.crt", "client-key-data": "{key64}"})}, environment={"KUBECONFIG": "a"}),
    Case("client certificate by flags over data", {"a": config({"client-certificate-data": "AAAA", "client-key-data": "AAAA"})}, (*FETCH, "--client-certificate={folder}/client.crt", "--client-key={folder}/client.key"), {"KUBECONFIG": "a"}),
    Case("client certificate twice", {"a": config({"client-certificate": "{folder}/client.crt", "client-certificate-data": "{crt64}", "client-key-data": "{key64}"})}, environment={"KUBECONFIG": "a"}, says="both specified"),
    Case("client certificate without key", {"a": config({"client-certificate-data": "{crt64}"})}, environment={"KUBECONFIG": "a"}, says="client-key"),
    Case("authority in data", {"a": config(cluster={"certificate-authority": "", "certificate-authority-data": "{ca64}"})}, environment={"KUBECONFIG": "a"}),
    Case("authority beside its kubeconfig", {"k/a": config(cluster={"certificate-authority": "my-ca.crt"}), "k/my-ca.crt": "{ca-text}"}, environment={"KUBECONFIG": "k/a"}),
    Case("authority that is no certificate", {"a": config(cluster={"certificate-authority": "", "certificate-authority-data": "AAAA"})}, environment={"KUBECONFIG": "a"}),
    Case("unknown authority", {"a": config(cluster={"certificate-authority": ""})}, environment={"KUBECONFIG": "a"}, says="certificate-authority"),
    Case("another's authority", {"a": config(cluster={"server": "https://127.0.0.1:{foreign}/a"})}, environment={"KUBECONFIG": "a"}, says="certificate signed by unknown authority"),
    Case("unverified", {"a": config(cluster={"certificate-authority": "", "insecure-skip-tls-verify": True})}, environment={"KUBECONFIG": "a"}),
    Case("unverified with an authority", {"a": config(cluster={"insecure-skip-tls-verify": True})}, environment={"KUBECONFIG": "a"}, says="not allowed"),
    Case("unverified by flag with an authority", {"a": A}, (*FETCH, "--insecure-skip-tls-verify"), {"KUBECONFIG": "a"}),
    Case("authority by flag over unverified", {"a": config(cluster={"certificate-authority": "", "insecure-skip-tls-verify": True})}, (*FETCH, "--certificate-authority={folder}/foreign/ca.crt"), {"KUBECONFIG": "a"}, says="unknown authority"),
    Case("name of the certificate", {"a": config(cluster={"server": "https://127.0.0.2:{port}/a", "tls-server-name": "cluster.example"})}, (*FETCH, "--server=https://localhost:{port}/a"), {"KUBECONFIG": "a"}),
    Case("name that the certificate has not", {"a": config(cluster={"tls-server-name": "third.example"})}, environment={"KUBECONFIG": "a"}, says="tls-server-name"),
    Case("plain HTTP is told no token", {"a": config(cluster={"server": "http://127.0.0.1:{plain}/a", "certificate-authority": ""})}, environment={"KUBECONFIG": "a"}),
    Case("address without a scheme", {"a": config(cluster={"server": "127.0.0.1:{port}"})}, environment={"KUBECONFIG": "a"}),
    Case("address that is none", {"a": config(cluster={"server": "ftp://x"})}, environment={"KUBECONFIG": "a"}),
    Case("nobody listens", {"a": config(cluster={"server": "https://127.0.0.1:1"})}, environment={"KUBECONFIG": "a"}, says="connection refused"),
    Case("plug-in", {"a": config(exec_user(says(token="told")))}, environment={"KUBECONFIG": "a"}),
    Case("plug-in of v1beta1", {"a": config(exec_user(says(BETA, token="told"), BETA))}, environment={"KUBECONFIG": "a"}),
    Case("plug-in of v1alpha1", {"a": config(exec_user(says(token="told"), V1.replace("v1", "v1alpha1")))}, environment={"KUBECONFIG": "a"}, says="apiVersion"),
    Case("plug-in without interactiveMode", {"a": config(exec_user(says(token="told"), interactiveMode=None))}, environment={"KUBECONFIG": "a"}, says="interactiveMode"),
    Case("plug-in that is given nothing of ours", {"a": config(exec_user(TOLD + says(token="told"), interactiveMode="IfAvailable"))}, ("-f", "/dev/stdin", "-n", "n", "-o", "json"), {"KUBECONFIG": "a"}, BARE),
    Case("plug-in that wants a terminal", {"a": config(exec_user(says(token="told"), interactiveMode="Always"))}, environment={"KUBECONFIG": "a"}, says="terminal"),
    Case("plug-in that fails", {"a": config(exec_user("echo denied >&2; exit 3", installHint="get it there"))}, environment={"KUBECONFIG": "a"}, says="denied[\\s\\S]*exit code 3[\\s\\S]*get it there"),
    Case("plug-in that is missing", {"a": config({"exec": {"apiVersion": V1, "command": "no-such-plugin", "interactiveMode": "Never", "installHint": "get it there"}})}, environment={"KUBECONFIG": "a"}, says="not found[\\s\\S]*get it there"),
    Case("plug-in beside its kubeconfig", {"k/a": config({"exec": {"apiVersion": V1, "command": "./plug", "interactiveMode": "Never"}}), "k/plug": "#!/bin/sh\n" + says(token="near")}, environment={"KUBECONFIG": "k/a"}),
    Case("plug-in that says no JSON", {"a": config(exec_user("echo canary-71"))}, environment={"KUBECONFIG": "a"}, says="ExecCredential"),
    Case("plug-in of another version", {"a": config(exec_user(says(BETA, token="told")))}, environment={"KUBECONFIG": "a"}, says="API version"),
    Case("plug-in without status", {"a": config(exec_user("echo '" + json.dumps({"apiVersion": V1, "kind": "ExecCredential"}) + "'"))}, environment={"KUBECONFIG": "a"}, says="status"),
    Case("plug-in with nothing", {"a": config(exec_user(says()))}, environment={"KUBECONFIG": "a"}),
    Case("plug-in with half a certificate", {"a": config(exec_user(says(clientCertificateData="x")))}, environment={"KUBECONFIG": "a"}, says="not both"),
    Case("plug-in with a certificate", {"a": config(exec_user("cat {folder}/credential.json"))}, environment={"KUBECONFIG": "a"}),
    Case("plug-in whose token has ended is asked for each request", {"a": config(exec_user("echo x >>count; " + PLUGIN_SAYS_CLUSTER.replace("$T", "$(wc -l <count | tr -d ' ')")).copy())}, environment={"KUBECONFIG": "a"}),
    Case("plug-in with variables", {"a": config(exec_user(PLUGIN_SAYS_CLUSTER, env=[{"name": "T", "value": "by-env"}]))}, environment={"KUBECONFIG": "a"}),
    Case("plug-in that is told the cluster", {"a": config(exec_user("T=$(printf %s \"$KUBERNETES_EXEC_INFO\" | tr -d '\\n' | grep -o '\"audience\":[ ]*\"x\"' | tr -cd a-z); " + PLUGIN_SAYS_CLUSTER, provideClusterInfo=True), cluster=EXTENSION)}, environment={"KUBECONFIG": "a"}),
    Case("plug-in and a token", {"a": config(exec_user("exit 3") | {"token": "mine"})}, environment={"KUBECONFIG": "a"}),
    Case("plug-in and a token by flag", {"a": config(exec_user("exit 3"))}, (*FETCH, "--token=mine"), {"KUBECONFIG": "a"}),
    Case("oidc that lasts", {"a": config({"auth-provider": {"name": "oidc", "config": {"id-token": jwt(900), "client-id": "c", "idp-issuer-url": "https://127.0.0.1:1"}}})}, environment={"KUBECONFIG": "a"}),
    Case("oidc that has ended", {"a": config({"auth-provider": {"name": "oidc", "config": {"id-token": jwt(-900), "client-id": "c", "idp-issuer-url": "https://127.0.0.1:1"}}})}, environment={"KUBECONFIG": "a"}, says="id-token"),
    Case("a provider that is gone", {"a": config({"auth-provider": {"name": "gcp"}})}, environment={"KUBECONFIG": "a"}, says="gcp"),
    Case("proxy of the cluster", {"a": config(cluster={"proxy-url": "http://127.0.0.1:{http-proxy}"})}, environment={"KUBECONFIG": "a"}),
    Case("proxy with a user", {"a": config(cluster={"proxy-url": "http://me:it%40@127.0.0.1:{http-proxy}"})}, environment={"KUBECONFIG": "a"}),
    Case("proxy by flag", {"a": PROXIED}, (*FETCH, "--proxy-url=http://127.0.0.1:{http-proxy}"), {"KUBECONFIG": "a"}),
    Case("SOCKS5", {"a": config(cluster={"server": "https://cluster.example/a", "proxy-url": "socks5://127.0.0.1:{socks-proxy}"})}, environment={"KUBECONFIG": "a"}),
    Case("SOCKS5 to an address", {"a": config(cluster={"proxy-url": "socks5://127.0.0.1:{socks-proxy}"})}, environment={"KUBECONFIG": "a"}),
    Case("SOCKS5 with a user", {"a": config(cluster={"proxy-url": "socks5://me:it@127.0.0.1:{socks-proxy}"})}, environment={"KUBECONFIG": "a"}),
    Case("proxy of another scheme", {"a": config(cluster={"proxy-url": "socks4://127.0.0.1:{socks-proxy}"})}, environment={"KUBECONFIG": "a"}, says="proxy-url"),
    Case("proxy that does not answer", {"a": config(cluster={"proxy-url": "http://127.0.0.1:1"})}, environment={"KUBECONFIG": "a"}, says="proxy http://127.0.0.1:1"),
    Case("the environment's proxy", {"a": PROXIED}, environment={"KUBECONFIG": "a", "HTTPS_PROXY": "http://127.0.0.1:{http-proxy}"}),
    Case("the environment's proxy in small letters without a scheme", {"a": PROXIED}, environment={"KUBECONFIG": "a", "https_proxy": "127.0.0.1:{http-proxy}"}),
    Case("the environment's SOCKS5", {"a": PROXIED}, environment={"KUBECONFIG": "a", "HTTPS_PROXY": "socks5://127.0.0.1:{socks-proxy}"}),
    Case("loopback through no proxy", {"a": A}, environment={"KUBECONFIG": "a", "HTTPS_PROXY": "http://127.0.0.1:{http-proxy}"}),
    Case("localhost through no proxy", {"a": config(cluster={"server": "https://localhost:{port}/a"})}, environment={"KUBECONFIG": "a", "HTTPS_PROXY": "http://127.0.0.1:{http-proxy}"}),
    Case("excepted", {"a": PROXIED}, environment={"KUBECONFIG": "a", "HTTPS_PROXY": "http://127.0.0.1:{http-proxy}", "NO_PROXY": "x, .example"}),
    Case("excepted at another port", {"a": PROXIED}, environment={"KUBECONFIG": "a", "HTTPS_PROXY": "http://127.0.0.1:{http-proxy}", "NO_PROXY": "cluster.example:444"}),
    Case("an excepted network", {"a": config(cluster={"server": "https://10.9.8.7/a"})}, environment={"KUBECONFIG": "a", "HTTPS_PROXY": "http://127.0.0.1:{http-proxy}", "NO_PROXY": "10.0.0.0/16"}),
    Case("the proxy of plain HTTP", {"a": config(cluster={"server": "http://cluster.example/a", "certificate-authority": ""})}, environment={"KUBECONFIG": "a", "HTTP_PROXY": "http://127.0.0.1:{http-proxy}", "HTTPS_PROXY": "http://127.0.0.1:1"}),
    Case("no ALL_PROXY", {"a": config(cluster={"server": "https://localhost:{port}/a"})}, environment={"KUBECONFIG": "a", "ALL_PROXY": "http://127.0.0.1:1"}),
]  # fmt: skip


@pytest.fixture(scope="module")
def around(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Surroundings]:
    with surroundings(tmp_path_factory.mktemp("around"), CERTIFICATE) as found:
        status = {
            "clientCertificateData": (found.folder / "client.crt").read_text(),
            "clientKeyData": (found.folder / "client.key").read_text(),
        }
        (found.folder / "credential.json").write_text(credential(**status))
        yield found


def filled(text: str, around: Surroundings) -> str:
    for name, value in _places(around).items():
        text = text.replace(f"{{{name}}}", value)
    return text


def _places(around: Surroundings) -> dict[str, str]:
    def encoded(name: str) -> str:
        return base64.b64encode((around.folder / name).read_bytes()).decode()

    return {
        "port": str(around.port),
        "plain": str(around.plain_port),
        "foreign": str(around.foreign_port),
        "http-proxy": str(around.http_proxy),
        "socks-proxy": str(around.socks_proxy),
        "folder": str(around.folder),
        "ca": str(around.folder / "ca.crt"),
        "ca64": encoded("ca.crt"),
        "crt64": encoded("client.crt"),
        "key64": encoded("client.key"),
        "ca-text": (around.folder / "ca.crt").read_text(),
    }


@dataclass(frozen=True)
class Found:
    """The result of one program."""

    ended_well: bool
    seen: Seen
    namespace: str
    kind: str
    """Of error."""
    err: str = field(compare=False)


KINDS = {
    "tls": "x509|tls:",
    "plug-in": "exec|plugin|decoding stdout|oidc|id-token",
    "network": "connection refused|no such host|lookup|proxyconnect|proxy http|unreachable|server misbehaving",
}


Run = Callable[[list[str], dict[str, str], Path, str], "subprocess.CompletedProcess[str]"]
"""Runs a program with arguments, an environment, a folder and its input."""


def original(
    arguments: list[str], environment: dict[str, str], folder: Path, stdin: str
) -> "subprocess.CompletedProcess[str]":
    command = [str(kubeseals.original()), *arguments]
    return subprocess.run(
        command, cwd=folder, input=stdin, capture_output=True, text=True, check=False, timeout=60, env=environment
    )


def led(run: Run, case: Case, folder: Path, around: Surroundings) -> Found:
    """Run one program in its own folder."""
    folder.mkdir()
    for name, content in {"c.pem": CERTIFICATE.decode(), "bare.yaml": BARE, **case.files}.items():
        place = folder / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(filled(content if isinstance(content, str) else json.dumps(content), around))
        place.chmod(0o700)
    environment = {name: filled(value, around) for name, value in case.environment.items()}
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder), **environment}
    done = run([filled(each, around) for each in case.arguments], environment, folder, case.stdin)
    namespace = ""
    if done.returncode == 0 and "--fetch-cert" not in case.arguments:
        namespace = json.loads(done.stdout)["metadata"]["namespace"]
    told = (
        ""
        if done.returncode == 0
        else next((each for each, words in KINDS.items() if re.search(words, done.stderr)), "")
    )
    return Found(done.returncode == 0, around.take(), namespace, told, done.stderr)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_both_programs_take_the_same_way(
    case: Case, tmp_path: Path, around: Surroundings, our_kubeseal: ForkServer
) -> None:
    theirs = led(original, case, tmp_path / "theirs", around)
    ours = led(our_kubeseal.run, case, tmp_path / "ours", around)

    assert ours == theirs, (theirs.err, ours.err)
    assert re.search(case.says, ours.err), ours.err
    assert "Traceback" not in ours.err
    assert "canary" not in ours.err
    assert bool(ours.err) is not ours.ended_well or not case.says

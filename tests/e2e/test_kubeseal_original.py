"""Our kubeseal beside the original's program: same flags, same texts, and each opens what the other sealed.

These tests need no cluster; test_kubeseal_proxy.py has the tests that do.
"""

import functools
import json
import os
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.builders.kubeseal_command import CERTIFICATE
from tests.builders.manifests import canary
from tests.builders.sealed_vectors import certificate, other_key, pem, private_key
from tests.cluster.forked import ForkServer
from tests.e2e import kubeseals

SECRET = """\
apiVersion: v1
kind: Secret
metadata:
  name: a
  namespace: ns
  creationTimestamp: null
  labels: {app: x}
  annotations:
    note: "1"
    long: "two\\nlines\\n"
    colon: "a: b"
    number: "0x1f"
    kubectl.kubernetes.io/last-applied-configuration: "{}"
type: Opaque
data: {bin: /wA=, both: b2xk}
stringData: {text: "héllo\\n", both: new, y: "yes"}
"""
ODD = "metadata: {name: a, namespace: n, labels: {x: y}}\nstringData: {k: 'on', n: '010'}\n"


class Said(NamedTuple):
    """A program's output and exit code."""

    code: int
    out: str
    err: str


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with certificates, keys and manifests, without a cluster."""
    monkeypatch.chdir(tmp_path)
    files = {
        "cert.pem": CERTIFICATE,
        "key.pem": pem(private_key()),
        "other.pem": pem(other_key()),
        "other-cert.pem": certificate(other_key()),
        "value": b"raw value\n",
        "secret.yaml": SECRET.encode(),
        "odd.yaml": ODD.encode(),
        "nameless.yaml": b"metadata: {namespace: ns}\nstringData: {k: v}\n",
        "bare.yaml": b"metadata: {name: a}\nstringData: {k: v}\n",
        "empty.yaml": b"metadata: {name: a, namespace: ns}\n",
        "two.yaml": (SECRET + "---\n" + SECRET.replace("name: a", "name: b")).encode(),
        "map.yaml": b"kind: ConfigMap\nmetadata: {name: a, namespace: ns}\ndata: {k: dg==}\n",
        "broken.yaml": b"metadata: [\n",
    }
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    return tmp_path


Run = Callable[..., Said]
"""Runs a program with arguments in the working directory."""


def original(*arguments: str) -> Said:
    command = [str(kubeseals.original()), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60, env=environment())
    return Said(done.returncode, done.stdout, done.stderr)


@pytest.fixture(scope="session")
def ours(our_kubeseal: ForkServer) -> Run:
    def run(*arguments: str) -> Said:
        done = our_kubeseal.run(arguments, environment(), Path.cwd())
        return Said(done.returncode, done.stdout, done.stderr)

    return run


def environment() -> dict[str, str]:
    return {"PATH": os.environ["PATH"], "HOME": str(Path.cwd()), "KUBECONFIG": "nowhere"}


@functools.cache
def original_flags() -> list[tuple[str, str]]:
    """Return the names of the original's flags, and the type that its help shows for each."""
    text = original("--help").out
    return re.findall(r"^ +(?:-\w, )?--([\w-]+)(?: (\w+))?  ", text, re.MULTILINE)


@pytest.mark.usefixtures("folder")
def test_every_flag_of_the_original_is_understood(ours: Run) -> None:
    flags = original_flags()
    assert len(flags) > 50
    values = {"uint": "1", "Level": "2", "severity": "2", "traceLocation": "x.go:1", "moduleSpec": "a=1", "string": "x"}
    given = {"scope": "strict", "format": "json"}
    line = [
        f"--{name}" + (f"={given.get(name, values.get(kind, 'x'))}" if kind else "")
        for name, kind in flags
        if name not in ("help", "version")
    ]

    theirs, own = original(*line, "--version"), ours(*line, "--version")

    assert (theirs.code, own.code) == (0, 0), own.err


WORDS = ["", "true", "T", "f", "yes", "5", "-1", "0x10", "010", "1e3", "strict", "YAML", "a=b", "a=1", ":0", "x.go:12"]
WORDS += ["WARNING", "10s", "nonsense", "99999999999999999999"]


@st.composite
def command_lines(draw: st.DrawFn) -> list[str]:
    """Draw flags of the original with valid and invalid values: without one, after an equals sign, after a space."""
    found = []
    names = st.sampled_from([name for name, _ in original_flags() if name not in ("help", "version")])
    for name in draw(st.lists(names, min_size=1, max_size=3, unique=True)):
        word = draw(st.sampled_from(WORDS))
        found += draw(st.sampled_from([[f"--{name}={word}"], [f"--{name}", word], [f"--{name}"]]))
    return found


@settings(max_examples=20, deadline=None)
@given(command_lines())
def test_every_flag_parses_as_the_originals(ours: Run, arguments: list[str]) -> None:
    """With --version at the end the program does nothing: the exit code shows whether it accepts the flags."""
    theirs, own = original(*arguments, "--version"), ours(*arguments, "--version")

    assert own.code == theirs.code, (arguments, theirs.err, own.err)


SEALING: list[list[str]] = [
    ["-f", "secret.yaml"],
    ["-f", "secret.yaml", "-o", "yaml"],
    ["-f", "secret.yaml", "--scope", "namespace-wide"],
    ["-f", "secret.yaml", "--scope", "cluster-wide", "--name", "other"],
    ["-f", "bare.yaml", "-n", "given"],
    ["-f", "bare.yaml", "--scope", "cluster-wide"],
    ["-f", "empty.yaml", "--allow-empty-data"],
    ["-f", "two.yaml"],
    ["-f", "two.yaml", "--format", "yaml"],
    ["-f", "map.yaml"],
    ["-f", "odd.yaml", "--format", "yaml"],
]


def documents(text: str) -> list[Any]:
    """Return the documents of an output, JSON or YAML."""
    if text.startswith("{"):
        found, rest = [], text
        while rest.strip():
            value, end = json.JSONDecoder().raw_decode(rest.lstrip())
            found.append(value)
            rest = rest.lstrip()[end:]
        return found
    return list(yaml.safe_load_all(text))


def masked(text: str) -> str:
    """Return an output with its ciphertexts replaced, because they differ each time."""
    return re.sub(r"\bAQ[A-Za-z0-9+/]{300,}={0,2}", "SEALED", text)


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("arguments", SEALING, ids=" ".join)
def test_the_output_is_the_originals_but_for_the_ciphertext(ours: Run, arguments: list[str]) -> None:
    theirs, own = original("--cert", "cert.pem", *arguments), ours("--cert", "cert.pem", *arguments)

    assert (own.code, own.err) == (theirs.code, theirs.err)
    assert masked(own.out) == masked(theirs.out)


@pytest.mark.parametrize("sealer", ["original", "ours"])
@pytest.mark.parametrize("arguments", SEALING, ids=" ".join)
def test_each_opens_what_the_other_sealed(folder: Path, ours: Run, arguments: list[str], sealer: str) -> None:
    programs = {"original": original, "ours": ours}
    opener = programs["ours" if sealer == "original" else "original"]
    for document in documents(programs[sealer]("--cert", "cert.pem", *arguments).out):
        (folder / "sealed.json").write_text(json.dumps(document))

        same = [
            json.loads(each("--recovery-unseal", "--recovery-private-key", "key.pem", "-f", "sealed.json").out)
            for each in (opener, programs[sealer])
        ]

        assert same[0].get("data") == same[1].get("data")
        assert {**same[0]["metadata"], "ownerReferences": 0} == {**same[1]["metadata"], "ownerReferences": 0}


REFUSED: list[list[str]] = [
    ["--cert", "missing.pem", "-f", "secret.yaml"],
    ["--cert", "secret.yaml", "-f", "secret.yaml"],
    ["--cert", "cert.pem", "-f", "nothing.yaml"],
    ["--cert", "cert.pem", "-f", "broken.yaml"],
    ["--cert", "cert.pem", "-f", "nameless.yaml"],
    ["--cert", "cert.pem", "-f", "empty.yaml"],
    ["--cert", "cert.pem", "-f", "secret.yaml", "-n", "other"],
    ["--cert", "cert.pem", "-f", "secret.yaml", "-o", "xml"],
    ["--cert", "cert.pem", "--from-file", "value"],
    ["--cert", "cert.pem", "--raw", "--from-file", "value", "--from-file", "value", "-n", "ns", "--name", "a"],
    ["--cert", "cert.pem", "--raw", "--from-file", "value", "-n", "ns"],
    ["--cert", "cert.pem", "--merge-into", "missing.yaml", "-f", "secret.yaml"],
    ["--recovery-unseal", "--recovery-private-key", "missing.pem", "-f", "secret.yaml"],
    ["--fetch-cert"],
    ["--raw", "--from-file", "value"],
]


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("arguments", REFUSED, ids=" ".join)
def test_what_is_refused_is_refused_in_the_same_words(ours: Run, arguments: list[str]) -> None:
    theirs, own = original(*arguments), ours(*arguments)

    assert (own.code, own.out) == (theirs.code, theirs.out)
    assert own.err == theirs.err


@pytest.mark.parametrize("scope", ["strict", "namespace-wide", "cluster-wide"])
def test_a_raw_value_of_one_opens_in_the_other(folder: Path, ours: Run, scope: str) -> None:
    for program, opener in ((original, ours), (ours, original)):
        flags = ["--cert", "cert.pem", "--raw", "--from-file", "value", "--scope", scope, "--name", "a", "-n", "ns"]
        raw = program(*flags)
        annotations = {} if scope == "strict" else {f"sealedsecrets.bitnami.com/{scope}": "true"}
        metadata = {"name": "a", "namespace": "ns", "annotations": annotations}
        title = {"apiVersion": "bitnami.com/v1alpha1", "kind": "SealedSecret", "metadata": metadata}
        (folder / "s.json").write_text(json.dumps({**title, "spec": {"encryptedData": {"k": raw.out}}}))

        opened = opener("--recovery-unseal", "--recovery-private-key", "key.pem", "-f", "s.json")

        assert json.loads(opened.out)["data"] == {"k": "cmF3IHZhbHVlCg=="}, opened.err


def test_the_same_values_and_labels_are_merged(folder: Path, ours: Run) -> None:
    value = canary()
    (folder / "more.yaml").write_text(f"metadata: {{labels: {{app: z}}}}\nstringData: {{text: {value}, add: b}}\n")
    results = []
    for program in (original, ours):
        sealed = original("--cert", "cert.pem", "-f", "secret.yaml").out
        (folder / "into.json").write_text(sealed)
        said = program("--cert", "cert.pem", "--merge-into", "into.json", "-f", "more.yaml")
        assert (said.code, said.out) == (0, ""), said.err
        opened = ours("--recovery-unseal", "--recovery-private-key", "key.pem", "-f", "into.json")
        merged = json.loads(masked((folder / "into.json").read_text()))  # the original sorts the keys
        results.append((json.loads(opened.out), merged))

    assert results[0] == results[1]

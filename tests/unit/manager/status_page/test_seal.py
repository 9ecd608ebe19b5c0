"""Sealing in the browser: the page's own code, run by Node with the same Web Cryptography, opened by ours."""

import base64
import json
import os
import shutil
import subprocess
from importlib import resources
from typing import Any

import pytest
import yaml
from cryptography.hazmat.primitives.asymmetric import rsa

from sealed.crypto.key_pair import fingerprint
from sealed.crypto.unseal import open_object
from tests.builders.sealed_vectors import certificate, other_key, private_key

NODE = shutil.which("node")
SOURCE = resources.files("manager.status_page").joinpath("assets", "seal.js").read_bytes()
PROGRAM = """
import { readFileSync } from "node:fs";
const { source, asked } = JSON.parse(readFileSync(0, "utf8"));
const page = await import(`data:text/javascript;base64,${source}`);
const answers = [];
for (const { pem, about, entries } of asked) {
  const bytes = entries.map(([key, text]) => [key, Buffer.from(text, "base64")]);
  try { answers.push({ manifest: await page.sealedManifest(pem, about, bytes) }); }
  catch (error) { answers.push({ error: error instanceof page.InputError ? error.message : `unexpected: ${error}` }); }
}
process.stdout.write(JSON.stringify(answers));
"""
pytestmark = pytest.mark.skipif(NODE is None, reason="no Node.js on this machine")


def about(**more: str) -> dict[str, str]:
    return {"namespace": "ns", "name": "app", "scope": "strict", "type": "Opaque", **more}


def asked(pem: str, entries: dict[str, bytes], **more: str) -> dict[str, Any]:
    texts = [[key, base64.b64encode(value).decode()] for key, value in entries.items()]
    return {"pem": pem, "about": about(**more), "entries": texts}


def sealed(*requests: dict[str, Any]) -> list[dict[str, str]]:
    """Return what the page makes of each request."""
    given = json.dumps({"source": base64.b64encode(SOURCE).decode(), "asked": requests})
    command = [str(NODE), "--input-type=module", "--eval", PROGRAM]
    done = subprocess.run(command, input=given, capture_output=True, text=True, check=False, env=os.environ)
    assert done.returncode == 0, done.stderr
    found: list[dict[str, str]] = json.loads(done.stdout)
    return found


def opened(manifest: str, key: rsa.RSAPrivateKey | None = None) -> dict[str, bytes]:
    """Return the values of a manifest, opened as the controller does."""
    key = key or private_key()
    found = open_object(yaml.safe_load(manifest), [(fingerprint(key.public_key()), key)], legacy=False)
    return {name: value.reveal() for name, value in found.values.items()}


PEM = certificate(private_key()).decode()
VALUES = {
    "password": b"correct horse",
    "empty": b"",
    "text": "line\nline — ü \U0001f511 ".encode(),
    "tls.crt": bytes(range(256)) * 400,
}


def test_every_scope_is_opened_by_the_controller() -> None:
    scopes = ("strict", "namespace-wide", "cluster-wide")
    for answer in sealed(*(asked(PEM, VALUES, scope=each) for each in scopes)):
        assert opened(answer["manifest"]) == VALUES


def test_the_manifest_is_as_kubeseal_writes_it() -> None:
    strict, wide = (
        yaml.safe_load(each["manifest"])
        for each in sealed(
            asked(PEM, {"a": b"v"}, type="kubernetes.io/tls"), asked(PEM, {"a": b"v"}, scope="cluster-wide")
        )
    )
    meta = {"name": "app", "namespace": "ns"}
    template = {"metadata": meta, "type": "kubernetes.io/tls"}
    assert {**strict, "spec": {**strict["spec"], "encryptedData": sorted(strict["spec"]["encryptedData"])}} == {
        "apiVersion": "bitnami.com/v1alpha1",
        "kind": "SealedSecret",
        "metadata": meta,
        "spec": {"encryptedData": ["a"], "template": template},
    }
    assert wide["metadata"]["annotations"] == {"sealedsecrets.bitnami.com/cluster-wide": "true"}
    assert wide["spec"]["template"]["metadata"] == wide["metadata"]


def test_a_strict_value_opens_under_no_other_name() -> None:
    (answer,) = sealed(asked(PEM, {"a": b"v"}))
    moved = yaml.safe_load(answer["manifest"])
    moved["metadata"]["name"] = "other"
    with pytest.raises(Exception, match=r".+"):
        opened(json.dumps(moved))


def test_names_that_yaml_reads_otherwise_stay_texts() -> None:
    (answer,) = sealed(asked(PEM, {"yes": b"1", "1.0": b"2", "null": b"3"}, name="123", namespace="007"))
    assert opened(answer["manifest"]) == {"yes": b"1", "1.0": b"2", "null": b"3"}
    assert yaml.safe_load(answer["manifest"])["metadata"] == {"name": "123", "namespace": "007"}


def test_the_first_certificate_of_several_is_used() -> None:
    later = certificate(other_key()).decode()
    (answer,) = sealed(asked(f"some text\n{PEM}{later}", {"a": b"v"}))
    assert opened(answer["manifest"]) == {"a": b"v"}


def test_a_key_of_another_size_seals() -> None:
    key = rsa.generate_private_key(public_exponent=65537, key_size=3072)
    (answer,) = sealed(asked(certificate(key).decode(), {"a": b"v"}))
    assert opened(answer["manifest"], key) == {"a": b"v"}


def test_what_cannot_be_sealed_is_told_and_nothing_is_made() -> None:
    cases = {
        "Namespace": asked(PEM, VALUES, namespace="A"),
        "Name:": asked(PEM, VALUES, name="a/b"),
        "Scope": asked(PEM, VALUES, scope="odd"),
        "Type": asked(PEM, VALUES, type=""),
        "add a key": asked(PEM, {}),
        'Key "a b"': asked(PEM, {"a b": b""}),
        'Key "<img src=x>"': asked(PEM, {"<img src=x>": b""}),
        "no certificate": asked("<html>", VALUES),
        "cannot be read": asked("-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----", VALUES),
    }
    twice = asked(PEM, {"a": b"1"})
    twice["entries"] *= 2
    for text, answer in zip([*cases, "there twice"], sealed(*cases.values(), twice), strict=True):
        assert text in answer["error"]
        assert "manifest" not in answer

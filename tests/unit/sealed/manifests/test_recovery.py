"""`--recovery-unseal`: with a private key at hand, no cluster is asked."""

import base64
import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from cryptography.hazmat.primitives.serialization import PrivateFormat

from tests.builders.kubeseal_command import kubeseal, refused
from tests.builders.sealed_module import key_secret, sealed_secret
from tests.builders.sealed_vectors import VECTORS, A, Vector, other_key, pem, private_key

pytestmark = pytest.mark.usefixtures("folder")


def of_vector(vector: Vector) -> str:
    annotations = {} if vector.scope == "strict" else {f"sealedsecrets.bitnami.com/{vector.scope}": "true"}
    metadata = {"name": "mysecret", "namespace": "myns", "annotations": annotations}
    return json.dumps({"kind": "SealedSecret", "metadata": metadata, "spec": {"encryptedData": {"k": vector.sealed}}})


def recovered(text: str, *flags: str, keys: str = "key.pem") -> dict[str, Any]:
    result = kubeseal("--recovery-unseal", "--recovery-private-key", keys, *flags, stdin=text)
    assert result.exit_code == 0, result.stderr
    found: dict[str, Any] = yaml.safe_load(result.stdout)
    return found


@pytest.fixture(autouse=True)
def key_files(folder: Path) -> None:
    (folder / "key.pem").write_bytes(pem(private_key()))
    (folder / "pkcs8.pem").write_bytes(pem(private_key(), PrivateFormat.PKCS8))
    (folder / "other.pem").write_bytes(pem(other_key()))
    one, other = key_secret("one"), key_secret("other", other_key())
    (folder / "secret.json").write_text(json.dumps(one))
    (folder / "list.yaml").write_text(yaml.safe_dump({"kind": "List", "items": [other, one]}))
    (folder / "stream.yaml").write_text(yaml.safe_dump_all([other, one]))
    (folder / "public.yaml").write_text("kind: Secret\ndata: {tls.crt: ''}\n")


@pytest.mark.parametrize("vector", VECTORS)
def test_what_the_original_sealed_is_opened(vector: Vector) -> None:
    assert recovered(of_vector(vector))["data"] == {"k": base64.b64encode(vector.plaintext).decode()}


@pytest.mark.parametrize(
    "keys", ["key.pem", "pkcs8.pem", "secret.json", "list.yaml", "stream.yaml", "other.pem,key.pem"]
)
def test_keys_come_in_many_forms(keys: str) -> None:
    assert recovered(of_vector(A), keys=keys)["data"] == {"k": "YmFy"}


def test_the_secret_is_a_manifest_that_can_be_applied() -> None:
    metadata = {"labels": {"l": "1"}, "annotations": {"n": "1"}, "name": "other"}
    data = {"p": "plain", "k": "lost"}
    template: Any = {"metadata": metadata, "type": "example.com/t", "immutable": True, "data": data}
    sealed = sealed_secret({"k": "v", "gone": "x"}, template=template | {"data": template["data"] | {"gone": None}})

    assert recovered(json.dumps(sealed), "-o", "yaml") == {
        "kind": "Secret",
        "apiVersion": "v1",
        "metadata": {"labels": {"l": "1"}, "annotations": {"n": "1"}, "name": "a", "namespace": "ns"},
        "type": "example.com/t",
        "immutable": True,
        "data": {"k": "dg==", "p": "cGxhaW4="},
    }


def test_no_kubeconfig_is_read() -> None:
    assert recovered(of_vector(A), "--kubeconfig", "/nowhere/at/all")["kind"] == "Secret"


@pytest.mark.parametrize(
    ("flags", "problem"),
    [
        ([], "no key could decrypt secret (k)"),
        (["--recovery-private-key", "other.pem"], "no key could decrypt secret (k)"),
        (["--recovery-private-key", "public.yaml"], "secret must contain a 'tls.data' key"),
        (["--recovery-private-key", "missing.pem"], "open missing.pem: no such file or directory"),
    ],
)
def test_without_the_right_key_nothing_is_shown(flags: list[str], problem: str) -> None:
    refused(kubeseal("--recovery-unseal", *flags, stdin=of_vector(A)), problem)


def test_the_legacy_form_is_refused_as_the_original_does() -> None:
    result = kubeseal(
        "--recovery-unseal", "--recovery-private-key", "key.pem", stdin=json.dumps(sealed_secret(data="AQ=="))
    )

    assert "deprecated" in result.stderr
    assert result.exit_code == 1


def test_templates_are_rendered_as_the_controller_does() -> None:
    sealed = sealed_secret({"k": "v"}, template={"data": {"t": "{{ .k | upper }}"}})

    assert recovered(json.dumps(sealed))["data"] == {"k": "dg==", "t": "Vg=="}


def test_where_the_sandbox_is_missing_the_cure_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    async def missing(*_: Any) -> Any:
        raise ModuleNotFoundError("wasmtime")

    monkeypatch.setattr("manager.gotemplate.sandbox.Sandbox.render", missing)
    sealed = sealed_secret({"k": "v"}, template={"data": {"t": "{{ .k }}"}})

    result = kubeseal("--recovery-unseal", "--recovery-private-key", "key.pem", stdin=json.dumps(sealed))

    refused(result, "spec.template.data holds templates: only the whole of Coffer renders them, as its image has it")


def test_a_file_that_holds_no_usable_key_says_which(folder: Path) -> None:
    (folder / "broken.pem").write_text("-----BEGIN RSA PRIVATE KEY-----\nAAAA\n-----END RSA PRIVATE KEY-----\n")

    result = kubeseal("--recovery-unseal", "--recovery-private-key", "broken.pem", stdin=of_vector(A))

    assert result.stderr.startswith("error: broken.pem: ")


def test_an_object_that_is_no_sealed_secret_is_refused(folder: Path) -> None:
    (folder / "key.pem").write_bytes(pem(private_key()))
    text = "apiVersion: v1\nkind: Secret\nmetadata: {name: a, namespace: ns}\n"

    result = kubeseal("--recovery-unseal", "--recovery-private-key", "key.pem", stdin=text)

    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == "error: the input is no SealedSecret, but Secret\n"

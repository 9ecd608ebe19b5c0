"""`--certs`: one Secret for several clusters, all or none."""

from pathlib import Path

import pytest
import yaml

from sealed.crypto.wire_format import decode_blob, unseal
from tests.builders.kubeseal_command import CERTIFICATE, SECRET, TWO, kubeseal, refused
from tests.builders.sealed_vectors import certificate, other_key, private_key

KEYS = {"prod": private_key(), "stage": other_key()}


@pytest.fixture(autouse=True)
def certs(folder: Path) -> None:
    (folder / "certs").mkdir()
    (folder / "certs" / "stage.pem").write_bytes(certificate(other_key()))
    content = {"prod": CERTIFICATE.decode(), "stage": "stage.pem"}
    (folder / "certs" / "all.yaml").write_text(yaml.safe_dump(content))


def sealing(*flags: str, stdin: str = SECRET, pattern: str = "out-{cluster}.yaml") -> object:
    return kubeseal("--certs", "certs/all.yaml", "-w", pattern, *flags, stdin=stdin)


def test_each_cluster_gets_a_file_that_only_it_can_open(folder: Path) -> None:
    assert sealing(stdin=TWO) is not None

    for cluster, key in KEYS.items():
        documents = list(yaml.safe_load_all((folder / f"out-{cluster}.yaml").read_text()))
        assert [each["metadata"]["name"] for each in documents] == ["a", "b"]
        blob = decode_blob(documents[0]["spec"]["encryptedData"]["password"])
        assert unseal(key, blob, b"ns/a").reveal() == b"canary-11d0"


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ({"prod": "missing.pem"}, "prod: open certs/missing.pem: no such file or directory"),
        ({"prod": "-----BEGIN nothing"}, "prod: data does not contain any valid RSA or ECDSA certificates"),
        ({"prod": ["x"]}, "certs/all.yaml: a mapping of cluster names to certificates was expected"),
        ({"../x": CERTIFICATE.decode()}, "a cluster's name must not contain a slash"),
    ],
)
def test_a_file_that_cannot_be_used_writes_nothing(folder: Path, content: object, problem: str) -> None:
    (folder / "certs" / "all.yaml").write_text(yaml.safe_dump(content))

    refused(kubeseal("--certs", "certs/all.yaml", "-w", "out-{cluster}.yaml", stdin=SECRET), problem)

    assert not list(folder.glob("out-*"))


def test_one_file_for_all_is_refused() -> None:
    result = kubeseal("--certs", "certs/all.yaml", "-w", "out.yaml", stdin=SECRET)

    refused(result, "--sealed-secret-file must contain {cluster} with --certs")


def test_a_secret_that_cannot_be_sealed_writes_nothing(folder: Path) -> None:
    sealing(stdin=SECRET + "---\nmetadata: {name: b, namespace: ns}\n")

    assert not list(folder.glob("out-*"))

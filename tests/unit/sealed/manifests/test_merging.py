"""`--merge-into`: three maps are joined in the scope of the file, and the rest of it stays (7.9, TestMergeInto)."""

import json
import stat
from pathlib import Path

import pytest
import yaml

from sealed.crypto.wire_format import CLUSTER_WIDE
from tests.builders.kubeseal_command import TWO, opened, refused, sealing
from tests.builders.sealed_vectors import other_key, pem, private_key

pytestmark = pytest.mark.usefixtures("folder")
SECRET = """
metadata:
  name: ignored
  namespace: ignored
  labels: {l2: "2", l1: changed}
  annotations: {note: "1", sealedsecrets.bitnami.com/namespace-wide: "true"}
stringData: {added: new, password: changed}
"""


@pytest.fixture
def file(folder: Path) -> Path:
    """A file as kubeseal made it, with a comment of its owner's."""
    made = sealing(
        "-o",
        "yaml",
        "-w",
        "sealed.yaml",
        stdin="metadata: {name: a, namespace: ns, labels: {l1: '1'}}\nstringData: {password: old, kept: same}\n",
    )
    assert made.exit_code == 0
    path = folder / "sealed.yaml"
    path.write_text("# ask ops\n" + path.read_text())
    path.chmod(0o640)
    return path


def merge(*flags: str, stdin: str = SECRET, file: str = "sealed.yaml") -> None:
    result = sealing("--merge-into", file, *flags, stdin=stdin)
    assert (result.exit_code, result.stdout) == (0, ""), result.stderr


def test_values_labels_and_annotations_merge_into_the_file(file: Path) -> None:
    before = file.read_text()

    merge()

    after = file.read_text()
    assert opened(after) == {"password": "changed", "kept": "same", "added": "new"}
    assert yaml.safe_load(after)["metadata"] == yaml.safe_load(before)["metadata"]
    assert yaml.safe_load(after)["spec"]["template"]["metadata"] == {
        "name": "a",
        "namespace": "ns",
        "labels": {"l1": "changed", "l2": "2"},
        "annotations": {"note": "1"},
    }


def test_nothing_else_of_the_file_changes(file: Path) -> None:
    before = file.read_text().splitlines()

    merge(stdin="stringData: {password: changed}")

    after = file.read_text().splitlines()
    assert [one.split(":")[0] for one, other in zip(before, after, strict=True) if one != other] == ["    password"]
    assert stat.S_IMODE(file.stat().st_mode) == 0o640


def test_a_template_without_labels_gets_them(folder: Path) -> None:
    """The original panics here."""
    sealing("-w", "bare.json", stdin="metadata: {name: a, namespace: ns}\nstringData: {k: v}")

    merge(file="bare.json")

    assert json.loads((folder / "bare.json").read_text())["spec"]["template"]["metadata"]["labels"]["l2"] == "2"


def test_the_scope_of_the_file_stands(folder: Path) -> None:
    """The original seals with the input's scope, and the value never opens again."""
    sealing("-w", "wide.yaml", "--scope", "cluster-wide")

    merge(file="wide.yaml")

    assert yaml.safe_load((folder / "wide.yaml").read_text())["metadata"]["annotations"] == {CLUSTER_WIDE: "true"}
    assert opened((folder / "wide.yaml").read_text())["added"] == "new"


def test_only_the_named_document_of_a_file_changes(folder: Path) -> None:
    """The original drops all but the first."""
    sealing("-w", "two.yaml", stdin=TWO)

    merge(file="two.yaml", stdin="metadata: {name: b}\nstringData: {more: x}")

    one, other = yaml.safe_load_all((folder / "two.yaml").read_text())
    assert "more" not in one["spec"]["encryptedData"]
    assert opened(yaml.safe_dump(other))["more"] == "x"


def test_several_documents_and_no_name_is_refused(folder: Path) -> None:
    sealing("-w", "two.yaml", stdin=TWO)
    before = (folder / "two.yaml").read_text()

    result = sealing("--merge-into", "two.yaml", stdin="stringData: {more: x}")

    refused(result, "the file holds several SealedSecrets, and the input's name does not say which is meant")
    assert (folder / "two.yaml").read_text() == before


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("kind: ConfigMap\n", "there is no SealedSecret in the file to merge into"),
        ("", "no secrets found. Ensure the input is valid and UTF-8 encoded"),
    ],
)
def test_a_file_without_a_sealed_secret_is_left_alone(folder: Path, content: str, problem: str) -> None:
    (folder / "other.yaml").write_text(content)

    refused(sealing("--merge-into", "other.yaml"), problem)

    assert (folder / "other.yaml").read_text() == content


def test_a_missing_file_is_named() -> None:
    refused(sealing("--merge-into", "none.yaml"), "open none.yaml: no such file or directory")


def test_who_holds_the_key_leaves_unchanged_values_untouched(file: Path, folder: Path) -> None:
    (folder / "key.pem").write_bytes(pem(private_key()))
    before = yaml.safe_load(file.read_text())["spec"]["encryptedData"]

    merge("--recovery-private-key", "key.pem", stdin="stringData: {kept: same, password: changed}")

    after = yaml.safe_load(file.read_text())["spec"]["encryptedData"]
    assert after["kept"] == before["kept"]
    assert after["password"] != before["password"]


def test_the_wrong_key_changes_nothing(file: Path, folder: Path) -> None:
    (folder / "key.pem").write_bytes(pem(other_key()))
    before = file.read_text()

    result = sealing("--merge-into", "sealed.yaml", "--recovery-private-key", "key.pem")

    refused(result, "no key could decrypt secret (kept, password)")
    assert file.read_text() == before

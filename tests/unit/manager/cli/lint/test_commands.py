"""`coffer lint` as CI runs it: files in, an exit code, a report."""

import json
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from manager.cli.main import main

GOOD = """
apiVersion: external-secrets.io/v1
kind: ExternalSecret
metadata: {name: good, namespace: ns}
spec:
  secretStoreRef: {name: store}
  target: {template: {data: {url: "pg://{{ .user }}"}}}
  data: [{secretKey: user, remoteRef: {key: db}}]
"""
BAD = """
apiVersion: external-secrets.io/v1
kind: ExternalSecret
metadata: {name: bad, namespace: ns}
spec:
  secretStoreRef: {name: store}
  target:
    template:
      data: {a: "{{ .user", b: "{{ .usr }}", c: "{{ .user | nothing }}", d: "{{ .user | fromJson }}"}
      templateFrom: [{literal: "{{ if }}"}]
  data: [{secretKey: user, remoteRef: {key: db}}]
---
apiVersion: bitnami.com/v1alpha1
kind: SealedSecret
metadata: {name: sealed, namespace: ns}
spec: {encryptedData: {a: "*"}, template: {data: {t: "{{ .a | nothing }}"}}}
"""


def lint(*arguments: str, given: str = "") -> Result:
    return CliRunner().invoke(main, ["lint", *arguments], input=given, catch_exceptions=False)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    found = tmp_path_factory.mktemp("manifests")
    (found / "good.yaml").write_text(GOOD)
    (found / "bad.yaml").write_text(BAD)
    (found / "note.txt").write_text("not a manifest")
    return found


def test_templates_are_compiled_in_the_sandbox(folder: Path) -> None:
    done = lint(str(folder / "bad.yaml"))

    assert done.exit_code == 1
    for field in ("template.data[a]", "template.data[b]", "template.data[c]", "template.templateFrom[0].literal"):
        assert f"!  spec.target.{field}" in done.output, done.output
    assert "data[d]" not in done.output, "a placeholder is no JSON, and that is nobody's fault"
    assert 'function "nothing" not defined' in done.output
    assert "spec.template.data[t]" in done.output
    assert done.output.endswith("2 objects, 2 with faults\n")


def test_a_folder_is_judged_as_a_whole_and_junit_written(folder: Path, tmp_path: Path) -> None:
    done = lint(str(folder), "-o", "json", "--junit", str(tmp_path / "report.xml"))

    items = {each["object"]: each["faulty"] for each in json.loads(done.stdout)["items"]}
    assert items == {"ExternalSecret ns/bad": True, "SealedSecret ns/sealed": True, "ExternalSecret ns/good": False}
    suite = ET.parse(tmp_path / "report.xml").getroot()
    assert (suite.get("tests"), suite.get("failures")) == ("3", "2")
    assert [each.get("name") for each in suite if each.find("failure") is not None] == [
        "ExternalSecret ns/bad",
        "SealedSecret ns/sealed",
    ]


def test_what_is_right_ends_with_zero(folder: Path) -> None:
    assert lint("-f", str(folder / "good.yaml")).exit_code == 0
    assert lint("-", given=GOOD).output == "1 objects, 0 with faults\n"


@pytest.mark.parametrize(("arguments", "given", "code"), [([], "", 2), (["/nowhere.yaml"], "", 2), (["-"], ": [", 1)])
def test_what_cannot_be_read_is_told(arguments: list[str], given: str, code: int) -> None:
    done = lint(*arguments, given=given)

    assert done.exit_code == code
    assert done.output


def test_a_hostile_name_breaks_neither_line_nor_report(tmp_path: Path) -> None:
    name = "\\e]0;x\\a\\n<failure/>&"
    (tmp_path / "x.yaml").write_text(
        f'apiVersion: external-secrets.io/v1\nkind: ExternalSecret\nmetadata: {{name: "{name}"}}\nspec: {{}}\n'
    )

    done = lint(str(tmp_path / "x.yaml"), "--junit", str(tmp_path / "r.xml"))

    assert not set("\x1b\x07") & set(done.output)
    case = next(iter(ET.parse(tmp_path / "r.xml").getroot()))
    assert case.get("name") == "ExternalSecret ?]0;x??<failure/>&"

"""A wheel is for every platform and brings the compiled sandbox."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]


@pytest.mark.soak
@pytest.mark.timeout(600)
def test_a_wheel_holds_the_sandbox_and_not_its_sources(tmp_path: Path) -> None:
    uv = Path(sys.executable).with_name("uv")
    subprocess.run([uv, "build", "--wheel", "--quiet", "--out-dir", tmp_path, ROOT], check=True)

    wheel = next(tmp_path.glob("*.whl"))
    names = zipfile.ZipFile(wheel).namelist()
    assert wheel.name.endswith("-py3-none-any.whl")
    assert {"manager/gotemplate/template.wasm", "manager/gotemplate/words.txt"} <= set(names)
    assert [name for name in names if name.startswith(("tests/", "tools/"))] == []
    shown = {"manager/gotemplate/go/go.mod", "manager/gotemplate/go/go.txt"}  # `coffer version` reads them
    assert {name for name in names if name.startswith("manager/gotemplate/go/")} == shown

"""docs/write-a-provider.md, followed to the letter: the package of its blocks is installed, and its table is green."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[3]
PAGE = ROOT / "docs" / "write-a-provider.md"
BLOCK = re.compile(r"^```(?:toml|python)\n# (\S+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SECONDS = 250
MIN_ROWS = 30


def written(folder: Path) -> None:
    """Write the files of the page, and what an installer writes beside them: the entry points."""
    for name, text in BLOCK.findall(PAGE.read_text()):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    project = tomllib.loads((folder / "pyproject.toml").read_text())["project"]
    told = folder / f"{project['name'].replace('-', '_')}-{project['version']}.dist-info"
    told.mkdir()
    (told / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n")
    groups = [
        f"[{group}]\n" + "".join(f"{name} = {value}\n" for name, value in entries.items())
        for group, entries in project["entry-points"].items()
    ]
    (told / "entry_points.txt").write_text("\n".join(groups))


def run(folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    """Run Python with the package installed."""
    environment = {"PYTHONPATH": f"{folder}:{ROOT}", "PATH": "/usr/bin:/bin", "HOME": str(Path.home())}
    arguments = [sys.executable, *command]
    return subprocess.run(
        arguments, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=SECONDS, check=False
    )


def test_the_package_of_the_page_passes_the_table(tmp_path: Path) -> None:
    written(tmp_path)
    [command] = re.findall(r"^\.venv/bin/pytest (.*)$", PAGE.read_text(), re.MULTILINE)

    done = run(tmp_path, "-m", "pytest", "-n", "0", "-q", "-o", "addopts=", *command.split())

    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
    [passed] = re.findall(r"(\d+) passed", done.stdout)
    assert int(passed) > MIN_ROWS
    assert "skipped" not in done.stdout


def test_its_fields_come_into_the_crds(tmp_path: Path) -> None:
    written(tmp_path)
    source = (
        "from manager.cli.crds import chosen\n"
        "[crd] = chosen(['secretstores'], 'acme')\n"
        "schema = crd['spec']['versions'][0]['schema']['openAPIV3Schema']\n"
        "print(sorted(schema['properties']['spec']['properties']['provider']['properties']['acme']['properties']))\n"
    )

    done = run(tmp_path, "-c", source)

    assert done.stdout == "['tokenSecretRef', 'url']\n", done.stderr[-2000:]

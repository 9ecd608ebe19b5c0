"""One version in one place, a changelog with room for what comes, and forms and workflows that name what exists."""

import re
from pathlib import Path

import pytest
import yaml

from tools.version import README, rendered, version

ROOT = Path(__file__).parents[3]
GITHUB = ROOT / ".github"


def test_chart_and_readme_have_the_version_of_the_project() -> None:
    assert {path.name: path.read_text() for path in rendered()} == {p.name: text for p, text in rendered().items()}
    assert f"coffer:{version()}" in README.read_text()


def test_the_changelog_begins_with_what_is_unreleased() -> None:
    sections = re.findall(r"^## \[(.+?)\](?: - (\d{4}-\d\d-\d\d))?$", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)

    assert sections[0] == ("Unreleased", "")
    assert all(date for _, date in sections[1:])
    assert sections[1][0] == version(), "give the section of the version that pyproject.toml names its date"


def test_issue_forms_have_what_github_asks_for() -> None:
    forms = [each for each in (GITHUB / "ISSUE_TEMPLATE").glob("*.yml") if each.name != "config.yml"]

    assert len(forms) == 2
    for form in forms:
        read = yaml.safe_load(form.read_text())
        assert {"name", "description", "body"} <= set(read)
        fields = [each for each in read["body"] if each["type"] != "markdown"]
        assert len({each["id"] for each in fields}) == len(fields)
        assert all(each["attributes"]["label"] for each in fields)


@pytest.mark.parametrize("path", sorted((GITHUB / "workflows").glob("*.yaml")), ids=lambda path: path.name)
def test_workflows_run_targets_that_exist(path: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    read = yaml.safe_load(path.read_text())
    commands = "\n".join(step.get("run", "") for job in read["jobs"].values() for step in job["steps"])
    told = {target for line in re.findall(r"\bmake ([a-z -]+)", commands) for target in line.split()}

    assert told <= targets
    assert read["permissions"] == {"contents": "read"}, "a job asks for more by itself"


def test_every_page_is_in_the_navigation_of_the_site() -> None:
    site = (ROOT / "mkdocs.yml").read_text()
    pages = {each.name for each in (ROOT / "docs").glob("*.md")}

    assert {each for each in pages if f": {each}\n" not in site} == set()

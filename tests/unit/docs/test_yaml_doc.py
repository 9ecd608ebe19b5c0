"""Every object that a page shows is accepted as it stands: no unknown field, no wrong type."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

import external.crds
import sealed.api
from external.api.fields import parse

ROOT = Path(__file__).parents[3]
BLOCK = re.compile(r"```yaml\n(.*?)```", re.DOTALL)
PAGES = (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")))
SPECS: dict[str, Any] = {each.resource.kind: each.spec for each in (*sealed.api.CRDS, *external.crds.CRDS)}


def shown() -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield page and object of every object of our kinds."""
    for page in PAGES:
        for block in BLOCK.findall(page.read_text()):
            for each in yaml.safe_load_all(block):
                if isinstance(each, dict) and each.get("kind") in SPECS:
                    yield page.name, each


@pytest.mark.parametrize(("page", "body"), [pytest.param(*each, id=f"{each[0]}-{each[1]['kind']}") for each in shown()])
def test_what_a_page_shows_is_accepted(page: str, body: dict[str, Any]) -> None:
    assert parse(SPECS[body["kind"]], body["spec"], reason=page)


def test_the_pages_show_each_of_the_main_kinds() -> None:
    assert {body["kind"] for _, body in shown()} >= {"SealedSecret", "SecretStore", "ExternalSecret"}

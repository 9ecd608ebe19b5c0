"""The page of providers names the rights that pushes take."""

import re
from pathlib import Path

import pytest

from external.providers import aws
from external.providers.registry import KINDS
from tools.providers_doc import RIGHTS, rendered

FOLDER = Path(aws.__file__).parent


@pytest.mark.parametrize(
    ("service", "files"),
    [
        ("AWS Secrets Manager", ["secretsmanager_push.py", "secretsmanager_settings.py"]),
        ("AWS Parameter Store", ["parameterstore_push.py"]),
        ("AWS Certificate Manager", ["certificatemanager_push.py", "certificatemanager.py"]),
    ],
)
def test_the_actions_that_are_told_are_those_that_are_called(service: str, files: list[str]) -> None:
    source = "".join((FOLDER / file).read_text() for file in files)
    called = set(re.findall(r'_(?:calls|tagging)\(\s*"([A-Z]\w+)"', source))
    row = next(each for each in RIGHTS.split("\n- ") if each.startswith(f"**{service}**"))

    assert called == {each.removeprefix("tag:") for each in re.findall(r"`((?:tag:)?[A-Z]\w+|tag:\w+)`", row)}


def test_every_service_that_takes_secrets_has_a_row() -> None:
    pushes = rendered().partition("## Pushes")[2]
    services = [service for kind in KINDS for service in kind.services.values()]

    assert {each.label for each in services if f"| `{each.label}` |" in pushes} == {
        each.label for each in services if each.push is not None
    }

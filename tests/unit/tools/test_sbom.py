"""The bill of materials lists what the image holds, in a form that the standard's schema accepts."""

from datetime import UTC, datetime
from typing import Any

import pytest
from cyclonedx.model.bom import Bom
from cyclonedx.output.json import JsonV1Dot6
from cyclonedx.schema import SchemaVersion

from manager.cli.version import go_modules
from tools.generated import ROOT
from tools.sbom import bill, go_components, python_components
from tools.template import SOURCES
from tools.version import version

COMMITTED = datetime(2026, 1, 1, tzinfo=UTC)


def made() -> Bom:
    python = python_components((ROOT / "requirements.lock").read_text())
    go = go_components((SOURCES / "go.mod").read_text(), (SOURCES / "go.sum").read_text(), "1.26.6")
    return bill(iter([*python, *go]), "0123abcd", COMMITTED)


@pytest.fixture(scope="module")
def validator() -> Any:
    """Import the validator, which takes seconds: neither each collection nor the limit of the test is to pay for it."""
    from cyclonedx.validation.json import JsonStrictValidator

    return JsonStrictValidator(SchemaVersion.V1_6)


def test_the_bill_is_valid_cyclonedx(validator: Any) -> None:
    text = JsonV1Dot6(made()).output_as_string()

    assert validator.validate_str(text) is None


def test_python_go_and_the_product_are_listed() -> None:
    bom = made()
    listed = {each.name: each for each in bom.components}

    assert {"kopf", "cryptography", "wasmtime", "stdlib"} <= listed.keys()
    assert {name for name in go_modules() if name != "coffer.dev/cast17"} <= listed.keys()
    assert {"v1.7.0", "v1.10.0"} == {each.version for each in bom.components if each.name == "github.com/spf13/cast"}
    assert bom.metadata.component is not None
    assert bom.metadata.component.version == version()


def test_every_component_but_go_itself_has_a_digest() -> None:
    bare = {each.name for each in made().components if not (each.hashes or each.properties)}

    assert bare == {"stdlib"}


def test_one_commit_has_one_bill() -> None:
    assert JsonV1Dot6(made()).output_as_string() == JsonV1Dot6(made()).output_as_string()

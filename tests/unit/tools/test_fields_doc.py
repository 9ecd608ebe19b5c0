"""docs/fields.md has every field of every kind once, and says what is not served."""

from pathlib import Path

import yaml

from tools.fields_doc import FILE, PAGE, rendered
from tools.verify import GENERATED

CRDS = Path(__file__).parents[3] / "charts" / "coffer" / "files" / "crds"


def section(kind: str) -> str:
    return rendered().partition(f"\n## {kind}\n")[2].partition("\n## ")[0]


def test_the_page_is_current() -> None:
    assert FILE.read_text() == rendered()
    assert PAGE in GENERATED


def test_every_kind_has_a_section() -> None:
    kinds = {
        yaml.load(file.read_text(), Loader=yaml.CSafeLoader)["spec"]["names"]["kind"] for file in CRDS.glob("*.yaml")
    }

    assert {line.removeprefix("## ") for line in rendered().splitlines() if line.startswith("## ")} == kinds


def test_a_field_has_its_type_default_and_meaning() -> None:
    lines = section("ExternalSecret").splitlines()

    [policy] = [each for each in lines if each.startswith("| `spec.target.deletionPolicy` ")]
    [key] = [each for each in lines if each.startswith("| `spec.data[].remoteRef.key` ")]
    assert policy.split(" | ")[1:3] == ["`Delete`, `Merge`, `Retain`", "`Retain`"]
    assert key.split(" | ")[1] == "string, required"


def test_what_stands_elsewhere_is_not_repeated() -> None:
    found = section("ClusterSecretStore")

    assert "| `spec.provider` | object, required |  | As in SecretStore. |" in found
    assert "spec.provider." not in found


def test_providers_that_are_not_served_are_named_without_their_fields() -> None:
    found = section("SecretStore")

    assert "`barbican`" in found.rpartition("Not served by this version:")[2]
    assert "spec.provider.barbican" not in found
    assert "| `spec.provider.vault.path` |" in found

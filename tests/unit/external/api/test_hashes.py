"""The hashes of external-secrets, computed bit for bit."""

import pytest

from external.api.hashes import data_hash, field_manager, metadata_hash, object_hash, synced_version
from manager.core.secret_value import SecretValue


def test_hashes_are_the_originals() -> None:
    assert (
        data_hash({"foo": SecretValue(b"value1"), "bar": SecretValue(b"value2")})
        == "1bed8bcbcb4547ffe19a19cd47d9078e84aa6598266d86b99f992d64"
    )
    assert data_hash({}) == "74a974446e359fb3e6baff9bd0058950e6edd0f040888d9989b0a11b"
    assert object_hash("<nil>") == "c461202a18e99215f121936fb2452e03843828e448a00a53f285a6fc"
    assert metadata_hash({}, None) == "f47fe3c0b255b6dd8047cdffa772587bb829efe7a1cb70febeda2eb2"
    assert metadata_hash({"a": "b"}, {"foo": "bar"}) == "a366c67789d90ed5749538ecaaf6585f8d4e358f422e41255a51f01c"


def test_a_synced_version_is_generation_and_metadata() -> None:
    body = {"metadata": {"generation": 3, "labels": {"a": "b"}, "annotations": {"foo": "bar"}}}

    assert synced_version(body) == "3-a366c67789d90ed5749538ecaaf6585f8d4e358f422e41255a51f01c"


@pytest.mark.parametrize(("length", "hashed"), [(1, False), (27, False), (28, True), (200, True)])
def test_a_long_name_is_hashed_in_the_field_manager(length: int, hashed: bool) -> None:
    manager = field_manager("n" * length)

    assert manager.startswith("externalsecrets.external-secrets.io/")
    assert ("/sha3/" in manager) is hashed

"""Where a key leads in an engine; data and metadata of one key are of one secret."""

import pytest

from external.providers.vault.paths import EnginePaths


@pytest.mark.parametrize(
    ("mount", "is_v2", "key", "data", "metadata"),
    [
        ("kv", True, "app/db", "kv/data/app/db", "kv/metadata/app/db"),
        ("kv", True, "kv/app", "kv/data/app", "kv/metadata/app"),
        ("kv", True, "kv/data/app", "kv/data/app", "kv/metadata/app"),
        ("kv", True, "data/app", "kv/data/data/app", "kv/metadata/data/app"),
        ("kv", True, "/app/", "kv/data/app", "kv/metadata/app"),
        ("kv", False, "kv/app", "kv/app", "kv/app"),
        ("kv", False, "kv/data/app", "kv/data/app", "kv/data/app"),
        ("", True, "team/app", "team/data/app", "team/metadata/app"),
        ("", True, "team/data/app", "team/data/app", "team/metadata/app"),
        ("", False, "team/app", "team/app", "team/app"),
    ],
)
def test_a_key_leads_to_data_and_metadata_of_one_secret(
    mount: str, is_v2: bool, key: str, data: str, metadata: str
) -> None:
    paths = EnginePaths(mount, is_v2=is_v2)

    assert (paths.of_key(key), paths.of_key(key, "metadata")) == (data, metadata)

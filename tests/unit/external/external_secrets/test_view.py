"""Facts of one pass: whose the target is, whether it is intact, and that each is computed once."""

from typing import Any

import pytest

from external.api.hashes import data_hash
from external.external_secrets.view import DATA_HASH, MANAGED
from manager.core.secret_value import SecretValue
from manager.kube.resources import SECRETS, Key
from tests.builders.external_module import ExternalModule
from tests.builders.external_objects import UID, secret, view


@pytest.mark.parametrize(
    ("existing", "policy", "answer"),
    [
        (None, "Owner", False),
        (None, "Merge", True),
        (None, "Orphan", True),
        (None, "None", True),
        (secret(owner=UID), "Owner", False),
        (
            secret(
                metadata={"labels": {MANAGED: "true"}, "annotations": {DATA_HASH: data_hash({"k": SecretValue(b"v")})}}
            ),
            "Owner",
            True,
        ),
        (secret(metadata={"labels": {MANAGED: "true"}, "annotations": {DATA_HASH: "x"}}), "Owner", False),
    ],
)
def test_a_target_is_valid_while_its_hash_is_that_of_its_data(existing: Any, policy: str, answer: bool) -> None:
    assert view(existing, {"creationPolicy": policy}).intact is answer


def test_the_target_is_named_or_the_objects_own() -> None:
    assert view().target == Key(SECRETS, "ns", "es")
    assert view(target={"name": "other"}).target == Key(SECRETS, "ns", "other")


async def test_a_pass_hashes_the_present_secret_once(bench: ExternalModule, monkeypatch: pytest.MonkeyPatch) -> None:
    """The hash of a MiB takes milliseconds of the event loop."""
    bench.store(values={"remote": "old"})
    bench.external()
    await bench.settle()
    hashed: list[int] = []

    def counted(data: Any) -> str:
        hashed.append(len(data))
        return data_hash(data)

    monkeypatch.setattr("external.external_secrets.view.data_hash", counted)
    bench.store(values={"remote": "new"})
    await bench.settle()

    assert bench.data() == {"k": b"new"}
    assert len(hashed) == 1

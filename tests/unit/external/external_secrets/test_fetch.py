"""A search that finds nothing, proven by a whole list, is an absence; everything else that is empty is not."""

from typing import Any

import pytest

from external.providers.fake import FakeClient
from external.providers.protocol import ProviderDenied, ProviderUnavailable
from manager.core.secret_value import SecretValue
from manager.kube.resources import SECRETS
from tests.builders.external_module import ExternalModule

FIND = {"find": {"name": {"regexp": "^app"}}}


class Vendor:
    """What a search finds, or what goes wrong."""

    def __init__(self) -> None:
        self.found: Any = {"app": SecretValue(b"1")}

    def find(self) -> Any:
        if isinstance(self.found, Exception):
            raise self.found
        return self.found


@pytest.fixture
def vendor(bench: ExternalModule, monkeypatch: pytest.MonkeyPatch) -> Vendor:
    made = Vendor()
    monkeypatch.setattr(FakeClient, "find", lambda *_: made.find())
    bench.store(values={"remote": "x"})
    return made


async def synced(bench: ExternalModule, policy: str, *more: Any) -> None:
    bench.external(data=None, dataFrom=[FIND, *more], target={"deletionPolicy": policy}, refreshInterval="1m")
    await bench.settle()
    assert bench.data()


async def refreshed(bench: ExternalModule) -> None:
    bench.pass_by(62)
    await bench.settle()


async def test_delete_removes_a_secret_whose_search_is_empty(bench: ExternalModule, vendor: Vendor) -> None:
    await synced(bench, "Delete")

    vendor.found = {}
    await refreshed(bench)

    assert bench.data() is None
    assert bench.ready() == ("True", "SecretDeleted", "secret deleted due to DeletionPolicy=Delete")
    vendor.found = {"app": SecretValue(b"2")}
    await refreshed(bench)
    assert bench.data() == {"app": b"2"}


@pytest.mark.parametrize("policy", ["Retain", "Merge"])
async def test_other_policies_keep_the_secret(bench: ExternalModule, vendor: Vendor, policy: str) -> None:
    await synced(bench, policy)

    vendor.found = {}
    await refreshed(bench)

    assert bench.data() == ({"app": b"1"} if policy == "Retain" else {})
    assert bench.ready()[0] == "True"


@pytest.mark.parametrize("error", [ProviderDenied("ListSecrets: 403"), ProviderUnavailable("ListSecrets: 503")])
async def test_a_search_that_was_not_answered_deletes_nothing(
    bench: ExternalModule, vendor: Vendor, error: Exception
) -> None:
    await synced(bench, "Delete")

    vendor.found = error
    await refreshed(bench)

    assert bench.data() == {"app": b"1"}
    assert bench.ready()[0] == "False"


async def test_beside_another_entry_only_its_keys_go(bench: ExternalModule, vendor: Vendor) -> None:
    extract = {"extract": {"key": "remote"}}
    bench.store(values={"remote": '{"b":"1"}'})
    await synced(bench, "Delete", extract)

    vendor.found = {}
    await refreshed(bench)

    assert bench.data() == {"b": b"1"}


async def test_an_entry_that_is_empty_but_present_deletes_nothing(bench: ExternalModule, vendor: Vendor) -> None:
    bench.store(values={"remote": "{}"})
    await synced(bench, "Delete", {"extract": {"key": "remote"}})

    vendor.found = {}
    await refreshed(bench)

    assert bench.data() == {"app": b"1"}
    assert "nothing is deleted" in bench.ready()[2]


async def test_a_secret_that_is_not_ours_stays(bench: ExternalModule, vendor: Vendor) -> None:
    vendor.found = {}
    bench.secret(theirs="1")
    bench.external(data=None, dataFrom=[FIND], target={"deletionPolicy": "Delete"})
    await bench.settle()

    assert bench.body(SECRETS, "es")
    assert bench.data() == {"theirs": b"1"}

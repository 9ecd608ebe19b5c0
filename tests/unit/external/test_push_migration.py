"""What becomes of the PushSecrets that external-secrets left."""

from typing import Any

import pytest

from external.api.hashes import synced_version
from external.migration import Surroundings
from external.push_migration import push_finding
from manager.findings import Verdict
from manager.kube.resources import SECRET_STORES, Body, Key
from manager.settings.model import ExternalSettings
from tests.builders.push_provider import entry

NOW = 1_800_000_000.0
UNSERVED = "BeyondtrustWorkloadCredentialsDynamicSecret"
READY = {"conditions": [{"type": "Ready", "status": "True"}]}


def left(ready: bool = True, refreshed: str = "2027-01-15T07:30:00Z", **spec: Any) -> Body:
    """Return a PushSecret that the original has pushed half an hour ago."""
    whole = {
        "secretStoreRefs": [{"name": "store"}],
        "selector": {"secret": {"name": "src"}},
        "data": [entry()],
        "refreshInterval": "1h",
        **spec,
    }
    body: Body = {"metadata": {"name": "ps", "namespace": "ns", "uid": "u", "generation": 1}, "spec": whole}
    status = READY if ready else {"conditions": [{"type": "Ready", "status": "False"}]}
    body["status"] = {**status, "refreshTime": refreshed, "syncedResourceVersion": synced_version(body)}
    return body


def found(body: Body, provider: Body | None = None, **spec: Any) -> Any:
    whole = {"provider": provider or {"fake": {"data": []}}, **spec}
    store = {"metadata": {"name": "store", "namespace": "ns"}, "spec": whole}
    stores = {Key(SECRET_STORES, "ns", "store"): store}
    return push_finding(body, Surroundings(stores, {}, ExternalSettings(), NOW))


def test_what_is_served_is_left_until_its_refresh() -> None:
    result = found(left())
    assert (result.verdict, result.why, result.due) == (Verdict.NOTHING, "", NOW + 1800)


def test_a_refresh_that_is_due_is_told() -> None:
    result = found(left(refreshed="2027-01-01T00:00:00Z"))
    assert (result.verdict, result.why) == (Verdict.NOTHING, "its refresh is due: values are compared at once")


def test_what_has_failed_is_pushed_at_once() -> None:
    assert found(left(ready=False)).verdict is Verdict.DIFFERS


@pytest.mark.parametrize(
    ("spec", "text"),
    [
        ({"secretStoreRefs": [{"name": "absent"}]}, "it does not exist"),
        ({"selector": {}}, "no secret selector provided"),
        ({"odd": 1}, "spec.odd: unknown field"),
        (
            {"selector": {"generatorRef": {"kind": "BeyondtrustWorkloadCredentialsDynamicSecret", "name": "g"}}},
            "this version serves",
        ),
    ],
)
def test_what_cannot_be_pushed_blocks(spec: Body, text: str) -> None:
    result = found(left(**spec))
    assert (result.verdict, result.blocks) == (Verdict.UNSERVED, True)
    assert text in result.why


def test_a_provider_that_is_not_served_blocks() -> None:
    result = found(left(), {"doppler": {"projectID": "p"}})
    assert (result.verdict, result.blocks) == (Verdict.UNSERVED, True)


def test_other_controllers_objects_are_theirs() -> None:
    result = found(left(), controller="other")
    assert (result.verdict, result.blocks) == (Verdict.UNSERVED, False)

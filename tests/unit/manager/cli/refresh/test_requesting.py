"""A refresh is asked for by one annotation, and its outcome is told by names."""

from typing import TYPE_CHECKING, Any, cast

import pytest

from external.api.hashes import synced_version
from manager.cli.refresh import requesting
from manager.cli.refresh.outcome import ANNOTATION, Changes, Verdict
from manager.cli.refresh.requesting import Refresher
from manager.core.errors import Forbidden, SettingsError
from manager.kube.resources import EXTERNAL_SECRETS, PUSH_SECRETS, SECRETS, Body, Key
from tests.builders.api_in_memory import HandClock, MemoryApi

if TYPE_CHECKING:
    from manager.kube.client import KubeClient

KEY, SECRET = Key(EXTERNAL_SECRETS, "ns", "x"), Key(SECRETS, "ns", "x")


class Controlled(MemoryApi):
    """An API with a controller that answers each refresh at once."""

    def __init__(self, clock: HandClock, *, message: str = "", data: dict[str, str] | None = None) -> None:
        super().__init__()
        self.clock, self.message, self.data = clock, message, data

    async def patch(self, key: Key, patch: Body, **more: Any) -> Body:
        asked = await super().patch(key, patch, **more)
        condition = {"type": "Ready", "status": "False" if self.message else "True", "message": self.message}
        status = {"conditions": [condition], "syncedResourceVersion": "" if self.message else synced_version(asked)}
        self.put(key.resource, {**asked, "status": status})
        if self.data is not None:
            self.put(SECRETS, {"metadata": {"namespace": "ns", "name": "x"}, "data": self.data})
        return asked

    async def find(self, key: Key) -> Body | None:
        self.clock.pass_by(1)
        return await super().find(key)


@pytest.fixture(autouse=True)
def _no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(requesting, "POLL_SECONDS", 0.0)


def prepared(**given: Any) -> tuple[Refresher, Controlled]:
    clock = HandClock()
    api = Controlled(clock, **given)
    meta = {"namespace": "ns", "name": "x", "generation": 1, "annotations": {ANNOTATION: "2026-01-01T00:00:01Z"}}
    api.put(EXTERNAL_SECRETS, {"metadata": meta, "spec": {"data": []}})
    api.put(SECRETS, {"metadata": {"namespace": "ns", "name": "x"}, "data": {"a": "MQ==", "b": "MQ=="}})
    return Refresher(cast("KubeClient", api), clock, patience=5.0), api


async def test_the_keys_that_changed_are_told() -> None:
    refresher, api = prepared(data={"a": "Mg==", "b": "MQ==", "c": "MQ=="})

    (found,) = await refresher.refresh([KEY])

    assert (found.verdict, found.changes) == (Verdict.DONE, Changes(added=("c",), changed=("a",)))
    assert [verb for verb, _ in api.calls if verb not in ("get", "get metadata")] == ["patch"]
    assert api.objects[KEY]["metadata"]["annotations"][ANNOTATION] not in ("", "2026-01-01T00:00:01Z")


async def test_a_failure_has_the_message_of_the_condition() -> None:
    refresher, _ = prepared(message="no secret (looked in region x)")

    (found,) = await refresher.refresh([KEY])

    assert (found.verdict, found.problem) == (Verdict.FAILED, "no secret (looked in region x)")
    assert "region" in found.cure


async def test_without_a_controller_nothing_is_waited_for_beyond_the_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    refresher, api = prepared()
    monkeypatch.setattr(Controlled, "patch", MemoryApi.patch)

    (found,) = await refresher.refresh([KEY])

    assert found.verdict is Verdict.WAITING
    assert api.clock.seconds >= 5


async def test_a_secret_that_may_not_be_read_is_no_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    refresher, api = prepared(data={"a": "Mg=="})
    get = api.get

    async def refused(key: Key) -> Body:
        if key == SECRET:
            raise Forbidden(403, "Forbidden", "get Secret ns/x")
        return await get(key)

    monkeypatch.setattr(api, "get", refused)
    (found,) = await refresher.refresh([KEY])

    assert found.verdict is Verdict.DONE
    assert found.changes == Changes(known=False)


async def test_what_writes_no_secret_has_no_keys() -> None:
    refresher, api = prepared()
    push = Key(PUSH_SECRETS, "ns", "p")
    api.put(PUSH_SECRETS, {"metadata": {"namespace": "ns", "name": "p", "generation": 1}})
    external = api.objects[KEY]
    external["spec"]["target"] = {"manifest": {"apiVersion": "v1", "kind": "ConfigMap"}}

    found = await refresher.refresh([KEY, push])

    assert [(each.verdict, each.changes) for each in found] == [(Verdict.DONE, None)] * 2


async def test_what_does_not_exist_is_refused() -> None:
    refresher, _ = prepared()

    with pytest.raises(SettingsError, match="does not exist"):
        await refresher.refresh([Key(EXTERNAL_SECRETS, "ns", "absent")])

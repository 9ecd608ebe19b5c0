"""Objects of another controller's class: nothing of ours stays behind that would hold them back."""

from typing import Any

import pytest

from external.external_secrets.cleanup import FINALIZER, finalizers_without_ours
from manager.core.clock import rfc3339
from manager.kube.resources import EXTERNAL_SECRETS
from tests.builders.external_module import ExternalModule

OURS = "coffer-test"


def record(manager: str, *finalizers: str) -> dict[str, Any]:
    fields = {"f:metadata": {"f:finalizers": {".": {}, **{f'v:"{each}"': {} for each in finalizers}}}}
    return {"manager": manager, "operation": "Update", "fieldsV1": fields}


@pytest.mark.parametrize(
    ("finalizers", "records", "kept"),
    [
        ([FINALIZER], [record(OURS, FINALIZER)], []),
        (["a", FINALIZER, "b"], [record("kubectl", "a"), record(OURS, FINALIZER)], ["a", "b"]),
        ([FINALIZER], [record("external-secrets", FINALIZER)], None),
        ([FINALIZER], [record(OURS, FINALIZER), record("external-secrets", FINALIZER)], None),
        ([FINALIZER], [record(OURS, "a")], None),
        (["a"], [record(OURS, FINALIZER)], None),
        ([FINALIZER], [], None),
        ([FINALIZER], [{"manager": OURS}, {"manager": OURS, "fieldsV1": {"f:metadata": {}}}], None),
        (None, None, None),
    ],
)
def test_only_our_own_finalizer_is_taken_off(finalizers: Any, records: Any, kept: Any) -> None:
    assert finalizers_without_ours({"finalizers": finalizers, "managedFields": records}, OURS) == kept


async def synced(bench: ExternalModule, **meta: Any) -> None:
    """Let an ExternalSecret have our finalizer, recorded as the API server does."""
    bench.store(values={"remote": "canary"})
    bench.external(target={"deletionPolicy": "Delete"})
    await bench.settle()
    body = bench.body(EXTERNAL_SECRETS, "es") or {}
    assert body["metadata"]["finalizers"] == [FINALIZER]
    about = {"managedFields": [record(OURS, FINALIZER)], **meta}
    bench.put(EXTERNAL_SECRETS, {**body, "metadata": body["metadata"] | about})


async def test_a_store_of_another_class_frees_its_external_secrets(bench: ExternalModule) -> None:
    await synced(bench)

    bench.store(values={"remote": "canary"}, controller="other")
    await bench.settle()

    assert (bench.body(EXTERNAL_SECRETS, "es") or {})["metadata"]["finalizers"] == []
    assert bench.data() == {"k": b"canary"}, "its controller decides about the Secret"


async def test_one_that_is_being_deleted_goes(bench: ExternalModule) -> None:
    bench.store(values={"remote": "canary"}, controller="other")
    await bench.settle()
    gone = rfc3339(bench.stage.clock.now())
    meta = {"finalizers": [FINALIZER], "deletionTimestamp": gone, "managedFields": [record(OURS, FINALIZER)]}
    bench.external(meta=meta, target={"deletionPolicy": "Delete"})
    await bench.settle()

    assert (bench.body(EXTERNAL_SECRETS, "es") or {})["metadata"]["finalizers"] == []


async def test_the_finalizer_of_the_other_controller_stays(bench: ExternalModule) -> None:
    await synced(bench, managedFields=[record("external-secrets", FINALIZER)])

    bench.store(values={"remote": "canary"}, controller="other")
    await bench.settle()

    assert (bench.body(EXTERNAL_SECRETS, "es") or {})["metadata"]["finalizers"] == [FINALIZER]

"""Failed passes over large objects leave nothing that only a full collection of garbage would free.

An error that is kept has a traceback with the frames of the functions that it left, and these hold the object.
"""

import gc
from collections.abc import Iterator
from typing import Any

import pytest

from manager.kube.resources import SECRET_STORES
from tests.builders.external_module import ExternalModule

MANY = 1_000
UNKNOWN = {"apiVersion": "generators.external-secrets.io/v1alpha1", "kind": "Password", "name": "none"}


@pytest.fixture
def collected() -> Iterator[None]:
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@pytest.mark.usefixtures("collected")
@pytest.mark.parametrize(
    "spec",
    [
        {"data": [{"secretKey": f"k{at}", "remoteRef": {"key": f"absent{at}"}} for at in range(MANY)]},
        {"data": [{"secretKey": f"k{at}", "remoteRef": {"key": "absent"}} for at in range(MANY)]},
        {"data": [{"secretKey": f"k{at}", "remoteRef": {"key": "text", "property": f"p{at}"}} for at in range(MANY)]},
        {"data": [{"secretKey": 1, "remoteRef": []}] * MANY},
        {"data": None, "dataFrom": [{"sourceRef": {"generatorRef": UNKNOWN | {"kind": "Uuid"}}}] * MANY},
        {
            "data": None,
            "dataFrom": [{"sourceRef": {"generatorRef": UNKNOWN | {"name": f"none{at}"}}} for at in range(MANY)],
        },
    ],
    ids=["absent", "one absent", "no property", "wrong", "no generator", "too many generators"],
)
async def test_a_failed_pass_leaves_no_garbage(bench: ExternalModule, spec: dict[str, Any]) -> None:
    bench.store(values={"text": '{"a": 1}'})
    # The first property starts the sandbox in another thread, which leaves garbage of its own.
    bench.external("first", data=[{"secretKey": "k", "remoteRef": {"key": "text", "property": "none"}}])
    await bench.settle()
    gc.collect()
    bench.external(**spec)

    await bench.settle()
    garbage = gc.collect()

    assert bench.ready()[0] == "False"
    assert garbage < MANY / 2, "each entry, or each error, is in a cycle"


@pytest.mark.usefixtures("collected")
async def test_a_store_that_cannot_be_read_leaves_no_garbage(bench: ExternalModule) -> None:
    wrong = {"provider": {"fake": {"data": [{"key": f"k{at}", "value": 1} for at in range(MANY)]}}, "x": [[]] * MANY}

    bench.put(SECRET_STORES, {"metadata": {"namespace": "ns", "name": "store"}, "spec": wrong})
    await bench.settle()
    garbage = gc.collect()

    assert bench.ready("store", SECRET_STORES)[0] == "False"
    assert garbage < MANY / 2, "the body of the store is in a cycle"

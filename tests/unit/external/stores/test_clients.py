"""Clients of many stores: bounded for each tenant, the one that was used longest ago is closed and opened again."""

from typing import Any

import pytest

from external.stores import clients
from tests.builders.external_module import ExternalModule


@pytest.mark.parametrize("stores", [6, 20])
async def test_the_clients_of_one_namespace_are_bounded(
    bench: ExternalModule, monkeypatch: pytest.MonkeyPatch, stores: int
) -> None:
    held: list[Any] = []
    close = clients.Clients._close
    monkeypatch.setattr(clients.Clients, "_close", lambda own, opened: [held.append(opened), close(own, opened)][1])
    monkeypatch.setattr(clients, "CLIENT_BYTES", clients.MAX_TENANT_BYTES // 4)
    for at in range(stores):
        bench.store(f"s{at}", values={"remote": f"v{at}"})
        bench.external(f"es{at}", secretStoreRef={"name": f"s{at}"})
    await bench.settle()

    assert [bench.data(f"es{at}") for at in range(stores)] == [{"k": f"v{at}".encode()} for at in range(stores)]
    assert len(held) >= stores - 4
    assert {each.tenant for each in held} == {"namespace ns"}

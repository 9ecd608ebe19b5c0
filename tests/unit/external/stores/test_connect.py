"""Whose identity a store may use."""

from dataclasses import replace
from typing import Any

import pytest

from external.providers.registry import BUILT_IN
from external.stores.connect import Connector
from manager.kube.resources import CLUSTER_SECRET_STORES, SECRET_STORES, Key, Resource
from manager.settings.model import Settings
from tests.builders.api_in_memory import MemoryApi


class Servers:
    """Knows no API servers."""

    known: tuple[str, ...] = ()

    async def look(self) -> None:
        """Find none."""


def connector() -> Connector:
    api: Any = MemoryApi()
    servers: Any = Servers()
    none: Any = None
    settings = replace(Settings().external, ambient_namespaces=("trusted",))
    return Connector(api, servers, none, settings, none, BUILT_IN)


@pytest.mark.parametrize(
    ("resource", "namespace", "ambient", "own_account"),
    [
        (CLUSTER_SECRET_STORES, "", True, True),
        (SECRET_STORES, "trusted", True, False),
        (SECRET_STORES, "other", False, False),
    ],
)
async def test_a_namespace_that_may_use_a_cloud_identity_does_not_send_the_controllers_token(
    resource: Resource, namespace: str, *, ambient: bool, own_account: bool
) -> None:
    found = connector()._context(Key(resource, namespace, "s"), None, "", lambda *_: None)

    assert (found.ambient, found.own_account) == (ambient, own_account)


async def test_a_generator_for_all_may_send_it() -> None:
    generator = Key(SECRET_STORES, "other", "g")
    for for_all in (True, False):
        found = await connector().for_generator(generator, lambda *_: None, for_all=for_all)
        assert (found.ambient, found.own_account) == (for_all, for_all)

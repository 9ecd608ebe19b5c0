"""One vault for all tests of this folder."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.builders.generators import Desk
from tests.builders.providers import PATIENT_SECONDS, Calls, connected, provider_context
from tests.doubles.azure.key_vault import KeyVault

Connect = Callable[..., Any]


@pytest.fixture(scope="session")
def running() -> Iterator[KeyVault]:
    with KeyVault() as vault:
        yield vault


@pytest.fixture
def vault(running: KeyVault) -> KeyVault:
    """Return the vault without objects and faults."""
    fresh = KeyVault()
    for name in ("objects", "deleted", "calls", "denied", "certificate", "accepts_assertion", "challenge_tenant"):
        setattr(running, name, getattr(fresh, name))
    running.faults.clear()
    running.resource = running.url.rpartition(":")[0]
    running.clock = fresh.clock
    return running


@pytest.fixture
def desk() -> Desk:
    return Desk(azure_id=f"{KeyVault.client}\n", azure_secret=KeyVault.secret)


def fields(vault: KeyVault, **more: Any) -> dict[str, Any]:
    """Return the fields of a store with a service principal, in a cloud of the double."""
    secret = {"clientId": {"name": "azure", "key": "id"}, "clientSecret": {"name": "azure", "key": "secret"}}
    return {
        "vaultUrl": vault.url,
        "tenantId": vault.tenant,
        "authSecretRef": secret,
        "environmentType": "AzureStackCloud",
        "useAzureSDK": True,
        "customCloudConfig": {"activeDirectoryEndpoint": vault.url},
        **more,
    }


@pytest.fixture
def patience() -> float:
    """Return the seconds that a call may take."""
    return PATIENT_SECONDS


@pytest.fixture
def client(vault: KeyVault, desk: Desk, calls: Calls, patience: float) -> Iterator[Any]:
    made = connected("azurekv", fields(vault), provider_context(desk, calls=calls, timeout=patience))
    yield made
    made.close()

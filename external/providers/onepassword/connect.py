"""Connects stores to a 1Password Connect server."""

from external.api.providers.onepassword import OnePasswordConnect
from external.providers.onepassword.client import OnePassword
from external.providers.onepassword.connection import LABEL, ConnectConnection
from external.providers.protocol import Client, ConnectContext
from external.providers.support.call_saving.daily_budget import DailyBudgets
from external.providers.support.http import HttpOptions
from external.providers.support.lookup import INVALID
from external.providers.support.naming import host_of
from manager.core.errors import NeedsHuman

AT = "spec.provider.onepassword"
BUDGETS = DailyBudgets()


async def connect(spec: OnePasswordConnect, context: ConnectContext) -> Client:
    """Return the client of the vaults that a store names."""
    if not spec.vaults:
        raise NeedsHuman(INVALID, f"{AT}.vaults is empty")
    if len(set(spec.vaults.values())) != len(spec.vaults):
        raise NeedsHuman(INVALID, f"{AT}.vaults: two vaults have the same number: it says which is searched first")
    at = f"{AT}.auth.secretRef.connectTokenSecretRef"
    token = await context.lookup.secret(spec.auth.secret_ref.connect_token_secret_ref, at)
    vaults = sorted(spec.vaults, key=lambda each: spec.vaults[each])
    store = context.lookup.store

    def make() -> Client:
        server = f"connectHost, {host_of(spec.connect_host)}"
        options = HttpOptions(LABEL, context.egress, context.count, context.timeout, server=server)
        budget = BUDGETS.of(f"{store}/{context.lookup.consumer}", context.daily_requests)
        return OnePassword(ConnectConnection(spec.connect_host, token, options, budget), vaults)

    return await context.run(make)

"""How a store becomes somebody in Vault: which method counts, and what is said there."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from external.api.fields import SecretKeySelector, ServiceAccountSelector
from external.api.providers.vault import VaultAuth
from external.providers.vault.login import Login, login_of
from manager.core.errors import NeedsHuman
from manager.core.secret_value import SecretValue

KEY = {"name": "said", "key": "k"}


class Lookup:
    """Gives what it is asked for with a line end, and remembers the audiences of tokens."""

    def __init__(self) -> None:
        self.audiences: list[str] = []
        self.seconds: int | None = None

    async def secret(self, selector: SecretKeySelector, at: str, key: str = "") -> SecretValue:
        del at, key
        return SecretValue(f" {selector.name}\r\n".encode())

    def token_source(
        self, selector: ServiceAccountSelector, audiences: list[str], seconds: int | None, at: str
    ) -> Callable[[], SecretValue]:
        del selector, at
        self.audiences, self.seconds = audiences, seconds
        return lambda: SecretValue(b"account's\n")


async def login(lookup: Lookup, *, own_account: bool = False, **auth: Any) -> Login:
    context: Any = SimpleNamespace(lookup=lookup, ambient=True, own_account=own_account)
    made = await login_of(VaultAuth.model_validate(auth), context, "spec.provider.vault")
    assert made is not None
    return made


@pytest.mark.parametrize(
    ("account", "audiences"),
    [
        ({}, ["own", "vault"]),
        ({"audiences": ["a", "b"]}, ["own", "a", "b"]),
        ({"audiences": []}, ["own"]),
    ],
)
async def test_the_accounts_own_audiences_come_first(account: dict[str, Any], audiences: list[str]) -> None:
    lookup = Lookup()
    reference = {"serviceAccountRef": {"name": "sa", "audiences": ["own"]}, **account}

    made = await login(lookup, jwt={"role": " reader ", "kubernetesServiceAccountToken": reference})

    assert lookup.audiences == audiences
    assert made.body() == {"role": "reader", "jwt": "account's"}


async def test_a_given_token_wins_over_an_account() -> None:
    account = {"serviceAccountRef": {"name": "sa"}}

    made = await login(Lookup(), jwt={"secretRef": KEY, "kubernetesServiceAccountToken": account})

    assert made.body() == {"jwt": "said"}


async def test_without_either_the_field_is_named() -> None:
    with pytest.raises(NeedsHuman, match=r"spec\.provider\.vault\.auth\.jwt: one of secretRef and"):
        await login(Lookup(), jwt={"role": "reader"})


@pytest.mark.parametrize(
    ("role", "said"),
    [({"roleId": " id "}, "id"), ({"roleRef": KEY}, "said"), ({"roleId": "id", "roleRef": KEY}, "id")],
)
async def test_a_role_that_is_written_wins_over_one_that_is_kept(role: dict[str, Any], said: str) -> None:
    made = await login(Lookup(), appRole={"path": "approle", "secretRef": KEY, **role})

    assert made.body() == {"role_id": said, "secret_id": "said"}


async def test_a_token_is_taken_without_what_stands_around_it() -> None:
    assert (await login(Lookup(), tokenSecretRef=KEY)).token == SecretValue(b"said")


@pytest.mark.parametrize(("account", "audiences"), [({}, []), ({"audiences": ["vault"]}, ["vault"])])
async def test_a_kubernetes_login_has_only_the_given_audiences(account: dict[str, Any], audiences: list[str]) -> None:
    """Without any the API server puts its own in: Vault has it reviewed there. See docs/decisions."""
    lookup = Lookup()

    made = await login(lookup, kubernetes={"role": "r", "serviceAccountRef": {"name": "sa", **account}})

    assert (lookup.audiences, lookup.seconds) == (audiences, 600)
    assert made.body() == {"role": "r", "jwt": "account's"}


async def test_the_token_of_the_pod_goes_where_an_administrator_says(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    """A store of a namespace chooses the URL, and the token opens the cluster to whoever owns that."""
    file = tmp_path / "token"
    file.write_text("token-of-pod\n")
    monkeypatch.setattr("external.providers.vault.login.OWN_TOKEN", str(file))

    with pytest.raises(NeedsHuman, match="only a cluster store may send the controller's token: name a ServiceAccount"):
        await login(Lookup(), kubernetes={"role": "r"})
    made = await login(Lookup(), own_account=True, kubernetes={"role": "r"})
    assert made.body() == {"role": "r", "jwt": "token-of-pod"}

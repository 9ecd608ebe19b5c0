"""Reads of DevOps Secrets Vault, its logins, and which stores are accepted."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from external.providers.protocol import ProviderDenied, ProviderUnavailable, SearchRequest, SecretAbsent
from manager.core.errors import NeedsHuman
from tests.builders.generators import Desk
from tests.builders.providers import Calls, connected, provider_context, read, text
from tests.doubles.delinea.devops_vault import DevOpsVault
from tests.doubles.faults import Fault, cut, half, page, status


@pytest.fixture(scope="module")
def running() -> Iterator[DevOpsVault]:
    with DevOpsVault() as double:
        yield double


@pytest.fixture
def double(running: DevOpsVault) -> DevOpsVault:
    """Return the vault without secrets and faults."""
    for each in (running.secrets, running.denied, running.calls, running.faults):
        each.clear()
    return running


def fields(double: DevOpsVault, **more: Any) -> dict[str, Any]:
    """Return the fields of a store."""
    return {
        "tenant": double.tenant,
        "tld": double.tld,
        "urlTemplate": double.template,
        "clientId": {"value": double.client},
        "clientSecret": {"secretRef": {"name": "login", "key": "secret"}},
        **more,
    }


@pytest.fixture
def client(double: DevOpsVault, calls: Calls) -> Iterator[Any]:
    context = provider_context(Desk(login_secret=f"{double.secret}\n"), calls=calls, timeout=2)
    made = connected("delinea", fields(double), context)
    yield made
    made.close()


def test_data_are_read_by_path(client: Any, double: DevOpsVault) -> None:
    double.secrets["app/live/db"] = {"user": "u", "sign": "<&>", "number": 12345678901234567890}

    for key in ("app/live/db", "app:live:db", "/app//live:db"):
        assert json.loads(text(client, key)) == double.secrets["app/live/db"]
    assert text(client, "app/live/db") == (
        '{"number":12345678901234567890,"sign":"\\u003c\\u0026\\u003e","user":"u"}'
    ), "as Go writes JSON"


def test_no_data_are_an_empty_value(client: Any, double: DevOpsVault) -> None:
    double.secrets["db"] = None

    assert text(client, "db") == ""


@pytest.mark.parametrize("key", ["", "/", ":", "a/../b", "..", "a:..:b", "a/."])
def test_a_key_that_leads_elsewhere_is_refused(client: Any, double: DevOpsVault, key: str) -> None:
    with pytest.raises(ProviderDenied, match="the key is no path"):
        read(client, key)
    assert not double.calls


def test_absent_and_denied_are_told_apart(client: Any, double: DevOpsVault) -> None:
    double.denied.add("db")

    with pytest.raises(SecretAbsent):
        read(client, "none")
    with pytest.raises(ProviderDenied, match="403: Invalid permissions"):
        read(client, "db")


def test_what_it_cannot_do_is_refused(client: Any, double: DevOpsVault) -> None:
    with pytest.raises(ProviderDenied, match="version is not supported"):
        read(client, "db", "1")
    with pytest.raises(ProviderDenied, match="metadataPolicy: Fetch is not supported"):
        read(client, "db", metadata=True)
    with pytest.raises(ProviderDenied, match="find is not supported"):
        client.find(SearchRequest(name="x"))
    assert client.location(None) == "DevOps Secrets Vault of acme"


def test_one_login_serves_all_and_a_refused_token_is_replaced(client: Any, double: DevOpsVault, calls: Calls) -> None:
    double.secrets["db"] = {}
    client.validate()
    read(client, "db")
    assert calls["Login"] == 1

    double.tokens.clear()
    read(client, "db")
    assert calls["Login"] == 2


@pytest.mark.parametrize(
    "fault",
    [
        cut,
        half,
        page(),
        status(404, "<html>", "text/html"),
        status(404, "{}"),
        status(500),
        status(200, "{}"),
        status(200, '{"data":[1]}'),
        status(200, '{"data":{},"path":"other"}'),
    ],
)
def test_a_fault_is_no_absence(client: Any, double: DevOpsVault, fault: Fault) -> None:
    double.faults.always.append(("/secrets/", fault))

    with pytest.raises(ProviderUnavailable):
        read(client, "db")


def test_a_refused_login_is_no_absence_and_repeats_no_secret(double: DevOpsVault) -> None:
    client = connected("delinea", fields(double), provider_context(Desk(login_secret="swordfish")))
    said = status(404, '{"code":404,"message":"no client swordfish"}')
    double.faults.next(said, "token")

    for _ in range(2):
        with pytest.raises(ProviderDenied) as told:
            read(client, "db")
        assert not isinstance(told.value, SecretAbsent)
        assert "swordfish" not in str(told.value)
    client.close()


@pytest.mark.parametrize(
    ("more", "text"),
    [
        ({"tenant": "evil.example/"}, r"spec\.provider\.delinea\.tenant"),
        ({"tld": "com/x"}, r"spec\.provider\.delinea\.tld"),
        ({"urlTemplate": "https://%s.example/%s"}, "urlTemplate: it must have %s"),
        ({"urlTemplate": "https://%s.example.%s/%d%s%s"}, "urlTemplate: it must have %s"),
        ({"urlTemplate": "http://%s.example.%s/%s%s"}, "no https URL"),
        ({"clientId": {}}, "clientId: exactly one of value and secretRef"),
    ],
)
def test_a_store_that_cannot_be_meant_is_refused(double: DevOpsVault, more: dict[str, Any], text: str) -> None:
    with pytest.raises((NeedsHuman, ProviderDenied), match=text):
        connected("delinea", fields(double, **more), provider_context(Desk(login_secret="x")))

"""Reads of 1Password items: fields, files, searches, and how few requests they take."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from external.providers.onepassword.connect import BUDGETS
from external.providers.protocol import (
    ProviderDenied,
    ProviderError,
    ProviderUnavailable,
    SearchRequest,
    SecretAbsent,
    SecretRequest,
)
from external.providers.support.call_saving.daily_budget import DAY_SECONDS, DailyBudget, DailyBudgets
from manager.core.errors import NeedsHuman
from tests.builders.generators import Desk
from tests.builders.providers import Calls, connected, found_texts, provider_context, push
from tests.doubles.faults import Fault, cut, half, page, status
from tests.doubles.onepassword import OnePassword
from tests.unit.external.providers.onepassword.conftest import fields


def value(client: Any, key: str, name: str = "") -> bytes:
    """Read a field as `remoteRef` does."""
    request = SecretRequest(key, property=name)
    whole = client.read([request])[request]
    if isinstance(whole, ProviderError):
        raise whole
    found = client.property_value(whole, name)
    if found is None:
        raise KeyError(client.missing(key, name, metadata=False, extract=False))
    return found.reveal()


def extracted(client: Any, key: str, name: str = "") -> dict[str, str]:
    """Read members as `extract` does."""
    request = SecretRequest(key, property=name)
    whole = client.read([request])[request]
    return found_texts(client.members(client.property_value(whole, name) if name else whole))


def test_a_field_is_read_by_its_label(client: Any, server: OnePassword) -> None:
    item = server.put("first", "app", {"password": "swordfish", "user": "app"})

    assert value(client, "app") == value(client, item["id"]) == b"swordfish"
    assert value(client, "app", "user") == value(client, "app", "field/user") == b"app"
    assert extracted(client, "app") == {"password": "swordfish", "user": "app"}
    assert extracted(client, "app", "user") == {"user": "app"}
    with pytest.raises(KeyError, match='expected one field with the name "none" in item "app", found 0'):
        value(client, "app", "none")


def test_a_file_is_read_by_its_name(client: Any, server: OnePassword) -> None:
    server.put("first", "doc", category="DOCUMENT", files={"a.bin": b"\x00one", "b.txt": b"two"})
    server.put("first", "login", {"password": "p"}, files={"key.pem": b"pem"})

    assert value(client, "doc") == b"\x00one"
    assert value(client, "doc", "b.txt") == value(client, "doc", "file/b.txt") == b"two"
    assert value(client, "login", "file/key.pem") == value(client, "login", "file/") == b"pem"
    assert extracted(client, "doc") == {"a.bin": "\x00one", "b.txt": "two"}
    assert extracted(client, "login") == {"password": "p"}
    assert extracted(client, "login", "file/key.pem") == {"key.pem": "pem"}


def test_the_vault_with_the_lower_number_wins(client: Any, server: OnePassword) -> None:
    second = server.put("second", "app", {"password": "2"})
    assert value(client, "app") == value(client, second["id"]) == b"2"
    server.put("first", "app", {"password": "1"})
    assert value(client, "app") == b"1"
    assert value(client, second["id"]) == b"2", "an id is looked up in every vault"


def test_what_is_in_no_vault_is_proven_absent(client: Any, server: OnePassword) -> None:
    server.put("first", "gone", {"password": "1"}, state="DELETED")
    for key in ("none", "gone", "a" * 26):
        with pytest.raises(SecretAbsent):
            value(client, key)


def test_an_empty_list_of_a_vault_that_has_items_proves_nothing(client: Any, server: OnePassword) -> None:
    """Connect lists a vault as empty while it is being synchronised."""
    server.put("first", "app", {"password": "p"})
    assert value(client, "app") == b"p"
    for act in (
        lambda: value(client, "app"),
        lambda: client.find(SearchRequest()),
        lambda: client.find(SearchRequest(path="app")),
        lambda: client.push(push("app")),
        lambda: client.push(push("other")),
    ):
        server.faults.next(status(200, "[]"), "/items", 4)
        with pytest.raises(ProviderUnavailable, match="the vault does not say that it is"):
            act()
        server.faults.clear()
    assert len(server.items[server.vaults["first"]]) == 1


def test_an_item_that_was_read_is_absent_by_its_own_404(client: Any, server: OnePassword) -> None:
    item = server.put("first", "app", {"password": "p"})
    server.put("first", "rest", {"password": "p"})
    other = server.put("second", "app", {"password": "other"})
    shown = json.dumps([{"id": "a" * 26, "title": "rest"}])
    assert value(client, "app") == b"p"

    del server.items[server.vaults["second"]][other["id"]]
    server.faults.next(status(200, shown), "/items", 4)
    with pytest.raises(ProviderUnavailable, match="an item that exists is not in the list"):
        value(client, "app")
    server.faults.clear()
    del server.items[server.vaults["first"]][item["id"]]
    with pytest.raises(SecretAbsent):
        value(client, "app")


def test_a_file_is_kept_once_its_item_has_settled(client: Any, server: OnePassword, calls: Calls) -> None:
    """A server that lags shows the file before under the new version of its item."""
    item = server.put("first", "doc", category="DOCUMENT", files={"a": b"old"})
    item["updatedAt"] = datetime.now(UTC).isoformat()
    assert value(client, "doc") == b"old"
    server.files[item["files"][0]["id"]] = b"new"
    assert value(client, "doc") == b"new"

    item["updatedAt"] = "2020-01-01T00:00:00Z"
    value(client, "doc")
    calls.clear()
    value(client, "doc")
    assert calls["GetFile"] == 0
    item["files"][0]["size"], item["version"] = 5, 2
    with pytest.raises(ProviderUnavailable, match="another size than the item says"):
        value(client, "doc")


def test_an_item_weighs_what_is_kept_of_it(client: Any, server: OnePassword) -> None:
    big = "x" * 100_000
    server.put("first", "app", {"password": "p"}, sections=[{"id": big}], urls=[{"href": big}])
    item = server.put("first", "many", {str(number): "" for number in range(1000)})
    item["fields"].append({"label": "list", "value": [big]})
    found = client.read([SecretRequest("app"), SecretRequest("many")])

    assert set(found[SecretRequest("app")].body) == {"id", "title", "category", "fields", "files"}
    assert 500 <= len(found[SecretRequest("app")]) < 2000
    assert len(found[SecretRequest("many")]) > 500_000, "each field takes memory, also without a value"
    assert big not in str(found[SecretRequest("many")].body)


def test_two_of_one_name_are_refused(client: Any, server: OnePassword) -> None:
    server.put("first", "twin", {"password": "1"})
    server.put("first", "twin", {"password": "2"})
    item = server.put("first", "app", {"password": "1"})
    item["fields"] *= 2

    with pytest.raises(ProviderDenied, match='vault "first" has 2 items with the title "twin"'):
        value(client, "twin")
    with pytest.raises(ProviderDenied, match='expected one field with the name "password" in item "app", found 2'):
        value(client, "app")
    with pytest.raises(ProviderDenied, match='several fields or files with the name "password"'):
        extracted(client, "app")


@pytest.mark.parametrize("changes", [{"version": "1"}, {"metadata": True}])
def test_what_1password_does_not_have_is_refused(client: Any, server: OnePassword, changes: Any) -> None:
    server.put("first", "app", {"password": "1"})
    request = replace(SecretRequest("app"), **changes)

    found = client.read([request])[request]
    assert isinstance(found, ProviderDenied)
    assert "not implemented in the 1Password provider" in str(found)


def test_a_search_merges_the_fields_of_all_items(client: Any, server: OnePassword) -> None:
    server.put("first", "a", {"x-1": "first", "y": "1"}, tags=["team", "app"], files={"x-2": b"file"})
    server.put("second", "b", {"x-1": "second", "x-3": "3"}, tags=["team"])

    def found(**wanted: Any) -> dict[str, str]:
        return found_texts(client.find(SearchRequest(**wanted)))

    assert found(name="^x") == {"x-1": "first", "x-2": "file", "x-3": "3"}
    assert found(path="b") == {"x-1": "second", "x-3": "3"}
    assert found(tags=(("team", "any"),), name="3") == {"x-3": "3"}, "every vault is searched for tags"
    assert found(tags=(("app", ""),), path="b") == {}, "path and tags must both match"
    with pytest.raises(ProviderDenied, match="could not compile"):
        found(name="(")


def test_equal_names_in_a_search_matter_only_if_they_match(client: Any, server: OnePassword) -> None:
    item = server.put("first", "a", {"x": "1", "y": "2"})
    item["fields"].append(dict(item["fields"][0]))

    assert found_texts(client.find(SearchRequest(name="y"))) == {"y": "2"}
    with pytest.raises(ProviderDenied, match="several fields or files"):
        client.find(SearchRequest(name="x"))


def test_an_item_is_read_once_for_all_its_fields(client: Any, server: OnePassword, calls: Calls) -> None:
    for number in range(20):
        server.put("first", f"app-{number}", {"password": "p", "user": "u"})
    requests = [SecretRequest(f"app-{number}", property=name) for number in range(20) for name in ("", "user")]
    client.read(requests)
    assert calls == {"ListVaults": 1, "ListItems": 1, "GetItem": 20}
    calls.clear()

    client.read(requests)
    assert calls == {"ListItems": 1}, "an item of the version that is kept is not read again"
    item = next(iter(server.items[server.vaults["first"]].values()))
    server.change(item, "password", "new")
    calls.clear()
    assert client.read(requests)[requests[0]].body["fields"][0]["value"] == "new"
    assert calls == {"ListItems": 1, "GetItem": 1}


def test_one_item_is_asked_for_by_its_title(client: Any, server: OnePassword, calls: Calls) -> None:
    server.put("second", 'a "quoted" \\ title', {"password": "p"})
    value(client, 'a "quoted" \\ title')
    calls.clear()

    assert value(client, 'a "quoted" \\ title') == b"p"
    assert calls == {"ListItems": 2}


def test_the_vaults_are_checked_with_the_store(client: Any, server: OnePassword) -> None:
    client.validate()
    del server.vaults["second"]
    with pytest.raises(ProviderDenied, match='the token may use no vault with the name or id "second"'):
        client.validate()


@pytest.mark.parametrize(
    ("changes", "said"),
    [({"vaults": {}}, "vaults is empty"), ({"vaults": {"a": 1, "b": 1}}, "two vaults have the same number")],
)
def test_fields_that_do_not_go_together_are_named(server: OnePassword, changes: Any, said: str) -> None:
    with pytest.raises(NeedsHuman, match=said):
        connected("onepassword", fields(server, **changes), provider_context(Desk(op_token="t")))


def test_another_token_is_refused_and_not_quoted(server: OnePassword) -> None:
    client = connected("onepassword", fields(server), provider_context(Desk(op_token="canary-token")))

    with pytest.raises(ProviderDenied, match="ListVaults: 401: Invalid bearer token") as raised:
        client.validate()
    assert "canary" not in str(raised.value)
    client.close()


FAULTS: list[tuple[Fault, type[ProviderError]]] = [
    (status(500, '{"message": "x"}'), ProviderUnavailable),
    (status(429, '{"message": "Too many requests"}', Retry_After="9"), ProviderUnavailable),
    (page(), ProviderUnavailable),
    (status(200, ""), ProviderUnavailable),
    (status(200, "[]"), ProviderUnavailable),
    (status(200, '{"id": "x", "title": 7, "fields": []}'), ProviderUnavailable),
    (status(200, '{"id": "x", "title": "app", "fields": "canary"}'), ProviderUnavailable),
    (status(404, "canary", "text/html"), ProviderUnavailable),
    (status(403, '{"message": "status 403: Authorization: pending"}'), ProviderUnavailable),
    (status(403, '{"message": "not in scope"}'), ProviderDenied),
    (cut, ProviderUnavailable),
    (half, ProviderUnavailable),
]


@pytest.mark.parametrize(("fault", "kind"), FAULTS)
@pytest.mark.parametrize("of_list", [True, False])
def test_a_fault_is_never_an_absence(
    client: Any, server: OnePassword, fault: Fault, kind: type[ProviderError], *, of_list: bool
) -> None:
    item = server.put("first", "app", {"password": "p"})
    client.validate()
    path = "/items" if of_list else f"/items/{item['id']}"
    server.faults.next(fault, path, 3)

    with pytest.raises(ProviderError) as raised:
        value(client, "app")
    assert type(raised.value) is kind
    assert "canary" not in str(raised.value)
    server.faults.clear()
    assert value(client, "app") == b"p"


def test_a_refusal_of_a_moment_is_tried_again(client: Any, server: OnePassword) -> None:
    server.put("first", "app", {"password": "p"})
    client.validate()
    server.faults.next(status(403, '{"message": "status 403: Authorization: pending"}'), "/items", 2)

    assert value(client, "app") == b"p"


def test_the_requests_of_a_day_are_limited_and_the_store_says_so(server: OnePassword) -> None:
    server.put("first", "app", {"password": "p"})
    context = replace(provider_context(Desk(op_token=server.token)), daily_requests=3)
    client = connected("onepassword", fields(server), context)
    value(client, "app")
    with pytest.raises(ProviderUnavailable, match="the 3 requests that it may send in a day"):
        value(client, "none")
    with pytest.raises(ProviderUnavailable, match="goes on at midnight UTC"):
        client.validate()
    again = connected("onepassword", fields(server), context)
    with pytest.raises(ProviderUnavailable):
        again.validate()
    client.close()
    again.close()


def test_a_budget_begins_again_at_midnight() -> None:
    now = DAY_SECONDS * 20_000 - 1
    budget = DailyBudget(1, lambda: now)
    budget.spend()
    with pytest.raises(ProviderUnavailable):
        budget.spend()
    now += 1
    budget.spend()
    for _ in range(100):
        DailyBudget(0).spend()


def test_budgets_of_stores_are_their_own() -> None:
    budgets = DailyBudgets()
    budgets.of("a", 1).spend()

    assert (budgets.of("a", 2).spent, budgets.of("a", 2).limit, budgets.of("b", 1).spent) == (1, 2, 0)
    assert isinstance(BUDGETS, DailyBudgets)

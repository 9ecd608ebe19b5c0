"""A search in Vault ends, whatever the server lists; reads are tested against a real one."""

from typing import Any

import pytest
from aiohttp import web

from external.providers.protocol import ProviderDenied, ProviderUnavailable, SearchRequest, SecretRequest
from external.providers.support.egress import EgressPolicy
from external.providers.vault.client import KeyValue
from external.providers.vault.connection import Connection, Server
from tests.cluster.serving import Served


class Listing:
    """Lists the same below every folder, without an end."""

    def __init__(self, *keys: str) -> None:
        self.keys = keys
        self.asked: list[str] = []

    def get(self, name: str, path: str, **options: object) -> Any:
        del options
        self.asked.append(path)
        return {"data": {"keys": self.keys}} if name == "ListSecrets" else {"data": {"data": {"k": "x" * 100}}}


def engine(listing: Any, seconds: float = 5) -> KeyValue:
    return KeyValue(listing, "kv", "v2", seconds)


def test_folders_that_hold_ever_more_folders_are_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("external.providers.vault.client.MAX_FOLDERS", 20)
    listing = Listing("a/", "b/", "c/", "d/", "e/")

    with pytest.raises(ProviderDenied, match="more than 20 folders"):
        engine(listing).find(SearchRequest(name="."))
    assert len(listing.asked) == 6


def test_more_values_than_any_secret_holds_are_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("external.providers.support.search.MAX_FOUND_BYTES", 1000)
    listing = Listing("a", "b", "c", "d")

    with pytest.raises(ProviderDenied, match="find matches more than 1000 bytes"):
        engine(listing).find(SearchRequest(name="."))
    assert len(listing.asked) == 4, "one list, and two that were taken, and one too many"


def test_an_answer_is_no_larger_than_a_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("external.providers.vault.connection.MAX_ANSWER_BYTES", 1000)

    async def answer(_: web.Request) -> web.StreamResponse:
        return web.json_response({"data": {"data": {"k": "x" * 1000}}})

    served = Served(answer)
    url = Server(served.start(), "", "", {}, None, None, "Vault")
    connection = Connection(url, None, EgressPolicy(everything=True), lambda *_: None, 5)
    request = SecretRequest("a")
    found = engine(connection).read([request])[request]
    connection.close()
    served.stop()

    assert isinstance(found, ProviderDenied)
    assert "larger than 1000 bytes" in str(found)


@pytest.mark.parametrize("answer", [{}, {"data": None}, {"data": {}}, {"data": {"keys": "a"}}])
def test_a_list_without_names_is_no_empty_folder(answer: dict[str, Any]) -> None:
    """Of an empty folder Vault says 404; the keys of a target would go for a page that says nothing."""
    listing = Listing()
    listing.get = lambda *_, **__: answer  # type: ignore[method-assign]

    with pytest.raises(ProviderUnavailable, match="holds no list"):
        engine(listing).find(SearchRequest(name="."))

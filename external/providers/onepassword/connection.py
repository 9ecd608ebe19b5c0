"""Requests to a 1Password Connect server, and what its answers mean."""

import time
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

from external.providers.onepassword.items import ITEM_ID
from external.providers.protocol import ProviderDenied, ProviderUnavailable, SecretAbsent
from external.providers.support.call_saving.daily_budget import DailyBudget
from external.providers.support.http import HttpAnswer, HttpClient, HttpOptions, HttpRequest, http_url
from external.providers.support.naming import host_of
from external.providers.support.refusals import reason
from manager.core.documents import Caps, Unreadable, read_json
from manager.core.secret_value import SecretValue

LABEL = "1Password/Connect"
ANSWER = Caps(size=8 << 20, values=700_000, levels=30)
ATTEMPTS = 3
PAUSE_SECONDS = 0.1
NOT_YET = "status 403: Authorization"
"""What Connect says for a moment while it is being synchronised."""


class ConnectConnection:
    """Sends requests with one token; used by several threads."""

    def __init__(self, url: str, token: SecretValue, options: HttpOptions, budget: DailyBudget) -> None:
        http_url(url)
        self._url = url.rstrip("/")
        self._http = HttpClient(options, token)
        self.budget = budget
        self.location = f"1Password Connect {host_of(url)}"
        """What messages call the server."""

    def ask(
        self, call: str, method: str, path: str, *, params: Mapping[str, str] | None = None, json: Any = None
    ) -> Any:
        """Send a request and return the parsed answer, None for an empty one. Raises ProviderError."""
        answer = self.sent(call, method, path, params=params, json=json)
        if not answer.content:
            return None
        try:
            return read_json(answer.content, ANSWER)
        except Unreadable:
            raise ProviderUnavailable(f"{call}: {answer.status}: the answer is no JSON") from None

    def sent(
        self, call: str, method: str, path: str, *, params: Mapping[str, str] | None = None, json: Any = None
    ) -> HttpAnswer:
        """Send a request and return a successful answer. Raises ProviderError, SecretAbsent for 404."""
        for attempt in range(1, ATTEMPTS + 1):
            self.budget.spend()
            answer = self._http.send(HttpRequest(call, method, f"{self._url}/v1/{path}", params=params, json=json))
            if answer.status < 300:
                return answer
            words = _words(answer)
            if NOT_YET not in words or attempt == ATTEMPTS:
                break
            time.sleep(PAUSE_SECONDS)
        if answer.status == 404 and words:
            raise SecretAbsent(f"{call}: 404{words}")
        # A page of a proxy proves nothing; nor does Connect while it is being synchronised.
        kind = ProviderUnavailable if answer.temporary or not words or NOT_YET in words else ProviderDenied
        raise kind(f"{call}: {answer.status}{words}")

    def items(self, vault: str, title: str = "") -> Sequence[Any]:
        """Return a list of items: all of a vault, or those with a title. Raises ProviderError."""
        params = {"filter": f'title eq "{_quoted(title)}"'} if title else None
        found = self.ask("ListItems", "GET", f"vaults/{vault}/items", params=params)
        if not isinstance(found, list):
            raise ProviderUnavailable("ListItems: the answer is no list")
        return found

    def vaults(self) -> Mapping[str, str]:
        """Return the names of all vaults that the token may use, by their ids. Raises ProviderError."""
        found = self.ask("ListVaults", "GET", "vaults")
        vaults = {}
        # A token is made for vaults: a list of none is no answer.
        for each in found if isinstance(found, list) and found else [None]:
            identifier, name = (each.get("id"), each.get("name")) if isinstance(each, dict) else (None, None)
            if not isinstance(identifier, str) or not identifier.isalnum() or not isinstance(name, str):
                raise ProviderUnavailable("ListVaults: the answer is no list of vaults")
            vaults[identifier] = name
        return vaults

    def close(self) -> None:
        """Close the connections."""
        self._http.close()


def vault_ids(wanted: Sequence[str], found: Mapping[str, str]) -> Mapping[str, str]:
    """Return the id of each vault that a store names by title or id, in its order. Raises ProviderDenied."""
    ids = {}
    for each in wanted:
        named = [each] if ITEM_ID.fullmatch(each) and each in found else []
        named = named or [identifier for identifier, name in found.items() if name == each]
        if len(named) != 1:
            text = "no vault" if not named else f"{len(named)} vaults"
            raise ProviderDenied(f'vaults: the token may use {text} with the name or id "{each}"')
        ids[each] = named[0]
    return ids


def _quoted(title: str) -> str:
    return title.replace("\\", "\\\\").replace('"', '\\"')


def item_path(vault: str, item: str, *more: str) -> str:
    """Return the path of an item, or of what belongs to it."""
    return "/".join(["vaults", vault, "items", quote(item, safe=""), *more])


def _words(answer: HttpAnswer) -> str:
    """Return the server's own text; empty if the answer is not its own."""
    try:
        body = read_json(answer.content, ANSWER)
    except Unreadable:
        return ""
    return reason(body.get("message"), [answer.token]) if isinstance(body, dict) else ""

"""Grafana: a token of a Grafana service account, which is deleted when it is replaced."""

import base64
import time
from collections.abc import Callable
from typing import Annotated, Any
from urllib.parse import quote
from uuid import uuid4

from pydantic import Field

from external.api.fields import LocalSecretKeySelector, Model, SecretKeySelector
from external.errors import FAILED
from external.generators.protocol import Announced, Generated, GeneratorKind, Make, State, resource
from external.providers.protocol import ConnectContext, ProviderUnavailable
from external.providers.support.http import HttpAnswer, HttpClient, HttpOptions, HttpRequest, http_url
from external.providers.support.naming import host_of
from manager.core.documents import ANSWER, Unreadable, read_json
from manager.core.errors import NeedsHuman
from manager.core.secret_value import SecretValue

LABEL = "Grafana"
SEARCH, CREATE = "SearchServiceAccounts", "CreateServiceAccount"
CREATE_TOKEN, LIST_TOKENS, DELETE_TOKEN = "CreateToken", "ListTokens", "DeleteToken"
GONE = 404
PAGE, MAX_PAGES = 100, 50
MAX_BYTES = 16 << 10


class GrafanaSpecAuthBasic(Model):
    """Login with user and password."""

    password: LocalSecretKeySelector
    """Key of a Secret that holds the password."""
    username: str
    """Name of the user."""


class GrafanaSpecAuth(Model):
    """How to authenticate to Grafana."""

    basic: GrafanaSpecAuthBasic | None = None
    """Login with user and password."""
    token: LocalSecretKeySelector | None = None
    """Key of a Secret that holds the token."""


class GrafanaSpecServiceAccount(Model):
    """The service account and its token."""

    name: str
    """Name of the service account."""
    role: str
    """Role of the service account."""
    seconds_to_live: Annotated[int | None, Field(ge=1, json_schema_extra={"format": "int64"})] = None
    """Seconds that the token lives."""


class GrafanaSpec(Model):
    """A token of a Grafana service account."""

    auth: GrafanaSpecAuth
    """How to authenticate to Grafana."""
    service_account: GrafanaSpecServiceAccount
    """The service account and its token."""
    url: str
    """URL of Grafana."""


async def connect(spec: GrafanaSpec, context: ConnectContext, at: str) -> Make:
    """Return what creates a token: `login`, `token`. Its name is chosen before, so that it can be found without it."""
    open_server = await _login(spec, context, at)
    wanted = spec.service_account
    account = {"name": wanted.name, "tokenName": str(uuid4())}

    def make() -> Generated:
        server = open_server()
        try:
            found = server.account(wanted.name) or server.create_account(wanted.name, wanted.role)
            body: dict[str, Any] = {"name": account["tokenName"]}
            if wanted.seconds_to_live:
                body["secondsToLive"] = wanted.seconds_to_live
            number, token = server.create_token(found["id"], body)
        finally:
            server.close()
        state = {"serviceAccount": {**account, "id": found["id"], "login": found["login"], "tokenID": number}}
        values = {"login": SecretValue(str(found["login"]).encode()), "token": SecretValue(token.encode())}
        return Generated(values, time.time() + wanted.seconds_to_live if wanted.seconds_to_live else None, state)

    return Announced({"serviceAccount": account}, make)


async def revoke(spec: GrafanaSpec, context: ConnectContext, state: State, at: str) -> Callable[[], None]:
    """Return what deletes the token; the service account stays."""
    open_server = await _login(spec, context, at)
    given = state.get("serviceAccount")
    account: dict[str, Any] = given if isinstance(given, dict) else {}

    def end() -> None:
        server = open_server()
        try:
            number = account.get("id")
            if number is None:
                number = (server.account(str(account.get("name") or "")) or {}).get("id")
            token = account.get("tokenID")
            if token is None and number is not None:
                token = server.token(number, str(account.get("tokenName") or ""))
            if number is not None and token is not None:
                server.delete_token(number, token)
        finally:
            server.close()

    return end


async def _login(spec: GrafanaSpec, context: ConnectContext, at: str) -> "Callable[[], _Server]":
    """Return what connects to Grafana with the credentials of a spec."""
    url, auth, token, headers = spec.url.rstrip("/"), spec.auth, None, {}
    if auth.token is not None:
        token = await context.lookup.secret(_selector(auth.token), f"{at}.auth.token")
    elif auth.basic is not None:
        password = await context.lookup.secret(_selector(auth.basic.password), f"{at}.auth.basic.password")
        login = f"{auth.basic.username}:{password.reveal().decode(errors='replace').strip()}"
        headers["Authorization"] = f"Basic {base64.b64encode(login.encode()).decode()}"
    else:
        raise NeedsHuman(FAILED, f"{at}.auth: token or basic must be set")

    def connected() -> _Server:
        http_url(url)
        options = HttpOptions(LABEL, context.egress, context.count, context.timeout, headers=headers)
        return _Server(HttpClient(options, token), url)

    return connected


def _selector(given: LocalSecretKeySelector) -> SecretKeySelector:
    return SecretKeySelector(name=given.name, key=given.key)


class _Server:
    """Grafana's HTTP API."""

    def __init__(self, http: HttpClient, url: str) -> None:
        self._http = http
        self._url = f"{url}/api/serviceaccounts"
        self._host = host_of(url)

    def account(self, name: str) -> dict[str, Any] | None:
        """Return the service account of this very name, None if there is none: the search finds parts of names."""
        seen, totals = 0, set[object]()
        for page in range(1, MAX_PAGES + 1):
            params = {"query": name, "perpage": str(PAGE), "page": str(page)}
            answer = self._asked(HttpRequest(SEARCH, "GET", f"{self._url}/search", params=params), (200,))
            body = answer.json_object(ANSWER)
            listed = body.get("serviceAccounts") or []
            for each in listed:
                if isinstance(each, dict) and each.get("name") == name:
                    return self._checked(each, SEARCH)
            seen += len(listed)
            totals.add(body.get("totalCount"))
            if len(listed) < PAGE:
                if page > 1 and totals != {seen}:  # one that is deleted between two pages hides another
                    raise ProviderUnavailable(f"Grafana {self._host}: {SEARCH}: the list changes while it is read")
                return None
        raise ProviderUnavailable(f"Grafana {self._host}: {SEARCH}: there are more than {PAGE * MAX_PAGES} accounts")

    def create_account(self, name: str, role: str) -> dict[str, Any]:
        """Create a service account and return it."""
        request = HttpRequest(CREATE, "POST", self._url, json={"name": name, "role": role})
        return self._checked(self._asked(request, (200, 201)).json_object(ANSWER), CREATE)

    def create_token(self, account: int, body: dict[str, Any]) -> tuple[int, str]:
        """Create a token and return its id and itself."""
        request = HttpRequest(CREATE_TOKEN, "POST", self._tokens(account), json=body)
        made = self._asked(request, (200, 201)).json_object(ANSWER)
        number, token = made.get("id"), made.get("key")
        if not isinstance(number, int) or not isinstance(token, str) or not token:
            raise ProviderUnavailable(f"Grafana {self._host}: {CREATE_TOKEN}: the answer holds no token")
        return number, token

    def token(self, account: int, name: str) -> int | None:
        """Return the id of a token of this name, None if there is none."""
        answer = self._asked(HttpRequest(LIST_TOKENS, "GET", self._tokens(account)), (200, GONE))
        try:
            listed = read_json(answer.content, ANSWER) if answer.status != GONE else []
        except Unreadable:
            listed = None
        if not isinstance(listed, list):
            raise ProviderUnavailable(f"Grafana {self._host}: {LIST_TOKENS}: the answer is no list")
        found = (each.get("id") for each in listed if isinstance(each, dict) and each.get("name") == name)
        return next((each for each in found if isinstance(each, int)), None)

    def delete_token(self, account: int, token: int) -> None:
        """Delete a token; one that is gone already is a success."""
        url = f"{self._tokens(account)}/{quote(str(token), safe='')}"
        self._asked(HttpRequest(DELETE_TOKEN, "DELETE", url), (200, 204, GONE))

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def _tokens(self, account: int) -> str:
        return f"{self._url}/{quote(str(account), safe='')}/tokens"

    def _checked(self, account: dict[str, Any], call: str) -> dict[str, Any]:
        if not isinstance(account.get("id"), int) or not isinstance(account.get("login"), str):
            raise ProviderUnavailable(f"Grafana {self._host}: {call}: the answer holds no service account")
        return account

    def _asked(self, request: HttpRequest, statuses: tuple[int, ...]) -> HttpAnswer:
        answer = self._http.send(request)
        if answer.status in statuses:
            return answer
        raise answer.refusal(f"Grafana {self._host}", "auth and serviceAccount")


GRAFANAS = GeneratorKind(
    resource=resource("grafanas", "Grafana"),
    spec=GrafanaSpec,
    generate=None,
    connect=connect,
    embedded="grafanaSpec",
    about="A token of a Grafana service account.",
    weigh=lambda _spec: (2, MAX_BYTES),
    revoke=revoke,
    names=lambda spec: None if spec.service_account.seconds_to_live else ("login", "token"),
    label=LABEL,
)

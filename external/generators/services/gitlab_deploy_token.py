"""GitlabDeployToken: a deploy token of a GitLab project or group, which is deleted when it is replaced."""

import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Annotated, Any, Literal
from urllib.parse import quote

from pydantic import Field

from external.api.credentials import RequiredSecretValue
from external.api.fields import Model, checked
from external.errors import FAILED
from external.generators.protocol import Announced, Generated, GeneratorKind, Make, State, resource
from external.providers.protocol import ConnectContext, ProviderDenied, ProviderUnavailable
from external.providers.support.http import HttpAnswer, HttpClient, HttpOptions, HttpRequest, TokenHeader, http_url
from external.providers.support.naming import host_of
from manager.core.documents import ANSWER, Unreadable, read_json
from manager.core.errors import NeedsHuman
from manager.core.secret_value import SecretValue

LABEL, CREATE, LIST, DELETE = "GitLab", "CreateDeployToken", "ListDeployTokens", "DeleteDeployToken"
DEFAULT_URL = "https://gitlab.com"
TOKEN_HEADER = TokenHeader("PRIVATE-TOKEN", "", 401)
GONE = 404
PAGE, MAX_PAGES = 100, 50
MAX_BYTES = 16 << 10


class GitlabDeployTokenSpecAuth(Model):
    """How to authenticate to GitLab."""

    token: RequiredSecretValue
    """Access token of GitLab."""


class GitlabDeployTokenSpec(Model):
    """A deploy token of a GitLab project or group."""

    model_config = checked(
        ("has(self.projectID) != has(self.groupID)", "exactly one of projectID or groupID must be set")
    )

    auth: GitlabDeployTokenSpecAuth
    """How to authenticate to GitLab."""
    expires_at: Annotated[str | None, Field(json_schema_extra={"format": "date-time"})] = None
    """Time at which the token expires."""
    group_id: Annotated[str | None, Field(alias="groupID", min_length=1)] = None
    """ID of the group."""
    name: Annotated[str, Field(min_length=1)]
    """Name of the deploy token."""
    project_id: Annotated[str | None, Field(alias="projectID", min_length=1)] = None
    """ID of the project."""
    scopes: Annotated[
        list[
            Literal[
                "read_repository",
                "read_registry",
                "write_registry",
                "read_package_registry",
                "write_package_registry",
                "read_virtual_registry",
                "write_virtual_registry",
            ]
        ],
        Field(min_length=1),
    ]
    """Scopes of the token."""
    url: str | None = None
    """URL of GitLab."""
    username: str | None = None
    """User name of the deploy token."""


async def connect(spec: GitlabDeployTokenSpec, context: ConnectContext, at: str) -> Make:
    """Return what creates a token: `username`, `token`.

    A user name that the spec leaves open is chosen here, so that the token can be found without GitLab's answer.
    """
    url, key, number = place = _place(spec, at)
    credential = await context.lookup.secret(spec.auth.token.secret_ref, f"{at}.auth.token.secretRef")
    username = spec.username or f"coffer-{secrets.token_hex(8)}"
    state = {"url": url, key: number, "username": username}

    def make() -> Generated:
        body = {"name": spec.name, "scopes": list(spec.scopes), "username": username, "expires_at": spec.expires_at}
        request = HttpRequest(
            CREATE, "POST", _tokens_url(place), json={name: value for name, value in body.items() if value}
        )
        with _client(context, credential, url) as http:
            answer = _accepted(http.send(request), (200, 201), url)
        made = answer.json_object(ANSWER)
        number, user, token = made.get("id"), made.get("username"), made.get("token")
        if not isinstance(number, int) or not isinstance(user, str) or not isinstance(token, str) or not token:
            raise ProviderUnavailable(f"{_server(url)}: {CREATE}: the answer holds no token")
        values = {"username": SecretValue(user.encode()), "token": SecretValue(token.encode())}
        return Generated(values, state={**state, "tokenID": number})

    return make if spec.username else Announced(state, make)


async def revoke(spec: GitlabDeployTokenSpec, context: ConnectContext, state: State, at: str) -> Callable[[], None]:
    """Return what deletes the token; url and ids are those under which it was created."""
    credential = await context.lookup.secret(spec.auth.token.secret_ref, f"{at}.auth.token.secretRef")
    place = _recorded(state)
    url = place[0]

    def end() -> None:
        with _client(context, credential, url) as http:
            token = state.get("tokenID") or _found(http, place, str(state.get("username") or ""))
            if token is not None:
                request = HttpRequest(DELETE, "DELETE", f"{_tokens_url(place)}/{quote(str(token), safe='')}")
                _accepted(http.send(request), (200, 202, 204, GONE), url)

    return end


Place = tuple[str, str, str]
"""The URL of GitLab, `projectID` or `groupID`, and that id."""


def _place(spec: GitlabDeployTokenSpec, at: str) -> Place:
    if bool(spec.project_id) == bool(spec.group_id):
        raise NeedsHuman(FAILED, f"{at}: exactly one of projectID or groupID must be set")
    url = (spec.url or DEFAULT_URL).rstrip("/")
    return (url, "projectID", spec.project_id) if spec.project_id else (url, "groupID", spec.group_id or "")


def _recorded(state: State) -> Place:
    key = "projectID" if state.get("projectID") else "groupID"
    if not state.get("url") or not state.get(key):
        raise ProviderDenied("spec.state: it names no project or group of GitLab")
    return str(state["url"]).rstrip("/"), key, str(state[key])


def _tokens_url(place: Place) -> str:
    url, key, number = place
    kind = "projects" if key == "projectID" else "groups"
    return f"{url}/api/v4/{kind}/{quote(number, safe='')}/deploy_tokens"


def _found(http: HttpClient, place: Place, username: str) -> int | None:
    """Return the id of the token with a user name that was chosen here, None if it was never created."""
    seen, totals = 0, set[str | None]()
    for page in range(1, MAX_PAGES + 1):
        params = {"per_page": str(PAGE), "page": str(page)}
        answer = _accepted(
            http.send(HttpRequest(LIST, "GET", _tokens_url(place), params=params)), (200, GONE), place[0]
        )
        listed = _listed(answer, place[0]) if answer.status != GONE else []
        for each in listed:
            if isinstance(each, dict) and each.get("username") == username and isinstance(each.get("id"), int):
                return int(each["id"])
        seen += len(listed)
        totals.add(answer.headers.get("X-Total"))
        if len(listed) < PAGE:
            if page > 1 and totals != {str(seen)}:  # one that is deleted between two pages hides another
                raise ProviderUnavailable(f"{_server(place[0])}: {LIST}: the list changes while it is read")
            return None
    raise ProviderUnavailable(f"{_server(place[0])}: {LIST}: there are more than {PAGE * MAX_PAGES} tokens")


def _listed(answer: HttpAnswer, url: str) -> list[Any]:
    try:
        found = read_json(answer.content, ANSWER)
    except Unreadable:
        found = None
    if not isinstance(found, list):
        raise ProviderUnavailable(f"{_server(url)}: {answer.call}: the answer is no list")
    return found


def _accepted(answer: HttpAnswer, statuses: tuple[int, ...], url: str) -> HttpAnswer:
    if answer.status in statuses:
        return answer
    raise answer.refusal(_server(url), "the access token, its scope api, and the id")


def _server(url: str) -> str:
    return f"GitLab {host_of(url)}"


@contextmanager
def _client(context: ConnectContext, token: SecretValue, url: str) -> Iterator[HttpClient]:
    """Open a client with the access token of the spec."""
    http_url(url)
    options = HttpOptions(LABEL, context.egress, context.count, context.timeout, token_header=TOKEN_HEADER)
    http = HttpClient(options, token)
    try:
        yield http
    finally:
        http.close()


GITLAB_DEPLOY_TOKENS = GeneratorKind(
    resource=resource("gitlabdeploytokens", "GitlabDeployToken"),
    spec=GitlabDeployTokenSpec,
    generate=None,
    connect=connect,
    embedded="gitlabDeployTokenSpec",
    about="A deploy token of a GitLab project or group.",
    weigh=lambda _spec: (2, MAX_BYTES),
    revoke=revoke,
    names=lambda spec: None if spec.expires_at else ("username", "token"),
    label=LABEL,
)

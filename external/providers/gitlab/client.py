"""CI/CD variables of a project and of groups: complete lists, from which every key is taken."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple
from urllib.parse import quote

from external.providers.gitlab.precedence import EVERY, Variable, chosen, found_in
from external.providers.protocol import (
    ProviderDenied,
    ProviderError,
    ProviderUnavailable,
    SearchRequest,
    SecretAbsent,
    SecretRequest,
    one_by_one,
)
from external.providers.support.http import HttpAnswer, HttpClient, HttpRequest
from external.providers.support.naming import compiled
from external.providers.support.plain_reads import require_plain
from external.providers.support.refusals import reason
from external.providers.support.search import SearchResults
from manager.core.documents import Caps, Unreadable, read_json
from manager.core.secret_value import SecretValue

LABEL = "GitLab"
BATCH = 100
ANSWER = Caps(size=8 << 20, values=200_000, levels=20)
PAGE = 100
MAX_PAGES = 50
NEXT_PAGE = "X-Next-Page"
LIST_CALLS = {"projects": "ProjectVariablesList", "groups": "GroupVariablesList"}
ABSENCE = "Secret does not exist"
SCOPE_TAG = "environment_scope"


class Scope(NamedTuple):
    """What the store reads."""

    url: str
    project: str
    """Empty for a store of groups only."""
    groups: tuple[str, ...]
    """The last one is asked first."""
    inherits: bool
    """Whether the groups are those above the project."""
    environment: str


class GitLabVariables:
    """Reads the variables of a project and of groups."""

    natural = False
    batch = BATCH

    def __init__(self, scope: Scope, http: HttpClient) -> None:
        self._scope = scope
        self._http = http

    @property
    def project(self) -> str:
        """The project, empty for a store of groups only."""
        return self._scope.project

    def validate(self) -> None:
        """Check that the token may list the variables of the project and of each group; values are not kept."""
        for kind, identifier in self._places():
            self._get(LIST_CALLS[kind], f"{kind}/{quote(identifier, safe='')}/variables", 1, size=1)

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def location(self, request: SecretRequest) -> str:
        """Return project, groups and environment."""
        del request
        scope = self._scope
        parts = ["GitLab"] + ([f"project {scope.project}"] if scope.project else [])
        parts += ["the groups above it"] if scope.inherits else [f"group {each}" for each in scope.groups]
        return ", ".join([*parts, f"environment {scope.environment or EVERY}"])

    def read(self, requests: Sequence[SecretRequest]) -> Mapping[SecretRequest, SecretValue | ProviderError]:
        """Return the variables of these keys; a dash in a key stands for an underscore."""
        sources = _Sources(self)
        return one_by_one(requests, lambda each: self._one(each, sources))

    def find(self, find: SearchRequest) -> Mapping[str, SecretValue]:
        """Return the variables whose name matches, each from where `remoteRef` would take it."""
        if find.name is None:
            raise ProviderDenied("'find.name' is mandatory")
        if find.path:
            raise ProviderDenied("'find.path' is not implemented in the GitLab provider")
        environment = self._searched(dict(find.tags or ()))
        pattern, found = compiled(find.name), SearchResults()
        sources = list(_Sources(self))
        for name in sorted({each.key for variables in sources for each in variables if pattern.search(each.key)}):
            taken = next((each for each in (chosen(source, name, environment) for source in sources) if each), None)
            if taken is not None:
                found[name] = _value(taken)
        return found

    def variables(self, kind: str, identifier: str) -> list[Variable]:
        """Return all variables of a project or group. Raises ProviderError."""
        call = LIST_CALLS[kind]
        return [found_in(call, each) for each in self._listed(call, f"{kind}/{quote(identifier, safe='')}/variables")]

    def groups(self) -> Sequence[str]:
        """Return the groups, in the order in which they are asked. Raises ProviderError."""
        if not self._scope.inherits:
            return self._scope.groups[::-1]
        path, above = f"projects/{quote(self._scope.project, safe='')}/groups", list[tuple[int, str]]()
        for each in self._listed("ListProjectsGroups", path):
            if not isinstance(each, dict) or not isinstance(each.get("id"), int):
                raise ProviderUnavailable("ListProjectsGroups: the answer is no list of groups")
            above.append((len(str(each.get("full_path"))), str(each["id"])))
        return [identifier for _, identifier in sorted(above, reverse=True)]

    def _one(self, request: SecretRequest, sources: Iterable[Sequence[Variable]]) -> SecretValue:
        require_plain(request, "GitLab")
        key = request.key.replace("-", "_")
        for variables in sources:
            found = chosen(variables, key, self._scope.environment)
            if found is not None:
                return _value(found)
        raise SecretAbsent(ABSENCE)

    def _searched(self, tags: Mapping[str, str]) -> str:
        """Return the environment of a search. Raises ProviderDenied for tags that would open another one."""
        own = self._scope.environment
        if tags.keys() - {SCOPE_TAG}:
            raise ProviderDenied(f"find.tags: only {SCOPE_TAG} is implemented in the GitLab provider")
        asked = tags.get(SCOPE_TAG)
        if asked is not None and own not in ("", EVERY) and asked != own:
            raise ProviderDenied("find.tags: environment_scope is another one than the store's environment")
        return own if asked is None else asked

    def _places(self) -> list[tuple[str, str]]:
        project = [("projects", self._scope.project)] if self._scope.project else []
        return project + [("groups", each) for each in self.groups()]

    def _listed(self, call: str, path: str) -> Iterable[Any]:
        for number in range(1, MAX_PAGES + 1):
            answer, items = self._get(call, path, number, size=PAGE)
            yield from items
            if not answer.headers.get(NEXT_PAGE):
                return
        raise ProviderDenied(f"{call}: there are more than {MAX_PAGES * PAGE} entries")

    def _get(self, call: str, path: str, page: int, *, size: int) -> tuple[HttpAnswer, list[Any]]:
        params = {"per_page": str(size), "page": str(page)}
        answer = self._http.send(HttpRequest(call, "GET", f"{self._scope.url}/api/v4/{path}", params=params))
        try:
            body = read_json(answer.content, ANSWER)
        except Unreadable:
            body = None
        # Without the header of its pages an empty list may be anybody's, and would stand for variables that are gone.
        if answer.status == 200 and isinstance(body, list) and NEXT_PAGE in answer.headers:
            return answer, body
        said = (body.get("message") or body.get("error")) if isinstance(body, dict) else None
        refused = isinstance(said, str) and not answer.temporary and answer.status >= 400
        kind = ProviderDenied if refused else ProviderUnavailable
        raise kind(f"{call}: {answer.status}{reason(said, [answer.token]) if answer.status >= 400 else ': no list'}")


class _Sources:
    """The lists of one call in their order, each made when it is first needed."""

    def __init__(self, client: GitLabVariables) -> None:
        self._client = client
        self._made: list[list[Variable]] = []
        self._places: list[tuple[str, str]] | None = None

    def __iter__(self) -> Iterator[list[Variable]]:
        number = 0
        while True:
            if number == len(self._made):
                place = self._next(number)
                if place is None:
                    return
                self._made.append(self._client.variables(*place))
            yield self._made[number]
            number += 1

    def _next(self, number: int) -> tuple[str, str] | None:
        project = self._client.project
        if number == 0 and project:
            return ("projects", project)
        if self._places is None:
            self._places = [("groups", each) for each in self._client.groups()]
        index = number - bool(project)
        return self._places[index] if index < len(self._places) else None


def _value(found: Variable) -> SecretValue:
    if not found.value:
        what = "it is hidden, and GitLab shows it to nobody" if found.hidden else "it is empty"
        raise ProviderDenied(f"invalid secret received. no secret string for key: {found.key}: {what}")
    return SecretValue(found.value.encode("utf-8", "replace"))

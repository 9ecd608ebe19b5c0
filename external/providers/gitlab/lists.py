"""Lists of variables and groups, page by page, and what proves that they lack one."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple, TypeVar
from urllib.parse import quote

from external.providers.gitlab.precedence import EVERY, Variable, found_in
from external.providers.protocol import ProviderDenied, ProviderError, ProviderUnavailable
from external.providers.support.http import HttpAnswer, HttpClient, HttpRequest
from external.providers.support.refusals import reason
from manager.core.documents import Caps, Unreadable, read_json

ANSWER = Caps(size=8 << 20, values=200_000, levels=20)
READ_BYTES = 8 << 20
"""Of all lists of one read."""
PAGE = 100
MAX_PAGES = 50
MAX_GROUPS = 200
ATTEMPTS = 2
NEXT_PAGE, TOTAL = "X-Next-Page", "X-Total"
LIST_CALLS = {"projects": "ProjectVariablesList", "groups": "GroupVariablesList"}
GET_CALLS = {"projects": "ProjectVariable", "groups": "GroupVariable"}
NO_VARIABLE = "Variable Not Found"

T = TypeVar("T")


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


class Source(NamedTuple):
    """The wanted variables of a project or group."""

    kind: str
    identifier: str
    variables: list[Variable]
    whole: bool
    """Whether one page held all: between two pages an entry may move to the one that was read."""


class Lists:
    """Asks GitLab."""

    def __init__(self, scope: Scope, http: HttpClient) -> None:
        self._scope = scope
        self._http = http

    def check(self) -> None:
        """Raise ProviderError unless the token may list the variables of the project and of each group."""
        places = [("projects", self._scope.project)] if self._scope.project else []
        for kind, identifier in places + [("groups", each) for each in self.groups(_Budget())]:
            self._page(LIST_CALLS[kind], _path(kind, identifier), 1, size=1)

    def source(self, kind: str, identifier: str, wanted: Callable[[str], bool], budget: "_Budget") -> Source:
        """Return the variables of a project or group whose key is wanted. Raises ProviderError."""
        call = LIST_CALLS[kind]

        def taken(body: object) -> Variable | None:
            found = found_in(call, body)
            return found if wanted(found.key) else None

        variables, whole = self._listed(call, _path(kind, identifier), taken, budget)
        return Source(kind, identifier, variables, whole)

    def groups(self, budget: "_Budget") -> list[str]:
        """Return the groups, in the order in which they are asked. Raises ProviderError."""
        found = list(self._scope.groups[::-1])
        if self._scope.inherits:
            path = f"projects/{quote(self._scope.project, safe='')}/groups"
            above, _ = self._listed("ListProjectsGroups", path, _group, budget)
            found = [identifier for _, identifier in sorted(above, reverse=True)]
        if len(found) > MAX_GROUPS:
            raise ProviderDenied(f"the store has more than {MAX_GROUPS} groups: name fewer in groupIDs")
        return found

    def require_absent(self, source: Source, key: str, environment: str) -> None:
        """Raise ProviderUnavailable if a list of several pages has lost a variable. Raises ProviderError."""
        scopes = ("",) if environment in ("", EVERY) else (environment, EVERY)
        for scope in () if source.whole else scopes:
            call, path = GET_CALLS[source.kind], f"{_path(source.kind, source.identifier)}/{quote(key, safe='')}"
            answer = self._ask(call, path, {"filter[environment_scope]": scope} if scope else {})
            said = _said(_body(answer))
            if answer.status != 404 or NO_VARIABLE not in said:
                if answer.status in (200, 409):
                    raise ProviderUnavailable(f"{call}: a variable that exists is not in the list")
                raise _refused(answer, said)

    def _listed(
        self, call: str, path: str, take: Callable[[object], T | None], budget: "_Budget"
    ) -> tuple[list[T], bool]:
        """Return what is taken of all pages, and whether it was one page. Raises ProviderError."""
        for _ in range(ATTEMPTS):
            found, seen, totals = list[T](), 0, set[str | None]()
            for number in range(1, MAX_PAGES + 1):
                answer, items = self._page(call, path, number, size=PAGE)
                budget.spend(call, len(answer.content))
                found += [each for each in map(take, items) if each is not None]
                seen += len(items)
                totals.add(answer.headers.get(TOTAL))
                if not answer.headers.get(NEXT_PAGE):
                    break
            else:
                raise ProviderDenied(f"{call}: there are more than {MAX_PAGES * PAGE} entries")
            if number == 1 or totals == {str(seen)}:
                return found, number == 1
        raise ProviderUnavailable(f"{call}: the pages hold another number of entries than {TOTAL} says")

    def _page(self, call: str, path: str, page: int, *, size: int) -> tuple[HttpAnswer, list[Any]]:
        answer = self._ask(call, path, {"per_page": str(size), "page": str(page)})
        body = _body(answer)
        # Without the header of its pages an empty list may be anybody's, and would stand for variables that are gone.
        if answer.status == 200 and isinstance(body, list) and NEXT_PAGE in answer.headers:
            return answer, body
        raise _refused(answer, _said(body))

    def _ask(self, call: str, path: str, params: Mapping[str, str]) -> HttpAnswer:
        return self._http.send(HttpRequest(call, "GET", f"{self._scope.url}/api/v4/{path}", params=params))


class Sources:
    """The lists of one call in their order, each made when it is first needed."""

    def __init__(self, lists: Lists, project: str, wanted: Callable[[str], bool]) -> None:
        self._lists = lists
        self._project = project
        self._wanted = wanted
        self._budget = _Budget()
        self._made: list[Source] = []
        self._groups: list[str] | None = None

    def __iter__(self) -> Iterator[Source]:
        number = 0
        while True:
            if number == len(self._made):
                place = self._next(number)
                if place is None:
                    return
                self._made.append(self._lists.source(*place, self._wanted, self._budget))
            yield self._made[number]
            number += 1

    def _next(self, number: int) -> tuple[str, str] | None:
        if number == 0 and self._project:
            return ("projects", self._project)
        if self._groups is None:
            self._groups = self._lists.groups(self._budget)
        index = number - bool(self._project)
        return ("groups", self._groups[index]) if index < len(self._groups) else None


class _Budget:
    """How much the lists of one read may still hold."""

    def __init__(self) -> None:
        self._left = READ_BYTES

    def spend(self, call: str, size: int) -> None:
        """Count an answer. Raises ProviderDenied beyond the budget."""
        self._left -= size
        if self._left < 0:
            raise ProviderDenied(f"{call}: the lists of the store take more than {READ_BYTES >> 20} MiB")


def _path(kind: str, identifier: str) -> str:
    return f"{kind}/{quote(identifier, safe='')}/variables"


def _group(body: object) -> tuple[int, str]:
    if not isinstance(body, dict) or not isinstance(body.get("id"), int):
        raise ProviderUnavailable("ListProjectsGroups: the answer is no list of groups")
    return len(str(body.get("full_path"))), str(body["id"])


def _body(answer: HttpAnswer) -> Any:
    try:
        return read_json(answer.content, ANSWER)
    except Unreadable:
        return None


def _said(body: Any) -> str:
    said = (body.get("message") or body.get("error")) if isinstance(body, dict) else None
    return said if isinstance(said, str) else ""


def _refused(answer: HttpAnswer, said: str) -> ProviderError:
    """Return the error that an answer stands for; without GitLab's own text it may be anybody's."""
    kind = ProviderDenied if said and not answer.temporary and answer.status >= 400 else ProviderUnavailable
    words = reason(said, [answer.token]) if answer.status >= 400 else ": no list"
    return kind(f"{answer.call}: {answer.status}{words}")

"""CI/CD variables of a project and of groups: complete lists, from which every key is taken."""

from collections.abc import Mapping, Sequence

from external.providers.gitlab.lists import Lists, Scope, Sources
from external.providers.gitlab.precedence import EVERY, Variable, chosen
from external.providers.protocol import (
    ProviderDenied,
    ProviderError,
    SearchRequest,
    SecretAbsent,
    SecretRequest,
    one_by_one,
)
from external.providers.support.http import HttpClient
from external.providers.support.naming import compiled
from external.providers.support.plain_reads import require_plain
from external.providers.support.search import SearchResults
from manager.core.secret_value import SecretValue

LABEL = "GitLab"
BATCH = 100
ABSENCE = "Secret does not exist"
SCOPE_TAG = "environment_scope"


class GitLabVariables:
    """Reads the variables of a project and of groups."""

    natural = False
    batch = BATCH

    def __init__(self, scope: Scope, http: HttpClient) -> None:
        self._scope = scope
        self._http = http
        self._lists = Lists(scope, http)

    def validate(self) -> None:
        """Check that the token may list the variables of the project and of each group; values are not kept."""
        self._lists.check()

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
        keys = {_key(each) for each in requests}
        sources = Sources(self._lists, self._scope.project, keys.__contains__)
        return one_by_one(requests, lambda each: self._one(each, sources))

    def find(self, find: SearchRequest) -> Mapping[str, SecretValue]:
        """Return the variables whose name matches, each from where `remoteRef` would take it."""
        if find.name is None:
            raise ProviderDenied("'find.name' is mandatory")
        if find.path:
            raise ProviderDenied("'find.path' is not implemented in the GitLab provider")
        environment = self._searched(dict(find.tags or ()))
        pattern, found = compiled(find.name), SearchResults()
        matches = Sources(self._lists, self._scope.project, lambda key: bool(pattern.search(key)))
        sources = [each.variables for each in matches]
        for name in sorted({each.key for variables in sources for each in variables}):
            taken = next((each for each in (chosen(source, name, environment) for source in sources) if each), None)
            if taken is not None:
                found[name] = _value(taken)
        return found

    def _one(self, request: SecretRequest, sources: Sources) -> SecretValue:
        require_plain(request, "GitLab")
        key = _key(request)
        for source in sources:
            found = chosen(source.variables, key, self._scope.environment)
            if found is not None:
                return _value(found)
            self._lists.require_absent(source, key, self._scope.environment)
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


def _key(request: SecretRequest) -> str:
    return request.key.replace("-", "_")


def _value(found: Variable) -> SecretValue:
    if not found.value:
        what = "it is hidden, and GitLab shows it to nobody" if found.hidden else "it is empty"
        raise ProviderDenied(f"invalid secret received. no secret string for key: {found.key}: {what}")
    return SecretValue(found.value.encode("utf-8", "replace"))

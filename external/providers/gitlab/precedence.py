"""Which of several variables of one key counts. Pure."""

from collections.abc import Iterable
from typing import NamedTuple

from external.providers.protocol import ProviderDenied, ProviderUnavailable

EVERY = "*"


class Variable(NamedTuple):
    """A variable of a project or group."""

    key: str
    value: str
    scope: str
    """The environment for which it is; a pattern of GitLab is compared as a text."""
    hidden: bool = False


def found_in(call: str, listed: object) -> Variable:
    """Return a variable of a list. Raises ProviderUnavailable for what is none."""
    body = listed if isinstance(listed, dict) else {}
    key, value, scope = body.get("key"), body.get("value"), body.get("environment_scope", EVERY)
    hidden = body.get("hidden") is True
    if not isinstance(key, str) or not isinstance(scope, str) or not (isinstance(value, str) or hidden):
        raise ProviderUnavailable(f"{call}: the answer is no list of variables")
    return Variable(key, value if isinstance(value, str) else "", scope, hidden)


def chosen(variables: Iterable[Variable], key: str, environment: str) -> Variable | None:
    """Return the variable of a key: of the environment, else of all environments; None if there is none.

    Raises ProviderDenied where no environment is named and several specific ones have the key.
    """
    found = {each.scope: each for each in variables if each.key == key}
    if environment not in ("", EVERY):
        return found.get(environment) or found.get(EVERY)
    if EVERY in found or len(found) < 2:
        return found.get(EVERY) or next(iter(found.values()), None)
    scopes = ", ".join(sorted(found))
    raise ProviderDenied(f"{key} has several environments ({scopes}): set the store's environment")

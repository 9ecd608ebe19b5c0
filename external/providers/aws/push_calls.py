"""The calls of a push to AWS, and the tags by which what was pushed is known again."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from external.providers.push import PushRefused
from external.providers.support.amazon.session import AwsConnection, Forbidden
from external.providers.support.pushing.marks import RESERVED, marks, require_ours
from external.providers.support.pushing.metadata import AT

MAX_TAG_CHARACTERS = 256
SYSTEM = "aws:"  # tags that only AWS may set
REMOTE_KEY = "external-secrets-remote-key"
"""Tag of the original that names the key for which a certificate was imported."""
KEPT_TAGS = frozenset({"coffer.dev/resource-policy", REMOTE_KEY}) | RESERVED
WORD = re.compile(r"(?<!^)(?=[A-Z])")


class PushCalls:
    """Calls one service of AWS.

    Args:
        prefix: of the service's actions in IAM.
    """

    def __init__(self, amazon: AwsConnection, client: Any, prefix: str) -> None:
        self._amazon = amazon
        self._client = client
        self._prefix = prefix

    def __call__(self, action: str, label: str = "", /, **arguments: Any) -> Any:
        """Call an action by its name in AWS's API and return the answer.

        Args:
            label: its name in the metric of provider calls, if the original's is another one.

        Raises:
            ProviderError: of a denied call with the action that IAM must allow.

        """
        function = getattr(self._client, WORD.sub("_", action).lower())
        try:
            return self._amazon.call(label or action, function, arguments)
        except Forbidden as error:
            raise Forbidden(f"{error}; the identity's IAM policy must allow {self._prefix}:{action}") from None


def tag_list(tags: Mapping[str, str]) -> list[dict[str, str]]:
    """Return tags as AWS takes them."""
    return [{"Key": name, "Value": value} for name, value in sorted(tags.items())]


def tags_of(listed: Iterable[Mapping[str, str]] | None) -> dict[str, str]:
    """Return tags as AWS gives them."""
    return {each["Key"]: each["Value"] for each in listed or ()}


def own_marks(owner: str) -> dict[str, str]:
    """Return the tags that name a PushSecret."""
    return marks(owner, MAX_TAG_CHARACTERS)


def require_own(tags: Mapping[str, str], owners: tuple[str, ...]) -> None:
    """Raise RemoteUnmanaged unless the tags let this PushSecret write and delete."""
    require_ours(tags, owners, "tag", MAX_TAG_CHARACTERS)


def require_free(tags: Mapping[str, str] | None) -> None:
    """Raise PushRefused for an entry that sets a tag that Coffer writes itself."""
    taken = sorted(KEPT_TAGS & set(tags or {}))
    if taken:
        raise PushRefused(f"{AT}.spec.tags: {', '.join(taken)} is what Coffer writes itself; remove it")


def tag_changes(
    found: Mapping[str, str], wanted: Mapping[str, str] | None, always: Mapping[str, str]
) -> tuple[dict[str, str], list[str]]:
    """Return the tags to set and those to remove.

    Args:
        found: tags that are there.
        wanted: tags of the entry; without any, those of others stay.
        always: tags that are set whatever the entry says.
    """
    all_wanted = {**(wanted or {}), **always}
    added = {name: value for name, value in all_wanted.items() if found.get(name) != value}
    extra = [name for name in found if name not in all_wanted and name not in KEPT_TAGS and not name.startswith(SYSTEM)]
    return added, sorted(extra) if wanted else []

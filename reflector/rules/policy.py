"""The administrator's rules about the namespaces of mirrors; annotations cannot override them."""

from collections.abc import Iterable

from manager.core.errors import SettingsError
from reflector.rules.globs import Globs, administrators


class Policy:
    """Rules `source -> target`, both namespace globs. A deny beats every allow; without an allow all is allowed.

    Raises:
        SettingsError: a rule is malformed.
    """

    def __init__(self, allow: Iterable[str] = (), deny: Iterable[str] = ()) -> None:
        self._allow = [_rule("reflector.allow", each) for each in allow]
        self._deny = [_rule("reflector.deny", each) for each in deny]

    def permits(self, source: str, target: str) -> bool:
        """Return True if an object of one namespace may be mirrored into another."""
        if any(_applies(rule, source, target) for rule in self._deny):
            return False
        return not self._allow or any(_applies(rule, source, target) for rule in self._allow)

    def names(self, source: str, target: str) -> bool:
        """Return True if an allow matches this pair and no deny does."""
        return bool(self._allow) and self.permits(source, target)


def _rule(setting: str, text: str) -> tuple[Globs, Globs]:
    source, arrow, target = (part.strip() for part in text.partition("->"))
    if not (source and arrow and target) or "->" in target:
        raise SettingsError(f"{setting}: write `source -> target`, globs of namespaces, such as `platform -> *`")
    return administrators(setting, [source]), administrators(setting, [target])


def _applies(rule: tuple[Globs, Globs], source: str, target: str) -> bool:
    return rule[0].match(source) and rule[1].match(target)

"""Read the ten annotations of kubernetes-reflector, and ours. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache

import re2

from manager.core.suggestions import MAX_NAME_CHARACTERS, nearest
from manager.kube.auto_mirrors import AUTO_REFLECTS, MARKS, PREFIX, REFLECTED_VERSION, REFLECTS
from manager.kube.selectors import Requirement, SelectorError, parse_selector
from reflector.rules.patterns import patterns
from reflector.rules.selection import NAMES as SHAPING
from reflector.rules.selection import NOTHING, PLAIN, Copied, Selection, copied, selection_of, selection_problems
from reflector.rules.selection import PREFIX as OURS

ALLOWED = PREFIX + "reflection-allowed"
ALLOWED_NAMESPACES = PREFIX + "reflection-allowed-namespaces"
ALLOWED_SELECTOR = PREFIX + "reflection-allowed-namespaces-selector"
AUTO = PREFIX + "reflection-auto-enabled"
AUTO_NAMESPACES = PREFIX + "reflection-auto-namespaces"
AUTO_SELECTOR = PREFIX + "reflection-auto-namespaces-selector"
MAX_OBJECT_NAME_CHARACTERS = 253  # of any object (RFC 1123 subdomain)
NAME = re2.compile(r"[a-z0-9](?:[-a-z0-9.]{0,251}[a-z0-9])?")
TARGET_NAME = OURS + "target-name"
ADOPT = OURS + "adopt"
THEIRS_KNOWN = MARKS | {ALLOWED, ALLOWED_NAMESPACES, ALLOWED_SELECTOR, AUTO, AUTO_NAMESPACES, AUTO_SELECTOR}
OURS_KNOWN = SHAPING | {TARGET_NAME, ADOPT}
NEEDS = {
    ALLOWED_NAMESPACES: ALLOWED,
    ALLOWED_SELECTOR: ALLOWED,
    AUTO: ALLOWED,
    AUTO_NAMESPACES: AUTO,
    AUTO_SELECTOR: AUTO,
}
"""Annotations that have an effect only together with another one: the former, and the latter."""
GLOB = re2.compile(r"(?:^|[^.\])}*+?\\])\*")
"""A star that repeats a single letter; its author most likely meant any text."""
STAY = "mirrors that exist stay until it is mended"
MAX_SHOWN_ITEMS, MAX_SHOWN_CHARACTERS = 3, 60  # items of a faulty list that a message quotes, and characters of each


@dataclass(frozen=True, slots=True)
class Scope:
    """Namespaces that are admitted, by name or by label; one of the two is enough."""

    names: str
    selector: str

    def admits(self, namespace: str, labels: Mapping[str, str] | None) -> bool:
        """Return True if a namespace is admitted; its labels are None while it is not known."""
        if not self.names and not self.selector:
            return True
        if self.names and patterns(self.names).match(namespace).whole:
            return True
        return bool(self.selector) and labels is not None and _selected(self.selector, labels)


@dataclass(frozen=True, slots=True)
class Marks:
    """The parsed annotations of one object."""

    allowed: bool
    allowed_scope: Scope
    auto: bool
    auto_scope: Scope
    reflects: tuple[str, str] | None
    """Namespace and name of the source; an object that has this is a mirror."""
    auto_reflects: bool
    version: str
    """The source's resourceVersion when this mirror was written; blank asks for a new copy."""
    target_name: str = ""
    """The name of pushed mirrors; empty if it is that of the source."""
    adopted_by: tuple[str, str] | None = None
    """Namespace and name of the source that may take over this object, which somebody else created."""
    shape: Selection = PLAIN
    """Which parts of the source are copied."""
    copied: Copied = NOTHING
    """Which labels and annotations of a mirror are copies of its source's."""
    faults: tuple[str, ...] = ()
    """Problems in the annotations that the user should fix."""
    understood: bool = True
    """Whether all annotations under our own prefix are known: a misspelt one must not cause more to be copied."""
    legible: bool = True
    """Whether all that says where mirrors are can be read: a slip of the pen must not delete Secrets in use."""

    @property
    def source(self) -> bool:
        """Whether the object is a source; a mirror never is."""
        return self.reflects is None and self.allowed

    def permits(self, namespace: str, labels: Mapping[str, str] | None) -> bool:
        """Return True if a namespace may pull."""
        return self.allowed and self.allowed_scope.admits(namespace, labels)

    def pushes(self, namespace: str, labels: Mapping[str, str] | None) -> bool:
        """Return True if a namespace gets a pushed mirror."""
        return self.permits(namespace, labels) and self.auto and self.auto_scope.admits(namespace, labels)


def read(annotations: Mapping[str, str]) -> Marks | None:
    """Parse the annotations of an object; return None if it has none of ours."""
    if not any(name.startswith((PREFIX, OURS)) for name in annotations):
        return None

    def text(name: str) -> str:
        return annotations.get(name, "").strip()

    return Marks(
        allowed=_true(text(ALLOWED)),
        allowed_scope=Scope(text(ALLOWED_NAMESPACES), text(ALLOWED_SELECTOR)),
        auto=_true(text(AUTO)),
        auto_scope=Scope(text(AUTO_NAMESPACES), text(AUTO_SELECTOR)),
        reflects=_reference(text(REFLECTS)),
        auto_reflects=_true(text(AUTO_REFLECTS)),
        version=text(REFLECTED_VERSION),
        target_name=text(TARGET_NAME) if NAME.fullmatch(text(TARGET_NAME)) else "",
        adopted_by=_reference(text(ADOPT)),
        shape=selection_of(annotations),
        copied=copied(annotations),
        faults=tuple(_faults(annotations)),
        understood=all(name in OURS_KNOWN for name in annotations if name.startswith(OURS)),
        legible=_legible(annotations),
    )


def problems(marks: Marks) -> tuple[str, ...]:
    """Return one sentence for each annotation that the user should fix; until then it matches nothing."""
    found = list(marks.faults)
    for name, text in ((ALLOWED_NAMESPACES, marks.allowed_scope.names), (AUTO_NAMESPACES, marks.auto_scope.names)):
        invalid = patterns(text).invalid
        if invalid:
            shown = ", ".join(each[:MAX_SHOWN_CHARACTERS] for each in invalid[:MAX_SHOWN_ITEMS])
            found.append(f"{name}: not a regular expression (RE2), or too large: {shown}; `.*` means any text; {STAY}")
    for name, selector in (
        (ALLOWED_SELECTOR, marks.allowed_scope.selector),
        (AUTO_SELECTOR, marks.auto_scope.selector),
    ):
        try:
            if selector:
                parse_selector(selector)
        except SelectorError as error:
            found.append(f"{name}: {error}; it matches no namespace; {STAY}")
    return tuple(found)


def ambiguous(marks: Marks, namespace: str) -> bool:
    """Return True if a full match of the patterns gives another result than the original's first match."""
    answers = [patterns(each.names).match(namespace) for each in (marks.allowed_scope, marks.auto_scope) if each.names]
    return any(each.fully != each.whole for each in answers)


def _faults(annotations: Mapping[str, str]) -> Iterator[str]:
    yield from _unknown(annotations)
    for name in (ALLOWED, AUTO, AUTO_REFLECTS):
        text = annotations.get(name, "").strip()
        if text.lower() not in ("", "true", "false"):
            shown = text[:MAX_SHOWN_CHARACTERS]
            yield f'{name}: {shown} is not true or false and counts as false; write "true" or "false"; {STAY}'
    for name, other in NEEDS.items():
        wanted = annotations.get(name, "").strip().lower() not in ("", "false")
        if wanted and not annotations.get(other, "").strip():
            yield f'{name}: it has no effect without {other}: "true"'
    if annotations.get(REFLECTS, "").strip() and _reference(annotations[REFLECTS].strip()) is None:
        yield f"{REFLECTS}: write NAMESPACE/NAME of the source"
    for name in (ALLOWED_NAMESPACES, AUTO_NAMESPACES):
        text = annotations.get(name, "")
        wrong = patterns(text.strip()).invalid  # reported as a problem of its own
        meant = [each for item in text.split(",") if GLOB.search(each := item.strip()) and each not in wrong]
        if meant:
            shown = meant[0][:MAX_SHOWN_CHARACTERS]
            form = GLOB.sub(lambda found: found.group(0)[:-1] + ".*", shown)
            yield f"{name}: {shown} is a regular expression; write {form} for any text in this place"
    target = annotations.get(TARGET_NAME, "").strip()
    if target and not NAME.fullmatch(target):
        yield f"{TARGET_NAME}: not a name of an object; mirrors have the source's own; {STAY}"
    if any(name.startswith(OURS) for name in annotations):
        yield from selection_problems(annotations)


def _legible(annotations: Mapping[str, str]) -> bool:
    """Return True if every value can be read that says whether and where there are mirrors, and how they are named."""
    given = {name: text for name, value in annotations.items() if (text := value.strip())}
    target = given.get(TARGET_NAME)
    return (
        all(given.get(name, "true").lower() in ("true", "false") for name in (ALLOWED, AUTO))
        and not any(patterns(given.get(name, "")).invalid for name in (ALLOWED_NAMESPACES, AUTO_NAMESPACES))
        and all(_requirements(given[name]) is not None for name in (ALLOWED_SELECTOR, AUTO_SELECTOR) if name in given)
        and (target is None or NAME.fullmatch(target) is not None)
    )


def _unknown(annotations: Mapping[str, str]) -> Iterator[str]:
    """Yield the first unknown annotations under our prefixes."""
    for prefix, known in ((PREFIX, THEIRS_KNOWN), (OURS, OURS_KNOWN)):
        wrong = sorted(name for name in annotations if name.startswith(prefix) and name not in known)
        for name in wrong[:MAX_SHOWN_ITEMS]:
            effect = "; nothing is copied until it is mended" if prefix == OURS else ""
            yield f"{name[: len(prefix) + MAX_NAME_CHARACTERS]}: unknown annotation{nearest(name, known)}{effect}"


def _true(text: str) -> bool:
    return text.lower() == "true"


def _reference(text: str) -> tuple[str, str] | None:
    parts = [part.strip() for part in text.split("/")]
    if not 1 <= len(parts) <= 2 or not all(parts):
        return None
    # As in the original, a name alone has an empty namespace, so its source is never found. The same holds for text
    # that cannot be a name: `..` or `?` would change the URL of the request for the source.
    named = len(parts) == 2 and all(NAME.fullmatch(part) for part in parts)
    return (parts[0], parts[1]) if named else ("", parts[-1][:MAX_OBJECT_NAME_CHARACTERS])


@lru_cache(maxsize=1024)
def _requirements(selector: str) -> tuple[Requirement, ...] | None:
    try:
        return parse_selector(selector)
    except SelectorError:
        return None


def _selected(selector: str, labels: Mapping[str, str]) -> bool:
    requirements = _requirements(selector)
    return requirements is not None and all(each.holds(labels) for each in requirements)

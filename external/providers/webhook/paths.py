"""JSON paths (RFC 9535) that tenants write, evaluated in a bounded number of steps."""

from typing import Any

from jsonpath import JSONPath, JSONPathEnvironment, JSONPathError, JSONPathMatch
from jsonpath.filter import FilterQuery, walk
from jsonpath.segments import JSONPathRecursiveDescentSegment
from jsonpath.selectors import Filter

from external.providers.protocol import ProviderDenied

MAX_PATH_CHARACTERS = 1024
MAX_WORK_CHARACTERS = 8_000_000  # steps times characters of the path: a few seconds of a thread
SERVED = "a chain of names, indexes, slices, wildcards and filters that compare values, with one .. at most"


class _Steps(JSONPathEnvironment):
    """One evaluation with a budget; a step costs the length of the path."""

    max_recursion_depth = 50

    def __init__(self, path: str) -> None:
        super().__init__(strict=True)
        self.each = len(path)
        self.left = MAX_WORK_CHARACTERS

    def setup_function_extensions(self) -> None:
        """Register no functions: their arguments are queries that walk the whole document again."""

    def spend(self) -> None:
        """Count one step. Raises ProviderDenied for one too many."""
        self.left -= self.each
        if self.left < 0:
            raise ProviderDenied("result.jsonPath: it takes too many steps in this answer: name the way to the value")

    def getitem(self, obj: Any, key: Any) -> Any:
        """Return a member."""
        self.spend()
        return super().getitem(obj, key)

    def is_truthy(self, obj: object) -> bool:
        """Return True if a filter selects the object."""
        self.spend()
        return super().is_truthy(obj)

    def compare(self, left: object, operator: str, right: object) -> bool:
        """Compare within a filter."""
        self.spend()
        return super().compare(left, operator, right)


class _Node(JSONPathMatch):
    """A node without its path and children: keeping these would copy a long key for each child."""

    __slots__ = ("steps",)

    def __init__(self, steps: _Steps, obj: object, root: Any) -> None:
        super().__init__(filter_context={}, obj=obj, parent=None, path="", parts=(), root=root)
        self.steps = steps

    def new_child(self, obj: object, key: int | str) -> "_Node":
        """Return the node of a child."""
        del key
        self.steps.spend()
        return _Node(self.steps, obj, self.root)

    def add_child(self, *children: JSONPathMatch) -> None:
        """Do nothing: children are not kept."""


def first(document: Any, path: str) -> list[Any]:
    """Return the first value that a path leads to in a JSON document, or nothing.

    Raises:
        ProviderDenied: the path is invalid, not SERVED, or takes too many steps.

    """
    if len(path) > MAX_PATH_CHARACTERS:
        raise ProviderDenied(f"result.jsonPath: it has more than {MAX_PATH_CHARACTERS} characters")
    steps = _Steps(path)
    try:
        query = steps.compile(path if path.startswith("$") else f"$.{path}")
    except (JSONPathError, RecursionError, ValueError):
        raise ProviderDenied("result.jsonPath: it is no JSONPath expression") from None
    if not isinstance(query, JSONPath) or not _served(query):
        raise ProviderDenied(f"result.jsonPath: only {SERVED}, is served")
    found: Any = [_Node(steps, document, document)]
    for segment in query.segments:
        found = segment.resolve(found)
    return [match.obj for match in (next(iter(found), None),) if match is not None]


def one(path: str) -> bool:
    """Return True if a path that `first` accepts names one node: it has no wildcards, filters and slices."""
    query = _Steps(path).compile(path if path.startswith("$") else f"$.{path}")
    return isinstance(query, JSONPath) and query.singular_query()


def _served(query: JSONPath) -> bool:
    """Return True if no part of a path makes another part visit the same nodes again."""
    if any(len(each.selectors) != 1 for each in query.segments):
        return False
    deep = [each for each in query.segments if isinstance(each, JSONPathRecursiveDescentSegment)]
    filters = [each.selectors[0] for each in query.segments if isinstance(each.selectors[0], Filter)]
    inner = [part for each in filters for part in walk(each.expression) if isinstance(part, FilterQuery)]
    return len(deep) <= 1 and all(each.path.singular_query() for each in inner)

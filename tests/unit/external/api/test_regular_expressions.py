"""What an expression of a tenant may cost."""

import pytest

from external.api import regular_expressions
from external.api.regular_expressions import MAX_EXPRESSION_CHARACTERS, MAX_MEMORY_BYTES, expression


@pytest.mark.parametrize("pattern", ["(" * 10, "a" * (MAX_EXPRESSION_CHARACTERS + 1), r"\pL{300}", "((a{30}){30}){10}"])
def test_a_bad_expression_is_refused_without_its_text(pattern: str) -> None:
    with pytest.raises(ValueError, match=r"^it ") as caught:
        expression(pattern)
    assert pattern not in str(caught.value)


@pytest.mark.parametrize(
    ("pattern", "text"), [("^[a-z0-9.-]{1,253}$", "name-1"), ("|".join(f"team-{at}" for at in range(300)), "team-299")]
)
def test_what_people_write_is_taken(pattern: str, text: str) -> None:
    assert expression(pattern).search(text)
    assert not expression(pattern).search("_")


def test_all_that_is_kept_stays_small() -> None:
    """A thousand hostile ones took more than a gigabyte."""
    assert regular_expressions.QUIET.max_mem == MAX_MEMORY_BYTES
    most = expression.cache_info().maxsize
    assert most is not None
    assert most * MAX_MEMORY_BYTES <= 64 << 20

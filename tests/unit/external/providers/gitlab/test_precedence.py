"""Which variable of a key counts."""

import pytest

from external.providers.gitlab.precedence import Variable, chosen, found_in
from external.providers.protocol import ProviderDenied, ProviderUnavailable

ALL, PROD, TEST = Variable("K", "all", "*"), Variable("K", "prod", "prod"), Variable("K", "test", "test")


@pytest.mark.parametrize(
    ("variables", "environment", "value"),
    [
        ([ALL, PROD], "prod", "prod"),
        ([PROD, ALL], "test", "all"),
        ([PROD], "test", None),
        ([ALL, PROD, TEST], "", "all"),
        ([ALL, PROD], "*", "all"),
        ([PROD], "", "prod"),
        ([Variable("L", "x", "*")], "", None),
        ([Variable("K", "r", "review/*")], "review/7", None),
        ([], "", None),
    ],
)
def test_the_scope_of_the_store_counts_before_all(
    variables: list[Variable], environment: str, value: str | None
) -> None:
    found = chosen(variables, "K", environment)
    assert (found.value if found else None) == value


def test_several_environments_without_a_choice_are_refused() -> None:
    with pytest.raises(ProviderDenied, match=r"K has several environments \(prod, test\): set the store's environment"):
        chosen([PROD, TEST], "K", "")


def test_a_variable_of_a_list() -> None:
    assert found_in("L", {"key": "K", "value": "v"}) == Variable("K", "v", "*")
    assert found_in("L", {"key": "K", "value": None, "hidden": True}) == Variable("K", "", "*", hidden=True)


@pytest.mark.parametrize("body", [None, [], {}, {"key": "K"}, {"key": 1, "value": "v"}, {"key": "K", "value": 7}])
def test_anything_else_is_no_list_of_variables(body: object) -> None:
    with pytest.raises(ProviderUnavailable, match="no list of variables"):
        found_in("L", body)

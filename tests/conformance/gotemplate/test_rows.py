"""Every input gives what native Go gives: the verdict, the bytes, and the error's text before redaction."""

import asyncio
import json
from collections import defaultdict
from collections.abc import Mapping

import pytest

from manager.core.errors import TemplateError
from manager.gotemplate.sandbox import Sandbox
from tests.conformance.gotemplate.differences import DIFFERENCES, explanation
from tests.conformance.gotemplate.expected import PLACE, expected
from tests.conformance.gotemplate.native import Outcome
from tests.conformance.gotemplate.ours import data, render_all, template
from tests.conformance.gotemplate.rows import PROFILES, Row, rows

GROUPS: dict[str, list[Row]] = defaultdict(list)
for each in rows():
    GROUPS[each.id.rsplit("-", 1)[0]].append(each)

INTENDED = {
    "eso:tpl-22": "template depth",
    "sealed:tpl-22": "template depth",
    "eso:lim-03": "template depth",
    "sealed:lim-03": "template depth",
    "eso:num-more-02": "a float literal of exactly 2^63 as a whole number",
    "sealed:num-more-02": "a float literal of exactly 2^63 as a whole number",
}


@pytest.fixture(scope="module")
def answers(built_template: None) -> Mapping[str, Outcome]:
    return render_all(rows())


def test_there_are_965_inputs_and_more_and_an_expectation_for_each_profile_of_each() -> None:
    assert len({row.id for row in rows() if "-more-" not in row.id}) == 965
    assert {row.key for row in rows()} == set(expected())


@pytest.mark.parametrize("profile", PROFILES)
def test_expectations_say_what_they_were_built_from(profile: str) -> None:
    head = json.loads((PLACE / f"{profile}.jsonl").read_text().partition("\n")[0])["built from"]

    cast = {"eso": "v1.10.0", "sealed": "v1.7.0"}[profile]
    assert head["go"].startswith("go1.26.")
    assert (head["github.com/Masterminds/sprig/v3"], head["github.com/spf13/cast"]) == ("v3.3.0", cast)


@pytest.mark.parametrize("group", GROUPS)
def test_rows_agree_with_native_go(group: str, answers: Mapping[str, Outcome]) -> None:
    wanted = {row.key: expected()[row.key] for row in GROUPS[group] if row.key not in INTENDED}

    assert {key: answers[key] for key in wanted} == wanted


@pytest.mark.parametrize("key", INTENDED)
def test_a_row_that_differs_does_so_as_it_is_listed(key: str, answers: Mapping[str, Outcome]) -> None:
    row = next(row for row in rows() if row.key == key)

    assert answers[key] != expected()[key]
    assert explanation(row.source, expected()[key], answers[key]) == INTENDED[key]


def test_at_most_twenty_differences_are_listed_each_with_its_reason_and_harm() -> None:
    assert len(DIFFERENCES) <= 20
    assert all(each.reason and each.harm for each in DIFFERENCES)


def test_no_error_of_any_row_shows_four_bytes_of_a_value(built_template: None) -> None:
    shown = asyncio.run(_shown([row for row in rows() if expected()[row.key].verdict != "ok"]))

    leaks = {
        key: text
        for key, text in shown.items()
        for value in next(row for row in rows() if row.key == key).data.values()
        if len(value) >= 4 and value.decode(errors="replace") in text
    }
    assert len(shown) > 500
    assert leaks == {}


async def _shown(failing: list[Row]) -> dict[str, str]:
    """Return the text of each error, of its cause and context, as a log would show them."""
    sandbox, found = Sandbox(), {}
    for row in failing:
        try:
            await sandbox.render("canary", template(row), data(row))
        except TemplateError as error:
            found[row.key] = f"{error!r} {error} {error.args} {error.__cause__!r} {error.__context__!r}"
    await sandbox.close()
    return found

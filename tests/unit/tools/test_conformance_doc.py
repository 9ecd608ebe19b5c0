"""The conformance table names only tests that exist, and every subject has a column."""

import re

import pytest

from tests.conformance.providers.subject import Subject
from tests.conformance.providers.table import SUBJECTS, cases, spared
from tools.conformance_doc import conformance

MIN_CASES = 45
TESTS = {each.test for each in cases()}


@pytest.mark.parametrize("subject", SUBJECTS, ids=lambda each: each.NAME)
def test_what_a_subject_is_spared_is_a_test(subject: type[Subject]) -> None:
    assert set(subject.SPARED) <= TESTS
    assert all(subject.SPARED.values())


def test_the_table_has_all_rows_and_columns() -> None:
    page = conformance()
    rows = [line.split("|")[1:-1] for line in page.splitlines() if line.startswith("| ")]
    table = [row for row in rows if len(row) == len(SUBJECTS) + 1]

    assert len(TESTS) >= MIN_CASES
    assert [each.strip() for each in table[0][1:]] == [each.NAME for each in SUBJECTS]
    assert {each.title for each in cases()} <= {row[0].strip() for row in table}


def test_every_number_has_a_reason() -> None:
    page = conformance()
    numbers = {int(each) for line in page.splitlines() for each in re.findall(r"\| (\d+) (?=\|)", line)}
    reasons = [int(each) for each in re.findall(r"^(\d+)\. \S", page, re.MULTILINE)]

    assert reasons == list(range(1, len(reasons) + 1))
    assert numbers == set(reasons)


@pytest.mark.parametrize("subject", SUBJECTS, ids=lambda each: each.NAME)
def test_no_subject_is_spared_most_of_the_table(subject: type[Subject]) -> None:
    applies = [each for each in cases() if not spared(subject, each.module, each.test)]

    assert len(applies) > len(TESTS) / 4

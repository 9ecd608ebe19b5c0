"""The conformance table of docs/providers.md: which tests run on which providers, and why one does not.

It is made from the tests, which pass or fail the build; a row that a provider is spared has a reason.
"""

from collections.abc import Iterator

from tests.conformance.providers.table import SUBJECTS, cases, spared

HEAD = """
## Conformance

Every provider is run through one table of tests (`tests/conformance/providers/`), each against its own server; a build
in which one fails is not released. A number says why a row does not apply. How to run the table on a provider of your
own: [write a provider](write-a-provider.md).

| provider | is run against |
|---|---|
"""
PASSES = "yes"
SECTIONS = {
    "test_reads": "reads",
    "test_search": "searches",
    "test_faults": "faults",
    "test_identity": "identity",
    "test_push": "pushes",
}


def conformance() -> str:
    """Return the section of the page."""
    reasons: dict[str, int] = {}
    rows = list(_rows(reasons))
    servers = [f"| {each.NAME} | {each.SERVER} |\n" for each in SUBJECTS]
    names = " | ".join(each.NAME for each in SUBJECTS)
    head = f"\n| | {names} |\n|---|{'---|' * len(SUBJECTS)}\n"
    notes = [f"{number}. {reason}\n" for reason, number in reasons.items()]
    return "".join([HEAD, *servers, head, *rows, "\nWhy a row does not apply:\n\n", *notes])


def _rows(reasons: dict[str, int]) -> Iterator[str]:
    """Yield the rows, and number the reasons in the order in which they appear."""
    section = ""
    for case in cases():
        if case.module != section:
            section = case.module
            yield f"| **{SECTIONS[section]}** |{' |' * len(SUBJECTS)}\n"
        cells = []
        for subject in SUBJECTS:
            why = spared(subject, case.module, case.test)
            cells.append(str(reasons.setdefault(why, len(reasons) + 1)) if why else PASSES)
        yield f"| {case.title} | {' | '.join(cells)} |\n"

"""`coffer lint FILE…`: judge manifests without a cluster."""

import sys
from typing import TYPE_CHECKING

import click

from manager.command_line import NEEDS_A_PERSON, Verdict, output_option, show
from manager.core.errors import SandboxUnavailable, SettingsError
from manager.options import unscoped
from manager.progress import run

if TYPE_CHECKING:
    from collections.abc import Sequence

    from manager.cli.manifests.reading import Manifest
    from manager.cli.manifests.verdicts import Judged


@click.command(cls=Verdict)
@unscoped
@output_option
@click.option("--junit", default="", help="Write the verdicts as JUnit into FILE, too.", metavar="FILE")
@click.option("-f", "--filename", "named", multiple=True, help="As FILES, as for kubectl.", metavar="FILE")
@click.argument("files", nargs=-1)
def lint(files: tuple[str, ...], named: tuple[str, ...], output: str, junit: str) -> None:
    """Judge manifests in FILES without a cluster.

    FILES are files, folders and - for standard input. Fields that a CRD does not have, with the nearest name; wrong
    values, durations, schedules and references; templates that do not compile; annotations of mirrors that are
    misspelt; sealed values that are none. Other kinds of objects are passed over. Ends with 0 if nothing must be
    mended, with 1 if something must (`!`), and with 2 if a file cannot be read.
    """
    from manager.cli.manifests import verdicts
    from manager.cli.manifests.reading import manifests

    if not files and not named:
        raise SettingsError("name files, folders, or - for standard input")
    given, unread = manifests((*named, *files))
    found = [*verdicts.unusable(unread), *run(linted(given), "reading manifests")]
    if junit:
        verdicts.write_junit(junit, "coffer lint", found)
    show(output, verdicts.lines(found), verdicts.records(found), verdicts.names(found))
    sys.exit(NEEDS_A_PERSON if any(each.faulty for each in found) else 0)


async def linted(given: "Sequence[Manifest]") -> "list[Judged]":
    """Return the verdicts on manifests."""
    from manager.cli.lint import rules, templates
    from manager.cli.lint.references import References
    from manager.cli.manifests.verdicts import judged
    from manager.gotemplate.sandbox import Sandbox

    sandbox, references = Sandbox(), References(given)
    found = []
    try:
        for each in given:
            problems = [*rules.problems(each), *references.problems(each)]
            try:
                problems += [problem async for problem in templates.problems(sandbox, each)]
            except SandboxUnavailable as error:
                found.append(judged(each, problems, [f"templates were not compiled: {error}"]))
                continue
            found.append(judged(each, problems))
    finally:
        await sandbox.close()
    return found

"""`coffer migrate …`: check a cluster, print the commands of a move, and prove it afterwards. Writes nothing there."""

import os
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from manager import VERSION
from manager.access.explanations import file_fault
from manager.cli.migrate.values_command import values
from manager.command_line import (
    NEEDS_A_PERSON,
    CannotRead,
    cluster_options,
    namespace_options,
    output_option,
    show,
    silent,
    told,
)
from manager.core.errors import CofferError, SettingsError
from manager.options import unscoped
from manager.progress import run

if TYPE_CHECKING:
    from manager.cli.migrate.assessment import Report
    from manager.cli.migrate.listed import Listed
    from manager.cli.migrate.snapshot import Place, Seen

MUST_BE_CURED = NEEDS_A_PERSON
MODULES = ("sealed", "external", "reflector")
PHASES = ("move", "undo", "back")


class Migrate(click.Group):
    """Runs `plan` where no command is named, and tells errors in one line."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Put the default command in front of its options."""
        words = [each for each in args if each != "--plan"]
        named = words and (not words[0].startswith("-") or words[0] in ctx.help_option_names)
        return super().parse_args(ctx, words if named else ["plan", *words])

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command."""
        try:
            with silent():
                return super().invoke(ctx)
        except CofferError as error:
            raise CannotRead(told(error)) from None


@dataclass(frozen=True)
class Where:
    """The cluster, and the settings that the controller will have there."""

    kubeconfig: str
    context: str
    config: str | None
    own: str
    without: tuple[str, ...]


def _reading_options(command: Callable[..., Any]) -> Callable[..., Any]:
    text = "The controller's settings file: its rules decide here too."
    command = click.option("--config", help=text, metavar="FILE")(command)
    text = "Leave this module to its original."
    command = click.option("--without", multiple=True, type=click.Choice(MODULES), help=text)(command)
    text = "Where Coffer is, or will be; by default where sealed-secrets is."
    command = click.option("--controller-namespace", "own", default="", help=text, metavar="NAME")(command)
    return cluster_options(command)


@click.group(cls=Migrate)
def migrate() -> None:
    """Move a cluster from the originals to Coffer, and back.

    These are sealed-secrets, external-secrets and kubernetes-reflector. Without a command: `plan`. Needs rights to read
    only, and writes nothing into the cluster. Ends with 0 if nothing must be cured, with 1 if something must, and with
    2 if the cluster cannot be read.
    """


migrate.add_command(values)


@migrate.command()
@_reading_options
@namespace_options
@output_option
@click.option("--all", "every", is_flag=True, help="Print the objects that stay as they are, too.")
@click.option("--save", default="", help="Remember names, uids and versions in FILE, for `verify`.", metavar="FILE")
def check(namespace: str, output: str, every: bool, save: str, **where: Any) -> None:
    """Say what Coffer will do with every object.

    Also what must be cured before the move. Of Secrets only metadata is read, but for the records of Helm releases and
    for targets whose data shows whose they are. Values are never printed.
    """
    from manager.cli.migrate import rendering, snapshot
    from manager.kube.resources import NAMESPACES, Key

    cluster = Where(**where)
    listed, report = run(_assessed(cluster))
    if save:
        snapshot.save(save, snapshot.taken(listed, report.findings, cluster.without), time.time())
    if namespace and listed.cache.get(Key(NAMESPACES, "", namespace)) is None:
        raise CannotRead(f"there is no namespace {namespace}")
    shown = report.within(namespace)
    lines = rendering.report_lines(shown, every=every, namespace=namespace)
    show(output, lines, rendering.report_records(shown), rendering.report_names(shown))
    sys.exit(0 if shown.safe else MUST_BE_CURED)


@migrate.command()
@_reading_options
@unscoped
@output_option
@click.option("--only", type=click.Choice(PHASES), help="Print one part: the move, or a way back.")
@click.option("--chart", default="charts/coffer", show_default=True, help="Coffer's chart.")
@click.option("--original-chart", multiple=True, help="Chart of an original.", metavar="MODULE=CHART")
def plan(output: str, only: str | None, chart: str, original_chart: tuple[str, ...], **where: Any) -> None:
    """Print the commands of the move and of the way back, in order. Runs none of them."""
    from manager.cli.migrate import rendering
    from manager.cli.migrate.steps import Charts, Planner

    cluster = Where(**where)
    charts = Charts(chart, _charts(original_chart), cluster.kubeconfig, cluster.context)
    listed, report = run(_assessed(cluster))
    planner = Planner(listed, report, charts, cluster.own, cluster.without)
    steps = [each for each in planner.steps() if only in (None, each.phase)]
    names = (f"{each.phase}/{each.module or 'all'}" for each in steps)
    show(output, rendering.step_lines(steps), rendering.step_records(steps), names)


@migrate.command()
@_reading_options
@unscoped
@output_option
@click.option("--metrics", default="", help="The controller's page of metrics; - reads standard input.", metavar="FILE")
@click.argument("file")
def verify(output: str, metrics: str, file: str, **where: Any) -> None:
    """Compare the cluster with FILE of `check --save`.

    It says what was rewritten, lost, replaced or read too early. Ends with 1 if anything was. A read at a provider that
    brought the same values leaves its time in the status only every ten minutes; --metrics counts every call.
    """
    from manager.cli.migrate import rendering, snapshot

    before, at = snapshot.load(file)
    page = _page(metrics)
    listed, _ = run(_assessed(Where(**where), frozenset(each.place for each in before)))
    now = time.time()
    changes = snapshot.compared(before, snapshot.present(listed), now)
    calls, early = _calls(before, page, now)
    lines = rendering.comparison_lines(before, at, changes, listed.live, calls)
    names = (str(each.seen) for each in changes)
    show(output, lines, rendering.comparison_records(before, changes), names)
    failed = early or any(each.change in snapshot.FAILURES for each in changes)
    sys.exit(MUST_BE_CURED if failed else 0)


def _calls(before: "Sequence[Seen]", page: str | None, now: float) -> tuple[list[str], bool]:
    """Return what the metrics say, and whether a provider was called although nothing was due."""
    from manager.cli.migrate.calls import provider_calls

    due = sum(each.kind == "ExternalSecret" and each.due is not None and each.due <= now for each in before)
    told_due = f"{due} ExternalSecrets had a read due since then"
    if page is None:
        return [f"   provider calls: not counted without --metrics; {told_due}"], False
    calls = provider_calls(page)
    listing = ", ".join(f"{name} {number}" for name, number in calls.items()) or "none"
    return [f"{'!' if calls and not due else ' '}  provider calls: {listing}; {told_due}"], bool(calls) and not due


async def _assessed(where: Where, remembered: "frozenset[Place]" = frozenset()) -> "tuple[Listed, Report]":
    from manager.cli.migrate.assessment import assessed
    from manager.cli.migrate.listed import Listed
    from manager.cli.migrate.reading import Reader
    from manager.core.clock import SystemClock
    from manager.kube.cache import MetadataCache
    from manager.kube.client import KubeClient
    from manager.kube.connection import connect
    from manager.settings.load import load, settings_file
    from reflector.view import ViewBuilder

    settings = load({}, os.environ, settings_file(where.config))
    if settings.modules.scope:  # the verdicts would be those of the whole cluster, such as for a ClusterSecretStore
        raise SettingsError("modules.scope: a move is judged for the whole cluster only; leave it out of the settings")
    own = where.own or settings.process.namespace
    listed = Listed(MetadataCache())
    builder = ViewBuilder(listed.cache, settings.reflector, own, SystemClock(), settings.modules.namespaces)
    client = KubeClient(await connect(where.kubeconfig, where.context), f"coffer/{VERSION}")
    try:
        await Reader(client, listed, remembered).read()
    finally:
        await client.close()
    return listed, assessed(listed, builder, settings, own, time.time()).without(where.without)


def _charts(given: tuple[str, ...]) -> dict[str, str]:
    from manager.cli.migrate.originals import ORIGINALS

    found = dict(each.partition("=")[::2] for each in given)
    wrong = sorted(each for each, chart in found.items() if each not in ORIGINALS or not chart)
    if wrong:
        raise SettingsError(f"--original-chart {wrong[0]}: write MODULE=CHART; modules: {', '.join(ORIGINALS)}")
    return found


def _page(metrics: str) -> str | None:
    if not metrics:
        return None
    try:
        return sys.stdin.read() if metrics == "-" else Path(metrics).read_text()
    except (OSError, ValueError) as error:
        raise SettingsError(f"--metrics {metrics}: {file_fault(error)}") from None

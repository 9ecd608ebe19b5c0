"""Options that may stand before the command."""

import click
import pytest
from click.testing import CliRunner

from manager.cli.main import main
from manager.command_line import cluster_options, namespace_options, output_option
from manager.options import inherited
from tests.command_tree import commands

WITHOUT_CLUSTER = {"completion", "lint", "migrate values", "run", "version"}


@click.group()
@click.option("-n", "--namespace")
@click.option("-o", "--output")
@click.option("--context")
@click.option("--kubeconfig")
def group(**_: str) -> None:
    pass


@group.command()
@cluster_options
@namespace_options
@output_option
def inner(kubeconfig: str, context: str, namespace: str, output: str) -> None:
    click.echo(f"{kubeconfig} {context} {namespace} {output}")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["inner"], "   table"),
        (["--kubeconfig", "f", "--context", "c", "-n", "x", "-o", "json", "inner"], "f c x json"),
        (["-n", "x", "-o", "json", "inner", "-n", "y", "-o", "yaml"], "  y yaml"),
        (["-n", "x", "inner", "-A"], "   table"),
    ],
)
def test_what_stands_before_the_command_is_its_default(arguments: list[str], said: str) -> None:
    assert CliRunner().invoke(group, arguments).output == f"{said}\n"


def test_a_format_before_the_command_is_checked_by_it() -> None:
    done = CliRunner().invoke(group, ["-o", "wide", "inner"])

    assert done.exit_code == 2
    assert "'wide' is not one of" in done.output


def test_without_a_command_the_default_stands() -> None:
    assert inherited("namespace", "here")() == "here"


@pytest.mark.parametrize("name", sorted({name for name, _ in commands(main)} - WITHOUT_CLUSTER))
def test_every_command_takes_the_same_options(name: str) -> None:
    command = dict(commands(main))[name]
    given = {option for each in command.params for option in each.opts}

    assert {"--kubeconfig", "--context", "--namespace", "--output"} <= given

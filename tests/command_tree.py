"""The commands of a program, as people call them."""

from collections.abc import Iterator

import click


def commands(command: click.Command, name: str = "") -> Iterator[tuple[str, click.Command]]:
    """Yield every command below one that runs, with its name: `keys list`."""
    if not isinstance(command, click.Group):
        yield name, command
        return
    context = click.Context(command)
    for inner in command.list_commands(context):
        found = command.get_command(context, inner)
        assert found is not None, inner
        yield from commands(found, f"{name} {inner}".strip())

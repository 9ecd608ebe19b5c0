"""The commands of a program, by the names that users type."""

from collections.abc import Iterator

import click


def commands(command: click.Command, name: str = "") -> Iterator[tuple[str, click.Command]]:
    """Yield every runnable command below a group, with its name, such as `keys list`."""
    if not isinstance(command, click.Group):
        yield name, command
        return
    context = click.Context(command)
    for inner in command.list_commands(context):
        found = command.get_command(context, inner)
        assert found is not None, inner
        yield from commands(found, f"{name} {inner}".strip())

"""Options that may stand before the command as well: `coffer -n app status`. Loads nothing of a cluster."""

from collections.abc import Callable
from typing import Any, TypeVar

import click

EVERYWHERE = f"{__name__}.everywhere"
"""Where a context remembers that all namespaces are meant."""

Command = TypeVar("Command", bound=Callable[..., Any])


def inherited(name: str, otherwise: str = "") -> Callable[[], str]:
    """Return the default of an option: what stands before the command.

    Args:
        name: of the option.
        otherwise: the default where nothing stands there.

    """

    def default() -> str:
        context = click.get_current_context(silent=True)
        given = context.find_root().params.get(name) if context is not None and context.parent is not None else None
        return str(given) if given else otherwise

    return default


def unscoped(command: Command) -> Command:
    """Accept the namespace options where a command has no use for them, as kubectl does; its help leaves them out."""
    hidden: dict[str, Any] = {"hidden": True, "expose_value": False}
    command = click.option("-A", "--all-namespaces", is_flag=True, **hidden)(command)
    return click.option("-n", "--namespace", **hidden)(command)

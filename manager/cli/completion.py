"""`coffer completion`: scripts by which a shell completes commands and options."""

import click
from click.shell_completion import get_completion_class

KUBECTL = "kubectl"
SHELLS = ("bash", "zsh", "fish", KUBECTL)
VARIABLE = "_COFFER_COMPLETE"
SCRIPT_FOR_KUBECTL = f"""#!/bin/sh
# kubectl asks the program kubectl_complete-coffer on the PATH what may follow `kubectl coffer`.
COMP_WORDS="coffer $*" COMP_CWORD=$# {VARIABLE}=bash_complete coffer | sed 's/^[a-z]*,//'
echo ":4" # no file names
"""


@click.command()
@click.argument("shell", type=click.Choice(SHELLS))
def completion(shell: str) -> None:
    """Print the script that completes commands in a shell.

    For bash: `source <(coffer completion bash)`. For zsh: the same in .zshrc. For fish: `coffer completion fish` into
    ~/.config/fish/completions/coffer.fish. For `kubectl coffer`: `coffer completion kubectl` into a program
    `kubectl_complete-coffer` on the PATH.
    """
    click.echo(script(shell), nl=False)


def script(shell: str) -> str:
    """Return the script for a shell. No shell is started to ask for its version."""
    if shell == KUBECTL:
        return SCRIPT_FOR_KUBECTL
    kind = get_completion_class(shell)
    if kind is None:
        raise click.UsageError(f"{shell} is no shell that completes")
    found = kind(click.Group("coffer"), {}, "coffer", VARIABLE)
    return found.source_template % found.source_vars()

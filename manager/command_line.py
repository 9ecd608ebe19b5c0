"""Shared by all `coffer` commands that read a cluster: kubectl's options, output formats, and error messages."""

import json
import logging
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, TypeGuard, TypeVar

import aiohttp
import click
import yaml

from manager.access.explanations import explained
from manager.access.selection import NoConfiguration
from manager.core.errors import AccessError, ApiError, CofferError, Forbidden, NotFound, Unreachable
from manager.core.optional_imports import UNUSED, without
from manager.kube import resources
from manager.options import EVERYWHERE, inherited
from manager.tables import Table, draw, printable

OTHERS = "--kubeconfig and --context choose another cluster or user"
UNCONFIGURED = "no cluster is configured: KUBECONFIG and ~/.kube/config name none, and this is no Pod"
FORMS = ("table", "json", "yaml", "name")
UNAUTHORIZED = 401
NEEDS_A_PERSON, CANNOT_READ = 1, 2
"""How commands end that judge: what they found, and that they could not look."""

Command = TypeVar("Command", bound=Callable[..., Any])


def cluster_options(command: Command) -> Command:
    """Add the options that choose a cluster and its user."""
    default = inherited("context")
    command = click.option("--context", default=default, help="Context of the kubeconfig.", metavar="NAME")(command)
    text = "Kubeconfig file; KUBECONFIG, ~/.kube/config or the Pod's ServiceAccount otherwise."
    return click.option("--kubeconfig", default=inherited("kubeconfig"), help=text, metavar="FILE")(command)


def namespace_options(command: Command) -> Command:
    """Add kubectl's namespace options; the command gets `namespace`, empty for all. -A overrides -n."""

    def everywhere(context: click.Context, _option: click.Parameter, asked: bool) -> None:
        context.meta[EVERYWHERE] = asked or context.meta.get(EVERYWHERE, False)

    def chosen(context: click.Context, _option: click.Parameter, value: str) -> str:
        return "" if context.meta.get(EVERYWHERE) else value

    text = "Every namespace, the default."
    first: dict[str, Any] = {"is_flag": True, "is_eager": True, "expose_value": False, "callback": everywhere}
    command = click.option("-A", "--all-namespaces", help=text, **first)(command)
    default, text = inherited("namespace"), "Only this namespace."
    return click.option("-n", "--namespace", default=default, callback=chosen, help=text, metavar="NAME")(command)


def output_option(command: Command) -> Command:
    """Add kubectl's option for the output format; the command gets `output`."""
    shown: dict[str, Any] = {"show_default": "table", "help": "Output format."}
    default = inherited("output", "table")
    return click.option("-o", "--output", type=click.Choice(FORMS), default=default, **shown)(command)


@contextmanager
def silent() -> Iterator[None]:
    """Log nothing within: lines of the log would stand in our output, and break JSON."""
    with without(*UNUSED):  # structlog would load rich, which takes as long as a whole answer
        import structlog

    before = structlog.get_config()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    try:
        yield
    finally:
        structlog.configure(**before)


class Told(click.Command):
    """Prints errors with what to do, and never a library's text."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command."""
        try:
            with silent():
                return super().invoke(ctx)
        except CofferError as error:
            raise click.ClickException(told(error)) from None


class CannotRead(click.ClickException):
    """Ends with a code of its own, so that scripts tell what needs a person from what was not read."""

    exit_code = CANNOT_READ


class Verdict(click.Command):
    """Tells errors like `Told`, and ends with 2 for them: 1 means that something needs a person."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command."""
        try:
            with silent():
                return super().invoke(ctx)
        except CofferError as error:
            raise CannotRead(told(error)) from None


def told(error: CofferError) -> str:
    """Return the text of an error with what to do."""
    if isinstance(error, NoConfiguration):
        return f"{UNCONFIGURED}; {OTHERS}"  # the text of client-go names a variable that we do not read
    if isinstance(error, AccessError):
        return f"{error}; {OTHERS}"
    if not isinstance(error, ApiError):
        return str(error)
    resource, check = _asked(error.place)
    if isinstance(error, Forbidden) and error.status == UNAUTHORIZED:
        return f"{error.place}: the API server does not know this user: log in again; {OTHERS}"
    if isinstance(error, Forbidden):
        return f"{error.place}: this user has no right to it: see `{check}`; {OTHERS}"
    if isinstance(error, NotFound):
        return f"{error.place}: the cluster does not know {resource}: is Coffer's chart installed there? {OTHERS}"
    if isinstance(error, Unreachable) and not error.status:
        return f"{error.place}: no answer from the API server: {_why(error.__cause__)}; {OTHERS}"
    return str(error)


def _asked(place: str) -> tuple[str, str]:
    """Return the plural name of the resource that a request was about, and the command that tells the right to it."""
    verb, _, what = place.partition(" ")
    word, _, name = what.removeprefix("metadata of ").partition(" ")
    known = next((each for each in vars(resources).values() if _is(each, word)), None)
    if known is None:  # such as a path of discovery, which kubectl takes too
        return word, f"kubectl auth can-i {'get' if verb == 'discover' else verb} {word}"
    namespace = name.removeprefix("in namespace ") if verb == "list" else name.partition("/")[0]
    scope = (f" -n {namespace}" if namespace else " -A") if known.namespaced else ""
    full = f"{known.plural}.{known.group}" if known.group else known.plural
    return known.plural, f"kubectl auth can-i {verb} {full}{scope}"


def _is(found: object, word: str) -> TypeGuard[resources.Resource]:
    return isinstance(found, resources.Resource) and word in (found.plural, found.kind)


def _why(cause: BaseException | None) -> str:
    if isinstance(cause, aiohttp.ClientConnectorCertificateError):
        return explained(cause.certificate_error, cause.host)
    if isinstance(cause, aiohttp.ClientConnectorError):
        return explained(cause.os_error, cause.host)
    if type(cause) is aiohttp.ClientConnectionError:
        return str(cause)  # our own text, about a token or a plug-in
    return explained(cause, "") if isinstance(cause, OSError) else "the connection ended"


def show(
    output: str,
    lines: Iterable[str | Table],
    records: Sequence[Mapping[str, object]],
    names: Iterable[str],
) -> None:
    """Print a result in the chosen format: lines and tables for people, records for programs, or names only."""
    if output in ("json", "yaml"):
        whole = {"apiVersion": "v1", "kind": "List", "items": [dict(each) for each in records]}
        text = json.dumps(whole, indent=2) if output == "json" else yaml.safe_dump(whole, sort_keys=False).rstrip("\n")
        click.echo(text)
    elif output == "name":
        for name in names:
            click.echo(printable(name))
    else:
        draw(lines)


def tell_nothing(output: str, found: Collection[object], namespace: str = "") -> None:
    """Say on standard error, as kubectl does, that a list is empty: a person takes no output for a failure."""
    if not found and output in ("table", "name"):
        click.echo("No resources found" + (f" in namespace {namespace}" if namespace else ""), err=True)

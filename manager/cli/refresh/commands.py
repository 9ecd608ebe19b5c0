"""`coffer refresh KIND/NAME…`: read at the provider, or push, now."""

import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import click

from manager import VERSION
from manager.chain.subjects import resource_of
from manager.command_line import NEEDS_A_PERSON, Verdict, cluster_options, namespace_options, output_option, show
from manager.core.errors import SettingsError
from manager.kube.resources import EXTERNAL_SECRETS, PUSH_SECRETS, SEALED_SECRETS, Key
from manager.progress import run

if TYPE_CHECKING:
    from manager.cli.refresh.outcome import Outcome

DEFAULT_PATIENCE_SECONDS = 30.0


@click.command(cls=Verdict)
@cluster_options
@namespace_options
@output_option
@click.option(
    "--timeout",
    default=DEFAULT_PATIENCE_SECONDS,
    show_default=True,
    help="Seconds to wait for each.",
    metavar="SECONDS",
)
@click.argument("names", nargs=-1, required=True, metavar="KIND/NAME…")
def refresh(names: tuple[str, ...], namespace: str, output: str, timeout: float, **cluster: str) -> None:
    """Have ExternalSecrets and PushSecrets done again now, and wait.

    KIND is externalsecret (es) or pushsecret (ps); -n names the namespace. Sets the annotation `force-sync`, as the
    documents of external-secrets say. Tells which keys of the Secret changed, and ends with 1 if one was not
    refreshed, and with 2 if it could not be asked for.
    """
    found = run(_refreshed([_key(each, namespace) for each in names], timeout, cluster), "waiting for the refresh")
    named = (f"{each.key.resource.kind.lower()}/{each.key.name}" for each in found)
    show(output, _lines(found), [_record(each) for each in found], named)
    sys.exit(NEEDS_A_PERSON if any(each.verdict != "refreshed" for each in found) else 0)


def _key(text: str, namespace: str) -> Key:
    kind, slash, name = text.partition("/")
    if not slash or not name or "/" in name:
        raise SettingsError(f"{text}: write KIND/NAME, such as externalsecret/database")
    word, resource = resource_of(kind)
    if resource is SEALED_SECRETS:
        raise SettingsError(f"{text}: a SealedSecret has no origin that is read again; a new version of it is unsealed")
    if resource not in (EXTERNAL_SECRETS, PUSH_SECRETS):
        raise SettingsError(f"{text}: a {word} is not refreshed; refresh the externalsecret or pushsecret of it")
    if not namespace:
        raise SettingsError(f"{text}: name the namespace by -n")
    return Key(resource, namespace, name)


async def _refreshed(keys: Sequence[Key], patience: float, cluster: dict[str, str]) -> "list[Outcome]":
    from manager.cli.refresh.requesting import Refresher
    from manager.core.clock import SystemClock
    from manager.kube.client import KubeClient
    from manager.kube.connection import connect

    client = KubeClient(await connect(cluster["kubeconfig"], cluster["context"]), f"coffer/{VERSION}")
    try:
        return await Refresher(client, SystemClock(), patience).refresh(keys)
    finally:
        await client.close()


def _lines(found: "Sequence[Outcome]") -> Iterator[str]:
    for each in found:
        if each.verdict == "refreshed":
            yield f"{each.key} {each.verdict}" + (f": {each.changes}" if each.changes is not None else "")
            continue
        yield f"!  {each.key} {each.verdict}" + (f": {each.problem}" if each.problem else "")
        yield f"     -> {each.cure or 'see `coffer status`: does a replica hold the Lease?'}"


def _record(outcome: "Outcome") -> dict[str, object]:
    changes = outcome.changes
    keys = {} if changes is None else vars(changes)
    return {
        "kind": outcome.key.resource.kind,
        "namespace": outcome.key.namespace,
        "name": outcome.key.name,
        "verdict": str(outcome.verdict),
        **{word: list(keys.get(word, ())) for word in ("added", "changed", "removed")},
        "problem": outcome.problem or None,
        "cure": outcome.cure or None,
    }

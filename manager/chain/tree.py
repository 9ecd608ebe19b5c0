"""The chain of a Secret as a tree: sealed, store, synced, mirrored, running. Pure."""

from collections.abc import Iterable, Sequence

from external.summaries import external_secret_summary
from manager.chain.diagnosis import state_of
from manager.chain.model import Mirror, Node, Stage, StalePod, State, Use
from manager.chain.origins import source_of
from manager.chain.snapshot import Snapshot
from manager.chain.upstream import credentials_of, external_of, sealed_of
from manager.kube.resources import Key

CURRENT = "current"


def running(users: Iterable[Use], stale: Sequence[StalePod]) -> tuple[Node, ...]:
    """Return the leaves: what uses a Secret, and the Pods that run with its former values."""
    nodes = [Node(Stage.RUNNING, f"{each.kind} {each.name}", State.GOOD, ", ".join(each.ways)) for each in users]
    old = [Node(Stage.RUNNING, f"Pod {each.name}", State.DOUBTFUL, "started before the last change") for each in stale]
    return (*nodes, *old)


def mirrored(mirrors: Iterable[Mirror], beneath: dict[Key, tuple[Node, ...]]) -> tuple[Node, ...]:
    """Return the mirrors with what runs on them."""
    return tuple(
        Node(
            Stage.MIRRORED,
            str(each.key),
            State.GOOD if CURRENT in each.state else State.DOUBTFUL,
            each.state,
            beneath.get(each.key, ()),
        )
        for each in mirrors
    )


def trees(snapshot: Snapshot, key: Key, children: tuple[Node, ...]) -> tuple[Node, ...]:
    """Return the chain of a Secret from its beginnings.

    Args:
        snapshot: what was read.
        key: of the Secret.
        children: what comes after it.

    """
    exists = snapshot.body(key) is not None
    node = Node(Stage.SECRET, str(key), State.GOOD if exists else State.BAD, "" if exists else "missing", children)
    return _above(snapshot, key, node, set())


def _above(snapshot: Snapshot, key: Key, node: Node, shown: set[Key]) -> tuple[Node, ...]:
    """Return what gives a Secret its values, above it; the Secret alone if nothing does.

    Args:
        snapshot: what was read.
        key: of the Secret.
        node: the Secret, with what comes after it.
        shown: Secrets that have been followed; objects may refer to each other in a circle.

    """
    if key in shown:
        return (node,)
    shown.add(key)
    body = snapshot.body(key)
    source = source_of(body["metadata"]) if body is not None else None
    if source is not None and source in snapshot.bodies:
        found = snapshot.body(source)
        state, note = (State.GOOD, "") if found is not None else (State.BAD, "missing")
        mirror = Node(Stage.MIRRORED, node.name, node.state, node.note, node.children)
        return _above(snapshot, source, Node(Stage.SECRET, str(source), state, note, (mirror,)), shown)
    sealed = sealed_of(snapshot, key)
    if sealed is not None:
        return (Node(Stage.SEALED, str(sealed), *state_of(sealed, snapshot.body(sealed)), (node,)),)
    roots: list[Node] = []
    for external in external_of(snapshot, key):
        roots += _synced(snapshot, external, node, shown)
    return tuple(roots) or (node,)


def _synced(snapshot: Snapshot, external: Key, node: Node, shown: set[Key]) -> list[Node]:
    """Return an ExternalSecret beneath its stores; the chain goes on beneath the first one."""
    body = snapshot.body(external)
    synced = Node(Stage.SYNCED, str(external), *state_of(external, body), (node,))
    stores = external_secret_summary(body).stores if body is not None else ()
    roots: list[Node] = []
    for number, store in enumerate(stores):
        beneath = (synced,) if number == 0 else (Node(Stage.SYNCED, str(external), synced.state, "as above"),)
        above = Node(Stage.STORE, str(store), *state_of(store, snapshot.body(store)), beneath)
        roots += _credentials(snapshot, store, above, shown)
    return roots or [synced]


def _credentials(snapshot: Snapshot, store: Key, node: Node, shown: set[Key]) -> tuple[Node, ...]:
    """Return a store beneath the Secret with its credentials."""
    named = credentials_of(snapshot, store)
    if not named:
        return (node,)
    exists = snapshot.body(named[0]) is not None
    note = "its credentials" if exists else "its credentials, missing"
    secret = Node(Stage.SECRET, str(named[0]), State.GOOD if exists else State.BAD, note, (node,))
    return _above(snapshot, named[0], secret, shown)

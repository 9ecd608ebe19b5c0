"""What is told of one Secret and of what it is made from. Names, times and states; never a value."""

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from manager.kube.resources import Key


class Stage(StrEnum):
    """Where in the chain an object stands."""

    SEALED = "sealed"
    STORE = "store"
    SYNCED = "synced"
    SECRET = "secret"
    MIRRORED = "mirrored"
    PUSHED = "pushed"
    RUNNING = "running"


class State(StrEnum):
    """How an object fares."""

    GOOD = "good"
    BAD = "bad"
    DOUBTFUL = "doubtful"
    UNKNOWN = "unknown"


class Fault(NamedTuple):
    """What stops an object from changing as it should, and what to do."""

    about: Key
    problem: str
    cure: str


class Change(NamedTuple):
    """What changes an object next."""

    what: str
    at: float | None
    """Unix time; None if nothing is planned."""


class Manager(NamedTuple):
    """A field manager that the API server has recorded."""

    name: str
    at: float | None
    keys: tuple[str, ...]
    """The keys of the data that it wrote."""


@dataclass(frozen=True)
class KeyOrigin:
    """One key of a Secret, and where its value comes from."""

    name: str
    giver: Key | None = None
    """The object that gives the value; None if nothing of ours does."""
    entry: str = ""
    """The field of that object."""
    store: Key | None = None
    remote_key: str = ""
    remote_property: str = ""
    version: str = ""
    """The version that the entry names, or what the object records of its last success."""
    read: float | None = None
    """When it was last read at its origin (Unix time)."""
    written: float | None = None
    """When it was last written (Unix time)."""
    writer: str = ""
    """The field manager that wrote it."""


@dataclass(frozen=True)
class Use:
    """A workload or another object that uses a Secret."""

    kind: str
    name: str
    ways: tuple[str, ...]
    """Such as `env of container app`."""


@dataclass(frozen=True)
class StalePod:
    """A Pod whose containers read the Secret when they started, and started before its last change."""

    name: str
    started: float
    containers: tuple[str, ...]


@dataclass(frozen=True)
class Node:
    """One object in the tree of a chain."""

    stage: Stage
    name: str
    """Kind, namespace and name, as people write them."""
    state: State
    note: str = ""
    children: tuple["Node", ...] = ()


@dataclass(frozen=True)
class Mirror:
    """A mirror of a Secret, and its state."""

    key: Key
    state: str


@dataclass(frozen=True)
class Explanation:
    """Everything that is told of one object."""

    subject: Key
    exists: bool
    facts: tuple[tuple[str, str], ...] = ()
    """Names and texts that belong to its kind, such as the provider of a store."""
    changed: float | None = None
    """When its data was last written (Unix time)."""
    owners: tuple[str, ...] = ()
    keys: tuple[KeyOrigin, ...] = ()
    managers: tuple[Manager, ...] = ()
    source: Key | None = None
    """What it mirrors."""
    mirrors: tuple[Mirror, ...] = ()
    pushed: tuple[str, ...] = ()
    """The PushSecrets that read it."""
    users: tuple[Use, ...] = ()
    stale: tuple[StalePod, ...] = ()
    next: tuple[Change, ...] = ()
    faults: tuple[Fault, ...] = ()
    trees: tuple[Node, ...] = ()
    """The chain from its beginnings."""
    unread: tuple[str, ...] = ()
    """What could not be read, or was not looked for, and why."""

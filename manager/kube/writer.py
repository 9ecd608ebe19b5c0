"""The only gate for writes: every create, update, patch and delete of the modules passes here.

It never writes privileged Secrets and sealing keys. Updates, patches and deletes carry the uid and resourceVersion that
were read. A replica whose lease is uncertain writes nothing, and a flood of deletes is stopped.
"""

from collections import Counter, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import structlog

from manager.core.clock import Clock
from manager.core.errors import NeedsHuman, WaitFor
from manager.kube.client import KubeClient
from manager.kube.resources import SECRETS, Body, Key

SERVICE_ACCOUNT_TOKEN = "kubernetes.io/service-account-token"
BOOTSTRAP_TOKEN = "bootstrap.kubernetes.io/token"
TOKEN_OWNER = "kubernetes.io/service-account.name"  # the API server refuses a token Secret without it
PRIVILEGED_TYPES = frozenset({SERVICE_ACCOUNT_TOKEN, BOOTSTRAP_TOKEN})  # the API server grants rights for these
SEALING_KEY_LABEL = "sealedsecrets.bitnami.com/sealed-secrets-key"
REFUSED = "PrivilegedSecret"
DELETES_PER_MINUTE = 50  # a wrong decision shows before it empties a cluster; 100 mirrors still go in two minutes
SERVER_FIELDS = frozenset(
    {"uid", "resourceVersion", "generation", "generateName", "managedFields", "ownerReferences", "selfLink"}
    | {"creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds", "namespace", "name", "finalizers"}
)

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Create:
    """Create an object."""

    key: Key
    body: Body = field(repr=False)


@dataclass(frozen=True, slots=True)
class Update:
    """Replace an object; `body` holds the uid and resourceVersion that were read."""

    key: Key
    body: Body = field(repr=False)


@dataclass(frozen=True, slots=True)
class Patch:
    """Merge-patch an object as it was read."""

    key: Key
    uid: str
    version: str
    patch: Body = field(repr=False)


@dataclass(frozen=True, slots=True)
class Delete:
    """Delete exactly the object that was read."""

    key: Key
    uid: str
    version: str
    reason: str
    """Why it is deleted; the log says it."""
    divided: bool = False
    """The module has divided its deletes by cause, so the brake does not divide them by namespace."""


@dataclass(frozen=True, slots=True)
class Replace:
    """Replace single fields of an object as it was last seen, without reading it: from JSON pointer to new value.

    None removes a field, which must exist.
    """

    key: Key
    uid: str
    version: str
    fields: Mapping[str, Any] = field(repr=False)
    annotations: Mapping[str, str] = field(default_factory=dict, repr=False)
    """The annotations as they were seen: they show a token Secret, whose type is not in its metadata."""
    labels: Mapping[str, str] = field(default_factory=dict, repr=False)
    """The labels as they were seen."""


Action = Create | Update | Patch | Replace | Delete
REPLACEABLE = frozenset({"/data", "/binaryData", "/immutable", "/metadata/labels"})
ANNOTATIONS = "/metadata/annotations/"


class Writer:
    """Executes actions, one request each.

    Args:
        client: the API server.
        certain: raises NotLeader unless this replica may write; called before every write.
        clock: for the brake on deletes.
        manager: the field manager; managedFields shows by it which fields are ours.
        paused: called for every delete that is postponed.
        deletes: the maximum in a minute.
    """

    def __init__(
        self,
        client: KubeClient,
        certain: Callable[[], None],
        clock: Clock,
        manager: str,
        paused: Callable[[], None] = lambda: None,
        deletes: int = DELETES_PER_MINUTE,
    ) -> None:
        self._client = client
        self._certain = certain
        self.manager = manager
        """The field manager of writes that name no other."""
        self._brake = DeleteBrake(clock, paused, deletes)

    def require_leader(self) -> None:
        """Raise NotLeader unless this replica may write; for writes that go elsewhere than to the API server."""
        self._certain()

    async def apply(self, action: Action, *, manager: str = "") -> Body | None:
        """Execute one action; return the object as the server has it now, None after a delete.

        Raises:
            NeedsHuman: Coffer never writes such an object.
            WaitFor: too many deletes in the last minute.
            Conflict, AlreadyExists, NotFound: the object changed since it was read; read it again.

        """
        self._certain()
        manager = manager or self.manager
        if isinstance(action, Delete):
            self._brake.take("" if action.divided else action.key.namespace)
            await self._client.delete(action.key, uid=action.uid, version=action.version)
            log.info("deleted", object=str(action.key), reason=action.reason)
            return None
        if isinstance(action, Create):
            refuse_privileged(action.key, action.body)
            return await self._client.create(action.key.resource, action.body, manager=manager)
        if isinstance(action, Update):
            refuse_privileged(action.key, action.body)
            _require_preconditions(action.body["metadata"])
            return await self._client.update(action.key, action.body, manager=manager)
        if isinstance(action, Replace):
            refuse_unread(action)
            return await self._client.patch_operations(action.key, _operations(action), manager=manager)
        refuse_privileged(action.key, action.patch)
        metadata = {**action.patch.get("metadata", {}), "uid": action.uid, "resourceVersion": action.version}
        _require_preconditions(metadata)
        return await self._client.patch(action.key, {**action.patch, "metadata": metadata}, manager=manager)

    async def create_sealing_key(self, body: Body) -> Body:
        """Create a sealing key: the only write with its label; only sealed.keys calls it."""
        self._certain()
        return await self._client.create(SECRETS, body, manager=self.manager)


class DeleteBrake:
    """Stops one module after a number of deletes in a minute: a wrong decision must not empty a cluster.

    One namespace gets at most four fifths of them, so that a tenant's thousands of deletes leave some to others.
    """

    def __init__(self, clock: Clock, paused: Callable[[], None], limit: int = DELETES_PER_MINUTE) -> None:
        self._clock = clock
        self._paused = paused
        self._limit = limit
        self._taken: deque[tuple[float, str]] = deque()
        self._number: Counter[str] = Counter()

    def take(self, namespace: str = "") -> None:
        """Count one delete in a namespace. Raises WaitFor if the number, or the namespace's share of it, is reached."""
        now = self._clock.monotonic()
        while self._taken and now - self._taken[0][0] >= 60.0:
            self._number.subtract([self._taken.popleft()[1]])
            self._number += Counter()  # drops the zeros: namespaces come and go
        share = self._limit - self._limit // 5 if namespace else self._limit
        over = len(self._taken) >= self._limit
        if over or self._number[namespace] >= share:
            self._paused()
            first = next((at for at, each in self._taken if over or each == namespace), now)
            whose = "" if over else f" in namespace {namespace}"
            number = self._limit if over else share
            cure = "going on later; modules.deletes_per_minute lets more through"
            text = f"more than {number} deletes{whose} in a minute: {cure}"
            raise WaitFor("DeletesPaused", text, delay=61.0 - (now - first))
        self._taken.append((now, namespace))
        self._number[namespace] += 1


def refuse_privileged(key: Key, body: Mapping[str, Any]) -> None:
    """Raise NeedsHuman for a Secret that would grant rights or act as a sealing key."""
    if key.resource is not SECRETS:
        return
    if body.get("type") in PRIVILEGED_TYPES:
        raise NeedsHuman(REFUSED, f"a Secret of type {body['type']} is never written: use another type")
    if SEALING_KEY_LABEL in (body.get("metadata", {}).get("labels") or {}):
        raise NeedsHuman(REFUSED, f"a Secret with the label {SEALING_KEY_LABEL} is never written: remove the label")


def refuse_unread(action: Replace) -> None:
    """Raise NeedsHuman for a sealing key, and for a Secret of a type that grants rights, without reading its type.

    Such types show otherwise: bootstrap tokens by their name, token Secrets by an annotation.
    """
    key = action.key
    labels = {**action.labels, **(action.fields.get("/metadata/labels") or {})}
    refuse_privileged(key, {"metadata": {"labels": labels}})
    bootstrap = key.namespace == "kube-system" and key.name.startswith("bootstrap-token-")
    if key.resource is SECRETS and (bootstrap or TOKEN_OWNER in action.annotations):
        kind = BOOTSTRAP_TOKEN if bootstrap else SERVICE_ACCOUNT_TOKEN
        raise NeedsHuman(REFUSED, f"a Secret of type {kind} is never written: use another type")


def template_metadata(metadata: Mapping[str, Any] | None) -> dict[str, dict[str, str]]:
    """Return the labels and annotations of a tenant's template; all other metadata is dropped."""
    kept: dict[str, dict[str, str]] = {}
    for field_name in ("labels", "annotations"):
        values = (metadata or {}).get(field_name)
        pairs = values.items() if isinstance(values, dict) else ()
        kept[field_name] = {str(name): str(value) for name, value in pairs if value is not None}
    return kept


def _operations(action: Replace) -> list[Body]:
    """Return JSON-patch operations; `replace` of uid and resourceVersion fails if the object is another or changed."""
    if not all(pointer in REPLACEABLE or pointer.startswith(ANNOTATIONS) for pointer in action.fields):
        raise ValueError("only data, labels and annotations are replaced without reading the object")
    preconditions = {"uid": action.uid, "resourceVersion": action.version}
    _require_preconditions(preconditions)
    guards = [{"op": "replace", "path": f"/metadata/{name}", "value": value} for name, value in preconditions.items()]
    changes = action.fields.items()
    added = [{"op": "add", "path": pointer, "value": value} for pointer, value in changes if value is not None]
    return guards + added + [{"op": "remove", "path": pointer} for pointer, value in changes if value is None]


def _require_preconditions(metadata: Mapping[str, Any]) -> None:
    if not metadata.get("uid") or not metadata.get("resourceVersion"):
        raise ValueError("a write without uid and resourceVersion could overwrite what nobody read")

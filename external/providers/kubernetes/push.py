"""Pushes to Secrets of a cluster: reads one, and writes it with its resourceVersion if it differs."""

import re
from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import quote

from external.api.push_metadata.kubernetes import KubernetesPushSpec, remote_namespace
from external.providers.kubernetes.connection import Connection, Forbidden
from external.providers.kubernetes.pushed_secret import desired_secret
from external.providers.protocol import ProviderUnavailable, SecretAbsent
from external.providers.push import Pushed, PushRefused, PushRequest, ReferencedObject, RemoteRef, RemoteUnmanaged
from external.providers.support.pushing.marks import OWNER, UNMANAGED, require_no_other
from external.providers.support.pushing.metadata import AT, metadata_spec
from manager.kube.writer import SEALING_KEY_LABEL

NAME = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
MAX_NAME_CHARACTERS = 253
REMOTE_KEY = "data[].match.remoteRef.remoteKey"


class Place(NamedTuple):
    """A Secret of the cluster."""

    namespace: str
    name: str

    @property
    def collection(self) -> str:
        """The path of the Secrets of its namespace."""
        return f"/api/v1/namespaces/{self.namespace}/secrets"

    @property
    def path(self) -> str:
        """The path of the Secret."""
        return f"{self.collection}/{quote(self.name, safe='')}"


class ClusterPush:
    """Pushes under a store's identity.

    Args:
        namespace: of the store, where an entry names no other.
        chooses_namespace: whether entries may name one: only those of a cluster-scoped store.
        closed: namespaces that nothing is pushed to.
    """

    deletes_property = True

    def __init__(
        self,
        connection: Connection,
        namespace: str,
        *,
        chooses_namespace: bool,
        closed: frozenset[str] = frozenset(),
    ) -> None:
        self._connection = connection
        self._namespace = namespace
        self._chooses_namespace = chooses_namespace
        self._closed = closed

    def references(self, metadata: object) -> tuple[ReferencedObject, ...]:
        """Return nothing: the metadata names no objects. Raises PushRefused for metadata of a wrong form."""
        self._spec(metadata)
        return ()

    def push(self, request: PushRequest) -> Pushed:
        """Create or update the Secret unless it is as wanted. Raises ProviderError."""
        spec = self._spec(request.metadata)
        place = self._place(request.ref, spec)
        if place.namespace in self._closed:
            raise PushRefused(f"{self._closed_text(place)}; push to another namespace")
        found = self._found(place)
        if found is not None:
            _require_ours(found, request.owners, recorded=request.recorded)
        wanted = desired_secret(found, place.name, request, spec)
        if wanted == found:
            return Pushed(written=False)
        if found is None:
            self._asked("CreateSecret", "POST", place, place.collection, wanted)
        else:
            self._asked("UpdateSecret", "PUT", place, place.path, wanted)
        return Pushed(written=True)

    def exists(self, ref: RemoteRef, metadata: object = None) -> bool:
        """Return True if the Secret exists, with a property if it has that key. Raises ProviderError."""
        found = self._found(self._place(ref, self._spec(metadata)))
        return found is not None and (not ref.property or ref.property in (found.get("data") or {}))

    def delete(self, ref: RemoteRef, owner: str, metadata: object = None) -> bool:
        """Delete the Secret, or one of its keys; with the last key it goes too. Raises ProviderError."""
        place = self._place(ref, self._spec(metadata))
        if place.namespace in self._closed:
            raise RemoteUnmanaged(self._closed_text(place))
        found = self._found(place)
        if found is None:
            return False
        _require_ours(found, (owner,), recorded=False)
        data = found.get("data") or {}
        if ref.property and ref.property not in data:
            return False
        rest = {key: value for key, value in data.items() if ref.property and key != ref.property}
        if rest:
            self._asked("UpdateSecret", "PUT", place, place.path, {**found, "data": rest})
            return True
        meta = found["metadata"]
        preconditions = {"uid": meta.get("uid"), "resourceVersion": meta.get("resourceVersion")}
        options = {"kind": "DeleteOptions", "apiVersion": "v1", "preconditions": preconditions}
        try:
            self._asked("DeleteSecret", "DELETE", place, place.path, options)
        except SecretAbsent:
            return False
        return True

    def canonical(self, ref: RemoteRef, metadata: object = None) -> RemoteRef:
        """Return the ref with its namespace: an entry of a ClusterSecretStore may name one."""
        return RemoteRef(f"{remote_namespace(metadata) or self._namespace}/{ref.key}", ref.property)

    def _spec(self, metadata: object) -> KubernetesPushSpec:
        spec = metadata_spec(KubernetesPushSpec, metadata)
        if spec.remote_namespace is not None and not self._chooses_namespace:
            text = "only the entry of a ClusterSecretStore may name a namespace"
            raise PushRefused(f"{AT}.spec.remoteNamespace: {text}; remove it, or set remoteNamespace in the store")
        if OWNER in (spec.annotations or {}):
            raise PushRefused(f"{AT}.spec.annotations: {OWNER} is what Coffer writes itself; remove it")
        if SEALING_KEY_LABEL in (spec.labels or {}):
            raise PushRefused(f"{AT}.spec.labels: {SEALING_KEY_LABEL} makes a Secret a sealing key; remove it")
        return spec

    def _place(self, ref: RemoteRef, spec: KubernetesPushSpec) -> Place:
        if len(ref.key) > MAX_NAME_CHARACTERS or NAME.fullmatch(ref.key) is None:
            text = f"lower-case letters, digits, - and ., {MAX_NAME_CHARACTERS} characters at most"
            raise PushRefused(f"{REMOTE_KEY}: a Secret cannot have this name: {text}")
        return Place(spec.remote_namespace or self._namespace, ref.key)

    @staticmethod
    def _closed_text(place: Place) -> str:
        return (
            f"namespace {place.namespace} of this cluster takes no pushed Secrets: the cluster's and Coffer's are there"
        )

    def _found(self, place: Place) -> Mapping[str, Any] | None:
        try:
            found = self._asked("GetSecret", "GET", place, place.path)
        except SecretAbsent:
            return None
        meta, data = found.get("metadata"), found.get("data") or {}
        inner = [meta.get(name) or {} for name in ("labels", "annotations")] if isinstance(meta, dict) else [None]
        if found.get("kind") != "Secret" or not all(isinstance(each, dict) for each in (data, *inner)):
            raise ProviderUnavailable("GetSecret: the answer is no Secret")
        return found

    def _asked(self, call: str, method: str, place: Place, path: str, body: object = None) -> Mapping[str, Any]:
        try:
            return self._connection.request(call, method, path, json=body)
        except Forbidden as error:
            verbs = "get, create and update, and delete for deletionPolicy Delete"
            raise Forbidden(f"{error}; its role needs {verbs}, on secrets in namespace {place.namespace}") from None


def _require_ours(found: Mapping[str, Any], owners: tuple[str, ...], *, recorded: bool) -> None:
    """Raise RemoteUnmanaged unless a PushSecret's name is on the Secret, or external-secrets has pushed it."""
    named = (found["metadata"].get("annotations") or {}).get(OWNER)
    if not named and not recorded:
        cure = f"annotate it with {OWNER}: {owners[0]} to hand it over, or push to another remoteKey"
        raise RemoteUnmanaged(f"{UNMANAGED}: no PushSecret has written this Secret; {cure}")
    require_no_other(str(named or ""), owners, "annotation")

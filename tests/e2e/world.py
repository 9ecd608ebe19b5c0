"""One control plane for a test: unique namespaces, the objects in them, and the checks at its end."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from uuid import uuid4

from tests.builders.manifests import CANARIES
from tests.cluster.audit import AuditLog, Mark, Request
from tests.cluster.controlplane import ControlPlane
from tests.cluster.kube import ApiError, Kube, Object, Objects, decoded
from tests.cluster.moto import Moto
from tests.cluster.proxy import FaultProxy
from tests.cluster.wait import wait_until
from tests.controller import START_TIMEOUT, Coffer
from tests.e2e.oracles import assert_sound

DEFAULT_TIMEOUT_SECONDS = 30.0  # for work that takes milliseconds on an idle machine: a crowded one must not fail it
CONDITION = {"sealedsecrets": "Synced"}
CUSTOM = ("sealedsecrets", "externalsecrets", "secretstores", "generatorstates")
KINDS = ("secrets", "configmaps", "v1/Event", *CUSTOM)


@dataclass
class World:
    """The objects that a test may use; every test has its own."""

    plane: ControlPlane
    kube: Kube
    moto: Moto
    coffer: Coffer | None = None
    """The controller that runs from the beginning, if there is one."""
    proxy: FaultProxy | None = None
    """The fault proxy between that controller and the API server."""
    coffers: list[Coffer] = field(default_factory=list)
    """The controllers that this test started."""
    namespaces: list[str] = field(default_factory=list)
    """The namespaces of this test."""
    unique: str = field(default_factory=lambda: uuid4().hex[:6])
    """Part of names that no other test may use: otherwise mirrors of another test's source come here too."""
    born: int = field(default_factory=lambda: len(CANARIES))
    """The number of canaries before this test."""

    @property
    def audit(self) -> AuditLog:
        """The requests to the API server."""
        return AuditLog(self.plane.audit_log)

    def mark(self) -> Mark:
        """Return a position in the audit log after all requests that were answered until now.

        A line is written after its answer: we send a request of our own and wait for its line, which comes later.
        Events come after the status that a test waits for; a test that counts Events waits for them first.
        """
        before, name = self.audit.mark(), f"mark-{uuid4().hex}"
        self.kube.find("configmaps", name, "default")
        self.kube.wait_until(lambda: any(each.name == name for each in self.audit.requests(before)))
        return self.audit.mark()

    @property
    def faults(self) -> FaultProxy:
        """The proxy, if there is one."""
        if self.proxy is None:
            raise RuntimeError("no fault proxy in this world")
        return self.proxy

    @cached_property
    def certificate(self) -> bytes:
        """The controller's sealing certificate; cached, so that tests can seal while the controller is down."""
        if self.coffer is None:
            raise RuntimeError("no controller yet")
        return wait_until(self.coffer.certificate, timeout=START_TIMEOUT, what="the certificate")

    def namespace(self, prefix: str = "test", **labels: str) -> str:
        """Create a namespace that no other test uses; `team_env="prod"` sets the label `team-env`."""
        name = f"{prefix}-{uuid4().hex[:8]}"
        shown = {key.replace("_", "-"): value for key, value in labels.items()}
        self.kube.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": shown}})
        self.namespaces.append(name)
        return name

    def apply(self, *manifests: Object) -> Objects:
        """Apply objects as a user does; the API server turns stringData into data."""
        return self.kube.apply(*manifests)

    def data(self, namespace: str, name: str) -> dict[str, str] | None:
        """Return a Secret's values as text, None if it does not exist."""
        found = self.kube.find("secrets", name, namespace)
        return None if found is None else decoded(found)

    def await_data(
        self, namespace: str, name: str, data: Mapping[str, str], timeout: float = DEFAULT_TIMEOUT_SECONDS
    ) -> Object:
        """Wait until a Secret has exactly these values; return it."""
        wanted = dict(data)
        wait_until(
            lambda: sorted(self.data(namespace, name) or ()) == sorted(wanted) and self.data(namespace, name) == wanted,
            timeout=timeout,
            what=f"Secret {namespace}/{name} with the values of {sorted(wanted)}",
        )
        return self.kube.get("secrets", name, namespace)

    def await_gone(self, kind: str, namespace: str, name: str, timeout: float = DEFAULT_TIMEOUT_SECONDS) -> None:
        """Wait until an object does not exist."""
        wait_until(lambda: not self.kube.find(kind, name, namespace), timeout=timeout, what=f"{kind} {name} to go")

    def condition(self, kind: str, namespace: str, name: str) -> Object:
        """Return the kind's condition: Synced of SealedSecrets, Ready of all others; {} if there is none."""
        found = self.kube.get(kind, name, namespace)
        wanted = CONDITION.get(kind, "Ready")
        conditions: Objects = found.get("status", {}).get("conditions", [])
        return next((each for each in conditions if each["type"] == wanted), {})

    def await_condition(
        self,
        kind: str,
        namespace: str,
        name: str,
        status: str,
        *,
        text: str = "",
        timeout: float = DEFAULT_TIMEOUT_SECONDS,
    ) -> Object:
        """Wait until the condition has this status and its reason or message contains `text`; return it."""
        return wait_until(
            lambda: self.condition(kind, namespace, name),
            lambda found: found.get("status") == status and text in f"{found.get('reason')} {found.get('message')}",
            timeout=timeout,
            what=f"{kind} {namespace}/{name} to be {status} {text}",
        )

    def await_ready(self, kind: str, namespace: str, name: str, timeout: float = DEFAULT_TIMEOUT_SECONDS) -> Object:
        """Wait until the condition is True for the object's present generation."""
        return self.await_condition(kind, namespace, name, "True", timeout=timeout)

    def events(self, namespace: str, name: str, reason: str = "") -> Objects:
        """Return the Events about the objects of this name."""
        return [each for each in self.kube.events(namespace, name) if reason in ("", each["reason"])]

    def await_event(self, namespace: str, name: str, reason: str, text: str = "") -> Object:
        """Wait for an Event whose message contains `text`."""
        found = wait_until(
            lambda: [each for each in self.events(namespace, name, reason) if text in each["message"]],
            timeout=DEFAULT_TIMEOUT_SECONDS,
            what=f"an Event {reason} about {namespace}/{name}: {text}",
        )
        return found[0]

    def await_steady(
        self, probe: Callable[[], object], passes: Callable[[], object], timeout: float = DEFAULT_TIMEOUT_SECONDS
    ) -> None:
        """Check that something did NOT happen: wait until `passes` shows a pass, then check `probe`."""
        wait_until(passes, timeout=timeout, what="the controller to come by")
        assert probe()

    def writes(self, since_user: str, namespaces: list[str] | None = None) -> list[Request]:
        """Return the accepted writes of a user in this test's namespaces, without Events."""
        within = set(self.namespaces if namespaces is None else namespaces)
        return [each for each in self.audit.writes(user=since_user, ignoring=["events"]) if each.namespace in within]

    def close(self) -> None:
        """Run the checks after a test, then delete its namespaces."""
        found = [(kind, each) for kind in KINDS for each in self._listed(kind)]
        try:
            assert_sound(found, CANARIES[self.born :])
        finally:
            for kind, each in found:
                if kind in CUSTOM:
                    self._remove(kind, each)
            for namespace in self.namespaces:
                self.kube.delete("namespaces", namespace)

    def _listed(self, kind: str) -> Objects:
        try:
            listed = self.kube.list(kind)
        except LookupError:
            return []  # its CRD is not installed here
        return [each for each in listed if each["metadata"]["namespace"] in self.namespaces]

    def _remove(self, kind: str, each: Object) -> None:
        """Delete a custom resource at once: a controller of the next test must not find it."""
        namespace, name = each["metadata"]["namespace"], each["metadata"]["name"]
        if each["metadata"].get("finalizers"):
            self._unfinalize(kind, namespace, name)
        self.kube.delete(kind, name, namespace)

    def _unfinalize(self, kind: str, namespace: str, name: str) -> None:
        try:
            self.kube.patch(kind, name, namespace, {"metadata": {"finalizers": None}})
        except ApiError as error:
            if error.status != 404:
                raise

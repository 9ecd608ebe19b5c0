"""Explain one object from what was read: the model that the command line and pages show. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass

from external.push_summaries import push_secret_summary
from external.summaries import external_secret_summary
from manager.chain.diagnosis import controller_faults, faults_of, next_of_external, state_of
from manager.chain.field_managers import changed_at, managers
from manager.chain.model import Change, Explanation, Fault, Mirror, Node, Stage, Use
from manager.chain.origins import Givers, origins, source_of
from manager.chain.snapshot import CRON_JOBS, DAEMON_SETS, INGRESSES, JOBS, PODS, STATEFUL_SETS, Snapshot
from manager.chain.tree import mirrored, running, trees
from manager.chain.upstream import credentials_of, external_of, sealed_of
from manager.chain.usage import stale_pods, uses
from manager.kube.cache import controller_of
from manager.kube.resources import (
    DEPLOYMENTS,
    EXTERNAL_SECRETS,
    PUSH_SECRETS,
    SEALED_SECRETS,
    SECRETS,
    SERVICE_ACCOUNTS,
    Key,
)
from reflector.commands import states_of
from reflector.plan import Plan, plan
from reflector.view import View, ViewBuilder

TEMPLATES = (PODS, DEPLOYMENTS, STATEFUL_SETS, DAEMON_SETS, JOBS, CRON_JOBS)
OTHERS = (SERVICE_ACCOUNTS, INGRESSES)
REMARKS = ("MirrorsExternalSecret", "PatternAmbiguous", "LabelsNotAccepted")
"""Reasons of notes that stop no mirror."""


@dataclass
class Explainer:
    """Explains objects of one snapshot.

    Args:
        snapshot: what was read.
        builder: the reflector's, on the snapshot's cache.
        provenance: the reflector's setting.
    """

    snapshot: Snapshot
    builder: ViewBuilder
    provenance: str = "warn"

    def secret(self, key: Key, subject: Key | None = None) -> Explanation:
        """Explain a Secret or a ConfigMap.

        Args:
            key: of the Secret.
            subject: the object that was asked for, if it is one that gives the Secret its values.

        """
        body = self.snapshot.body(key)
        metadata = {} if body is None else body["metadata"]
        givers = self._givers(key)
        changed = changed_at(metadata) if body is not None else None
        users, stale = self.users(key), stale_pods(*self._named(key), self.snapshot.of(PODS, key.namespace), changed)
        view, decided = self._mirroring(key)
        mirrors = self.mirrors(key, view, decided)
        beneath = {each.key: running(self.users(each.key), ()) for each in mirrors}
        children = (*mirrored(mirrors, beneath), *running(users, stale))
        return Explanation(
            subject=subject or key,
            exists=self.snapshot.body(subject or key) is not None,
            facts=(*self._facts(subject, key), *_remarks(decided)),
            changed=changed,
            owners=tuple(f"{each.get('kind')} {each.get('name')}" for each in metadata.get("ownerReferences") or ()),
            keys=origins(metadata, givers, self.snapshot.names.get(key, ())),
            managers=managers(metadata),
            source=givers.source,
            mirrors=mirrors,
            pushed=tuple(self._pushed(key)),
            users=users,
            stale=tuple(stale),
            next=tuple(self._next(key, givers)),
            faults=tuple(dict.fromkeys(self._faults(key, decided, subject))),
            trees=trees(self.snapshot, key, children),
            unread=tuple(dict.fromkeys(self.snapshot.unread)),
        )

    def store(self, key: Key) -> Explanation:
        """Explain a SecretStore or ClusterSecretStore."""
        body = self.snapshot.body(key)
        faults = [*faults_of(key, body), *controller_faults(self.snapshot, key, {"ExternalSecret"})]
        credentials = credentials_of(self.snapshot, key)
        for each in credentials:
            faults += faults_of(each, self.snapshot.body(each)) if self.snapshot.body(each) is None else ()
        users = [each for bodies in self.snapshot.listed.values() for each in bodies if self._uses(each, key)]
        node = Node(Stage.STORE, str(key), *state_of(key, body), ())
        return Explanation(
            subject=key,
            exists=body is not None,
            facts=tuple(_store_facts(self.snapshot, key)),
            users=tuple(Use("ExternalSecret", _place(each["metadata"]), ()) for each in users),
            faults=tuple(dict.fromkeys(faults)),
            trees=trees(self.snapshot, credentials[0], (node,)) if credentials else (node,),
            unread=tuple(dict.fromkeys(self.snapshot.unread)),
        )

    def external(self, key: Key) -> Explanation:
        """Explain an ExternalSecret that does not exist, or whose target is no Secret."""
        body = self.snapshot.body(key)
        faults = [*faults_of(key, body), *controller_faults(self.snapshot, key, {key.resource.kind})]
        for store in self._stores_of(key):
            faults += faults_of(store, self.snapshot.body(store))
        return Explanation(
            subject=key,
            exists=body is not None,
            facts=tuple(self._facts(key, key)),
            next=() if body is None else (next_of_external(body, self.snapshot.now),),
            faults=tuple(dict.fromkeys(faults)),
            trees=(Node(Stage.SYNCED, str(key), *state_of(key, body)),),
            unread=tuple(dict.fromkeys(self.snapshot.unread)),
        )

    def mirrors(self, key: Key, view: View | None, decided: Plan) -> tuple[Mirror, ...]:
        """Return the mirrors of an object as far as they were read, and those that are missing."""
        if view is None or view.key != key:
            return ()
        found = states_of(view, decided)
        order = sorted(found.items(), key=lambda each: (each[0].namespace, each[0].name))
        return tuple(Mirror(at, state) for at, state in order if at != key)

    def users(self, key: Key) -> tuple[Use, ...]:
        """Return what uses a Secret or a ConfigMap in its namespace."""
        templates = ((each.kind, body) for each in TEMPLATES for body in self.snapshot.of(each, key.namespace))
        others = ((each.kind, body) for each in OTHERS for body in self.snapshot.of(each, key.namespace))
        return tuple(uses(*self._named(key), templates, others))

    @staticmethod
    def _named(key: Key) -> tuple[str, str]:
        return key.resource.kind, key.name

    def _givers(self, key: Key) -> Givers:
        body = self.snapshot.body(key)
        source = source_of(body["metadata"]) if body is not None else None
        source = None if source is None else Key(key.resource, source.namespace, source.name)
        given = self.snapshot.body(source)
        external = tuple(found for each in external_of(self.snapshot, key) if (found := self.snapshot.body(each)))
        sealed = self.snapshot.body(sealed_of(self.snapshot, key)) if key.resource is SECRETS else None
        return Givers(sealed, external, source, None if given is None else given["metadata"])

    def _mirroring(self, key: Key) -> tuple[View | None, Plan]:
        """Return the reflector's view of the source, and its plan; neither for what is no source or mirror."""
        meta = self.snapshot.cache.get(key)
        if self.snapshot.partial or meta is None or meta.digest is None:
            return None, Plan()
        reflects = meta.digest.reflects
        view = self.builder.view(Key(key.resource, *reflects) if reflects else key)
        return view, plan(view, self.provenance)

    def _facts(self, subject: Key | None, key: Key) -> Iterator[tuple[str, str]]:
        """Yield the fields of who gives the Secret its values that say how it fares."""
        for each in [subject] if subject is not None else self.snapshot.known(self._chain(key)):
            body = self.snapshot.body(each)
            if body is None or each.resource is SECRETS:
                continue
            yield str(each), " ".join(filter(None, state_of(each, body)))
            status = body.get("status") or {}
            stamps = {"synced version": "syncedResourceVersion", "unsealed generation": "observedGeneration"}
            yield from ((name, str(status[at])) for name, at in stamps.items() if status.get(at))
            if isinstance(status.get("sealingKeys"), list):
                yield "sealing keys", ", ".join(map(str, status["sealingKeys"]))

    @staticmethod
    def _uses(body: object, store: Key) -> bool:
        return isinstance(body, dict) and store in external_secret_summary(body).stores

    def _chain(self, key: Key) -> list[Key]:
        """Return what may give a Secret its values, and their stores."""
        if key.resource is not SECRETS:
            return []
        external = external_of(self.snapshot, key)
        stores = [store for each in external for store in self._stores_of(each)]
        return list(dict.fromkeys([Key(SEALED_SECRETS, key.namespace, key.name), *external, *stores]))

    def _stores_of(self, external: Key) -> tuple[Key, ...]:
        body = self.snapshot.body(external)
        return () if body is None else external_secret_summary(body).stores

    def _pushed(self, key: Key) -> Iterator[str]:
        for body in self.snapshot.of(PUSH_SECRETS, key.namespace):
            if push_secret_summary(body).source == key:
                yield f"PushSecret {key.namespace}/{body['metadata']['name']}"

    def _next(self, key: Key, givers: Givers) -> Iterator[Change]:
        for each in givers.external:
            yield next_of_external(each, self.snapshot.now)
        if givers.sealed is not None:
            yield Change(f"{Key(SEALED_SECRETS, key.namespace, key.name)}: a new version of it", None)
        if givers.source is not None:
            yield Change(f"{givers.source}: a change of it is mirrored at once", None)

    def _faults(self, key: Key, decided: Plan, subject: Key | None) -> Iterator[Fault]:
        chain = self._chain(key)
        stores = [each for each in chain if each.resource not in (SEALED_SECRETS, EXTERNAL_SECRETS)]
        for each in self.snapshot.known(chain):
            yield from faults_of(each, self.snapshot.body(each))
        for each in stores:
            missing = self.snapshot.body(each) is None and not any(str(each) in text for text in self.snapshot.unread)
            yield from faults_of(each, None) if missing else ()
            for secret in credentials_of(self.snapshot, each):
                yield from faults_of(secret, None) if self.snapshot.body(secret) is None else ()
        for note in decided.notes:
            if note.reason in REMARKS:
                continue
            if note.about == key or note.about.namespace == key.namespace or subject is None:
                yield Fault(note.about, f"{note.reason}: {note.message}", "do what the message says")
        yield from controller_faults(self.snapshot, key, {each.resource.kind for each in self.snapshot.known(chain)})
        body = self.snapshot.body(key)
        owner = controller_of(body["metadata"]) if body is not None else None
        if owner is not None and body is not None and not self._owner_exists(key, owner.kind, owner.name):
            text = f"its owner {owner.kind} {owner.name} does not exist: it is about to be deleted with it"
            yield Fault(key, text, "create the owner again, or remove the ownerReference to keep the Secret")

    def _owner_exists(self, key: Key, kind: str, name: str) -> bool:
        known = {each.kind: each for each in (SEALED_SECRETS, EXTERNAL_SECRETS)}
        if kind not in known:
            return True  # it was not asked for
        owner = Key(known[kind], key.namespace, name)
        return self.snapshot.bodies.get(owner) is not None or owner not in self.snapshot.bodies


def _store_facts(snapshot: Snapshot, key: Key) -> Iterator[tuple[str, str]]:
    body = snapshot.body(key)
    if body is None:
        return
    spec = body.get("spec") or {}
    provider = spec.get("provider") or {}
    name = next(iter(provider), "none")
    yield "provider", name
    given = provider.get(name)
    for at in ("service", "region", "role", "server", "path", "version"):
        if isinstance(given, dict) and isinstance(given.get(at), str):
            yield at, given[at]
    yield "state", " ".join(state_of(key, body))
    for each in credentials_of(snapshot, key):
        yield "credentials", str(each)


def _remarks(decided: Plan) -> Iterator[tuple[str, str]]:
    return (("remark", each.message) for each in decided.notes if each.reason in REMARKS)


def _place(metadata: dict[str, object]) -> str:
    return f"{metadata.get('namespace', '')}/{metadata['name']}"

"""The story of the README, as steps that run on any cluster and can be compared at the end.

aws-credentials arrive sealed, a SecretStore uses them, an ExternalSecret syncs the database's URL from that store. A
sealed RabbitMQ login is mirrored into a service's namespace that pulls it and into one that the source pushes to. Then
all values change, then a part is withdrawn.
"""

import base64
import json
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from external.summaries import external_secret_summary
from tests.builders.manifests import (
    allowed,
    aws,
    aws_keys,
    canary,
    external_secret,
    reflects,
    sealed_secret,
    secret,
    store,
)
from tests.cluster.audit import Mark
from tests.cluster.calls import Call
from tests.cluster.kube import Object
from tests.e2e.world import World

KINDS = ("secrets", "sealedsecrets", "externalsecrets", "secretstores")
STEPS = ("applied", "changed", "withdrawn")
VOLATILE = frozenset(
    {"resourceVersion", "creationTimestamp", "managedFields", "generation", "lastTransitionTime", "lastUpdateTime"}
    | {"refreshTime", "secretResourceVersion", "encryptedData", "uid", "observedGeneration"}
)
STAMPS = re.compile(r"(reflected-(version|at)|reconcile.external-secrets.io/(data-hash|created-by))$")


@dataclass
class Story:
    """One run of the story, with its own namespaces and values."""

    world: World
    refresh: str = "1h"
    """refreshInterval of the ExternalSecret."""
    values: dict[str, str] = field(default_factory=dict)
    """The values that the Secrets should have now, by purpose."""

    def __post_init__(self) -> None:
        namespace = self.world.namespace
        self.app, self.rabbit = namespace("app"), namespace("rabbitmq")
        self.service, self.pushed = namespace("my-service"), namespace("team")
        unique = uuid4().hex[:8]
        self.remote, self.access_key = f"Codedang-Database-Secret-{unique}", f"AKIA{unique.upper()}"
        self.aws_secret = canary()
        self.world.moto.client().create_secret(Name=self.remote, SecretString=json.dumps({"url": self._new("url")}))

    def applied(self) -> None:
        """Apply everything at once, each object before the objects that it needs."""
        data = {"DATABASE_URL": (self.remote, "url")}
        target = {"name": "database-credentials"}
        pull = {"placeholder": "x"}
        self.world.apply(
            external_secret(self.app, "database", "aws", data, refreshInterval=self.refresh, target=target),
            self.store(),
            secret(self.service, "rabbitmq-auth", pull, annotations=reflects(self.rabbit, "rabbitmq-auth")),
            self.credentials(),
            self._sealed(self.app, "my-secret", {"username": "app", "password": self._new("password")}),
            self._rabbitmq(auto=True),
        )

    def store(self) -> Object:
        """Return the SecretStore that uses the credentials."""
        return store(self.app, "aws", aws())

    def credentials(self) -> Object:
        """Return the SealedSecret with the credentials."""
        return self._sealed(self.app, "aws-credentials", self._aws_keys())

    def changed(self) -> None:
        """Change every value at its source; the user forces a refresh, so AWS is read at once."""
        url = json.dumps({"url": self._new("url")})
        self.world.moto.client().put_secret_value(SecretId=self.remote, SecretString=url)
        self.force_sync()
        self.world.apply(
            self._sealed(self.app, "my-secret", {"username": "app", "password": self._new("password")}),
            self._rabbitmq(auto=True),
        )

    def force_sync(self) -> None:
        """Force a refresh as users do, by changing an annotation."""
        annotations = {"external-secrets.io/force-sync": "now"}
        self.world.kube.annotate("externalsecrets", "database", self.app, annotations)

    def withdrawn(self) -> None:
        """Withdraw the pushed mirror, and delete the plain SealedSecret with its Secret."""
        self.values["withdrawn"] = "yes"
        self.world.apply(self._rabbitmq(auto=False))
        self.world.kube.delete("sealedsecrets", "my-secret", self.app)

    def settle(self, timeout: float = 20.0) -> None:
        """Wait until every Secret has its values and every object's condition is True."""
        world, values, going = self.world, self.values, "withdrawn" in self.values
        mirrored = {"rabbitmq-username": "app", "rabbitmq-password": values["rabbitmq"]}
        world.await_data(self.app, "aws-credentials", self._aws_keys(), timeout)
        world.await_data(self.app, "database-credentials", {"DATABASE_URL": values["url"]}, timeout)
        world.await_data(self.rabbit, "rabbitmq-auth", mirrored, timeout)
        world.await_data(self.service, "rabbitmq-auth", mirrored, timeout)
        if going:
            world.await_gone("secrets", self.pushed, "rabbitmq-auth", timeout)
            world.await_gone("secrets", self.app, "my-secret", timeout)
        else:
            world.await_data(self.pushed, "rabbitmq-auth", mirrored, timeout)
            world.await_data(self.app, "my-secret", {"username": "app", "password": values["password"]}, timeout)
        self._await_words(timeout)

    def run(self) -> None:
        """Run all steps; wait after each one."""
        for step in STEPS:
            getattr(self, step)()
            self.settle()

    def mine(self, call: Call) -> bool:
        """Return True if a request writes an object of this run; Events do not count."""
        return call.namespace in self.world.namespaces and call.plural in KINDS

    def end_state(self) -> dict[str, Object]:
        """Return every object of the story without the fields that differ: identities, versions, times, ciphertext."""
        roles = {self.app: "app", self.rabbit: "rabbit", self.service: "service", self.pushed: "pushed"}
        found = [(kind, ns, each) for kind in KINDS for ns in roles for each in self.world.kube.list(kind, ns)]
        names = {each["metadata"]["uid"]: f"<{kind} {each['metadata']['name']}>" for kind, _, each in found}
        words = names | {ns: f"<{role}>" for ns, role in roles.items()} | {self.remote: "<remote>"}
        words |= {base64.b64encode(value.encode()).decode(): f"<{name}>" for name, value in self._named_values()}
        return {f"{kind} {roles[ns]}/{each['metadata']['name']}": _masked(each, words) for kind, ns, each in found}

    def writes(self, since: Mark) -> Mapping[tuple[str, str, str], int]:
        """Count Coffer's creates and deletes of each object, from the audit log."""
        user = self._coffer_user()
        roles = {self.app: "app", self.rabbit: "rabbit", self.service: "service", self.pushed: "pushed"}
        made = [each for each in self.world.audit.writes(since, user=user) if each.namespace in roles]
        return Counter(
            (each.verb, each.resource, f"{roles[each.namespace]}/{each.name}")
            for each in made
            if each.resource in KINDS and each.verb in {"create", "delete"}
        )

    def _coffer_user(self) -> str:
        assert self.world.coffer is not None
        return self.world.coffer.installation.user

    def _await_words(self, timeout: float) -> None:
        ready = [("sealedsecrets", self.app, "aws-credentials"), ("sealedsecrets", self.rabbit, "rabbitmq-auth")]
        ready += [("secretstores", self.app, "aws"), ("externalsecrets", self.app, "database")]
        for kind, namespace, name in ready:
            self.world.await_ready(kind, namespace, name, timeout)
        self.world.kube.wait_until(self._all_recorded, timeout=timeout, what="statuses of what is there now")

    def _all_recorded(self) -> bool:
        sealed = [("aws-credentials", self.app), ("rabbitmq-auth", self.rabbit)]
        found = [self.world.kube.get("sealedsecrets", name, namespace) for name, namespace in sealed]
        synced = external_secret_summary(self.world.kube.get("externalsecrets", "database", self.app))
        seen = (each["status"]["observedGeneration"] == each["metadata"]["generation"] for each in found)
        return synced.synced == synced.current and all(seen)

    def _new(self, name: str) -> str:
        self.values[name] = canary()
        return self.values[name]

    def _aws_keys(self) -> dict[str, str]:
        return aws_keys(self.access_key) | {"AWS_SECRET_ACCESS_KEY": self.aws_secret}

    def _named_values(self) -> list[tuple[str, str]]:
        return [*self.values.items(), ("aws secret", self.aws_secret), ("aws key", self.access_key)]

    def _rabbitmq(self, *, auto: bool) -> Object:
        pushed = allowed(f"{self.service},{self.pushed}", auto=self.pushed if auto else None)
        values = {"rabbitmq-username": "app", "rabbitmq-password": self._new("rabbitmq")}
        return self._sealed(self.rabbit, "rabbitmq-auth", values, metadata={"annotations": pushed})

    def _sealed(self, namespace: str, name: str, values: Mapping[str, str], **template: Any) -> Object:
        return sealed_secret(self.world.certificate, namespace, name, values, **template)


def _masked(each: Object, words: Mapping[str, str]) -> Object:
    text = json.dumps(_without_volatile(each))
    for word, name in words.items():
        text = text.replace(word, name)
    masked: Object = json.loads(text)
    return masked


def _without_volatile(value: Any) -> Any:
    if isinstance(value, dict):
        kept = {key: _without_volatile(each) for key, each in value.items() if key not in VOLATILE or key == "uid"}
        return {key: "<stamp>" if STAMPS.search(key) else each for key, each in kept.items()}
    return [_without_volatile(each) for each in value] if isinstance(value, list) else value

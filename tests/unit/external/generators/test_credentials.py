"""A credential of a generator that is rotated: the values that it made are made again."""

import base64
from typing import Any

import pytest

from external.generators.credentials import CredentialUsers
from external.generators.mfa import MFAS, MFASpec
from external.generators.protocol import Generated, GeneratorKind, Make
from external.generators.registry import CLUSTER_GENERATORS
from external.providers.protocol import ConnectContext
from manager.core.secret_value import SecretValue
from manager.kube.resources import EXTERNAL_SECRETS, SECRETS, Key
from tests.builders.external_module import ExternalModule

WHEN = "1970-01-01T00:00:59Z"


def asks(bench: ExternalModule, **spec: Any) -> None:
    """Ask for the code of a fixed moment, so that only another seed gives another code."""
    code = {"secret": {"name": "seed", "key": "k"}, "when": WHEN}
    bench.put(MFAS.resource, {"metadata": {"name": "made", "namespace": "ns"}, "spec": code})
    entry = {"sourceRef": {"generatorRef": {"kind": "MFA", "name": "made"}}}
    bench.external(**{"data": None, "secretStoreRef": None, "dataFrom": [entry], **spec})


def seed(text: str) -> str:
    return base64.b32encode(text.encode()).decode()


async def test_a_rotated_seed_makes_another_code_at_once(bench: ExternalModule) -> None:
    bench.secret("seed", k=seed("12345678901234567890"))
    asks(bench)
    await bench.settle()
    assert (bench.data() or {})["token"] == b"287082"

    bench.secret("seed", k=seed("another"))
    await bench.settle()

    assert (bench.data() or {})["token"] != b"287082"
    assert bench.ready()[0] == "True"


async def test_a_seed_that_comes_later_is_not_waited_for(bench: ExternalModule) -> None:
    asks(bench)
    await bench.settle()
    assert "ns/made: spec.secret: cannot get Kubernetes secret" in bench.ready()[2]

    bench.secret("seed", k=seed("12345678901234567890"))
    await bench.settle()

    assert (bench.data() or {})["token"] == b"287082"


async def test_other_secrets_wake_nobody(bench: ExternalModule) -> None:
    bench.secret("seed", k=seed("12345678901234567890"))
    asks(bench)
    await bench.settle()
    before = len(bench.api.calls)

    bench.secret("other", k="1")
    await bench.settle()

    assert len(bench.api.calls) == before


class Counting:
    """A kind whose values are others each time, made with a Secret: as tokens are."""

    def __init__(self) -> None:
        self.made = 0

    async def connect(self, spec: MFASpec, context: ConnectContext, at: str) -> Make:
        await context.lookup.secret(spec.secret, at)
        return self.make

    def make(self) -> Generated:
        self.made += 1
        return Generated({"token": SecretValue(f"token-{self.made}".encode())})


@pytest.fixture
def counting(monkeypatch: pytest.MonkeyPatch) -> Counting:
    made = Counting()
    kind = GeneratorKind(MFAS.resource, MFASpec, None, "mfaSpec", "", lambda _: (1, 64), made.connect)
    monkeypatch.setattr("external.generators.loading.KINDS", {"MFA": kind})
    return made


async def test_a_target_that_holds_the_credential_wakes_nobody(bench: ExternalModule, counting: Counting) -> None:
    bench.secret("seed", k="seed")
    asks(bench, target={"name": "seed", "creationPolicy": "Merge"})
    await bench.settle()

    assert (bench.data("seed"), counting.made) == ({"k": b"seed", "token": b"token-1"}, 1)


async def test_two_generators_that_feed_each_other_come_to_rest(bench: ExternalModule, counting: Counting) -> None:
    for name, other in (("one", "two"), ("two", "one")):
        bench.secret(name, meta={"annotations": {"coffer.dev/adopt": "true"}}, token="first")
        code = {"secret": {"name": other, "key": "token"}}
        bench.put(MFAS.resource, {"metadata": {"name": name, "namespace": "ns"}, "spec": code})
        entry = {"sourceRef": {"generatorRef": {"kind": "MFA", "name": name}}}
        bench.external(name, data=None, secretStoreRef=None, dataFrom=[entry], refreshInterval="24h")
    await bench.settle()

    assert counting.made <= 12
    assert "made again and again, because what it names keeps changing" in bench.ready("one")[2] + bench.ready("two")[2]
    before = counting.made
    bench.pass_by(3000)
    await bench.settle()
    assert counting.made <= before + 10, "once in ten minutes each"


async def test_a_secret_of_another_namespace_is_never_read(bench: ExternalModule) -> None:
    """The original ignores the namespace; a ClusterGenerator reads in the namespace of its consumer too."""
    code = {"secret": {"name": "seed", "namespace": "other", "key": "k"}}
    bench.put(MFAS.resource, {"metadata": {"name": "made", "namespace": "ns"}, "spec": code})
    inner = {"kind": "MFA", "generator": {"mfaSpec": code}}
    bench.put(CLUSTER_GENERATORS, {"metadata": {"name": "made"}, "spec": inner})
    for kind in ("MFA", "ClusterGenerator"):
        entry = {"sourceRef": {"generatorRef": {"kind": kind, "name": "made"}}}
        bench.external(data=None, secretStoreRef=None, dataFrom=[entry])
        await bench.settle()
        said = "spec.secret.namespace is not the namespace of this object: leave it out"
        assert said in bench.ready()[2].replace("spec.generator.mfaSpec", "spec")
        assert "or use a Cluster" not in bench.ready()[2]

    assert not [place for _, place in bench.api.calls if "seed" in place]


def test_what_an_external_secret_no_longer_names_is_forgotten() -> None:
    users, one, two = CredentialUsers(), Key(EXTERNAL_SECRETS, "ns", "one"), Key(EXTERNAL_SECRETS, "ns", "two")
    old, new = Key(SECRETS, "ns", "old"), Key(SECRETS, "ns", "new")
    users.note(one, {old})
    users.note(two, {old, new})
    assert set(users.users(old)) == {one, two}

    users.note(one, {new})
    users.forget(two)

    assert (users.users(old), users.users(new)) == ((), (one,))

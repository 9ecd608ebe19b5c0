"""If Coffer is killed after any write of a generated credential, none lives at the provider that nothing records."""

import base64
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from external.generators.states import GENERATOR_STATES, HELD
from tests.builders.manifests import external_secret, generated, generator, push_secret, secret
from tests.cluster.calls import Call
from tests.cluster.kube import Object, Objects
from tests.controller import Coffer
from tests.doubles.gitlab import GitLab
from tests.e2e.test_push import at_aws
from tests.e2e.test_push_faults import prepared
from tests.e2e.world import World

STATES = GENERATOR_STATES.plural
KINDS = ("secrets", "externalsecrets", STATES)
MAX_WRITES = 16  # more than one life of a credential has, so that every one is covered
POINTS = [pytest.param(n, marks=[pytest.mark.soak] if n not in (1, 3, 8) else []) for n in range(1, MAX_WRITES + 1)]
LONG_AGO = "2020-01-01T00:00:00Z"


@pytest.fixture
def gitlab() -> Iterator[GitLab]:
    with GitLab() as running:
        yield running


@dataclass
class Life:
    """A credential that is made, replaced, and deleted with its ExternalSecret."""

    world: World
    gitlab: GitLab

    def __post_init__(self) -> None:
        self.ns = self.world.namespace()

    def mine(self, call: Call) -> bool:
        """Return True if a request writes an object of this run; Events do not count."""
        return call.namespace == self.ns and call.plural in KINDS

    def run(self) -> None:
        """Make the credential, ask for another, and delete the ExternalSecret; check after each step."""
        serve(self.world, self.ns, self.gitlab)
        entry = [generated("GitlabDeployToken", "made")]
        self.world.apply(external_secret(self.ns, "app", "none", {}, dataFrom=entry, refreshInterval="24h"))
        first = self.settled("")
        self.world.kube.annotate("externalsecrets", "app", self.ns, {"external-secrets.io/force-sync": "now"})
        self.settled(first)
        self.world.kube.delete("externalsecrets", "app", self.ns)
        self.world.kube.wait_until(self.states, lambda found: not found, what="no state", timeout=60)
        assert self.gitlab.tokens == {}

    def settled(self, before: str) -> str:
        """Wait until the target holds another credential than before, and all others are about to end."""

        def lasting() -> tuple[str, set[str], str, set[str]]:
            user = (self.world.data(self.ns, "app") or {}).get("username", "")
            held = self.world.kube.get("secrets", "app", self.ns)["metadata"]["annotations"][HELD]
            stands = [each for each in self.states() if _deadline(each) is None]
            return (
                user,
                {_user(each) for each in stands},
                held,
                {f"app/0={each['metadata']['name']}" for each in stands},
            )

        user, *_ = self.world.kube.wait_until(
            lasting,
            lambda now: now[0] not in ("", before) and now[1] == {now[0]} and now[3] == {now[2]},
            what="a credential that is held and recorded",
            timeout=60,
        )
        self.world.await_ready("externalsecrets", self.ns, "app", timeout=60)
        recorded = {_user(each) for each in self.states()}
        assert {each["username"] for each in self.gitlab.tokens.values()} <= recorded
        self.end_the_others()
        return user

    def end_the_others(self) -> None:
        """Let the time until their deadlines be over: each is ended at the provider, and the held one lives on."""
        for each in self.states():
            if _deadline(each) is not None:
                over = {"spec": {"garbageCollectionDeadline": LONG_AGO}}
                self.world.kube.patch(STATES, each["metadata"]["name"], self.ns, over)
        self.world.kube.wait_until(
            lambda: (len(self.states()), len(self.gitlab.tokens)), lambda now: now == (1, 1), what="one", timeout=60
        )

    def states(self) -> Objects:
        return self.world.kube.list(STATES, self.ns)


def serve(world: World, ns: str, gitlab: GitLab) -> None:
    """Let the generator `made` of a namespace make deploy tokens."""
    auth = {"token": {"secretRef": {"name": "gitlab", "key": "token"}}}
    spec = {"url": gitlab.url, "projectID": gitlab.project, "name": "ci", "auth": auth}
    world.apply(
        secret(ns, "gitlab", {"token": gitlab.access_token}),
        generator(ns, "GitlabDeployToken", "made", scopes=["read_registry"], **spec),
    )


class PushedLife(Life):
    """A credential that is pushed to AWS, replaced, and deleted with its PushSecret."""

    def __post_init__(self) -> None:
        self.ns, _, remotes = prepared(self.world)
        self.remote = remotes["a"]

    def mine(self, call: Call) -> bool:
        """Return True if a request writes the PushSecret or a state."""
        return call.namespace == self.ns and call.plural in ("pushsecrets", STATES)

    def run(self) -> None:
        """Push the credential, ask for another, and delete the PushSecret; check after each step."""
        serve(self.world, self.ns, self.gitlab)
        made = {"generatorRef": generated("GitlabDeployToken", "made")["sourceRef"]["generatorRef"]}
        pushed = push_secret(self.ns, "app", "aws", {"username": self.remote}, selector=made, refreshInterval="24h")
        self.world.apply(pushed)
        first = self.settled("")
        self.world.kube.annotate("pushsecrets", "app", self.ns, {"external-secrets.io/force-sync": "now"})
        self.settled(first)
        self.world.kube.delete("pushsecrets", "app", self.ns)
        self.world.kube.wait_until(self.states, lambda found: not found, what="no state", timeout=60)
        assert self.gitlab.tokens == {}

    def settled(self, before: str) -> str:
        """Wait until AWS has another credential than before, which alone lasts, and end the others."""

        def lasting() -> tuple[str, set[str]]:
            stands = {_user(each) for each in self.states() if _deadline(each) is None}
            return at_aws(self.world, self.remote) or "", stands

        user, _ = self.world.kube.wait_until(
            lasting,
            lambda now: now[0] not in ("", before) and now[1] == {now[0]},
            what="a credential that is pushed and recorded",
            timeout=60,
        )
        self.end_the_others()
        assert user in {each["username"] for each in self.gitlab.tokens.values()}
        return user


def _user(state: Object) -> str:
    return str(state["spec"]["state"]["username"])


def _deadline(state: Object) -> Any:
    return state["spec"].get("garbageCollectionDeadline")


@pytest.mark.parametrize("n", POINTS)
def test_a_kill_after_any_write_leaves_no_credential_alive(
    stage: World, staged_coffer: Coffer, gitlab: GitLab, n: int
) -> None:
    life = Life(stage, gitlab)
    stage.faults.after_write(n, staged_coffer.kill, counting=life.mine)

    life.run()

    assert gitlab.made <= 3, "one for each time that somebody asked, and one whose target was never written"


@pytest.mark.parametrize("n", [2, pytest.param(1, marks=pytest.mark.soak), pytest.param(4, marks=pytest.mark.soak)])
def test_a_kill_after_any_write_of_a_push_ends_nothing_that_a_store_has(
    stage: World, staged_coffer: Coffer, gitlab: GitLab, n: int
) -> None:
    life = PushedLife(stage, gitlab)
    stage.faults.after_write(n, staged_coffer.kill, counting=life.mine)

    life.run()

    assert gitlab.made <= 3, "one for each time that somebody asked, and one whose record was never written"


def test_states_hold_no_value(stage: World, gitlab: GitLab) -> None:
    life = Life(stage, gitlab)
    life.run()
    token = base64.b64encode(b"gldt-").decode()[:5]
    said = str([call for call in stage.faults.calls if call.plural == STATES])
    assert token not in said
    assert "gldt-" not in said

"""The sweep finds changes that no watch reported: a lost event delays the result but does not change it."""

from pathlib import Path

import pytest

from tests.e2e.story import Story
from tests.e2e.world import World

FLAGS = ("--process-sweep-interval=1",)


def test_a_deletion_that_no_watch_tells_is_noticed(stage: World) -> None:
    story = Story(stage)
    story.applied()
    story.settle()

    for namespace, name in ((story.app, "my-secret"), (story.app, "database-credentials")):
        lost = stage.faults.drop_event(1, "secrets")
        stage.kube.delete("secrets", name, namespace)
        stage.kube.wait_until(lost.fired.is_set)

    story.settle()


def test_a_missed_source_deletion_removes_its_pushed_mirror(stage: World) -> None:
    """No watch reports the deletion; the sweep finds it."""
    story = Story(stage)
    story.applied()
    story.settle()
    stage.kube.delete("sealedsecrets", "rabbitmq-auth", story.rabbit, propagation="Orphan")
    stage.await_gone("sealedsecrets", story.rabbit, "rabbitmq-auth")

    lost = stage.faults.drop_event(1, "secrets")
    stage.kube.delete("secrets", "rabbitmq-auth", story.rabbit)
    stage.kube.wait_until(lost.fired.is_set)

    stage.await_gone("secrets", story.pushed, "rabbitmq-auth")
    assert stage.data(story.service, "rabbitmq-auth"), "a mirror that a user asked for keeps its data"


@pytest.mark.parametrize("plural", ["sealedsecrets", "externalsecrets", "secretstores", "secrets"])
def test_changes_that_no_watch_tells_are_noticed(stage: World, plural: str) -> None:
    story = Story(stage)
    for position in range(1, 4):
        stage.faults.drop_event(position, plural)

    story.applied()

    story.settle()


@pytest.mark.parametrize("plural", ["namespaces", "secrets"])
def test_a_list_that_comes_back_empty_takes_no_mirror_away(stage: World, plural: str) -> None:
    story = Story(stage)
    story.applied()
    story.settle()

    def mirrors() -> list[str]:
        places = (story.pushed, story.service)
        return [stage.kube.get("secrets", "rabbitmq-auth", place)["metadata"]["uid"] for place in places]

    def lists() -> int:
        return sum(call.verb == "list" and call.plural == plural for call in stage.faults.calls)

    before = mirrors()
    version = stage.kube.request("GET", f"/api/v1/{plural}?limit=1")["metadata"]["resourceVersion"]
    emptied = stage.faults.empty_list(plural, version)  # the present version; another one would look like a restore
    stage.kube.wait_until(emptied.fired.is_set)
    since = lists()
    stage.kube.wait_until(lists, lambda found: found >= since + 4)  # longer than the wait for an absent source

    story.settle()
    assert mirrors() == before
    story.changed()
    story.settle()


@pytest.mark.soak
def test_after_a_restore_of_etcd_the_restored_state_counts(stage: World, tmp_path: Path) -> None:
    """What the process had cached before no longer counts."""
    story = Story(stage)
    story.applied()
    story.settle()
    stage.plane.backup(tmp_path / "etcd")
    story.changed()
    story.settle()
    for number in range(500):  # so that writes after the restore have lower versions than those seen before it
        stage.kube.annotate("namespaces", story.app, None, {"number": str(number)})

    stage.plane.restore(tmp_path / "etcd")

    story.changed()
    story.settle()

"""Faults of the API server and the network do not change the end of the story, and need no manual work."""

import time
from functools import partial

import pytest

from tests.builders.manifests import allowed, canary, sealed_secret, secret
from tests.controller import Coffer
from tests.e2e.story import Story
from tests.e2e.world import World

WATCHED = ("secrets", "configmaps", "namespaces", "sealedsecrets", "externalsecrets", "secretstores")
OBJECTS = ("secrets", "sealedsecrets", "externalsecrets", "secretstores")
SOAK = pytest.mark.soak


def watching(stage: World) -> None:
    """Wait until every watch is open."""
    stage.kube.wait_until(lambda: all(stage.faults.open_watches(plural) for plural in WATCHED), timeout=15)


def pass_time(stage: World, seconds: float) -> None:
    """Let a fault last."""
    since = time.monotonic()
    stage.kube.wait_until(lambda: time.monotonic() - since >= seconds, timeout=seconds + 5)


@pytest.mark.parametrize("seconds", [6, pytest.param(30, marks=SOAK)])  # plus the start
def test_the_api_server_goes_away_and_comes_back(stage: World, staged_coffer: Coffer, seconds: float) -> None:
    story = Story(stage)
    story.applied()

    stage.plane.stop_apiserver()
    pass_time(stage, seconds)
    stage.plane.start_apiserver()

    story.settle(timeout=30)
    story.changed()
    story.settle()
    staged_coffer.wait_ready()


def test_a_network_swallows_everything_for_some_seconds(stage: World) -> None:
    story = Story(stage)
    story.applied()

    with stage.faults.blackhole():
        pass_time(stage, 3)

    story.settle()
    story.changed()
    story.settle()


@pytest.mark.parametrize("fault", ["cut", "410", "500", pytest.param("504", marks=SOAK)])
def test_all_watches_break_and_go_on(stage: World, staged_coffer: Coffer, fault: str) -> None:
    watching(stage)
    pid, story, faults = staged_coffer.process.pid, Story(stage), stage.faults
    story.applied()
    story.settle()

    hit = faults.cut_watches() if fault == "cut" else faults.watch_error(int(fault))
    assert hit >= len(WATCHED)
    story.changed()
    story.settle()
    story.withdrawn()
    story.settle()

    assert (staged_coffer.process.pid, staged_coffer.alive) == (pid, True)
    assert staged_coffer.http("/healthz").status == 200


LISTS = [("list", code) for code in (401, 403, 404, 410, 429, 500)]
WATCHES = [("watch", code) for code in (401, 403, 404, 410)]


@pytest.mark.parametrize(("verb", "code"), [*LISTS, *WATCHES])
def test_a_list_or_watch_is_refused_and_then_not(stage: World, staged_coffer: Coffer, verb: str, code: int) -> None:
    watching(stage)
    pid, ns, values = staged_coffer.process.pid, stage.namespace(), {"password": canary()}
    metric = partial(staged_coffer.metric, f'coffer_watch_refused_total{{resource="sealedsecrets",status="{code}"}}')
    before = metric()

    refused = stage.faults.answer(verb, "sealedsecrets", code, agent="kopf/")  # not for the sweep
    if verb == "list":
        stage.faults.watch_error(410, "sealedsecrets")
    else:
        stage.faults.cut_watches("sealedsecrets")
    stage.kube.wait_until(refused.fired.is_set)
    stage.apply(sealed_secret(stage.certificate, ns, "app", values))

    stage.await_data(ns, "app", values)
    assert (staged_coffer.process.pid, staged_coffer.alive) == (pid, True)
    assert metric() - before == (1 if code < 429 else 0)


FAILURES = [(verb, code) for verb in ("create", "patch", "update", "get") for code in (409, 429, 500, 503)]
QUICKLY = {("create", 500), ("patch", 409), ("update", 503), ("get", 429)}


@pytest.mark.parametrize(
    ("verb", "code"), [pytest.param(*each, marks=[] if each in QUICKLY else SOAK) for each in FAILURES]
)
def test_requests_that_fail_delay_the_story_and_nothing_else(
    stage: World, staged_coffer: Coffer, verb: str, code: int
) -> None:
    pid, story = staged_coffer.process.pid, Story(stage)
    panics = staged_coffer.metric("coffer_reconcile_total", 'result="panic"')
    for plural in OBJECTS:
        stage.faults.answer(verb, plural, code, times=2, Retry_After="1")

    story.run()

    assert staged_coffer.process.pid == pid
    assert staged_coffer.metric("coffer_reconcile_total", 'result="panic"') == panics


def test_retry_after_of_a_busy_server_is_honoured(stage: World) -> None:
    ns, pushed, value = stage.namespace(), stage.namespace(), canary()
    stage.apply(secret(ns, "known", {"key": value}, annotations=allowed(auto=pushed)))
    stage.await_data(pushed, "known", {"key": value})  # then no namespace event is pending
    stage.faults.answer("create", "secrets", 429, agent="coffer/", name="busy", Retry_After="2")

    since = time.monotonic()
    stage.apply(secret(ns, "busy", {"key": value}, annotations=allowed(auto=pushed)))
    stage.await_data(pushed, "busy", {"key": value})

    assert time.monotonic() - since >= 2


def test_foreign_finalizers_and_odd_annotations_are_left_alone(stage: World) -> None:
    watching(stage)
    ns, values = stage.namespace(), {"password": canary()}
    poison = {"kopf.zalando.org/last-handled-configuration": "garbage{"}
    foreign = secret(ns, "foreign", {"x": canary()})
    foreign["metadata"]["finalizers"] = ["kopf.zalando.org/KopfFinalizerMarker"]
    [before] = stage.apply(foreign)
    manifest = sealed_secret(stage.certificate, ns, "app", values, annotations=poison)

    stage.apply(manifest)

    stage.await_data(ns, "app", values)
    assert stage.kube.get("secrets", "foreign", ns) == before
    stage.kube.annotate("sealedsecrets", "app", ns, dict.fromkeys(poison))
    stage.kube.patch("secrets", "foreign", ns, {"metadata": {"finalizers": None}})


def test_kopf_never_writes(stage: World, staged_coffer: Coffer) -> None:
    Story(stage).run()

    by_kopf = stage.audit.requests(user=staged_coffer.installation.user, agent="kopf/")
    assert {each.verb for each in by_kopf if each.resource} == {"list", "watch"}

"""1,000 ExternalSecrets over 100 AWS secrets: cold, unchanged, rotated, restarted; then 10,000 converged."""

import json
import os
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor

from tests.bench.reflector import Followed
from tests.bench.scene import MEGABYTE, TIMEOUT_SECONDS, Row, Scene, objects_without_events, ready, timed, until
from tests.builders.manifests import aws, aws_keys, encoded, external_secret, secret, store
from tests.cluster.audit import Mark
from tests.cluster.kube import Object
from tests.cluster.wait import wait_until
from tests.controller import Coffer

NUMBER, REMOTE = 1000, 100
MANY = 10_000
ROTATED = 10
QUIET_SECONDS = float(os.environ.get("QUIET", "180"))  # seconds
PASSES = 'coffer_reconcile_total{controller="external"'
FLAGS = ("--modules-sealed=false", "--modules-reflector=false")


def run(scene: Scene) -> Iterator[Row]:
    """Measure 1,000 at a refreshInterval of one minute."""
    namespace = _prepared(scene, "bench-external")
    manifests = list(_manifests(namespace, NUMBER, "1m"))
    with scene.coffer(*FLAGS) as coffer:
        coffer.wait_leading()
        mark, before, cpu = scene.audit.mark(), _data_calls(scene), coffer.cpu()
        seconds = timed(lambda: (scene.create(manifests), _all_ready(scene, namespace, NUMBER)))
        yield Row(f"{NUMBER} ExternalSecrets over {REMOTE} AWS secrets, cold, until all are Ready", seconds, "s")
        yield Row("  CPU of Coffer", coffer.cpu() - cpu, "s")
        calls = sum(_since(scene, before).values())
        yield Row("  AWS data calls", calls, "", NUMBER, "one per ExternalSecret, as external-secrets makes")
        yield from _requests(scene, mark, NUMBER, "each")
        writes = scene.writes(mark)
        yield Row("  object writes per object", objects_without_events(writes) / NUMBER, "")
        yield Row("  Events per object", writes["create events"] / NUMBER, "")
        yield Row("  RSS afterwards with boto3 loaded", coffer.rss() / MEGABYTE, "MB")
        yield from _at_rest(scene, coffer)
        yield from _rotation(scene, namespace)
    yield from _restart(scene, NUMBER)
    scene.kube.delete("namespaces", namespace)
    # Otherwise its thousand Secrets are deleted during the next measurement.
    wait_until(
        lambda: scene.kube.find("namespaces", namespace) is None,
        timeout=TIMEOUT_SECONDS,
        what="the namespace to be deleted",
    )


def many(scene: Scene) -> Iterator[Row]:
    """Measure 10,000 at the default interval: memory, and a restart."""
    namespace = _prepared(scene, "bench-many")
    with scene.coffer(*FLAGS) as coffer:
        coffer.wait_leading()
        empty, before = coffer.rss(), _data_calls(scene)
        yield Row("RSS before", empty / MEGABYTE, "MB")

        def converge() -> None:
            followed = Followed(scene, scene.audit.mark())
            scene.create(_manifests(namespace, MANY, "1h"))
            until(followed.count, MANY, "all targets written")  # listing them again and again would use up the cores
            _all_ready(scene, namespace, MANY)

        yield Row(
            f"{MANY:,} ExternalSecrets over {REMOTE} AWS secrets, cold, until all are Ready", timed(converge), "s"
        )
        yield Row("  AWS data calls", sum(_since(scene, before).values()), "")
        yield Row("  RSS afterwards", coffer.rss() / MEGABYTE, "MB")
    yield from _restart(scene, MANY)


def _prepared(scene: Scene, name: str) -> str:
    """Return a new namespace with a store whose secrets exist in AWS."""
    (namespace,) = scene.namespaces(name, 1)
    client = scene.moto.client()
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda at: client.create_secret(Name=f"{name}/{at}", SecretString=_value("old")), range(REMOTE)))
    scene.create([secret(namespace, "aws-credentials", aws_keys()), store(namespace, "aws", aws())])
    return namespace


def _manifests(namespace: str, number: int, interval: str) -> Iterator[Object]:
    place = namespace.rpartition("-")[0]
    for index in range(number):
        remote = f"{place}/{index % REMOTE}"
        data = {"url": (remote, "url"), "user": (remote, "user")}
        yield external_secret(namespace, f"item-{index:05}", "aws", data, refreshInterval=interval)


def _at_rest(scene: Scene, coffer: Coffer) -> Iterator[Row]:
    mark, before, cpu, passes = scene.audit.mark(), _data_calls(scene), coffer.cpu(), coffer.metric(PASSES)
    time.sleep(QUIET_SECONDS)
    used, passes, minutes = coffer.cpu() - cpu, coffer.metric(PASSES) - passes, QUIET_SECONDS / 60
    calls = sum(_since(scene, before).values()) / minutes
    yield Row(
        f"{QUIET_SECONDS:.0f} s at refreshInterval 1m: AWS data calls a minute",
        calls,
        "",
        NUMBER,
        "one per ExternalSecret",
    )
    yield Row("  per 20 distinct secrets", calls / (REMOTE / 20), "")
    yield Row("  object writes a minute", objects_without_events(scene.writes(mark)) / minutes, "")
    yield Row("  passes per due refresh", passes / (NUMBER * minutes), "")
    yield from _requests(scene, mark, NUMBER * minutes, "for each refresh that was due")
    yield Row("  CPU of Coffer", used, "s")
    yield Row("  of a core", used / QUIET_SECONDS * 100, "%")


def _requests(scene: Scene, mark: Mark, number: float, of: str) -> Iterator[Row]:
    found = scene.requests(mark)
    told = ", ".join(f"{name} {times:,}" for name, times in found.most_common(4))
    yield Row(f"  API requests {of}{f' ({told})' if told else ''}", found.total() / number, "")


def _rotation(scene: Scene, namespace: str) -> Iterator[Row]:
    client, place = scene.moto.client(), namespace.rpartition("-")[0]
    started = time.monotonic()
    for at in range(ROTATED):
        client.put_secret_value(SecretId=f"{place}/{at}", SecretString=_value("new"))
    wanted = NUMBER // REMOTE * ROTATED

    def arrived() -> int:
        found = scene.kube.list("secrets", namespace)
        return sum(each.get("data", {}).get("user") == encoded("new") for each in found)

    wait_until(arrived, lambda number: number >= wanted, timeout=TIMEOUT_SECONDS, what="the rotated values")
    yield Row(f"{ROTATED} secrets rotated: all {wanted} targets updated after", time.monotonic() - started, "s")


def _restart(scene: Scene, number: int) -> Iterator[Row]:
    before, mark = _data_calls(scene), scene.audit.mark()
    started = time.monotonic()
    with scene.coffer(*FLAGS) as coffer:
        yield Row(f"restart with {number:,} converged: process started until ready", time.monotonic() - started, "s")
        coffer.wait_leading()
        yield Row("  until leading and synced", time.monotonic() - started, "s")
        yield Row("  AWS data calls", sum(_since(scene, before).values()), "")
        yield Row("  object writes", objects_without_events(scene.writes(mark)), "")
        yield Row("  RSS", coffer.rss() / MEGABYTE, "MB")


def _data_calls(scene: Scene) -> Mapping[str, int]:
    return dict(scene.moto.counts())


def _since(scene: Scene, before: Mapping[str, int]) -> Mapping[str, int]:
    return {name: number - before.get(name, 0) for name, number in scene.moto.counts().items()}


def _value(text: str) -> str:
    return json.dumps({"url": f"postgres://{text}", "user": text})


def _all_ready(scene: Scene, namespace: str, number: int) -> None:
    until(lambda: ready(scene.kube.list("externalsecrets", namespace), "Ready"), number, "all ExternalSecrets ready")

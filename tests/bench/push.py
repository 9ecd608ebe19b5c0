"""1,000 PushSecrets over one AWS store: cold, unchanged, one Secret changed, restarted."""

import os
import time
from collections.abc import Iterator, Mapping

from tests.bench.scene import TIMEOUT_SECONDS, Row, Scene, objects_without_events, passes, timed, until
from tests.builders.manifests import aws, aws_keys, canary, push_secret, secret, store
from tests.cluster.kube import Object
from tests.cluster.wait import wait_until

NUMBER = int(os.environ.get("PUSHES", "1000"))
INTERVAL_SECONDS = 60.0
QUIET_SECONDS = float(os.environ.get("QUIET", "180"))
FLAGS = ("--modules-sealed=false", "--modules-reflector=false")
WRITES = ("CreateSecret", "PutSecretValue", "UpdateSecret", "TagResource", "DeleteSecret")
READS = ("GetSecretValue", "DescribeSecret", "BatchGetSecretValue")
NAMESPACE = "bench-push"


def run(scene: Scene) -> Iterator[Row]:
    """Measure PushSecrets at a refreshInterval of one minute, beside what external-secrets would ask."""
    scene.kube.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}})
    scene.create([secret(NAMESPACE, "aws-credentials", aws_keys()), store(NAMESPACE, "aws", aws())])
    scene.create([secret(NAMESPACE, f"source-{at}", {"k": canary()}) for at in range(NUMBER)])
    with scene.coffer(*FLAGS) as coffer:
        coffer.wait_leading()
        mark, before = scene.audit.mark(), _calls(scene)
        seconds = timed(lambda: (scene.create([_manifest(at) for at in range(NUMBER)]), _all_ready(scene)))
        yield Row(f"{NUMBER} PushSecrets over one AWS store, cold, until all are Ready", seconds, "s")
        asked = _since(scene, before)
        yield Row("  writes at AWS", _sum(asked, WRITES), "", NUMBER, "one each")
        yield Row("  object writes per object", objects_without_events(scene.writes(mark)) / NUMBER, "")
        yield from _changed(scene)
        yield from _at_rest(scene)
    before = _calls(scene)
    with scene.coffer(*FLAGS) as coffer:
        coffer.wait_leading()
        until(lambda: passes(coffer, "pushes"), NUMBER, "a pass over every PushSecret")
        asked = _since(scene, before)
        yield Row("  after a restart: values read at AWS", _sum(asked, READS), "")
        yield Row("  after a restart: writes at AWS", _sum(asked, WRITES), "")
    scene.kube.delete("namespaces", NAMESPACE)


def _changed(scene: Scene) -> Iterator[Row]:
    before, value = _calls(scene), canary()
    client = scene.moto.client()

    def pushed() -> bool:
        found = client.get_secret_value(SecretId="bench/0")
        return bool(found.get("SecretBinary", b"").decode() == value or found.get("SecretString") == value)

    def change() -> None:
        scene.kube.apply(secret(NAMESPACE, "source-0", {"k": value}))
        wait_until(pushed, timeout=TIMEOUT_SECONDS, what="the changed value")

    yield Row("  one Secret changed, until AWS has it", timed(change), "s")
    yield Row("  writes at AWS", _sum(_since(scene, before), WRITES), "")


def _at_rest(scene: Scene) -> Iterator[Row]:
    before, mark = _calls(scene), scene.audit.mark()
    time.sleep(QUIET_SECONDS)
    asked, minutes = _since(scene, before), QUIET_SECONDS / 60.0
    original = NUMBER * QUIET_SECONDS / INTERVAL_SECONDS / minutes
    values = _sum(asked, READS) / minutes
    yield Row("  at rest: values read at AWS in a minute", values, "", original, "one an entry and interval")
    yield Row("  at rest: lists of versions in a minute", _sum(asked, ("ListSecrets",)) / minutes, "")
    yield Row("  at rest: writes at AWS", _sum(asked, WRITES), "")
    yield Row("  at rest: object writes", objects_without_events(scene.writes(mark)), "")


def _manifest(at: int) -> Object:
    data, selector = {"k": f"bench/{at}"}, {"secret": {"name": f"source-{at}"}}
    return push_secret(NAMESPACE, f"push-{at}", "aws", data, selector=selector, refreshInterval="1m")


def _all_ready(scene: Scene) -> None:
    def ready() -> bool:
        found = scene.kube.list("pushsecrets", NAMESPACE)
        conditions = [each.get("status", {}).get("conditions", [{}])[0].get("status") for each in found]
        return len(found) == NUMBER and set(conditions) == {"True"}

    wait_until(ready, timeout=TIMEOUT_SECONDS, what="all PushSecrets to be Ready")


def _calls(scene: Scene) -> dict[str, int]:
    return dict(scene.moto.counts())


def _since(scene: Scene, before: Mapping[str, int]) -> dict[str, int]:
    return {name: number - before.get(name, 0) for name, number in scene.moto.counts().items()}


def _sum(calls: Mapping[str, int], names: tuple[str, ...]) -> int:
    return sum(calls.get(name, 0) for name in names)

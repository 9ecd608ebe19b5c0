"""1,000 ExternalSecrets over 100 secrets of AWS, cold."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

from tests.bench.scene import MEGABYTE, Row, Scene, objects_without_events, ready, timed, until
from tests.e2e.manifests import aws, aws_keys, external_secret, secret, store

NUMBER, REMOTE = 1000, 100


def run(scene: Scene) -> Iterator[Row]:
    """Measure."""
    (namespace,) = scene.namespaces("bench-external", 1)
    client = scene.moto.client()
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda name: client.create_secret(Name=name, SecretString=_value(name)), _remotes()))
    scene.create([secret(namespace, "aws-credentials", aws_keys()), store(namespace, "aws", aws())])
    manifests = [
        external_secret(
            namespace,
            f"item-{index:04}",
            "aws",
            {"url": (f"bench/{index % REMOTE}", "url"), "user": (f"bench/{index % REMOTE}", "user")},
        )
        for index in range(NUMBER)
    ]
    with scene.coffer("--modules-sealed=false", "--modules-reflector=false") as coffer:
        coffer.wait_leading()
        mark, calls = scene.audit.mark(), scene.moto.counts()["GetSecretValue"]
        seconds = timed(lambda: (scene.create(manifests), _all_ready(scene, namespace)))
        yield Row(f"{NUMBER} ExternalSecrets over {REMOTE} AWS secrets, cold, until all are Ready", seconds, "s")
        made = scene.moto.counts()["GetSecretValue"] - calls
        yield Row("  GetSecretValue calls", made, "", NUMBER, "one per ExternalSecret, as external-secrets makes")
        writes = scene.writes(mark)
        yield Row("  object writes each", objects_without_events(writes) / NUMBER, "")
        yield Row("  Events each", writes["create events"] / NUMBER, "")
        yield Row("  RSS afterwards, boto3 loaded", coffer.rss() / MEGABYTE, "MB")
    yield from _restart(scene)


def _restart(scene: Scene) -> Iterator[Row]:
    calls, mark = scene.moto.counts()["GetSecretValue"], scene.audit.mark()
    with scene.coffer("--modules-sealed=false", "--modules-reflector=false") as coffer:
        yield Row(f"restart with {NUMBER} converged: leading and synced after ready", timed(coffer.wait_leading), "s")
        yield Row("  AWS calls", scene.moto.counts()["GetSecretValue"] - calls, "")
        yield Row("  object writes", objects_without_events(scene.writes(mark)), "")
        yield Row("  RSS", coffer.rss() / MEGABYTE, "MB")


def _remotes() -> list[str]:
    return [f"bench/{index}" for index in range(REMOTE)]


def _value(name: str) -> str:
    return json.dumps({"url": f"postgres://{name}", "user": name})


def _all_ready(scene: Scene, namespace: str) -> None:
    until(lambda: ready(scene.kube.list("externalsecrets", namespace), "Ready"), NUMBER, "all ExternalSecrets ready")

"""Metrics by HTTPS, for callers with the right to them: rights as the chart gives them, tokens of a real API server."""

import json
import ssl
import urllib.error
import urllib.request
from pathlib import Path

from tests.cluster.certificates import Authority
from tests.cluster.wait import wait_until
from tests.controller import Coffer, Installation
from tests.e2e.world import World

SUBJECTS = [{"kind": "ServiceAccount", "name": "prometheus", "namespace": "default"}]
VALUES = (
    "metrics.tls.enabled=true",
    "metrics.tls.secretName=metrics",
    "metrics.authorization.enabled=true",
    *(f"metrics.authorization.subjects[0].{name}={text}" for name, text in SUBJECTS[0].items()),
)


def test_only_the_scraper_gets_the_metrics(arena: World, tmp_path: Path) -> None:
    authority = Authority.create(tmp_path)
    pair = authority.server("metrics", ["127.0.0.1"])
    for name in ("prometheus", "other"):
        arena.apply({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": name, "namespace": "default"}})
    installation = Installation(arena.plane, arena.kube, *VALUES)
    own = [f"--process-metrics-cert-file={pair.certificate}", f"--process-metrics-key-file={pair.key}"]
    with Coffer(installation, flags=["--modules-sealed=false", *own]) as coffer:
        url = coffer.metrics_url.replace("http:", "https:") + "/metrics"
        context = ssl.create_default_context(cafile=str(authority.file))

        def status(token: str) -> int:
            request = urllib.request.Request(url, headers={"Authorization": f"Bearer {token}"} if token else {})
            try:
                with urllib.request.urlopen(request, context=context, timeout=5) as answer:
                    assert b"coffer_leader" in answer.read()
                    return int(answer.status)
            except urllib.error.HTTPError as refused:
                body, code = refused.read(), refused.code
                refused.close()
            assert body == b""
            return code

        scraper, other = (arena.kube.token(name, "default") for name in ("prometheus", "other"))
        wait_until(lambda: status(scraper) == 200, timeout=20, what="the right of the scraper to be known")
        assert [status(other), status("garbage"), status("")] == [403, 401, 401]

        log = json.dumps(coffer.lines())
        assert scraper not in log
        assert other not in log

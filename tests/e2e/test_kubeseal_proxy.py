"""kubeseal needs no flags: it finds the controller through the API server, by its Service in kube-system."""

import json

import pytest

from tests.cluster import build, network


@pytest.mark.skipif(bool(network.unavailable()), reason=network.unavailable() or "can run")
def test_both_kubeseals_work_without_flags() -> None:
    for name in ("kubeseal", "helm"):
        build.binary(name)  # a private network allows no download

    done = network.run_inside(["-m", "tests.e2e.behind_service"])

    assert done.returncode == 0, done.stderr
    everything = dict.fromkeys(("certificate", "secret", "validated", "renamed refused", "re-encrypted"), True)
    found = json.loads(done.stdout)
    assert {name: found[name] for name in ("ours", "original")} == {"ours": everything, "original": everything}
    assert all(found["files"].values()), found["files"]
    # Each caller gets three at once: a forged header gives no more, and no caller uses another's share.
    assert set(map(tuple, found["allowances"].values())) == {(500, 500, 500, 429)}, found["allowances"]

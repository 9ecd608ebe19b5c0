"""The rules by which GitOps tools read health, over statuses with a known verdict."""

import pytest

from tests.cluster.kube import Object
from tests.e2e.health import argo_cd, assert_honest, kstatus


def status(kind: str, value: str, at: str = "2026-01-01T00:00:00Z") -> Object:
    return {"conditions": [{"type": kind, "status": value, "lastTransitionTime": at}]}


def body(generation: int = 1, **fields: object) -> Object:
    return {"metadata": {"generation": generation, "namespace": "ns", "name": "n"}, **fields}


@pytest.mark.parametrize(
    ("each", "verdict"),
    [
        (body(), "Current"),
        (body(status={"observedGeneration": 1}), "Current"),
        (body(2, status={"observedGeneration": 1} | status("Ready", "True")), "InProgress"),
        (body(status=status("Ready", "False")), "InProgress"),
        (body(status=status("Ready", "Unknown")), "InProgress"),
        (body(status=status("Stalled", "True")), "Failed"),
        (body(status=status("Reconciling", "True")), "InProgress"),
        (body(status=status("Synced", "False")), "Current"),
        ({"metadata": {"deletionTimestamp": "2026-01-01T00:00:00Z"}}, "Terminating"),
    ],
)
def test_kstatus(each: Object, verdict: str) -> None:
    assert kstatus(each) == verdict


@pytest.mark.parametrize(
    ("kind", "each", "verdict"),
    [
        ("sealedsecrets", body(status=status("Synced", "True")), "Healthy"),
        ("sealedsecrets", body(status=status("Ready", "True")), "Progressing"),
        ("secretstores", body(status=status("Ready", "False")), "Degraded"),
        ("externalsecrets", body(spec={}), "Progressing"),
        ("externalsecrets", body(spec={}, status=status("Ready", "True")), "Healthy"),
    ],
)
def test_argo_cd(kind: str, each: Object, verdict: str) -> None:
    assert argo_cd(kind, each) == verdict


def test_a_condition_that_is_older_than_a_refresh_on_change_is_reported() -> None:
    late = status("Ready", "True") | {"refreshTime": "2026-01-01T00:00:01Z"}
    each = body(spec={"refreshPolicy": "OnChange"}, status=late)

    with pytest.raises(AssertionError, match="Argo CD misreads externalsecrets ns/n"):
        assert_honest("externalsecrets", each)

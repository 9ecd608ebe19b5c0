"""After an installation helm says what to do next, for the modules that are on."""

import re
from functools import cache

import pytest

from tests.controller import CHART
from tests.unit.charts.rendering import helm


@cache
def notes(*values: str, namespace: str = "kube-system") -> str:
    sets = [f"--set={value}" for value in ("crds.install=false", *values)]
    done = helm("install", "coffer", str(CHART), "--dry-run=client", f"--namespace={namespace}", *sets)
    assert done.returncode == 0, done.stderr
    return done.stdout.partition("NOTES:")[2]


def commands(text: str) -> list[str]:
    return re.findall(r"(?m)^  (\S.*)$", text)


CHOICES = [
    ((), ["kubeseal -f", "kubectl get secretstores", "coffer mirrors"]),
    (("modules.reflector=false",), ["kubectl -n kube-system rollout", "kubeseal -f", "kubectl get secretstores"]),
    (
        ("modules.sealed=false", "modules.external=false"),
        ["kubectl -n kube-system rollout", "coffer mirrors", "kubectl -n kube-system get lease coffer"],
    ),
]


@pytest.mark.parametrize(("values", "wanted"), CHOICES)
def test_three_commands_come_next(values: tuple[str, ...], wanted: list[str]) -> None:
    found = commands(notes(*values))

    assert [each.startswith(start) for each, start in zip(found, wanted, strict=True)] == [True] * 3, found


def test_kubeseal_is_told_where_the_controller_is() -> None:
    found = notes("service.name=sealer", namespace="secrets")

    assert "kubeseal --controller-namespace secrets --controller-name sealer -f" in found


def test_an_open_network_policy_is_mentioned() -> None:
    assert "networkPolicy.egress.providers" in notes("networkPolicy.enabled=true")
    assert "networkPolicy" not in notes("networkPolicy.enabled=true", "networkPolicy.egress.providers={aws}")

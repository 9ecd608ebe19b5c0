"""The health rules of docs/gitops.md, evaluated over the statuses that the controller writes."""

import json
import re
from pathlib import Path
from typing import Any

import celpy
import pytest
import yaml
from celpy import celtypes
from celpy.adapter import json_to_cel

from tests.cluster.kube import LOADER, Object

PAGE = Path(__file__).parents[3] / "docs/gitops.md"
BLOCK = re.compile(r"```yaml\n(healthCheckExprs:.*?)```", re.DOTALL)


def rules() -> dict[str, dict[str, str]]:
    """Return the expressions of the page by kind."""
    found = BLOCK.search(PAGE.read_text())
    assert found
    return {each["kind"]: each for each in yaml.safe_load(found[1])["healthCheckExprs"]}


def holds(expression: str, each: Object) -> bool:
    """Return what an expression says of an object; Flux gives it the object's fields as variables."""
    environment = celpy.Environment()
    program = environment.program(environment.compile(expression))
    variables: Any = {name: json_to_cel(value) for name, value in each.items()}
    return bool(program.evaluate(variables) == celtypes.BoolType(True))


def health(kind: str, each: Object) -> str:
    """Return what Flux takes the object for: it asks in this order."""
    rule = rules()[kind]
    for verdict in ("inProgress", "failed", "current"):
        if verdict in rule and holds(rule[verdict], each):
            return verdict
    return "inProgress"


def sealed(generation: int, observed: int | None, *conditions: Object) -> Object:
    status: Object = {} if observed is None else {"observedGeneration": observed}
    return {"metadata": {"generation": generation}, "status": status | {"conditions": list(conditions)}}


SYNCED, UNSEALED = {"type": "Synced", "status": "True"}, {"type": "Synced", "status": "False"}
READY, BROKEN = {"type": "Ready", "status": "True"}, {"type": "Ready", "status": "False"}


@pytest.mark.parametrize(
    ("each", "verdict"),
    [
        (sealed(2, 2, SYNCED), "current"),
        (sealed(2, 2, UNSEALED), "failed"),
        (sealed(3, 2, UNSEALED), "inProgress"),
        (sealed(3, 2, SYNCED), "inProgress"),
        (sealed(1, None), "inProgress"),
    ],
)
def test_flux_reads_a_sealed_secret(each: Object, verdict: str) -> None:
    assert health("SealedSecret", each) == verdict


@pytest.mark.parametrize("kind", sorted(rules().keys() - {"SealedSecret"}))
@pytest.mark.parametrize(
    ("status", "verdict"),
    [
        ({"conditions": [READY]}, "current"),
        ({"conditions": [BROKEN]}, "failed"),
        ({"conditions": []}, "inProgress"),
        ({}, "inProgress"),
    ],
)
def test_flux_reads_ready(kind: str, status: Object, verdict: str) -> None:
    assert health(kind, {"metadata": {"generation": 1}, "status": status}) == verdict


def test_every_kind_with_conditions_has_a_rule() -> None:
    crds = [
        yaml.load(each.read_text(), LOADER) for each in (PAGE.parents[1] / "charts/coffer/files/crds").glob("*.yaml")
    ]
    with_conditions = {each["spec"]["names"]["kind"] for each in crds if '"conditions":' in json.dumps(each)}

    assert rules().keys() >= with_conditions - {"ClusterGenerator", "GeneratorState"}

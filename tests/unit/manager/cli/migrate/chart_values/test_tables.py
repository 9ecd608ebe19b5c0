"""The tables name every value of the originals' charts, and lead to values that our chart has."""

from typing import Any

import pytest

from manager.cli.migrate.chart_values.rules import Rule, same, table
from manager.cli.migrate.chart_values.translation import TABLES, translate
from manager.cli.migrate.values_command import CHARTS
from manager.settings.load import option_names
from tests.conformance.charts import keys, nested
from tests.unit.charts.rendering import at, many
from tools.chart_values import VALUES, values

KEYS = [(chart, path, kind) for chart in CHARTS for path, kind in keys(chart).items()]
SET: dict[str, tuple[Any, ...]] = {
    "string": ("text",),
    "integer": (7,),
    "bool": (True, False),
    "list": ([{"name": "a"}],),
    "map": ({"a": "b"},),
    "null": (False,),
}
"""By type: values of which at least one is not the default."""
WANTED: dict[str, Any] = {
    "image.pullPolicy": "Always",
    "log.level": "debug",
    "logLevel": "ERROR",
    "dnsPolicy": "Default",
    "service.type": "NodePort",
    "service.ipFamilies": ["IPv6"],
    "service.ipFamilyPolicy": "SingleStack",
    "service.nodePort": "30080",
    "revisionHistoryLimit": 3,
    "rateLimit": "2.5",
    "rateLimitBurst": "3",
    "additionalNamespaces": ["a"],
    "image.pullSecrets": ["pull"],
    "args": ["--key-size", "2048"],
    "pdb.maxUnavailable": "",
    "resources.limits": {"memory": "1Gi"},
    "resources.requests": {"memory": "1Gi"},
    "ingress.tls": True,
    "networkPolicy.egress.kubeapiCidr": "192.0.2.0/24",
    "networkPolicy.egress.kubeapiPort": "6443",
    "rbac.serviceProxier.subjects": "- {kind: Group, name: g}",
    "genericTargets.resources": [{"apiGroup": "a.example", "resources": ["b"], "verbs": ["get"]}],
    "global.compatibility.openshift.adaptSecurityContext": "force",
    "extraArgs": {"loglevel": "debug"},
    "keyrenewperiod": "30s",
    "keyttl": "30s",
    "leaderElectionLeaseDuration": "30s",
    "leaderElectionRenewDeadline": "20s",
    "leaderElectionRetryPeriod": "4s",
    "storeRequeueInterval": "10m",
    "webhook": {"replicaCount": 3},
    **{
        f"{where}.{name}": "20s"
        for where in ("serviceMonitor", "metrics.serviceMonitor")
        for name in ("interval", "scrapeTimeout")
    },
}
"""Values that the original's chart would take, where any of the type is not enough."""


def test_the_command_knows_the_charts_of_the_tables() -> None:
    assert set(CHARTS) == set(TABLES)


@pytest.mark.parametrize(("chart", "path", "kind"), KEYS, ids=lambda value: value)
def test_every_value_is_translated_or_refused_with_a_reason(chart: str, path: str, kind: str) -> None:
    results = [translate(chart, nested({path: each})) for each in SET[kind]]

    assert any(each.values or each.notes for each in results), "it is lost without a word"
    notes = [note for each in results for note in each.notes]
    assert all(note.why for note in notes)
    assert not [note for note in notes if "has no such value" in note.why]


@pytest.mark.parametrize("chart", CHARTS)
def test_every_counterpart_is_a_value_of_our_chart(chart: str) -> None:
    ours = {each.path for each in values(VALUES.read_text())}
    settings = {f"settings.{section}.{name}" for section, name, _, _ in option_names()}

    for rule in TABLES[chart].rules.values():
        parents = {rule.to.rsplit(".", cut)[0] for cut in range(3)}
        assert not rule.to or parents & (ours | settings), rule
        assert not rule.to.startswith("settings.") or rule.to in settings, rule
        assert rule.to or rule.why, rule


@pytest.mark.parametrize("chart", CHARTS)
def test_defaults_ask_for_nothing(chart: str) -> None:
    known = TABLES[chart].rules
    defaults = {rule.path: rule.default for rule in known.values() if rule.default is not None}

    found = translate(chart, nested(dict(sorted(defaults.items(), key=lambda each: each[0].count(".")))))

    assert found.values == {}
    assert found.notes == ()


def test_our_chart_takes_what_every_value_becomes() -> None:
    """One file a chart, with every value set to something else than its default."""
    cases: dict[str, Any] = {}
    for chart in CHARTS:
        given = {path: WANTED.get(path, SET[kind][_other(chart, path)]) for path, kind in keys(chart).items()}
        cases[chart] = translate(chart, nested(given)).values

    rendered = many(cases)

    assert at(rendered["external-secrets"], "Deployment/coffer spec.replicas") == 7
    assert at(rendered["reflector"], "Deployment/coffer spec.replicas") == 7
    flags = at(rendered["sealed-secrets"], "Deployment/coffer spec.template.spec.containers[0].args")
    assert {"--key-size=2048", "--sealed-rate-limit=2.5", "--process-log-level=ERROR"} <= set(flags)


def _other(chart: str, path: str) -> int:
    rule = TABLES[chart].rules.get(path)
    return 1 if rule is not None and rule.default is True else 0


def test_a_path_with_two_rules_is_an_error() -> None:
    with pytest.raises(ValueError, match="c: a has two rules"):
        table("c", "1", same("a"), [Rule("a", "b")])

"""With a scope the chart makes Roles in its namespaces and no ClusterRole, and they give what the modules need."""

import functools
import itertools
import json
from collections.abc import Iterable

import pytest
import yaml

from tests.unit.charts.test_chart import CHART, MODULES, helm, one, only, rendered, roles

Rights = frozenset[tuple[str, str]]
"""Resource and verb."""

SCOPE = "scope={a,b}"
FOR_THE_CLUSTER = CHART.parents[1] / "examples" / "scoped-releases.yaml"
GENERATORS = CHART / "files" / "generators.json"
CLUSTER_WIDE = (
    "clustersecretstores",
    "clusterexternalsecrets",
    "clusterpushsecrets",
    "clustergenerators",
    "subjectaccessreviews",
)
CHOICES = [
    tuple(name for name, on in zip(MODULES, switches, strict=True) if on)
    for switches in itertools.product([True, False], repeat=3)
]
ONLY_FOR_THE_CLUSTER = {
    ("externalsecrets", "create"),
    ("externalsecrets", "update"),
    ("externalsecrets", "delete"),
    ("pushsecrets", "create"),
    ("pushsecrets", "update"),
    ("pushsecrets", "delete"),
    ("namespaces", "list"),
    ("namespaces", "watch"),
    ("namespaces", "patch"),
}
"""What only ClusterExternalSecrets and ClusterPushSecrets need, and what a Role cannot give."""


@functools.cache
def granted(modules: tuple[str, ...], *values: str) -> dict[tuple[str, str], Rights]:
    """Return the rights of every Role and of the ClusterRole that are bound to Coffer."""
    return {
        role: frozenset((resource, verb) for resource, verbs in found.items() for verb in verbs)
        for role, found in roles(*only(*modules), *values).items()
    }


def resources(rights: Iterable[tuple[str, str]]) -> set[str]:
    return {resource.partition("/")[0] for resource, _ in rights}


@pytest.mark.parametrize("modules", CHOICES, ids="+".join)
def test_with_a_scope_there_is_no_cluster_role(modules: tuple[str, ...]) -> None:
    kinds = {each["kind"] for each in rendered(*only(*modules), SCOPE)}
    found = granted(modules, SCOPE)

    assert not [each for each in kinds if each.startswith("Cluster")]
    assert set(found) == {(place, "coffer-scope") for place in ("a", "b", "kube-system")} | {("kube-system", "coffer")}
    assert found["a", "coffer-scope"] == found["b", "coffer-scope"]
    assert not resources(found["a", "coffer-scope"]) & {*CLUSTER_WIDE, "tokenreviews"}


@pytest.mark.parametrize("modules", CHOICES, ids="+".join)
def test_a_scope_gives_no_right_that_the_cluster_does_not(modules: tuple[str, ...]) -> None:
    within, wide = granted(modules, SCOPE)["a", "coffer-scope"], granted(modules)["", "coffer"]

    assert within - wide == {("localsubjectaccessreviews", "create")}
    left = {each for each in wide - within if each[0].partition("/")[0] not in CLUSTER_WIDE}
    expected = ONLY_FOR_THE_CLUSTER if "reflector" in modules else ONLY_FOR_THE_CLUSTER | {("namespaces", "get")}
    assert left == wide & expected


@pytest.mark.parametrize("values", [(), (SCOPE,)], ids=["cluster", "scope"])
@pytest.mark.parametrize("modules", CHOICES, ids="+".join)
def test_modules_together_have_what_each_has_alone(modules: tuple[str, ...], values: tuple[str, ...]) -> None:
    """So that what is proved of single modules and of all holds for every combination."""
    role = ("a", "coffer-scope") if values else ("", "coffer")
    together = granted(modules, *values)[role]

    parts = [granted((), *values)[role], *(granted((each,), *values)[role] for each in modules)]
    assert together == frozenset().union(*parts)


def test_its_own_namespace_gives_what_keys_and_the_lease_need() -> None:
    own = ("kube-system", "coffer-scope")

    assert granted(("external", "reflector"), SCOPE)[own] == {("deployments", "list")}
    keys = {("secrets", verb) for verb in ("list", "watch", "create", "get")}
    assert granted(("sealed",), SCOPE)[own] == keys | {("deployments", "list"), ("events", "create")}
    (named,) = [each for each in one(home(), "Role", "coffer-scope")["rules"] if "resourceNames" in each]
    assert (named["resourceNames"], named["verbs"]) == (["sealed-secrets-key"], ["get"])
    whole = granted(("sealed",), "scope={a,kube-system}")
    assert whole[own] == whole["a", "coffer-scope"]


def home() -> list[dict[str, object]]:
    """Return the objects in the release's own namespace."""
    return [each for each in rendered(*only("sealed"), SCOPE) if each["metadata"].get("namespace") == "kube-system"]


def test_the_clusters_administrator_gives_what_the_roles_give() -> None:
    """Kubernetes lets nobody grant what they do not hold, and its own roles know none of our kinds."""
    (role,) = yaml.safe_load_all(FOR_THE_CLUSTER.read_text())
    held = {(kind, verb) for rule in role["rules"] for kind in rule["resources"] for verb in rule["verbs"]}
    kinds = {
        "sealedsecrets",
        "externalsecrets",
        "pushsecrets",
        "secretstores",
        "generatorstates",
        *json.loads(GENERATORS.read_text())["namespaced"],
    }

    needed = {each for each in granted(MODULES, SCOPE)["a", "coffer-scope"] if each[0].partition("/")[0] in kinds}
    assert resources(held) == kinds
    assert needed <= held


def test_names_of_digits_are_texts() -> None:
    """YAML would read them as numbers, and the API server would refuse the Roles."""
    assert {place for place, name in granted(MODULES, "scope={123,1e3}") if name == "coffer-scope"} >= {"123", "1e3"}


def test_the_process_gets_the_scope() -> None:
    for given, flag in ((SCOPE, "--modules-scope=a,b"), ("scope={}", "")):
        container = one(rendered(given), "Deployment")["spec"]["template"]["spec"]["containers"][0]
        assert [each for each in container["args"] if "scope" in each] == ([flag] if flag else [])


@pytest.mark.parametrize(
    ("values", "said"),
    [
        (["settings.modules.scope=a"], "use scope, which also sets the RBAC rules"),
        (["scope={team-*}"], "team-* is not the name of a namespace"),
        ([SCOPE, "settings.sealed.require_token=true"], "needs a ClusterRole, and scope allows none"),
        ([SCOPE, "metrics.authorization.enabled=true"], "metrics.authorization.enabled: tokens are reviewed"),
        ([SCOPE, "settings.sealed.additional_namespaces={a,c}"], "additional_namespaces: c is not in scope"),
        ([SCOPE, *only("sealed"), "settings.sealed.all_namespaces=false"], "it is not in scope; add it there"),
    ],
)
def test_what_a_scope_cannot_give_is_refused(values: list[str], said: str) -> None:
    done = helm("template", "coffer", str(CHART), *(f"--set={each}" for each in values))

    assert done.returncode != 0
    assert said in done.stderr


def test_the_api_servers_addresses_are_read_where_the_scope_reaches() -> None:
    key = ("default", "coffer-api-server-kube-system")

    assert key not in roles(SCOPE)
    assert roles("scope={a,default}")[key] == {"endpointslices": {"get"}}


CONFINED = [
    (["settings.sealed.additional_namespaces={a,b}"], {"a", "b", "kube-system"}),
    (["settings.sealed.additional_namespaces=a\\, b"], {"a", "b", "kube-system"}),
    (["settings.sealed.all_namespaces=false"], {"kube-system"}),
    (["settings.sealed.additional_namespaces={a}", "scope={a,b,kube-system}"], {"a", "kube-system"}),
]


@pytest.mark.parametrize(("values", "namespaces"), CONFINED)
def test_settings_of_sealed_alone_give_it_rights_in_these(values: list[str], namespaces: set[str]) -> None:
    found = granted(("sealed",), *values)

    assert ("", "coffer") not in found
    assert {namespace for namespace, name in found if name == "coffer-scope"} == namespaces
    alike = granted(("sealed",), SCOPE)["a", "coffer-scope"]
    assert {found[each, "coffer-scope"] for each in namespaces} == {alike}


def test_two_confined_releases_share_no_object() -> None:
    for value in ("scope", "settings.sealed.additional_namespaces"):
        found = []
        for place, namespace in (("one", "a"), ("two", "b")):
            given = [*only("sealed"), f"{value}={{{namespace}}}", f"namespaceOverride={place}"]
            about = [(each["kind"], each["metadata"]) for each in rendered(*given)]
            found.append({(kind, meta.get("namespace"), meta["name"]) for kind, meta in about})
        assert not found[0] & found[1]


def test_further_namespaces_of_keys_are_read_only() -> None:
    given = ["settings.sealed.all_namespaces=false", "settings.sealed.key_namespaces={keys}"]

    reads = {("events", "create"), ("secrets", "list"), ("secrets", "watch")}
    assert granted(("sealed",), *given)["keys", "coffer-scope"] == reads
    assert granted(("sealed", "reflector"), SCOPE, given[1])["keys", "coffer-scope"] == reads
    assert ("keys", "coffer-scope") not in granted(("reflector",), SCOPE, given[1])


def test_beside_other_modules_settings_of_sealed_confine_no_rights() -> None:
    found = roles("settings.sealed.additional_namespaces={a}")

    assert {name for _, name in found} == {"coffer", "coffer-api-server-kube-system"}
    assert found["", "coffer"]["secrets"] >= {"get", "list", "watch", "create"}


def test_without_a_scope_reviews_of_tokens_are_all_that_is_clusterwide() -> None:
    given = [*only("sealed"), "settings.sealed.all_namespaces=false", "settings.sealed.require_token=true"]

    assert roles(*given)["", "coffer"] == {"tokenreviews": {"create"}, "subjectaccessreviews": {"create"}}

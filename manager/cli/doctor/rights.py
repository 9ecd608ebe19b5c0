"""Which rights each module needs, as the chart gives them. Pure; a test renders the chart and compares."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from external.generators.registry import ALL, CLUSTER_GENERATORS
from manager.cli.doctor.findings import Area, Finding, Severity
from manager.kube.resources import Body

WATCHED = ("get", "list", "watch")
WRITTEN = (*WATCHED, "create", "update", "patch", "delete")
ESO, GENERATORS = "external-secrets.io", "generators.external-secrets.io"
Needs = dict[tuple[str, str], tuple[str, ...]]
"""(API group, resource) -> verbs; a resource may have a subresource after a slash."""

FOR_ALL: Needs = {
    ("", "events"): ("create",),
    ("apps", "deployments"): ("list",),
    ("authorization.k8s.io", "subjectaccessreviews"): ("create",),
}
OF_MODULE: dict[str, Needs] = {
    "sealed": {
        ("", "secrets"): (*WATCHED, "create", "update"),
        ("bitnami.com", "sealedsecrets"): WATCHED,
        ("bitnami.com", "sealedsecrets/status"): ("patch",),
    },
    "external": {
        ("", "secrets"): (*WATCHED, "create", "update", "delete"),
        ("", "namespaces"): (*WATCHED, "patch"),
        ("", "configmaps"): WATCHED,
        **{(ESO, each): (*WATCHED, "patch") for each in ("secretstores", "clustersecretstores")},
        **{(ESO, each): WRITTEN for each in ("externalsecrets", "pushsecrets")},
        (ESO, "clusterexternalsecrets"): (*WATCHED, "patch"),
        (ESO, "clusterpushsecrets"): WATCHED,
        **{
            (ESO, f"{each}/status"): ("patch",)
            for kind in ("externalsecrets", "pushsecrets", "secretstores")
            for each in (kind, f"cluster{kind}")
        },
        **{(GENERATORS, each.resource.plural): ("get",) for each in ALL},
        (GENERATORS, CLUSTER_GENERATORS.plural): ("get",),
        (GENERATORS, "generatorstates"): (*WATCHED, "create", "patch", "delete"),
        **{
            (ESO, f"{each}/finalizers"): ("update",)
            for each in ("externalsecrets", "clusterexternalsecrets", "clusterpushsecrets")
        },
    },
    "reflector": {
        ("", "secrets"): (*WATCHED, "create", "patch", "delete"),
        ("", "configmaps"): (*WATCHED, "create", "patch", "delete"),
        ("", "namespaces"): WATCHED,
    },
}
CONFINED_ONLY = {
    ("authorization.k8s.io", "subjectaccessreviews"): ("authorization.k8s.io", "localsubjectaccessreviews")
}
WIDE_ONLY = frozenset({"namespaces", CLUSTER_GENERATORS.plural})
MAX_SHOWN_RIGHTS = 8


class Right(NamedTuple):
    """One verb on one kind, in a namespace or everywhere."""

    group: str
    resource: str
    verb: str
    namespace: str = ""

    def __str__(self) -> str:
        kind = f"{self.resource}.{self.group}" if self.group else self.resource
        return f"{self.verb} {kind}" + (f" in {self.namespace}" if self.namespace else "")


def needed(modules: Iterable[str], own: str, scope: Iterable[str] = ()) -> Iterator[Right]:
    """Yield the rights that a process with these modules needs.

    Args:
        modules: those that are on.
        own: Coffer's namespace.
        scope: the namespaces to which it is limited; none for the whole cluster.

    """
    found: dict[tuple[str, str], dict[str, None]] = {}
    for needs in (FOR_ALL, *(OF_MODULE[each] for each in modules)):
        for kind, names in needs.items():
            found.setdefault(kind, {}).update(dict.fromkeys(names))
    places = tuple(scope)
    for place in places or ("",):
        for (group, resource), verbs in found.items():
            if place and (resource in WIDE_ONLY or resource.startswith("cluster")):
                continue
            kind = CONFINED_ONLY.get((group, resource), (group, resource)) if place else (group, resource)
            yield from (Right(*kind, verb, place) for verb in verbs if not (place and _only_wide(kind, verb)))
    yield Right("coordination.k8s.io", "leases", "create", own)


def _only_wide(kind: tuple[str, str], verb: str) -> bool:
    """Return True for the rights by which copies of cluster-scoped objects are made: a limited process makes none."""
    return kind[1] in ("externalsecrets", "pushsecrets") and verb in ("create", "update", "delete")


def review(right: Right, account: str) -> Body:
    """Return the SubjectAccessReview that asks whether a ServiceAccount, `namespace:name`, has a right."""
    resource, _, subresource = right.resource.partition("/")
    attributes = {"group": right.group, "resource": resource, "verb": right.verb}
    attributes |= {"subresource": subresource} if subresource else {}
    attributes |= {"namespace": right.namespace} if right.namespace else {}
    groups = ["system:serviceaccounts", f"system:serviceaccounts:{account.partition(':')[0]}", "system:authenticated"]
    spec = {"user": f"system:serviceaccount:{account}", "groups": groups, "resourceAttributes": attributes}
    return {"apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview", "spec": spec}


def lacking(account: str, missing: Iterable[Right]) -> Iterator[Finding]:
    """Yield the findings about rights that a ServiceAccount, `namespace:name`, has not: one a kind of object."""
    kinds: dict[tuple[str, str], list[Right]] = {}
    for each in missing:
        kinds.setdefault((each.group, each.resource), []).append(each)
    shown = account.replace(":", "/")
    for (group, resource), rights in kinds.items():
        verbs = ", ".join(dict.fromkeys(each.verb for each in rights))
        places = list(dict.fromkeys(each.namespace for each in rights if each.namespace))
        where = f" in {', '.join(places[:MAX_SHOWN_RIGHTS])}" if places else ""
        name = f"{resource}.{group}" if group else resource
        problem = f"it may not {verbs} {name}{where}"
        where = f"-n {places[0]}" if places else "-A"
        check = f"kubectl auth can-i {rights[0].verb} {name} {where} --as system:serviceaccount:{account}"
        cure = f"`helm upgrade` with rbac.enabled=true brings the role back, or add the rule to it; see `{check}`"
        yield Finding(Area.RIGHTS, Severity.FAULT, f"ServiceAccount {shown}", problem, cure)

"""Which rights tenants lose when the roles of an original go away. Pure."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from manager.cli.migrate.hazards import Hazard, Kind
from manager.cli.migrate.originals import ORIGINALS, ReleaseKey, module_of, release_of
from manager.kube.resources import Body

AGGREGATE = "rbac.authorization.k8s.io/aggregate-to-"
BUILT_IN = ("view", "edit", "admin")
READ = frozenset({"get", "list", "watch"})
CHANGE = frozenset({"create", "update", "patch", "delete", "deletecollection"})

Right = tuple[str, str, str]
"""API group, plural and verb."""


@dataclass(frozen=True)
class Replacement:
    """The rights that Coffer's chart adds to Kubernetes' roles."""

    namespaced: frozenset[tuple[str, str]]
    """(API group, plural) of the kinds that tenants make."""
    seen: frozenset[tuple[str, str]]
    """Those that they only see: outside of namespaces, or written by controllers."""

    def rights(self, role: str) -> frozenset[Right]:
        """Return what is added to view, edit or admin."""
        reads = {(*kind, verb) for kind in self.namespaced | self.seen for verb in READ}
        changes = {(*kind, verb) for kind in self.namespaced for verb in CHANGE} if role != "view" else set()
        return frozenset(reads | changes)

    @property
    def kinds(self) -> frozenset[tuple[str, str]]:
        """Every kind that Coffer serves."""
        return self.namespaced | self.seen


@dataclass(frozen=True)
class Rbac:
    """Roles and bindings of a cluster."""

    cluster_roles: tuple[Body, ...]
    bindings: tuple[Body, ...]
    """RoleBindings and ClusterRoleBindings."""
    releases: Mapping[ReleaseKey, str]
    """The Helm releases of originals, and their modules."""
    homes: frozenset[str]
    """Namespaces in which the originals run: their own ServiceAccounts lose nothing that is needed."""


def role_hazards(rbac: Rbac, replacement: Replacement) -> Iterator[Hazard]:
    """Yield the rights on kinds of the originals that tenants lose, and whether Coffer's chart replaces them."""
    for role in rbac.cluster_roles:
        module = module_of(role["metadata"]) or rbac.releases.get(
            release_of(role["metadata"]) or ReleaseKey("", ""), ""
        )
        if module:
            yield from _aggregated(role, module, rbac, replacement)
            yield from _bound(role, module, rbac)


def _aggregated(role: Body, module: str, rbac: Rbac, replacement: Replacement) -> Iterator[Hazard]:
    """Yield what each of Kubernetes' roles loses; roles that lose the same share a hazard."""
    labels = role["metadata"].get("labels") or {}
    rights = {each for each in _rights(role) if each[0] in ORIGINALS[module].groups}
    found: dict[tuple[str, str, bool], list[str]] = {}
    for name in BUILT_IN:
        if labels.get(f"{AGGREGATE}{name}") == "true":
            for loss in _losses(rights - replacement.rights(name), replacement, _everywhere(name, rbac)):
                found.setdefault(loss, []).append(name)
    for (problem, cure, blocks), names in found.items():
        about = f"ClusterRole {role['metadata']['name']}"
        yield Hazard(Kind.ROLE, module, about, f"lost by {', '.join(names)}: {problem}", cure, blocks)


def _losses(lost: set[Right], replacement: Replacement, users: list[str]) -> Iterator[tuple[str, str, bool]]:
    unserved = sorted({plural for group, plural, _ in lost if (group, plural) not in replacement.kinds})
    if unserved:
        text = f"{', '.join(unserved)}, which Coffer does not serve"
        yield text, "nobody needs these rights once there are no such objects", False
    needed = [each for each in sorted(lost) if each[:2] in replacement.kinds]
    if needed:
        # A RoleBinding gives no right on what stands outside of namespaces: only a ClusterRoleBinding does.
        inner = any(each[:2] in replacement.namespaced for each in needed)
        bound = f" (bound everywhere by {', '.join(users)})" if users else ""
        cure = "give who needs it a ClusterRole of your own" if users or inner else "no binding gives it to anyone"
        yield ", ".join(f"{verb} {plural}" for _, plural, verb in needed) + bound, cure, bool(users) or inner


def _bound(role: Body, module: str, rbac: Rbac) -> Iterator[Hazard]:
    """Yield the bindings of tenants that name a role which goes away."""
    name = role["metadata"]["name"]
    if not any(group in ORIGINALS[module].groups for group, _, _ in _rights(role)):
        return
    for each in rbac.bindings:
        ref = each["roleRef"]
        if (ref.get("kind"), ref.get("name")) == ("ClusterRole", name) and _tenants(each, rbac.homes):
            namespace = each["metadata"].get("namespace", "")
            place = f"{namespace}/{each['metadata']['name']}" if namespace else each["metadata"]["name"]
            text = f"it names ClusterRole {name}, which goes with {ORIGINALS[module].product}"
            cure = "bind coffer-view and coffer-edit, or Kubernetes' view and edit, to the same subjects"
            yield Hazard(Kind.ROLE, module, f"{each['kind']} {place}", text, cure, blocks=True)


def _everywhere(role: str, rbac: Rbac) -> list[str]:
    """Return the ClusterRoleBindings of a built-in role to others than the originals."""
    found = (each for each in rbac.bindings if not each["metadata"].get("namespace"))
    return sorted(
        each["metadata"]["name"] for each in found if each["roleRef"].get("name") == role and _tenants(each, rbac.homes)
    )


def _tenants(binding: Body, homes: frozenset[str]) -> bool:
    subjects: Iterable[Body] = binding.get("subjects") or ()
    return any(each.get("kind") != "ServiceAccount" or each.get("namespace") not in homes for each in subjects)


def _rights(role: Body) -> Iterator[Right]:
    for rule in role.get("rules") or ():
        given = rule.get("verbs") or ()
        verbs = READ | CHANGE if "*" in given else given
        for group in rule.get("apiGroups") or ():
            for resource in rule.get("resources") or ():
                yield from ((group, resource, verb) for verb in verbs)

"""Which workloads use a Secret or a ConfigMap, and which Pods still run with what it was before. Pure."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from manager.chain.model import StalePod, Use
from manager.chain.shapes import mapping, mappings
from manager.core.clock import parse_rfc3339
from manager.kube.cache import controller_of
from manager.kube.resources import Body

CONTAINERS = ("initContainers", "containers", "ephemeralContainers")
ENDED = ("Succeeded", "Failed")
HASH_LABEL = "pod-template-hash"
MAX_NAMED_VARIABLES = 3


class Route(NamedTuple):
    """One way by which a Pod gets an object."""

    how: str
    container: str
    """Empty if it is the whole Pod."""
    fixed: bool
    """Whether a container keeps what it got when it started."""


def routes(spec: object, kind: str, name: str) -> list[Route]:
    """Return how a Pod's spec, which may be malformed, uses a Secret or a ConfigMap."""
    pod = mapping(spec)
    volumes = {str(each.get("name")) for each in mappings(pod.get("volumes")) if _mounts(each, kind, name)}
    found = [
        each for group in CONTAINERS for one in mappings(pod.get(group)) for each in _of_container(one, kind, name)
    ]
    for group in CONTAINERS:
        for container in mappings(pod.get(group)):
            found += _mounted(container, volumes)
    mounted = {each.how.partition(" ")[2] for each in found if each.how.startswith("volume ")}
    found += [Route(f"volume {each}", "", fixed=False) for each in sorted(volumes - mounted)]
    if kind == "Secret" and any(each.get("name") == name for each in mappings(pod.get("imagePullSecrets"))):
        found.append(Route("imagePullSecrets", "", fixed=False))
    return found


def _of_container(container: Mapping[str, Any], kind: str, name: str) -> Iterator[Route]:
    ref, source = ("secretKeyRef", "secretRef") if kind == "Secret" else ("configMapKeyRef", "configMapRef")
    title = str(container.get("name", ""))
    variables = [
        str(each.get("name"))
        for each in mappings(container.get("env"))
        if mapping(mapping(each.get("valueFrom")).get(ref)).get("name") == name
    ]
    if variables:
        more = len(variables) - MAX_NAMED_VARIABLES
        shown = ", ".join(variables[:MAX_NAMED_VARIABLES]) + (f" and {more} more" if more > 0 else "")
        yield Route(f"env {shown}", title, fixed=True)
    if any(mapping(each.get(source)).get("name") == name for each in mappings(container.get("envFrom"))):
        yield Route("envFrom", title, fixed=True)


def _mounted(container: Mapping[str, Any], volumes: set[str]) -> Iterator[Route]:
    for mount in mappings(container.get("volumeMounts")):
        volume = str(mount.get("name"))
        if volume in volumes:
            part = bool(mount.get("subPath") or mount.get("subPathExpr"))
            yield Route(f"volume {volume}" + (" by subPath" if part else ""), str(container.get("name", "")), part)


def _mounts(volume: Mapping[str, Any], kind: str, name: str) -> bool:
    """Return True if a volume holds the object: a Secret's volume, a projection, or a driver's credentials."""
    if kind == "ConfigMap":
        sources = [volume, *mappings(mapping(volume.get("projected")).get("sources"))]
        return any(mapping(each.get("configMap")).get("name") == name for each in sources)
    projected = mappings(mapping(volume.get("projected")).get("sources"))
    if any(mapping(each.get("secret")).get("name") == name for each in projected):
        return True
    for content in map(mapping, volume.values()):
        references = (content.get("secretRef"), content.get("nodePublishSecretRef"))
        if content.get("secretName") == name or any(mapping(each).get("name") == name for each in references):
            return True
    return False


def uses(kind: str, name: str, templates: Iterable[tuple[str, Body]], others: Iterable[tuple[str, Body]]) -> list[Use]:
    """Return the workloads and other objects that use a Secret or a ConfigMap.

    Args:
        kind: Secret or ConfigMap.
        name: of the object.
        templates: kind and body of Pods and of what makes them.
        others: kind and body of ServiceAccounts and Ingresses.

    """
    found: dict[tuple[str, str], dict[str, None]] = {}
    for shown, body in templates:
        who = _maker(body) if shown == "Pod" else (shown, str(body["metadata"]["name"]))
        ways = [_way(each) for each in routes(_pod_spec(shown, body), kind, name)]
        if ways and not (shown == "Pod" and _ended(body)):
            found.setdefault(who, {}).update(dict.fromkeys(ways))
    for shown, body in others if kind == "Secret" else ():
        ways = list(_other_ways(shown, body, name))
        if ways:
            found.setdefault((shown, str(body["metadata"]["name"])), {}).update(dict.fromkeys(ways))
    return [Use(*who, tuple(ways)) for who, ways in sorted(found.items())]


def _way(route: Route) -> str:
    return route.how + (f" of container {route.container}" if route.container else "")


def _other_ways(kind: str, body: Body, name: str) -> Iterator[str]:
    if kind == "Ingress":
        for each in mappings(mapping(body.get("spec")).get("tls")):
            if each.get("secretName") == name:
                hosts = ", ".join(map(str, each.get("hosts") or ())) or "every host"
                yield f"TLS of {hosts}"
        return
    for place in ("secrets", "imagePullSecrets"):
        if any(each.get("name") == name for each in mappings(body.get(place))):
            yield place


def _pod_spec(kind: str, body: Body) -> object:
    spec = mapping(body.get("spec"))
    if kind == "Pod":
        return spec
    if kind == "CronJob":
        spec = mapping(mapping(spec.get("jobTemplate")).get("spec"))
    return mapping(spec.get("template")).get("spec")


def _maker(pod: Body) -> tuple[str, str]:
    """Return what made a Pod; a ReplicaSet's name without its hash is that of its Deployment."""
    owner = controller_of(pod["metadata"])
    if owner is None:
        return "Pod", str(pod["metadata"]["name"])
    suffix = "-" + str((pod["metadata"].get("labels") or {}).get(HASH_LABEL, ""))
    if owner.kind == "ReplicaSet" and len(suffix) > 1 and owner.name.endswith(suffix):
        return "Deployment", owner.name.removesuffix(suffix)
    return owner.kind, owner.name


def stale_pods(kind: str, name: str, pods: Iterable[Body], changed: float | None) -> list[StalePod]:
    """Return the Pods with containers that got the object when they started, and started before it changed.

    Args:
        kind: Secret or ConfigMap.
        name: of the object.
        pods: those of its namespace.
        changed: Unix time of its last change; None if it is unknown.

    """
    found = []
    for pod in pods if changed is not None else ():
        fixed = {each.container for each in routes(pod.get("spec"), kind, name) if each.fixed}
        started = {each: at for each, at in _started(pod).items() if each in fixed and at < (changed or 0.0)}
        if started and not _ended(pod):
            found.append(StalePod(str(pod["metadata"]["name"]), min(started.values()), tuple(sorted(started))))
    return sorted(found, key=lambda each: each.name)


def _started(pod: Body) -> dict[str, float]:
    """Return when the running containers of a Pod started: a restarted container reads its environment again."""
    status = mapping(pod.get("status"))
    found = {}
    for group in ("initContainerStatuses", "containerStatuses", "ephemeralContainerStatuses"):
        for each in mappings(status.get(group)):
            at = parse_rfc3339(mapping(mapping(each.get("state")).get("running")).get("startedAt"))
            if at is not None:
                found[str(each.get("name", ""))] = at.timestamp()
    return found


def _ended(pod: Body) -> bool:
    return mapping(pod.get("status")).get("phase") in ENDED

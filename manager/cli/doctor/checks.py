"""The doctor's checks, each a pure function of what was read."""

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

from manager.chain.cures import cure_of
from manager.chain.diagnosis import condition_of
from manager.chain.paused import CURE, paused_deletes
from manager.cli.crd_plan import Action, Step
from manager.cli.doctor.facts import Facts
from manager.cli.doctor.findings import Area, Checkup, Finding, Severity
from manager.cli.doctor.rights import lacking
from manager.cli.migrate.webhooks import service_of
from manager.core.clock import parse_rfc3339
from manager.kube.resources import Body, key_of

MAX_SKEW_SECONDS = 10.0
MAX_SHOWN_FIELDS = 3
OUR_GROUPS = ("bitnami.com", "external-secrets.io", "generators.external-secrets.io")
OUR_CORE = ("secrets", "configmaps", "events")
PROXY_NAMES = ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy")
INSIDE = (".svc", "kubernetes.default", ".cluster.local", "*")
QUOTAS = ("secrets", "count/secrets", "configmaps", "count/configmaps")


def controllers(facts: Facts) -> Iterator[Finding]:
    """Yield who else writes, and whether anybody does."""
    for module, place in facts.originals.items():
        text = f"the original of {module} runs beside Coffer, which only observes there"
        namespace, _, name = place.partition("/")
        cure = f"`kubectl scale deployment {name} -n {namespace} --replicas=0`; `coffer migrate plan` prints the move"
        yield Finding(Area.CONTROLLERS, Severity.FAULT, f"Deployment {place}", text, cure)
    alive = [each for each in facts.leases if _alive(each, facts)]
    others = [each["metadata"]["namespace"] for each in alive if each["metadata"]["namespace"] != facts.own]
    if len(alive) > 1 and not facts.scope:
        homes = ", ".join(sorted(each["metadata"]["namespace"] for each in alive))
        text = f"{len(alive)} installations of Coffer hold a Lease of their own, in {homes}: both write"
        cure = (
            f"uninstall one, or limit each by modules.scope; `kubectl get leases -A` shows them ({others[0]} is not -n)"
        )
        yield Finding(Area.CONTROLLERS, Severity.FAULT, f"Lease {homes}", text, cure)
    if facts.lease is None or not _alive(facts.lease, facts):
        text = "no replica holds the Lease: nothing is unsealed, refreshed or mirrored"
        cure = f"`kubectl get pods -n {facts.own} -l app.kubernetes.io/name=coffer`, and their logs"
        yield Finding(Area.CONTROLLERS, Severity.FAULT, f"Lease {facts.own}/{facts.lease_name}", text, cure)


def rights(facts: Facts) -> Iterator[Finding]:
    """Yield the rights that Coffer's ServiceAccount lacks."""
    yield from lacking(facts.account, facts.missing_rights)


def crds(facts: Facts) -> Iterator[Finding]:
    """Yield CRDs that are missing, or lack fields that this version reads."""
    for step in facts.crds:
        if step.action is Action.CREATE:
            yield _crd(step, Severity.FAULT, "it is not installed", f"`coffer crds apply {step.name}`")
        elif step.gained:
            kept = all(".status" in each for each in step.gained)
            shown = ", ".join(step.gained[:MAX_SHOWN_FIELDS]) + (" …" if len(step.gained) > MAX_SHOWN_FIELDS else "")
            text = f"it lacks {len(step.gained)} fields, which the API server drops: {shown}"
            refused = f"; it is refused as it is: {step.why}" if step.action is Action.REFUSE else ""
            cure = f"`coffer crds diff {step.name}`, then `coffer crds apply {step.name}`{refused}"
            yield _crd(step, Severity.WARNING if kept else Severity.FAULT, text, cure)


def clocks(facts: Facts) -> Iterator[Finding]:
    """Yield clocks that differ from the API server's: this machine's, and that of the Pod that renews the Lease."""
    cure = "synchronise it by NTP: tokens, signatures of requests and leases depend on it"
    if facts.server_time is not None and abs(facts.server_time - facts.now) > MAX_SKEW_SECONDS:
        text = _skew("this machine's clock", facts.now - facts.server_time)
        yield Finding(Area.CLOCKS, Severity.WARNING, "this machine", text, cure)
    lease = facts.lease
    spec = (lease or {}).get("spec") or {}
    renewed, recorded = parse_rfc3339(spec.get("renewTime")), _recorded(lease)
    if renewed is not None and recorded is not None and abs((renewed - recorded).total_seconds()) > MAX_SKEW_SECONDS:
        text = _skew("the clock of its node", (renewed - recorded).total_seconds())
        holder = spec.get("holderIdentity") or "the leader"
        yield Finding(Area.CLOCKS, Severity.FAULT, f"Pod {holder}", text, cure)


def keys(facts: Facts) -> Iterator[Finding]:
    """Yield whether there is a sealing key."""
    if "sealed" in facts.modules and not facts.keys:
        text = "there is no sealing key, so nothing can be sealed or unsealed"
        cure = f"restore a backup by `coffer keys restore`, or make one by `coffer keys rotate -n {facts.own}`"
        yield Finding(Area.KEYS, Severity.FAULT, f"namespace {facts.own}", text, cure)


def stores(facts: Facts) -> Iterator[Finding]:
    """Yield the stores whose provider does not answer, or refuses the credentials."""
    for resource, body in facts.stores:
        key = key_of(resource, body)
        condition = condition_of(key, body)
        if condition is not None and condition.get("status") == "False":
            message = str(condition.get("message") or "")
            yield Finding(Area.STORES, Severity.FAULT, str(key), message, cure_of(message))


def webhooks(facts: Facts) -> Iterator[Finding]:
    """Yield admission webhooks that refuse Coffer's writes because nothing answers them."""
    for configuration in facts.webhooks:
        for hook in configuration.get("webhooks") or ():
            place = service_of(hook)
            if hook.get("failurePolicy", "Fail") == "Ignore" or not concerns_us(hook) or place is None:
                continue
            if not facts.services.get(place, False):
                about = f"{configuration['kind']} {configuration['metadata']['name']}"
                text = f"{hook.get('name')} refuses every write: Service {'/'.join(place)} has no ready endpoint"
                kind = configuration["kind"].lower()
                cure = f"start what answers it, or `kubectl delete {kind} {configuration['metadata']['name']}`"
                yield Finding(Area.WEBHOOKS, Severity.FAULT, about, text, cure)


def concerns_us(hook: Body) -> bool:
    """Return True if a webhook is asked about objects that Coffer writes."""
    for rule in hook.get("rules") or ():
        groups, names = rule.get("apiGroups") or (), rule.get("resources") or ()
        if any(each in groups for each in ("*", *OUR_GROUPS)) or ("" in groups and {*names} & {"*", "*/*", *OUR_CORE}):
            return True
    return False


def quotas(facts: Facts) -> Iterator[Finding]:
    """Yield namespaces in which a quota lets no further Secret or ConfigMap be created."""
    for body in facts.quotas:
        status = body.get("status") or {}
        hard, used = status.get("hard") or {}, status.get("used") or {}
        for name in QUOTAS:
            if name in hard and _number(used.get(name)) >= _number(hard[name]):
                meta = body["metadata"]
                text = f"{name}: {used.get(name)} of {hard[name]} are used, so that no further one can be created"
                cure = f"raise it: `kubectl edit resourcequota {meta['name']} -n {meta['namespace']}`"
                about = f"ResourceQuota {meta['namespace']}/{meta['name']}"
                yield Finding(Area.QUOTAS, Severity.WARNING, about, text, cure)


def deletes(facts: Facts) -> Iterator[Finding]:
    """Yield what waits because too much was to be deleted at a time."""
    for about, message in paused_deletes(facts.paused, facts.now):
        yield Finding(Area.DELETES, Severity.FAULT, about, f"deletes are paused: {message}", CURE)


def proxies(facts: Facts) -> Iterator[Finding]:
    """Yield Deployments whose proxy takes requests to the API server, too."""
    for body in facts.deployments:
        for container in (((body.get("spec") or {}).get("template") or {}).get("spec") or {}).get("containers") or ():
            given = {each.get("name"): str(each.get("value") or "") for each in container.get("env") or ()}
            excepted = f"{given.get('NO_PROXY', '')},{given.get('no_proxy', '')}"
            if any(given.get(each) for each in PROXY_NAMES) and not any(each in excepted for each in INSIDE):
                meta = body["metadata"]
                text = "a proxy is set, and NO_PROXY names no address inside of the cluster"
                cure = "add .svc,.cluster.local and the API server's address to NO_PROXY (`env` in the chart's values)"
                about = f"Deployment {meta['namespace']}/{meta['name']}"
                yield Finding(Area.PROXIES, Severity.WARNING, about, text, cure)


CHECKS: dict[Area, Callable[[Facts], Iterator[Finding]]] = {
    Area.CONTROLLERS: controllers,
    Area.RIGHTS: rights,
    Area.CRDS: crds,
    Area.CLOCKS: clocks,
    Area.KEYS: keys,
    Area.STORES: stores,
    Area.WEBHOOKS: webhooks,
    Area.QUOTAS: quotas,
    Area.DELETES: deletes,
    Area.PROXIES: proxies,
}


def examined(facts: Facts) -> Checkup:
    """Return the whole report."""
    found = [each for check in CHECKS.values() for each in check(facts)]
    marked = {each.area for each in found} | {area for area, _ in facts.unchecked}
    return Checkup(tuple(found), tuple(each for each in CHECKS if each not in marked), tuple(facts.unchecked))


def _alive(lease: Body, facts: Facts) -> bool:
    """Return True if a Lease was renewed lately. A clock that is wrong is told as such: the API server's counts."""
    spec = lease.get("spec") or {}
    at = _recorded(lease) or parse_rfc3339(spec.get("renewTime"))
    now = facts.server_time if facts.server_time is not None else facts.now
    duration = float(spec.get("leaseDurationSeconds") or 0)
    return bool(spec.get("holderIdentity")) and at is not None and now - at.timestamp() <= duration + 1


def _recorded(lease: Body | None) -> datetime | None:
    """Return when the API server took the last renewal, by its own clock."""
    entries = ((lease or {}).get("metadata") or {}).get("managedFields") or ()
    times = [
        at
        for each in entries
        if "f:renewTime" in ((each.get("fieldsV1") or {}).get("f:spec") or {})
        and (at := parse_rfc3339(each.get("time"))) is not None
    ]
    return max(times, default=None)


def _skew(whose: str, seconds: float) -> str:
    return f"{whose} is {abs(seconds):.0f} s {'ahead of' if seconds > 0 else 'behind'} the API server's"


def _crd(step: Step, severity: Severity, text: str, cure: str) -> Finding:
    return Finding(Area.CRDS, severity, f"CustomResourceDefinition {step.name}", text, cure)


def _number(text: Any) -> float:
    """Return a count of objects as a quota writes it; zero for what is none."""
    shown = str(text or "0")
    factor = {"k": 1e3, "M": 1e6}.get(shown[-1:], 1.0)
    digits = shown.rstrip("kM")
    return float(digits) * factor if digits.isdecimal() else 0.0

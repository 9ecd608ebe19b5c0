"""Which admission webhooks refuse writes once an original is gone. Pure."""

from collections.abc import Collection, Iterable, Iterator

from manager.cli.migrate.hazards import Hazard, Kind
from manager.cli.migrate.originals import ORIGINALS, module_of
from manager.kube.resources import Body

Place = tuple[str, str]
"""Namespace and name of a Service."""


def webhook_module(configuration: Body) -> str:
    """Return the module whose original answers a webhook configuration; empty for none.

    By its labels, or because a webhook for one group of an original alone leads to a Service.
    """
    by_labels = module_of(configuration["metadata"])
    if by_labels:
        return by_labels
    for original in ORIGINALS.values():
        if any(_only(each, original.groups) and service_of(each) for each in configuration.get("webhooks") or ()):
            return original.module
    return ""


def is_of_original(configuration: Body, services: Collection[Place]) -> bool:
    """Return True if a webhook configuration is an original's, by its labels or because its Services are.

    A policy of the cluster's administrators may watch the same kinds alone.
    """
    hooks = configuration.get("webhooks") or ()
    return bool(module_of(configuration["metadata"])) or bool(
        hooks and all(service_of(each) in services for each in hooks)
    )


def service_of(webhook: Body) -> Place | None:
    """Return the Service that answers a webhook; None if a URL does."""
    service = (webhook.get("clientConfig") or {}).get("service")
    return (str(service.get("namespace", "")), str(service.get("name", ""))) if isinstance(service, dict) else None


def webhook_hazards(
    configurations: Iterable[Body], services: Collection[Place], running: Collection[str]
) -> Iterator[Hazard]:
    """Yield the webhook configurations of originals.

    Args:
        configurations: ValidatingWebhookConfigurations and mutating ones.
        services: those that exist.
        running: the modules whose original runs.

    """
    for each in configurations:
        module = webhook_module(each)
        refusing = [hook for hook in each.get("webhooks") or () if hook.get("failurePolicy", "Fail") != "Ignore"]
        if not module or not refusing:
            continue
        kinds = sorted({name for hook in refusing for rule in hook.get("rules") or () for name in rule["resources"]})
        answered = module in running and all(service_of(hook) in services for hook in refusing)
        when = "once its Service stops answering" if answered else "now: nothing answers it"
        about = f"{each['kind']} {each['metadata']['name']}"
        text = f"it refuses every change of {', '.join(kinds)} {when}"
        cure = "delete it, as the plan does" if is_of_original(each, services) else "delete it if it is the original's"
        yield Hazard(Kind.WEBHOOK, module, about, text, cure, blocks=not answered)


def _only(webhook: Body, groups: tuple[str, ...]) -> bool:
    rules = webhook.get("rules") or ()
    return bool(rules) and all(set(each.get("apiGroups") or ("",)) <= set(groups) for each in rules)

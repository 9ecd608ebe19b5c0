"""How values of the originals' charts become values of ours. Pure; a text of an error quotes no value."""

from collections.abc import Mapping
from typing import Any

from manager.cli.migrate.chart_values.rules import NoCounterpart, Several, Values
from manager.core.documents import Unreadable, read_yaml
from manager.core.durations import parse_duration
from manager.settings.forms import LOG_LEVELS

LEVELS = LOG_LEVELS | {"warn": "WARNING", "dpanic": "ERROR", "panic": "ERROR"}
"""The originals' names of log levels, and ours."""
EVERY_HOST = "sealed-secrets.local"
"""The host name that sealed-secrets' chart gives its Ingress by default."""


def log_level(value: Any, _values: Values) -> str:
    """Return our name of a log level."""
    level = LEVELS.get(str(value).lower())
    if level is None:
        raise NoCounterpart("this log level has no counterpart: DEBUG, INFO, WARNING or ERROR")
    return level


def seconds(value: Any, _values: Values) -> int | float:
    """Return a Go duration in seconds."""
    try:
        found = parse_duration(str(value))
    except ValueError:
        raise NoCounterpart("it is not a duration such as 5m") from None
    return int(found) if found == int(found) else found


def number(value: Any, _values: Values) -> int:
    """Return a whole number that may be written as a text."""
    try:
        return int(value)
    except (TypeError, ValueError):
        raise NoCounterpart("it is not a whole number") from None


def pairs(value: Any, _values: Values) -> list[str]:
    """Return a mapping of texts as `key=value`."""
    if not isinstance(value, Mapping):
        raise NoCounterpart("it is not a mapping")
    return [f"{key}={each}" for key, each in value.items()]


def names(value: Any, _values: Values) -> list[Any]:
    """Return references to Secrets from their names."""
    return [{"name": each} if isinstance(each, str) else each for each in _list(value)]


def in_a_list(value: Any, _values: Values) -> list[Any]:
    """Return a list of one entry."""
    return [value]


def one_port(value: Any, values: Values) -> list[int]:
    """Return a list of one port."""
    return [number(value, values)]


def peers_in_cidr(value: Any, _values: Values) -> list[Any]:
    """Return the peers of a NetworkPolicy in one network."""
    return [{"ipBlock": {"cidr": value}}]


def arguments(value: Any, _values: Values) -> list[str]:
    """Return command-line arguments, each flag with its value in one text: our chart takes nothing else."""
    found: list[str] = []
    for each in map(str, _list(value)):
        if each.startswith("-"):
            found.append(each)
        elif found and "=" not in found[-1]:
            found[-1] += f"={each}"
        elif each != "controller":  # the original's program may be named first
            raise NoCounterpart("only flags have a counterpart: extraArgs")
    return found


def subjects(value: Any, _values: Values) -> Any:
    """Return the subjects of a binding, which sealed-secrets' chart wants as a text."""
    if not isinstance(value, str):
        return value
    try:
        return _list(read_yaml(value))
    except Unreadable:
        raise NoCounterpart("it is not YAML; a template in it must be written out") from None


def host_names(value: Any, _values: Values) -> list[str]:
    """Return the names of an Ingress's further hosts."""
    found = [each.get("name") if isinstance(each, Mapping) else each for each in _list(value)]
    if not all(isinstance(each, str) for each in found):
        raise NoCounterpart("a host has no name")
    return [str(each) for each in found]


def ingress_tls(value: Any, values: Values) -> list[Any]:
    """Return the TLS section that sealed-secrets' chart makes from its host name."""
    if value is not True:
        raise NoCounterpart("it is neither true nor false")
    host = _at(values, "ingress", "hostname") or EVERY_HOST
    return [{"hosts": [host], "secretName": f"{host}-tls"}]


def honoring(value: Any, values: Values) -> Several:
    """Return what `serviceMonitor.enabled` gives in sealed-secrets' chart, which keeps labels by default."""
    kept = _at(values, "metrics", "serviceMonitor", "honorLabels")
    labels = {"metrics.serviceMonitor.honorLabels": True} if kept in (None, True) else {}
    return Several({"metrics.serviceMonitor.enabled": value} | labels)


def generic_targets(value: Any, _values: Values) -> Several:
    """Return what `genericTargets.enabled` gives: the switch, and rights to ConfigMaps."""
    rights = {"rbac.genericTargets": [{"apiGroups": [""], "resources": ["configmaps"]}]} if value else {}
    return Several({"settings.external.generic_targets": bool(value)} | rights)


def target_rights(value: Any, _values: Values) -> list[Any]:
    """Return rights to the kinds of targets, without verbs: Coffer gets those that it needs."""
    found = []
    for each in _list(value):
        if not isinstance(each, Mapping) or not isinstance(each.get("resources"), list):
            raise NoCounterpart("an entry lacks resources")
        found.append({"apiGroups": [str(each.get("apiGroup", ""))], "resources": each["resources"]})
    return found


def truth(value: Any, _values: Values) -> bool:
    """Return a switch of an argument, which may be a text, or nothing where the flag is named alone."""
    if value in (None, "", True, "true", "True", "1", 1):
        return True
    if value in (False, "false", "False", "0", 0):
        return False
    raise NoCounterpart("it is neither true nor false")


def _list(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise NoCounterpart("it is not a list")
    return value


def _at(values: Any, *path: str) -> Any:
    for name in path:
        values = values.get(name) if isinstance(values, Mapping) else None
    return values

"""Every setting of the process: read once from flags, environment and file, then passed down frozen.

Order, first wins: flag `--sealed-key-prefix`, variable `COFFER_SEALED_KEY_PREFIX`, the variable that the replaced
system used, file (`sealed: {key_prefix: …}`), default.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass, replace
from ipaddress import ip_network
from pathlib import Path
from types import MappingProxyType
from typing import Any, get_type_hints

from manager.access.explanations import file_fault
from manager.core.documents import read_yaml
from manager.core.errors import SettingsError
from manager.core.field_docs import field_docs
from manager.core.suggestions import nearest
from manager.settings.forms import BOOLEANS, CHOICES, LOG_LEVELS, NETWORKS, listen_address
from manager.settings.model import NONE, REFLECTOR, Settings
from manager.settings.predecessors import SEALED_SECRETS, aliases, variable


def _of_the_originals(section: str, name: str) -> tuple[str, ...]:
    reflector = REFLECTOR.get((section, name))
    return (*map(variable, aliases(section, name)), *((f"ES_{reflector}", reflector) if reflector else ()))


ORIGINAL_VARIABLES: Mapping[tuple[str, str], tuple[str, ...]] = MappingProxyType(
    {setting: _of_the_originals(*setting) for setting in (*SEALED_SECRETS.values(), *REFLECTOR)}
)

"""Our variables, and those of kubernetes-reflector."""


NAMESPACE = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")

POSITIVE = (
    ("process", "request_timeout"),
    ("process", "sweep_interval"),
    ("sealed", "concurrency"),
    ("external", "store_requeue_interval"),
    ("external", "concurrency"),
    ("external", "provider_threads"),
    ("external", "provider_timeout"),
    ("reflector", "concurrency"),
)

"""Settings that must not be 0: it would cause a loop without a pause, or a module without work."""


def option_names() -> list[tuple[str, str, type, str]]:
    """Return (section, field, type, help) of every setting, for the command line."""
    sections: list[tuple[str, type]] = list(get_type_hints(Settings).items())
    return [
        (section, name, kind, documentation(settings)[name])
        for section, settings in sections
        for name, kind in get_type_hints(settings).items()
    ]


def settings_file(path: str | None) -> object:
    """Return the content of a settings file, None without one. Raises SettingsError."""
    if not path:
        return None
    try:
        return read_yaml(Path(path).read_text())
    except (OSError, ValueError) as error:
        raise SettingsError(f"--config {path}: {file_fault(error)}") from None


def load(flags: Mapping[str, Any], environ: Mapping[str, str] = NONE, document: object = None) -> Settings:
    """Combine the three sources.

    Args:
        flags: `section_field` to value; None means not given.
        environ: the process environment.
        document: the parsed settings file.

    Raises:
        SettingsError: names the entry and says what it should be.

    """
    if document is not None and not isinstance(document, dict):
        raise SettingsError("the settings file must be a mapping of sections")
    settings = Settings()
    for section in fields(Settings):
        part = (document or {}).get(section.name) or {}
        if not isinstance(part, dict):
            raise SettingsError(f"{section.name} in the settings file must be a mapping")
        values = _section(section.name, getattr(settings, section.name), flags, environ, part)
        settings = replace(settings, **{section.name: values})
    sections = {section.name for section in fields(Settings)}
    for name in sorted(map(str, set(document or {}) - sections)):
        raise SettingsError(f"unknown section in the settings file: {name}{nearest(name, sections)}")
    return validated(settings)


def validated(settings: Settings) -> Settings:
    """Return the settings if they make sense together. Raises SettingsError."""
    lease = settings.lease
    _require_scope(settings)
    _require_forms(settings)
    _require_networks(settings)
    checks = (
        (lease.retry < lease.renew_deadline < lease.duration, "lease: retry < renew_deadline < duration must hold"),
        (lease.retry > 0, "lease.retry must be positive"),
        (settings.sealed.rate_limit >= 0, "sealed.rate_limit must not be negative"),
        (settings.sealed.rate_limit_burst >= 0, "sealed.rate_limit_burst must not be negative"),
        (settings.sealed.key_size >= 2048, "sealed.key_size must be at least 2048"),
        (settings.sealed.threads >= 0, "sealed.threads must not be negative"),
        (settings.modules.deletes_per_minute >= 0, "modules.deletes_per_minute must not be negative"),
        (settings.reflector.absent_source_grace >= 0, "reflector.absent_source_grace must not be negative"),
        (settings.process.log_level.lower() in LOG_LEVELS, "process.log_level: DEBUG, INFO, WARNING, ERROR"),
        (
            bool(settings.process.metrics_cert_file) == bool(settings.process.metrics_key_file),
            "process.metrics_cert_file and process.metrics_key_file: set both",
        ),
        (
            bool(settings.process.metrics_cert_file) or not settings.process.metrics_authorization,
            "process.metrics_authorization: needs process.metrics_cert_file, or tokens arrive in the clear",
        ),
        *((getattr(getattr(settings, part), name) > 0, f"{part}.{name} must be positive") for part, name in POSITIVE),
    )
    for holds, message in checks:
        if not holds:
            raise SettingsError(message)
    level = LOG_LEVELS[settings.process.log_level.lower()]
    return replace(settings, process=replace(settings.process, log_level=level))


def _require_forms(settings: Settings) -> None:
    """Raise SettingsError if a text has not the form that its setting needs."""
    for (section, name), words in CHOICES.items():
        if getattr(getattr(settings, section), name) not in words:
            raise SettingsError(f"{section}.{name}: {', '.join(words[:-1])} or {words[-1]}")
    for name in ("listen", "listen_metrics"):
        try:
            listen_address(getattr(settings.process, name))
        except ValueError as error:
            raise SettingsError(f"process.{name}: {error}") from None


def _require_scope(settings: Settings) -> None:
    """Raise SettingsError if a setting needs more than the namespaces of `modules.scope`."""
    scope, sealed = settings.modules.scope, settings.sealed
    if not scope:
        return
    odd = [each for each in scope if NAMESPACE.fullmatch(each) is None]
    if odd:
        raise SettingsError(f"modules.scope: {odd[0]!r} is not the name of a namespace; patterns are not supported")
    beyond = sorted(set(sealed.additional_namespaces) - set(scope))
    if settings.modules.sealed and beyond:
        raise SettingsError(f"sealed.additional_namespaces: {beyond[0]} is not in modules.scope; add it there too")
    reviewing = {
        "sealed.require_token": settings.modules.sealed and sealed.require_token,
        "process.metrics_authorization": settings.process.metrics_authorization,
        "process.status_page": settings.process.status_page,
    }
    for name in (each for each, on in reviewing.items() if on):
        text = "tokens are reviewed for the whole cluster, for which modules.scope leaves no rights; unset one of them"
        raise SettingsError(f"{name}: {text}")


def _require_networks(settings: Settings) -> None:
    """Raise SettingsError if an entry is no network: it would fail every object of a module, and none would say why."""
    for section, name in NETWORKS:
        for each in getattr(getattr(settings, section), name):
            try:
                ip_network(each, strict=False)
            except ValueError:
                raise SettingsError(f"{section}.{name}: {each!r} is not a network like 10.0.0.0/24") from None


def _section(
    name: str, defaults: Any, flags: Mapping[str, Any], environ: Mapping[str, str], part: Mapping[Any, Any]
) -> Any:
    values = {}
    hints = get_type_hints(type(defaults))
    for each, kind in hints.items():
        variables = (f"COFFER_{name}_{each}".upper(), *ORIGINAL_VARIABLES.get((name, each), ()))
        given = [(f"--{name}-{each}".replace("_", "-"), flags.get(f"{name}_{each}"))]
        given += [(variable, environ[variable] or None) for variable in variables if variable in environ]
        given += [(f"{name}.{each}", part.get(each))]
        source, value = next(((source, value) for source, value in given if value is not None), ("", None))
        if source:
            values[each] = _convert(source, value, kind)
    for wrong in sorted(map(str, set(part) - set(hints))):
        raise SettingsError(f"unknown setting in the settings file: {name}.{wrong}{nearest(wrong, hints)}")
    return replace(defaults, **values)


_CONVERT: Mapping[object, Callable[[Any], Any]] = {
    bool: lambda value: value if isinstance(value, bool) else BOOLEANS[str(value).lower()],
    int: lambda value: int(str(value)),
    float: lambda value: float(str(value)),
    str: str,
}


def _convert(source: str, value: Any, kind: Any) -> Any:
    try:
        if kind in _CONVERT:
            return _CONVERT[kind](value)
        items = value.split(",") if isinstance(value, str) else value
        return tuple(str(item).strip() for item in items if str(item).strip())
    except (KeyError, ValueError, TypeError) as error:
        raise SettingsError(f"{source}: cannot be read as {kind.__name__ if kind in _CONVERT else 'a list'}") from error


def documentation(section: type) -> Mapping[str, str]:
    """Return the docstring under each field of a settings class."""
    if not is_dataclass(section):
        raise TypeError(f"{section} is not a settings class")
    return field_docs(section)

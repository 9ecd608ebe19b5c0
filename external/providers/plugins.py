"""Provider plug-ins: declarations that other Python packages bring through entry points."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from importlib.metadata import EntryPoint, entry_points

import structlog

from external.api.fields import Model
from external.api.store import ORIGINAL_PROVIDERS
from external.providers.catalogue import Catalogue
from external.providers.kind import ProviderKind
from external.providers.registry import KINDS

GROUP = "coffer.providers"
"""Group of entry points; the name of an entry is the provider's field in `spec.provider`, its value a ProviderKind."""
NAME = re.compile(r"[a-z][A-Za-z0-9]{0,62}")

log = structlog.get_logger(__name__)


class PluginRefused(Exception):
    """A plug-in cannot be used; the text says why and what helps."""


def with_plugins(names: Sequence[str], found: Iterable[EntryPoint] | None = None) -> Catalogue:
    """Return the built-in providers and the plug-ins of these names.

    A plug-in that cannot be used is logged, and its stores say why; the others are served.

    Args:
        names: that an administrator has switched on; nothing else is loaded.
        found: entry points of the group; None for those that are installed.
    """
    if not names:
        return Catalogue(KINDS)
    installed = {each.name: each for each in (entry_points(group=GROUP) if found is None else found)}
    kinds, failures = list(KINDS), dict[str, str]()
    for name in dict.fromkeys(names):
        try:
            kinds.append(_loaded(name, installed, kinds))
        except PluginRefused as error:
            failures[name] = str(error)
            log.error("provider plug-in not loaded", plugin=name, error=str(error))
    return Catalogue(kinds, failures)


def _loaded(name: str, installed: Mapping[str, EntryPoint], known: Sequence[ProviderKind]) -> ProviderKind:
    """Return a plug-in's declaration. Raises PluginRefused."""
    if name in ORIGINAL_PROVIDERS:
        raise PluginRefused("it has the name of a provider of external-secrets, which a plug-in cannot replace")
    if not NAME.fullmatch(name):
        raise PluginRefused("the name of a field has a small letter first, then letters and digits only")
    if name not in installed:
        others = ", ".join(sorted(set(installed) - ORIGINAL_PROVIDERS)) or "none"
        raise PluginRefused(f"no installed package has this entry point of the group {GROUP}; installed: {others}")
    kind = _imported(installed[name].load)
    _require_fits(name, kind, known)
    return kind


def _imported(load: Callable[[], object]) -> ProviderKind:
    try:
        kind = load()
    except ModuleNotFoundError as error:
        raise PluginRefused(f"the module {error.name} is missing") from None
    except Exception as error:  # a package of somebody else may raise anything, and its text may quote anything
        raise PluginRefused(f"it raised {type(error).__name__} when it was imported") from None
    if not isinstance(kind, ProviderKind):
        raise PluginRefused(f"its entry point is a {type(kind).__name__}, not a ProviderKind")
    return kind


def _require_fits(name: str, kind: ProviderKind, known: Sequence[ProviderKind]) -> None:
    """Raise PluginRefused for a declaration that stands in the way of others, or that no store could use."""
    if kind.name != name:
        raise PluginRefused(f"its declaration has the name {kind.name}, its entry point {name}; both are the same")
    if not (isinstance(kind.model, type) and issubclass(kind.model, Model)):
        raise PluginRefused("its model is not a subclass of external.api.fields.Model")
    taken = {service.label for each in known for service in each.services.values()}
    labels = [service.label for service in kind.services.values()]
    if not labels or taken.intersection(labels):
        raise PluginRefused("it has no service, or the metric label of another provider")

"""Select the SealedSecrets that this release unseals, by namespace and label. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass

from manager.core.errors import SettingsError
from manager.kube.selectors import Requirement, SelectorError, parse_selector
from manager.settings.model import SealedSettings


@dataclass(frozen=True, slots=True)
class Selection:
    """The namespaces and labels of the SealedSecrets to unseal."""

    namespaces: frozenset[str] | None = None
    """None: all."""
    labels: tuple[Requirement, ...] = ()

    def includes(self, namespace: str, labels: Mapping[str, str]) -> bool:
        """Return True if this release unseals a SealedSecret."""
        if self.namespaces is not None and namespace not in self.namespaces:
            return False
        return all(each.holds(labels) for each in self.labels)


def selection_of(settings: SealedSettings, own: str, scope: frozenset[str] | None = None) -> Selection:
    """Read the selection; additional namespaces restrict it to the named ones, as in the original.

    Args:
        settings: those of the module.
        own: Coffer's own namespace.
        scope: the namespaces of the installation; None: the whole cluster.

    Raises:
        SettingsError: the label selector is malformed, or no namespace is left.

    """
    everywhere = settings.all_namespaces and not settings.additional_namespaces
    namespaces = scope if everywhere else frozenset({own, *settings.additional_namespaces})
    if namespaces is not None and scope is not None:
        namespaces &= scope
        if not namespaces:
            text = f"only SealedSecrets of Coffer's own namespace {own} are meant, and it is not in modules.scope"
            raise SettingsError(f"sealed.all_namespaces: {text}")
    try:
        labels = parse_selector(settings.label_selector) if settings.label_selector else ()
    except SelectorError as error:
        raise SettingsError(f"sealed.label_selector: {error}") from error
    return Selection(namespaces, labels)

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


def selection_of(settings: SealedSettings, own: str) -> Selection:
    """Read the selection; additional namespaces restrict it to the named ones, as in the original.

    Raises:
        SettingsError: the label selector is malformed.

    """
    everywhere = settings.all_namespaces and not settings.additional_namespaces
    try:
        labels = parse_selector(settings.label_selector) if settings.label_selector else ()
    except SelectorError as error:
        raise SettingsError(f"sealed.label_selector: {error}") from error
    return Selection(None if everywhere else frozenset({own, *settings.additional_namespaces}), labels)

"""What the doctor finds."""

from dataclasses import dataclass
from enum import StrEnum


class Area(StrEnum):
    """What a check is about; in the order of the report."""

    CONTROLLERS = "controllers"
    RIGHTS = "rights"
    CRDS = "crds"
    CLOCKS = "clocks"
    KEYS = "keys"
    STORES = "stores"
    WEBHOOKS = "webhooks"
    QUOTAS = "quotas"
    DELETES = "deletes"
    PROXIES = "proxies"


class Severity(StrEnum):
    """How bad it is."""

    FAULT = "fault"
    WARNING = "warning"


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong."""

    area: Area
    severity: Severity
    about: str
    """The object, as people write it."""
    problem: str
    cure: str


@dataclass(frozen=True)
class Checkup:
    """The whole report."""

    findings: tuple[Finding, ...]
    passed: tuple[Area, ...]
    """Checked without a finding."""
    unchecked: tuple[tuple[Area, str], ...]
    """What was not checked, and why."""

    @property
    def healthy(self) -> bool:
        """Whether nothing needs a person."""
        return not any(each.severity is Severity.FAULT for each in self.findings)

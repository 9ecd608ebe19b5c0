"""Inputs, outputs and limits of a render."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from manager.core.secret_value import SecretValue

SHOWN_ERROR_CHARACTERS: Final = 2048  # a condition's message may have 32,768, an Event's 1,024
SHOWN_NAME_CHARACTERS: Final = 64


class Profile(StrEnum):
    """The original whose functions and treatment of missing keys a template gets."""

    ESO = "eso"
    SEALED = "sealed"


class Missing(StrEnum):
    """What `{{ .absent }}` does: Go's missingkey option."""

    ERROR = "error"
    DEFAULT = ""
    """Prints `<no value>`."""
    ZERO = "zero"


@dataclass(frozen=True)
class Template:
    """One template, and everything that its compilation depends on."""

    profile: Profile
    source: str
    name: str
    """Its name in errors: the key; in external-secrets' KeysAndValues scope the whole source."""
    missing: Missing
    delimiters: tuple[str, str] = ("{{", "}}")
    timezone: str = "UTC"
    """IANA name of the time zone that Go calls Local."""

    @property
    def label(self) -> str:
        """Its name in errors of our own."""
        line = self.name.partition("\n")[0]
        return line if len(line) <= SHOWN_NAME_CHARACTERS else f"{line[:SHOWN_NAME_CHARACTERS]}…"

    @classmethod
    def eso(cls, name: str, source: str, delimiters: tuple[str, str] = ("{{", "}}")) -> "Template":
        """Return a template of an ExternalSecret's target (external-secrets runtime/template/v2)."""
        return cls(Profile.ESO, source, name, Missing.ERROR, delimiters)

    @classmethod
    def eso_lenient(cls, name: str, source: str) -> "Template":
        """Return a rewrite (`transform`, `t`) or webhook template: same functions, a missing key prints <no value>."""
        return cls(Profile.ESO, source, name, Missing.DEFAULT)

    @classmethod
    def sealed(cls, name: str, source: str) -> "Template":
        """Return a template of a SealedSecret's spec.template.data (sealed-secrets sealedsecret_expansion.go)."""
        return cls(Profile.SEALED, source, name, Missing.DEFAULT)


@dataclass(frozen=True)
class Rendered:
    """The output of one render."""

    value: SecretValue
    random: bool
    """Whether the next render may differ although nothing changed (`now`, `genCA`): compare inputs, not outputs."""


@dataclass(frozen=True)
class RenderedMap:
    """The output of one render, read as a YAML map of texts."""

    values: dict[str, SecretValue] = field(default_factory=dict)
    random: bool = False


@dataclass(frozen=True)
class Limits:
    """Limits of one render, and how many may run at a time."""

    source_bytes: int = 1 << 20
    """Of a template; a Secret holds no more."""
    output_bytes: int = 1 << 20
    """Of one render."""
    memory_bytes: int = 60 << 20
    """Of one instance. Go's heap needs 9 MiB of it at the start."""
    usual_bytes: int = 24 << 20
    """Of an instance beside others. A render that needs more is begun once more with all of `memory_bytes`, one at a
    time: three renders take 108 MiB together at most, and not 180."""
    stack_bytes: int = 1 << 20
    """Of one instance: more lets a template nest deeper, up to Go's own limit, and needs threads with that much."""
    deadline_seconds: float = 2.0
    """Of one render."""
    workers: int = 2
    """Renders at the same time, over all tenants."""
    slow_workers: int = 1
    """More of them, for those that have been running for a tenth of a second: the others go on in their place."""
    idle_instances: int = 2
    """Kept for their tenants with what they have compiled, 11 MiB each; further tenants wait 4 ms for a new one."""

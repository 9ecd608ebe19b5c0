"""What a provider of secrets is: one small class, blocking, whose errors say what the caller must do."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from manager.errors import CofferError
from manager.plain import Plain


class ProviderError(CofferError):
    """A provider did not give the value. The text names code and place, never a value or a request id."""


class SecretAbsent(ProviderError):
    """Proven: the provider says that there is no such secret. Nothing else may count as absent (reliability.md D6)."""


class ProviderDenied(ProviderError):
    """The identity may not read it, or is not accepted: only a person can help."""


class ProviderUnavailable(ProviderError):
    """No answer, throttled, or an answer that is the provider's fault: worth trying again."""


@dataclass(frozen=True, slots=True)
class Want:
    """What to read: one whole secret, or what is told of it."""

    key: str
    version: str = ""
    metadata: bool = False
    """True: its tags as a JSON object instead of its value."""


class Client(Protocol):
    """An open connection to one provider under one identity; its methods block and are called in threads."""

    capabilities: str
    """ReadOnly, WriteOnly or ReadWrite, as `status.capabilities` shows."""
    batch: int
    """How many secrets `read` takes at most; more than one where a single call of the provider can answer them."""

    def read(self, wants: Sequence[Want]) -> Mapping[Want, Plain | ProviderError]:
        """Return every secret, or the error in its place. Raises ProviderError where it concerns all."""
        ...

    def validate(self) -> None:
        """Find out whether the credentials can be used. Raises ProviderError."""
        ...


CountCall = Callable[[str, str, str], None]
"""(provider, call, status): one finished call of the SDK; the label values are the original's (providers 1.10)."""

Credentials = Mapping[str, Plain]
"""Field name of the reference -> the value of the Secret's key."""

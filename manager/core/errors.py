"""Every error that Coffer raises on purpose, named by what the caller must do.

CofferError
├── SettingsError
│   └── AccessError
├── NotLeader
├── ReconcileError
│   ├── NeedsHuman
│   ├── WaitFor
│   └── Retry
├── TemplateError
│   ├── TemplateInvalid
│   ├── TemplateLimit
│   ├── TemplateDelayed
│   └── SandboxUnavailable
└── ApiError
    ├── NotFound
    ├── AlreadyExists
    ├── Conflict
    ├── Forbidden
    │   └── Denied
    ├── Gone
    ├── Invalid
    ├── Unusable
    └── Unreachable

`str(error)` carries codes and places, never a value of a Secret: it is safe for an Event by construction.
Tests compare this drawing with the classes.
"""

from typing import Final


class CofferError(Exception):
    """Anything Coffer raises on purpose."""


class SettingsError(CofferError):
    """A flag, variable or file entry cannot be used; the process does not start."""


class AccessError(SettingsError):
    """The way to an API server cannot be found or gone: a kubeconfig, flag, plug-in, proxy or certificate is unfit."""


class NotLeader(CofferError):
    """A write was asked of a replica whose lease is no longer certain; the write was not sent."""


class ReconcileError(CofferError):
    """One object cannot be brought to its desired state now.

    Args:
        reason: CamelCase word for the condition and the Event, from the module's closed list.
        message: what is wrong, at which field, and the cure; no values.
        event: reason of the Event where the contract names another word than the condition's.
    """

    def __init__(self, reason: str, message: str, *, event: str = "") -> None:
        super().__init__(message)
        self.reason: Final = reason
        self.message: Final = message
        self.event: Final = event or reason


class NeedsHuman(ReconcileError):
    """Only a change of the object, or of something it depends on, can help: no timed retry."""


class WaitFor(ReconcileError):
    """Something known will be there after `delay` seconds."""

    def __init__(self, reason: str, message: str, *, delay: float, event: str = "") -> None:
        super().__init__(reason, message, event=event)
        self.delay: Final = delay


class Retry(ReconcileError):
    """Try again with growing back-off, for ever (DESIGN.md 4a, 8)."""


class TemplateError(CofferError):
    """A Go template was not rendered; nothing of it was written anywhere."""


class TemplateInvalid(TemplateError):
    """The template, or what it makes of this data, must change: only a human can help.

    Args:
        stage: `parse`, `execute`, or `read` when the output is not the map that its scope asks for.
        message: the engine's own words, with every value of the data taken out.
    """

    def __init__(self, stage: str, message: str) -> None:
        super().__init__(message)
        self.stage: Final = stage


class TemplateLimit(TemplateError):
    """The render was ended because it reached a limit; other renders did not notice.

    Args:
        limit: `source`, `output`, `memory`, `depth` or `deadline`.
        message: the limit, its size, and the cure.
    """

    def __init__(self, limit: str, message: str) -> None:
        super().__init__(message)
        self.limit: Final = limit


class TemplateDelayed(TemplateError):
    """The sandbox is being compiled, or is busy with others: try again soon, nothing is wrong with the template."""


class SandboxUnavailable(TemplateError):
    """The compiled sandbox is missing or does not run here: no template can be rendered until that is cured."""


class ApiError(CofferError):
    """The API server refused or could not be asked.

    Args:
        status: HTTP status, 0 when there was no answer.
        reason: the `reason` word of the Status object, or the exception's class name.
        place: verb and object, such as `patch secrets ns/name`.
        detail: causes without values: field paths and types from `details.causes`.
        after: seconds that the server asked to be left alone, 0 where it did not ask.
    """

    def __init__(self, status: int, reason: str, place: str, detail: str = "", *, after: float = 0.0) -> None:
        super().__init__(f"{place}: {reason or status}" + (f" ({detail})" if detail else ""))
        self.status: Final = status
        self.reason: Final = reason
        self.place: Final = place
        self.detail: Final = detail
        self.after: Final = after


class NotFound(ApiError):
    """404: proven absent."""


class AlreadyExists(ApiError):
    """409 on create: somebody was first."""


class Conflict(ApiError):
    """409 on update or delete: the object moved since it was read; read again."""


class Forbidden(ApiError):
    """401 or 403: RBAC, a terminating namespace or a quota."""


class Denied(Forbidden):
    """An admission policy, a webhook or a quota refuses it: nobody tells when that is mended, so try again."""


class Gone(ApiError):
    """410: a continue token or a resourceVersion has expired; list again."""


class Invalid(ApiError):
    """400, 413 or 422: the API server will not take this object however often it is sent."""


class Unusable(ApiError):
    """The object was sent and is beyond what is taken in: only a change of it can help."""


class Unreachable(ApiError):
    """No answer, 429 or 5xx: the API server may have acted or not."""

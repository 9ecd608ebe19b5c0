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

`str(error)` holds codes and places, never a value of a Secret, so it may go into an Event.
A test compares this tree with the classes.
"""

from typing import Final, Self


class CofferError(Exception):
    """The base of all errors that Coffer raises on purpose."""

    def alone(self) -> Self:
        """Return this error without traceback and cause: for an error that is kept.

        A traceback holds the frames of the functions that the error has left, and these hold the objects that they
        worked on. If a variable of such a function keeps the error, only a full collection of garbage frees them: that
        is megabytes for each failed pass over a large object.
        """
        self.__traceback__ = self.__cause__ = self.__context__ = None
        return self


class SettingsError(CofferError):
    """A flag, variable or file entry is not usable; the process does not start."""


class AccessError(SettingsError):
    """An API server cannot be reached: a kubeconfig, flag, plug-in, proxy or certificate is not usable."""


class NotLeader(CofferError):
    """This replica's lease is not certain any more; the write was not sent."""


class ReconcileError(CofferError):
    """An object cannot be brought to its desired state now.

    Args:
        reason: CamelCase word for the condition and the Event, from the module's closed list.
        message: what is wrong, at which field, and what to do; no values.
        event: reason of the Event, if the original's differs from that of the condition.
    """

    def __init__(self, reason: str, message: str, *, event: str = "") -> None:
        super().__init__(message)
        self.reason: Final = reason
        self.message: Final = message
        self.event: Final = event or reason


class NeedsHuman(ReconcileError):
    """Only a change of the object, or of one that it depends on, can help; not retried by time."""


class WaitFor(ReconcileError):
    """Retry after `delay` seconds, when a known cause is over."""

    def __init__(self, reason: str, message: str, *, delay: float, event: str = "") -> None:
        super().__init__(reason, message, event=event)
        self.delay: Final = delay


class Retry(ReconcileError):
    """Retry with growing back-off, without end: the cause is over at an unknown time."""


class TemplateError(CofferError):
    """A Go template was not rendered, and nothing of it was written."""


class TemplateInvalid(TemplateError):
    """The template, or its result with this data, must change.

    Args:
        stage: `parse`, `execute`, or `read` when the output is not the map that its scope asks for.
        message: the engine's text, without any value of the data.
    """

    def __init__(self, stage: str, message: str) -> None:
        super().__init__(message)
        self.stage: Final = stage


class TemplateLimit(TemplateError):
    """The render was stopped because it reached a limit; other renders are not affected.

    Args:
        limit: `source`, `output`, `memory`, `depth` or `deadline`.
        message: the limit, its size, and what to do.
    """

    def __init__(self, limit: str, message: str) -> None:
        super().__init__(message)
        self.limit: Final = limit


class TemplateDelayed(TemplateError):
    """The sandbox is being compiled or is busy: retry soon, the template is not at fault."""


class SandboxUnavailable(TemplateError):
    """The compiled sandbox is missing or does not run here: no template can be rendered until that is mended."""


class ApiError(CofferError):
    """The API server refused a request or did not answer.

    Args:
        status: HTTP status, 0 if there was no answer.
        reason: the `reason` word of the Status object, or the exception's class name.
        place: verb and object, such as `patch secrets ns/name`.
        detail: causes without values: field paths and types from `details.causes`.
        after: seconds for which the server wants no requests (Retry-After), 0 if it sent none.
    """

    def __init__(self, status: int, reason: str, place: str, detail: str = "", *, after: float = 0.0) -> None:
        super().__init__(f"{place}: {reason or status}" + (f" ({detail})" if detail else ""))
        self.status: Final = status
        self.reason: Final = reason
        self.place: Final = place
        self.detail: Final = detail
        self.after: Final = after


class NotFound(ApiError):
    """404: the object does not exist."""


class AlreadyExists(ApiError):
    """409 on create: there is an object of that name."""


class Conflict(ApiError):
    """409 on update or delete: the object changed since it was read; read it again."""


class Forbidden(ApiError):
    """401 or 403: RBAC, a terminating namespace or a quota."""


class Denied(Forbidden):
    """An admission policy, a webhook or a quota refuses it: no event tells when that changes, so retry."""


class Gone(ApiError):
    """410: a continue token or a resourceVersion has expired; list again."""


class Invalid(ApiError):
    """400, 413 or 422: the API server refuses this object at every attempt."""


class Unusable(ApiError):
    """The API server sent an object beyond our bounds: only a change of the object can help."""


class Unreachable(ApiError):
    """No answer, 429 or 5xx: the API server may have acted or not; retry."""

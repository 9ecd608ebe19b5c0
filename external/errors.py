"""Reasons that conditions share, and errors named by when to try again."""

from manager.core.errors import ReconcileError, Retry, WaitFor

FETCH_FAILED = "could not get secret data from provider"
FAILED = "SecretSyncedError"
CONFINED = "this installation is limited to namespaces (modules.scope) and reads nothing outside of them"


class Pending(WaitFor):
    """Something has not arrived yet, and nothing is wrong: no condition, no Event."""


class StoreUnavailable(Retry):
    """A provider does not answer; keys of one store wait at its gate."""


class NeedsRemote(ReconcileError):
    """The fault is at the provider, which sends no event when it is fixed: retry with back-off."""

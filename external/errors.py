"""Reasons that conditions share, and errors named by when to try again."""

from manager.core.errors import ReconcileError, Retry, WaitFor

FETCH_FAILED = "could not get secret data from provider"


FAILED = "SecretSyncedError"


class Pending(WaitFor):
    """Something is on its way, and nothing is wrong yet: no condition, no Event."""


class StoreUnavailable(Retry):
    """A provider does not answer; keys of one store wait at its gate."""


class NeedsRemote(ReconcileError):
    """What is wrong stands at the provider, which tells nobody when it is mended: looked at again, slowly."""

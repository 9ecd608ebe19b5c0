"""What came of one pass over an ExternalSecret, and the texts of its Events."""

from dataclasses import dataclass

from external.errors import FETCH_FAILED
from external.external_secrets.fetch import Fetched
from external.external_secrets.plan import Plan
from manager.core.errors import ReconcileError
from manager.kube.writer import Create, Delete

COMPONENT = "external-secrets"
EVENTS = {Create: ("Created", "secret created"), Delete: ("Deleted", "secret deleted due to DeletionPolicy=Delete")}
MISSING = "MissingProviderSecret"
UPDATED = ("Updated", "secret updated")
UNCHANGED = (
    f"{FETCH_FAILED}: the provider says that nothing has changed (304), but what this object asks for was never "
    "written, or is not there any more; let the provider answer in full"
)


@dataclass(frozen=True)
class Outcome:
    """What came of one pass."""

    decided: Plan | None = None
    """None if no refresh was due."""
    fetched: Fetched | None = None
    error: ReconcileError | None = None

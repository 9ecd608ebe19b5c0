"""What the rest of the product knows of CI/CD variables of GitLab."""

from external.api.providers.gitlab import GitLab
from external.providers.gitlab.client import BATCH, LABEL
from external.providers.gitlab.connect import connect
from external.providers.kind import ProviderKind, single

GITLAB = ProviderKind("gitlab", "A store of GitLab CI/CD variables.", GitLab, connect, single(LABEL, batch=BATCH))

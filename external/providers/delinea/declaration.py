"""What the rest of the product knows about Delinea DevOps Secrets Vault."""

from external.providers.delinea.connect import connect
from external.providers.delinea.connection import LABEL
from external.providers.delinea.model import Delinea
from external.providers.kind import ProviderKind, single

DELINEA = ProviderKind("delinea", "A store of Delinea DevOps Secrets Vault.", Delinea, connect, single(LABEL))

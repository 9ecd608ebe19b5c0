"""What the rest of the product knows of Doppler."""

from external.api.providers.doppler import Doppler
from external.providers.doppler.client import BATCH, LABEL
from external.providers.doppler.connect import connect
from external.providers.kind import ProviderKind, single

DOPPLER = ProviderKind("doppler", "A store of Doppler.", Doppler, connect, single(LABEL, batch=BATCH))

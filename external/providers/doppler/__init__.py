"""Doppler over its REST API."""

from external.api.providers.doppler import Doppler
from external.providers.doppler.client import BATCH, LABEL
from external.providers.doppler.connect import connect
from external.providers.kind import ProviderKind, single

KIND = ProviderKind("doppler", "A store of Doppler.", Doppler, connect, single(LABEL, batch=BATCH))

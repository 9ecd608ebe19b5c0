"""The double of Google, as the tests of its provider have it."""

from tests.unit.external.providers.gcp.conftest import google, running

__all__ = ["google", "running"]

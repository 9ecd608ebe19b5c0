"""The external module over an API in memory, as its unit tests have it."""

from tests.unit.external.conftest import bench, no_bursts

__all__ = ["bench", "no_bursts"]

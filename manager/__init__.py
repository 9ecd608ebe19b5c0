"""The process: everything that the three modules share."""

from importlib.metadata import PackageNotFoundError, version

try:
    VERSION = version("coffer")
except PackageNotFoundError:  # run from a source tree that was never installed
    VERSION = "0.0.0"

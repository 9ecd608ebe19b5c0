"""A provider that is not used costs no memory: its SDK is imported with the first such store."""

import subprocess
import sys

SDKS = ("boto3", "botocore", "google.auth", "google.oauth2", "google.cloud", "grpc", "azure", "requests", "urllib3")
SOURCE = """
import asyncio
import sys
from external.reading import rate_limit, request_times
from tests.builders.external_module import ExternalModule

for name in ("ALONE_SECONDS", "LULL_SECONDS", "LULL_FRACTION"):
    setattr(request_times, name, 0.0)
for name in ("BATCH_WINDOW_SECONDS", "LULL_SECONDS"):
    setattr(rate_limit, name, 0.001)


async def works() -> None:
    bench = ExternalModule()
    bench.store(values={"remote": "1"})
    bench.external()
    await bench.settle()
    assert bench.data() == {"k": b"1"}, bench.ready()
    await bench.close()


asyncio.run(works())
print("loaded:", *(each for each in sys.argv[1:] if each in sys.modules))
"""


def test_no_sdk_is_imported_without_such_a_store() -> None:
    """In a process of its own: the tests beside this one import what they test."""
    command = [sys.executable, "-c", SOURCE, *SDKS]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)

    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "loaded:"

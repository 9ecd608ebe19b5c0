"""What the controller loads: not what only happens to be installed, and of providers only what is in use."""

import subprocess
import sys
from importlib import import_module

import pytest

from manager.core.optional_imports import UNUSED, without

LOADED = """
import sys
from manager.core.optional_imports import UNUSED, without
with without(*UNUSED):
    import manager.app
import sealed.module, external.module, reflector.module
print(*{each.partition(".")[0] for each in sys.modules})
"""


def test_the_controller_loads_nothing_that_nobody_uses() -> None:
    done = subprocess.run([sys.executable, "-c", LOADED], capture_output=True, text=True, check=True, timeout=120)

    loaded = set(done.stdout.split())
    assert {"kopf", "external"} <= loaded
    assert not loaded & {*UNUSED, "requests", "urllib3", "boto3", "botocore", "jsonpath", "wasmtime"}


def test_a_hidden_package_can_be_loaded_afterwards(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "colorsys", raising=False)
    with without("colorsys"), pytest.raises(ModuleNotFoundError):
        import_module("colorsys")

    assert import_module("colorsys").rgb_to_hsv(0, 0, 0) == (0.0, 0.0, 0)


def test_what_is_loaded_already_stays() -> None:
    with without("json"):
        assert import_module("json").loads("1") == 1
    assert "json" in sys.modules

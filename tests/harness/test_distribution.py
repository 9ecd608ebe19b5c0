"""Tests are distributed by module: otherwise each worker makes the fixtures of all modules, control planes included."""

import re
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).parents[2]
FEW = ("tests/unit/manager/core/test_fair_share.py", "tests/unit/manager/core/test_tls.py")
PASSED = re.compile(r"\[(gw\d)\].* PASSED ([^:]+)::\S+@(\S+)")


def test_all_tests_of_a_module_run_in_one_worker() -> None:
    command = [sys.executable, "-m", "pytest", *FEW, "-vv", "-n", "2", "--dist", "loadgroup", "--no-loadscope-reorder"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=200)

    workers: dict[str, set[str]] = defaultdict(set)
    for worker, module, group in PASSED.findall(done.stdout):
        assert group == module
        workers[module].add(worker)
    assert set(workers) == set(FEW), done.stdout + done.stderr
    assert [len(each) for each in workers.values()] == [1, 1]

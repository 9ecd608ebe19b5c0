"""Checks that what is made from code, and the locks, are current: `make verify`. Exits with 1 where a file differs."""

import shutil
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from tools.chart_readme import PAGE as CHART_README
from tools.chart_schema import SCHEMA
from tools.crds import CRDS
from tools.dashboards import PAGES as DASHBOARDS
from tools.fields_doc import PAGE as FIELDS
from tools.generated import ROOT, Generated, report
from tools.metrics_doc import PAGE as METRICS
from tools.providers_doc import PAGE as PROVIDERS
from tools.settings_doc import PAGE as SETTINGS
from tools.version import VERSION

GENERATED = (CRDS, SCHEMA, CHART_README, DASHBOARDS, SETTINGS, METRICS, PROVIDERS, FIELDS, VERSION)
LOCKS = {"requirements.lock": "lock", "tools/audit.lock": "audit-lock", "tools/site.lock": "site-lock"}
"""Lock -> the make target that writes it, to the file that the variable of the same name in capitals says."""
NO_NETWORK = ("error sending request", "failed to fetch", "dns error", "timed out", "connection")


def resolved(lock: str) -> subprocess.CompletedProcess[str]:
    """Resolve a lock again from its own pins, with its text in `stdout`; what changed is what the project asks for."""
    with TemporaryDirectory() as folder:
        fresh = Path(folder) / "fresh.lock"
        shutil.copyfile(ROOT / lock, fresh)
        command = ["make", "--no-print-directory", LOCKS[lock], f"OUT={fresh}"]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        return subprocess.CompletedProcess(command, done.returncode, fresh.read_text(), done.stderr)


def stale_lock(lock: str) -> bool:
    """Report one lock; returns True where it differs or cannot be resolved, but not where the network is missing."""
    done = resolved(lock)
    if done.returncode and any(each in done.stderr.lower() for each in NO_NETWORK):
        sys.stdout.write(f"{lock}: NOT CHECKED, no package index answers\n")
        return False
    if done.returncode:
        sys.stdout.write(f"{lock}: cannot be resolved\n{done.stderr}")
        return True
    return report(Generated(lock, lambda: {ROOT / lock: done.stdout}, f"make {LOCKS[lock]}"))


def main() -> int:
    """Run every check, whatever the ones before it found; returns the exit code."""
    found = [*(report(each) for each in GENERATED), *(stale_lock(each) for each in LOCKS)]
    return 1 if any(found) else 0


if __name__ == "__main__":
    sys.exit(main())

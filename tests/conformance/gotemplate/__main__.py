"""`make conformance`: ask native Go again, show what differs from the committed expectations, and write it."""

import difflib
import sys

from tests.conformance.gotemplate.expected import PLACE, measured
from tests.conformance.gotemplate.rows import PROFILES


def main() -> int:
    """Return 1 when something differs, so that a pipeline notices."""
    differing = 0
    PLACE.mkdir(exist_ok=True)
    for profile in PROFILES:
        file = PLACE / f"{profile}.jsonl"
        before, after = file.read_text() if file.exists() else "", measured(profile)
        changes = list(difflib.unified_diff(before.splitlines(), after.splitlines(), str(file), "now", "", "", 0, ""))
        sys.stdout.writelines(f"{line}\n" for line in changes)
        sys.stdout.write(f"{profile}: {len(after.splitlines()) - 1} rows, {'changed' if changes else 'as before'}\n")
        differing += bool(changes)
        file.write_text(after)
    return min(differing, 1)


if __name__ == "__main__":
    sys.exit(main())

"""Writes docs/settings.md from the settings; with --check only tells whether it differs."""

import sys
from pathlib import Path
from typing import get_type_hints

from manager.settings.load import ORIGINAL_VARIABLES, documentation
from manager.settings.model import Settings
from tools.generated import Generated

FILE = Path(__file__).parent.parent / "docs" / "settings.md"
HEAD = """# Settings

Made from `manager/settings/model.py` by `make docs`. The first source wins: flag `--section-field`,
variable `COFFER_SECTION_FIELD`, the replaced system's variable, file (`coffer run --config FILE`, a mapping of
sections), default. In the chart: `settings: {section: {field: value}}`.
"""


def rendered() -> str:
    """Return the page."""
    parts = [HEAD]
    for section, kind in get_type_hints(Settings).items():
        parts.append(
            f"\n## {section}\n\n{documentation(Settings)[section]}\n\n| field | default | meaning |\n|---|---|---|\n"
        )
        for field in get_type_hints(kind):
            value = getattr(getattr(Settings(), section), field)
            shown = ", ".join(value) if isinstance(value, tuple) else str(value)
            parts.append(f"| `{field}` | {f'`{shown}`' if shown else ''} | {documentation(kind)[field]} |\n")
    variables = ", ".join(f"`{name}`" for names in ORIGINAL_VARIABLES.values() for name in names)
    return "".join([*parts, f"\n## Variables of the originals that are read\n\n{variables}\n"])


PAGE = Generated("settings page", lambda: {FILE: rendered()}, "make docs")


if __name__ == "__main__":
    sys.exit(PAGE.main())

"""A hook of MkDocs: pages of the site whose files stand at the root of the repository."""

import importlib
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
PAGES = {"SECURITY.md": "security.md"}
"""From file to page. Where a vulnerability is reported is looked for at the root."""


def on_files(files: Any, *, config: Any) -> Any:
    """Add the pages to those of `docs/`."""
    kind = importlib.import_module("mkdocs.structure.files").File
    for source, page in PAGES.items():
        files.append(kind.generated(config, page, content=as_page((ROOT / source).read_text())))
    return files


def as_page(text: str) -> str:
    """Return the text of a file at the root with links as a page in `docs/` has them."""
    return text.replace("](docs/", "](")

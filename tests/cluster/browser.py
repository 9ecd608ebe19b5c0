"""Debian's Chromium with a page open, and axe-core, which finds what keeps people from using a page."""

import shutil
import subprocess
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from playwright.sync_api import Page, sync_playwright

CHROMIUM = shutil.which("chromium")
AXE = "axe-core@4.14.1"
CACHE = Path.home() / ".cache" / "coffer"
QUIET = (
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)


@contextmanager
def page(dark: bool = False) -> Iterator[Page]:
    """Open an empty page; it may use the clipboard."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(QUIET))
        context = browser.new_context(
            color_scheme="dark" if dark else "light", permissions=["clipboard-read", "clipboard-write"]
        )
        try:
            yield context.new_page()
        finally:
            browser.close()


def axe() -> str:
    """Return the code of axe-core, from npm."""
    file = CACHE / AXE.replace("@", "-") / "axe.min.js"
    if not file.exists():
        with TemporaryDirectory() as folder:
            subprocess.run(["npm", "pack", AXE, "--silent"], cwd=folder, check=True, capture_output=True, timeout=120)
            (archive,) = Path(folder).glob("*.tgz")
            with tarfile.open(archive) as opened:
                member = opened.extractfile("package/axe.min.js")
                assert member is not None
                content = member.read()
        file.parent.mkdir(parents=True, exist_ok=True)
        temporary = file.with_suffix(".part")
        temporary.write_bytes(content)
        temporary.replace(file)
    return file.read_text()


def violations(shown: Page) -> list[str]:
    """Return what axe-core finds on a page, by the WCAG rules of level A and AA."""
    shown.evaluate(axe())
    found = shown.evaluate(
        "axe.run(document, {runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'best-practice']})"
    )
    return [f"{each['id']}: {node['html'][:200]}" for each in found["violations"] for node in each["nodes"]]

"""docs/settings.md is what the settings say."""

from tools.settings_doc import FILE, rendered


def test_the_page_is_current() -> None:
    assert FILE.read_text() == rendered(), "run make docs"

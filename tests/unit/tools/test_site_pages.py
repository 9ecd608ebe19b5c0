"""Pages of the site whose files stand at the root lead to pages of the site."""

import re

import pytest

from tools.site_pages import PAGES, ROOT, as_page


@pytest.mark.parametrize("source", PAGES)
def test_links_of_a_file_at_the_root_lead_to_pages(source: str) -> None:
    links = re.findall(r"\]\(([^)#:]+)", as_page((ROOT / source).read_text()))

    assert links
    assert [each for each in links if not (ROOT / "docs" / each).is_file()] == []

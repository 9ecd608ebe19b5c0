"""Where GitHub keeps secrets."""

import pytest

from external.providers.github.places import Place, api_of


@pytest.mark.parametrize(
    ("url", "api"),
    [
        ("https://github.com/", "https://api.github.com"),
        ("https://www.github.com", "https://api.github.com"),
        ("https://api.github.com", "https://api.github.com"),
        ("https://acme.ghe.com/", "https://api.acme.ghe.com"),
        ("https://git.example/", "https://git.example/api/v3"),
        ("https://git.example/api/v3", "https://git.example/api/v3"),
        ("https://github.com.evil.example", "https://github.com.evil.example/api/v3"),
    ],
)
def test_the_api_of_a_github(url: str, api: str) -> None:
    assert api_of(url) == api


def test_names_do_not_lead_out_of_a_path() -> None:
    assert Place("a/b", "c?d", "e/../f").path == "repos/a%2Fb/c%3Fd/environments/e%2F..%2Ff/secrets"
    assert Place("acme", "site", "live").text == "repository acme/site, environment live"
    assert Place("acme").text == "organization acme"

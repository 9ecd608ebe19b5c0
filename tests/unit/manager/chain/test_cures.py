"""Each failure that a condition tells has something to do about it."""

import pytest

from manager.chain.cures import OTHERWISE, cure_of


@pytest.mark.parametrize(
    ("message", "cure"),
    [
        ("no secret x (looked in region eu-west-1)", "region or path of the store"),
        ("GetSecretValue: AccessDeniedException: no", "allow the identity of the store"),
        ("ExpiredTokenException: the token expired", "put new ones into the Secret"),
        ("key a does not exist in secret b", "correct the property"),
        ("no key could decrypt data", "seal the value again"),
        ('SecretStore "aws" is not ready', "coffer explain store"),
        ("the server's name cannot be resolved", "DNS"),
        ("TLS: the server's certificate is not trusted", "certificate"),
        ("target is owned by another ExternalSecret: x", "rename it"),
        ("spec.x: wrong; correct the template", "do what the message says"),
        ("a Secret exists that is not ours; rename the target", "do what the message says"),
        ("something else", OTHERWISE),
        ("", OTHERWISE),
    ],
)
def test_a_message_has_a_cure(message: str, cure: str) -> None:
    assert cure in cure_of(message)

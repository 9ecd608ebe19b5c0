"""Which certificates kubeseal seals with, and until when."""

from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from sealed.manifests.documents import InputError
from sealed.manifests.sealing import public_key
from tests.builders.sealed_vectors import certificate, pem, private_key

KEY = private_key().public_key()
NOW = datetime.now(UTC)


def test_a_certificate_is_good_until_it_ends() -> None:
    text = certificate(private_key(), lasts=timedelta(days=2))

    assert public_key(text, NOW).public_numbers() == KEY.public_numbers()
    with pytest.raises(InputError, match=r"^failed to encrypt using an expired certificate on "):
        public_key(text, NOW + timedelta(days=3))


def test_a_certificate_that_has_not_begun_is_good() -> None:
    assert public_key(certificate(private_key()), NOW - timedelta(days=300)).key_size == 2048


def test_the_day_of_expiry_is_written_in_words() -> None:
    ended = NOW - timedelta(days=1) + timedelta(hours=1)

    with pytest.raises(InputError) as refused:
        public_key(certificate(private_key(), lasts=timedelta(hours=1)), NOW)

    assert str(refused.value).endswith(f"certificate on {ended.strftime('%B')} {ended.day}, {ended.year}")


# A throw-away certificate of a 512-bit key, which the library reads but does not make.
SHORT = b"""-----BEGIN CERTIFICATE-----
MIIBbzCCARmgAwIBAgIUGrfbABjFXZlrui9JRNzsYmR7UcAwDQYJKoZIhvcNAQEL
BQAwDDEKMAgGA1UEAwwBeDAeFw0yNjExMjQxNDAwMjhaFw0zNTAyMTAxNDAwMjha
MAwxCjAIBgNVBAMMAXgwXDANBgkqhkiG9w0BAQEFAANLADBIAkEA1rfVRV3Est3P
YTQgsL2t0od7KucbJPRbRA9w4wLk19DMrd3Dj90tuRaxKJYGtpMWEk+YahaqTDt4
lOLoYFHTkQIDAQABo1MwUTAdBgNVHQ4EFgQU/L84zTr/Naln/inMaTfwdJwOcWkw
HwYDVR0jBBgwFoAU/L84zTr/Naln/inMaTfwdJwOcWkwDwYDVR0TAQH/BAUwAwEB
/zANBgkqhkiG9w0BAQsFAANBAJXGfwG6Jiue/b26Wj6PMdyh+1f1kzm9yQQY+ely
UhgcGfe4n18xOY5na0fLtsEhsVL42UiRHYjo5TDN4Fq0Rcs=
-----END CERTIFICATE-----
"""


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (pem(private_key()), "data does not contain any valid RSA or ECDSA certificates"),
        (b"", "data does not contain any valid RSA or ECDSA certificates"),
        (certificate(ec.generate_private_key(ec.SECP256R1())), "expected RSA public key but found another kind of key"),
        (SHORT, "the certificate's key is too short; RSA keys have 1024 bits or more"),
    ],
    ids=["no certificate", "empty", "elliptic", "short"],
)
def test_a_certificate_that_cannot_seal_is_refused(text: bytes, problem: str) -> None:
    with pytest.raises(InputError) as refused:
        public_key(text, datetime(2027, 1, 1, tzinfo=UTC))

    assert str(refused.value) == problem

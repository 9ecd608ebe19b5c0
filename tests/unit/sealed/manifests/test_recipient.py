"""The quick reading of certificates agrees with the library's, or leaves it to that."""

import base64

import pytest

from sealed.crypto.key_pair import first_certificate
from sealed.manifests.recipient import recipient
from tests.builders.sealed_vectors import certificate, other_key, private_key

PEM = certificate(private_key())


@pytest.mark.parametrize("pem", [PEM, b"# text\n" + PEM, PEM + certificate(other_key()), PEM.replace(b"\n", b"\r\n")])
def test_the_first_certificate_is_read_as_the_library_reads_it(pem: bytes) -> None:
    known = first_certificate(pem)
    found = recipient(pem)

    assert found is not None
    assert found[0].public_numbers() == known.public_key().public_numbers()  # type: ignore[union-attr]
    assert found[1] == known.not_valid_after_utc


@pytest.mark.parametrize("cut", [1, 10, 100, 300, 500])
def test_what_is_cut_off_is_left_to_the_library(cut: int) -> None:
    raw = base64.b64decode(b"".join(PEM.splitlines()[1:-1]))
    short = b"-----BEGIN CERTIFICATE-----\n" + base64.encodebytes(raw[:-cut]) + b"-----END CERTIFICATE-----\n"

    assert recipient(short) is None


@pytest.mark.parametrize("pem", [b"", b"text", PEM.replace(b"CERTIFICATE", b"THING"), PEM.replace(b"M", b"*", 1)])
def test_what_is_no_certificate_is_left_to_the_library(pem: bytes) -> None:
    assert recipient(pem) is None

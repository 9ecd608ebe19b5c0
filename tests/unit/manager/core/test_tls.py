"""Servers are verified as Go's clients verify: certificates without key identifiers too, but never a wrong one."""

import datetime as dt
import ssl
from dataclasses import dataclass
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

from manager.core.tls import as_go_verifies, verifying

HOST = "api.example"
Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


def ec_key() -> Key:
    return ec.generate_private_key(ec.SECP256R1())


def rsa_key() -> Key:
    return rsa.generate_private_key(65537, 2048)


@dataclass
class Signer:
    """An authority, or a server with its key."""

    certificate: x509.Certificate
    key: Key

    @property
    def pem(self) -> bytes:
        return self.certificate.public_bytes(serialization.Encoding.PEM)


def issue(
    name: str, key: Key, by: Signer | None = None, *, ca: bool = False, identifiers: bool = False, days: int = 1
) -> Signer:
    """Sign a certificate, by itself where nobody else does."""
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    issuer, signing = (by.certificate.subject, by.key) if by else (subject, key)
    now = dt.datetime.now(dt.UTC)
    builder = x509.CertificateBuilder(issuer, subject, key.public_key(), x509.random_serial_number())
    builder = builder.not_valid_before(now - dt.timedelta(days=9)).not_valid_after(now + dt.timedelta(days=days))
    if ca:
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    else:
        builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
    if identifiers:
        builder = builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        other = x509.AuthorityKeyIdentifier.from_issuer_public_key(signing.public_key())
        builder = builder.add_extension(other, critical=False)
    return Signer(builder.sign(signing, hashes.SHA256()), key)


def shake_hands(client: ssl.SSLContext, chain: list[Signer], folder: Path) -> None:
    """Let a client meet a server that shows a chain. Raises SSLError when it does not believe it."""
    file = folder / "server.pem"
    encoding, layout = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    key = chain[0].key.private_bytes(encoding, layout, serialization.NoEncryption())
    file.write_bytes(key + b"".join(each.pem for each in chain))
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(file)
    up, down = ssl.MemoryBIO(), ssl.MemoryBIO()
    ends = [client.wrap_bio(down, up, server_hostname=HOST), server.wrap_bio(up, down, server_side=True)]
    for _ in range(4):
        for end in ends:
            try:
                end.do_handshake()
            except ssl.SSLWantReadError:
                continue


@pytest.mark.parametrize("make", [ec_key, rsa_key])
@pytest.mark.parametrize("identifiers", [True, False])
def test_an_authority_is_believed_with_and_without_key_identifiers(
    tmp_path: Path, make: object, identifiers: bool
) -> None:
    assert callable(make)
    authority = issue("ca", make(), ca=True, identifiers=identifiers)
    server = issue(HOST, make(), authority, identifiers=identifiers)

    shake_hands(verifying(cadata=authority.pem.decode()), [server], tmp_path)


def test_a_chain_is_believed(tmp_path: Path) -> None:
    root = issue("root", ec_key(), ca=True)
    between = issue("between", ec_key(), root, ca=True)
    server = issue(HOST, ec_key(), between)

    shake_hands(verifying(cadata=root.pem.decode()), [server, between], tmp_path)


def test_an_authority_may_come_from_a_file(tmp_path: Path) -> None:
    authority = issue("ca", ec_key(), ca=True)
    (tmp_path / "ca.crt").write_bytes(authority.pem)

    shake_hands(verifying(cafile=str(tmp_path / "ca.crt")), [issue(HOST, ec_key(), authority)], tmp_path)


@pytest.mark.parametrize("wrong", ["authority", "name", "expired", "chain"])
def test_a_wrong_server_is_not_believed(tmp_path: Path, wrong: str) -> None:
    authority = issue("ca", ec_key(), ca=True)
    by = issue("ca", ec_key(), ca=True) if wrong == "authority" else authority
    if wrong == "chain":
        by = issue("between", ec_key(), authority, ca=True)
    server = issue("other.example" if wrong == "name" else HOST, ec_key(), by, days=-1 if wrong == "expired" else 1)

    with pytest.raises(ssl.SSLCertVerificationError):
        shake_hands(verifying(cadata=authority.pem.decode()), [server], tmp_path)


def test_nothing_else_of_a_context_changes() -> None:
    context = as_go_verifies(ssl.create_default_context())

    assert context.check_hostname
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert not context.verify_flags & ssl.VERIFY_X509_STRICT

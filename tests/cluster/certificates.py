"""The control plane's own certificate authority. Keys use P-256, because RSA would cost a second at each start."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

VALIDITY = dt.timedelta(days=2)  # a demo may stay overnight

SIGNS = x509.KeyUsage(
    digital_signature=True,
    key_cert_sign=True,
    crl_sign=True,
    content_commitment=False,
    key_encipherment=False,
    data_encipherment=False,
    key_agreement=False,
    encipher_only=False,
    decipher_only=False,
)
"""What the key of an authority is for."""


@dataclass(frozen=True)
class Pair:
    """Two PEM files."""

    certificate: Path
    """The certificate."""
    key: Path = field(repr=False)
    """Its private key."""


@dataclass(frozen=True)
class Authority:
    """Issues certificates into one folder."""

    folder: Path
    """Where the files go."""
    certificate: x509.Certificate
    """Its own certificate."""
    key: ec.EllipticCurvePrivateKey = field(repr=False)
    """Its private key; never written."""

    @classmethod
    def create(cls, folder: Path) -> "Authority":
        """Make a new authority; its certificate is `ca.crt` in the folder."""
        key = ec.generate_private_key(ec.SECP256R1())
        name = _name("coffer-test-ca", ())
        builder = _builder(name, name, key).add_extension(
            x509.BasicConstraints(ca=True, path_length=None), critical=True
        )
        builder = builder.add_extension(SIGNS, critical=True)
        builder = builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        certificate = builder.sign(key, hashes.SHA256())
        (folder / "ca.crt").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        return cls(folder, certificate, key)

    @property
    def file(self) -> Path:
        """The PEM file that clients trust."""
        return self.folder / "ca.crt"

    def server(self, file: str, hosts: Sequence[str]) -> Pair:
        """Issue a serving certificate for names and IP addresses."""
        names = x509.SubjectAlternativeName([_host(host) for host in hosts])
        return self._issue(file, _name(file, ()), ExtendedKeyUsageOID.SERVER_AUTH, [(names, False)])

    def client(self, file: str, user: str, groups: Sequence[str] = ()) -> Pair:
        """Issue a client certificate: the API server reads the common name as user and the organisations as groups."""
        return self._issue(file, _name(user, groups), ExtendedKeyUsageOID.CLIENT_AUTH, [])

    def _issue(
        self,
        file: str,
        subject: x509.Name,
        usage: x509.ObjectIdentifier,
        extensions: Sequence[tuple[x509.ExtensionType, bool]],
    ) -> Pair:
        key = ec.generate_private_key(ec.SECP256R1())
        builder = _builder(subject, self.certificate.subject, key)
        # Python 3.13 refuses a certificate that does not name its issuer's key, and an authority without SIGNS.
        issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key())
        for extension, critical in ((x509.ExtendedKeyUsage([usage]), False), (issuer, False), *extensions):
            builder = builder.add_extension(extension, critical)
        pair = Pair(self.folder / f"{file}.crt", self.folder / f"{file}.key")
        pair.certificate.write_bytes(builder.sign(self.key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
        write_key(pair.key, key)
        return pair


def write_key(path: Path, key: ec.EllipticCurvePrivateKey) -> None:
    """Write a private key that only we can read."""
    path.touch(mode=0o600)
    encoding, layout = serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL
    path.write_bytes(key.private_bytes(encoding, layout, serialization.NoEncryption()))


def signing_key(path: Path) -> Path:
    """Make the key that signs ServiceAccount tokens."""
    write_key(path, ec.generate_private_key(ec.SECP256R1()))
    return path


def _name(common: str, organisations: Sequence[str]) -> x509.Name:
    attributes = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, each) for each in organisations]
    return x509.Name([*attributes, x509.NameAttribute(NameOID.COMMON_NAME, common)])


def _host(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _builder(subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
    now = dt.datetime.now(dt.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(now + VALIDITY)
    )

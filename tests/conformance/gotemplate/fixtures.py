"""Makes fixtures.json: `python -m tests.conformance.gotemplate.fixtures`. Expectations hold hashes of its content."""

import base64
import datetime as dt
import ipaddress
import json
import subprocess
import tempfile
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.conformance.gotemplate.rows import FOLDER

BEGIN = dt.datetime(2025, 1, 1, tzinfo=dt.UTC)
END = dt.datetime(2125, 1, 1, tzinfo=dt.UTC)


class Party:
    """A key and its certificate."""

    def __init__(self, name: str, issuer: "Party | None" = None, names: list[x509.GeneralName] | None = None) -> None:
        self.key = rsa.generate_private_key(65537, 2048)
        signer = issuer or self
        subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(issuer.certificate.subject if issuer else subject)
            .public_key(self.key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(BEGIN)
            .not_valid_after(END)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(self.key.public_key()), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.key.public_key()), critical=False)
            .add_extension(x509.BasicConstraints(ca=name != "leaf", path_length=None), critical=True)
        )
        if names:
            builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
        self.certificate: x509.Certificate = builder.sign(signer.key, hashes.SHA256())

    @property
    def pem(self) -> bytes:
        """The certificate."""
        return self.certificate.public_bytes(serialization.Encoding.PEM)

    @property
    def key_pem(self) -> bytes:
        """The key, PKCS#8."""
        form = serialization.PrivateFormat.PKCS8
        return self.key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption())


def packed(party: Party, others: list[Party], password: str, *more: str) -> bytes:
    """Return a PKCS#12 file as openssl writes it."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        (place / "key").write_bytes(party.key_pem)
        (place / "certificates").write_bytes(b"".join(each.pem for each in [party, *others]))
        command = ["openssl", "pkcs12", "-export", "-inkey", "key", "-in", "certificates", "-out", "file"]
        subprocess.run([*command, "-passout", f"pass:{password}", *more], cwd=place, check=True)
        return (place / "file").read_bytes()


def main() -> None:
    """Write all roles."""
    root = Party("root")
    intermediate = Party("intermediate", root)
    leaf = Party("leaf", intermediate)
    stranger = Party("another-root")
    names = Party(
        "names",
        root,
        [
            x509.DNSName("a.example.com"),
            x509.DNSName("*.b.example.com"),
            x509.IPAddress(ipaddress.ip_address("10.0.0.1")),
            x509.IPAddress(ipaddress.ip_address("2001:db8::1")),
            x509.RFC822Name("someone@example.com"),
            x509.UniformResourceIdentifier("spiffe://cluster.local/ns/a/sa/b"),
        ],
    )
    # openssl names the intermediates after the leaf; the chain is given in the wrong order, to be put right.
    roles = {
        "chain(leaf,int,root)": leaf.pem + intermediate.pem + root.pem,
        "chain+unrelated-root": leaf.pem + intermediate.pem + root.pem + stranger.pem,
        "cert-with-dns-ip-email-uri-sans": names.pem,
        "leaf-cert": leaf.pem,
        "leaf-key": leaf.key_pem,
        "root-cert": root.pem,
        "pfx-nopass": packed(leaf, [], ""),
        "pfx-pass-1234": packed(leaf, [], "1234"),
        "pfx-multibag": packed(leaf, [root, intermediate], ""),
        "pfx-disjunct": packed(leaf, [stranger, root], ""),
        "pfx-legacy-1234": packed(leaf, [], "1234", "-legacy"),
    }
    encoded = {role: base64.b64encode(content).decode() for role, content in roles.items()}
    (FOLDER / "fixtures.json").write_text(json.dumps(encoded, indent=1) + "\n")


if __name__ == "__main__":
    main()

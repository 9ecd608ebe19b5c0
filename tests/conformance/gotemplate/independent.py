"""Expectations for what no public module has, from implementations that have nothing to do with ours.

The texts of errors are those of external-secrets v2.9.0.
"""

import base64
import hashlib
from collections.abc import Callable

from cryptography import x509
from cryptography.hazmat.primitives import serialization

from tests.conformance.gotemplate.native import Native, Outcome
from tests.conformance.gotemplate.rows import Row, fixture


def _ok(text: str) -> Outcome:
    return Outcome("ok", text.encode())


def _error(call: str, function: str, reason: str) -> Outcome:
    return Outcome(
        "execute", f'template: k:1:3: executing "k" at <{call}>: error calling {function}: {reason}'.encode()
    )


def _htpasswd() -> Outcome:
    """SHA-1 from hashlib; `htpasswd -B` writes version 2a, 2b or 2y, Go 2a with the cost 10."""
    hashed = base64.b64encode(hashlib.sha1(b"p").digest()).decode()
    return _ok(f"u:{{SHA}}{hashed}|u:$2a$10$|invalid username: u:x")


def _hexdec() -> Outcome:
    return _ok(
        f"{bytes.fromhex('616263').decode()}|encoding/hex: invalid byte: U+007A 'z'|"
        f"encoding/hex: odd length hex string|{base64.b64encode(bytes.fromhex('ff')).decode()}"
    )


def _names() -> Outcome:
    certificate = x509.load_pem_x509_certificate(fixture("cert-with-dns-ip-email-uri-sans"))
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    kinds = (x509.DNSName, x509.IPAddress, x509.RFC822Name, x509.UniformResourceIdentifier)
    found = [str(name) for kind in kinds for name in names.get_values_for_type(kind)]
    return _ok(f"[{' '.join(found)}]|{','.join(found)}|[]string")


def _no_certificate() -> Outcome:
    """Go's word for a key that is read as a certificate, from a function that the public module has."""
    native = Native("eso")
    probe = Row(
        "probe", "eso", '{{ filterCertChain "leaf" .k }}', "k", {"k": fixture("leaf-key")}, ("{{", "}}"), "", "UTC"
    )
    reason = native.render(probe).text.decode().partition("error calling filterCertChain: ")[2]
    native.close()
    return _error("certSANs .k", "certSANs", f"failed to parse certificate: {reason}")


def _without_junk() -> Outcome:
    """v0.16.2 relied on a decoder that skipped leading text; v2.9.0 cuts it. openssl and cryptography skip it too."""
    chain = x509.load_pem_x509_certificates(b"garbage\n" + fixture("chain(leaf,int,root)") + b"trailing")
    text = b"".join(each.public_bytes(serialization.Encoding.PEM) for each in chain)
    return _ok(hashlib.sha256(text).hexdigest())


_NIL = "runtime error: invalid memory address or nil pointer dereference"

INDEPENDENT: dict[str, Callable[[], Outcome]] = {
    "cry-09": _htpasswd,
    "cry-25": _hexdec,
    "eso-06": _without_junk,
    "eso-10": _names,
    "eso-11": lambda: _error('certSANs "x"', "certSANs", "failed to decode PEM block"),
    "eso-12": _no_certificate,
    "eso-25": lambda: _ok("true"),  # a PKCS#12 file with a certificate has more than 100 bytes
    "eso-26": lambda: _error('pemTruststoreToPKCS12 "x"', "pemTruststoreToPKCS12", _NIL),
    "eso-27": lambda: _ok("x"),
    "eso-28": lambda: _error('rsaDecrypt "RSA-OAEP" "SHA256" "x" "y"', "rsaDecrypt", "failed to decode PEM block"),
    "eso-29": lambda: _error(
        'rsaDecrypt "FOO" "SHA256" "x" "y"', "rsaDecrypt", "decryption scheme FOO is not supported"
    ),
    "eso-30": lambda: _error(
        'rsaDecrypt "RSA-OAEP" "SHA1" "x" .k',
        "rsaDecrypt",
        "error decrypting data with RSA: crypto/rsa: decryption error",
    ),
    "mis-04": lambda: _error('certSANs "x"', "certSANs", "failed to decode PEM block"),
    "mis-05": lambda: _ok("string"),
}
"""By row; the profile is eso. NOT-PUBLIC from the native program without an entry here fails the regeneration."""

"""External-secrets' own functions, against openssl and cryptography: what they make is read, what is made they read."""

import base64
import json
import subprocess
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.serialization import pkcs12

from manager.core.errors import TemplateInvalid
from manager.gotemplate.sandbox import Sandbox
from tests.conformance.gotemplate.rows import fixture
from tests.unit.manager.gotemplate.conftest import Make, eso

LEAF, KEY, ROOT = fixture("leaf-cert"), fixture("leaf-key"), fixture("root-cert")
CHAIN = fixture("chain(leaf,int,root)")


def certificates(text: str | bytes) -> list[x509.Certificate]:
    return x509.load_pem_x509_certificates(text if isinstance(text, bytes) else text.encode())


def same_key(first: bytes, second: bytes) -> bool:
    one, other = (serialization.load_pem_private_key(each, None) for each in (first, second))
    return one.public_key() == other.public_key()


@pytest.mark.parametrize(
    ("name", "algorithm"),
    [("SHA1", hashes.SHA1()), ("SHA256", hashes.SHA256()), ("SHA512", hashes.SHA512()), ("other", hashes.SHA256())],
)
async def test_rsa_oaep_is_decrypted(sandbox: Sandbox, name: str, algorithm: hashes.HashAlgorithm) -> None:
    key = serialization.load_pem_private_key(KEY, None)
    assert isinstance(key, rsa.RSAPrivateKey)
    sealed = key.public_key().encrypt(b"plain \xff", padding.OAEP(padding.MGF1(algorithm), algorithm, None))
    source = f'{{{{ rsaDecrypt "RSA-OAEP" "{name}" (.text | b64dec) .key | b64enc }}}}'

    shown = await eso(sandbox, source, text=base64.b64encode(sealed), key=KEY)

    assert base64.b64decode(shown) == b"plain \xff"


@pytest.mark.parametrize("form", [serialization.PrivateFormat.TraditionalOpenSSL, serialization.PrivateFormat.PKCS8])
async def test_rsa_keys_of_both_forms_decrypt(sandbox: Sandbox, form: serialization.PrivateFormat) -> None:
    key = rsa.generate_private_key(65537, 2048)
    sealed = key.public_key().encrypt(b"plain", padding.OAEP(padding.MGF1(hashes.SHA256()), hashes.SHA256(), None))
    pem = key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption())

    assert await eso(sandbox, '{{ rsaDecrypt "RSA-OAEP" "None" .text .key }}', text=sealed, key=pem) == "plain"


@pytest.mark.parametrize(
    ("key", "reason"),
    [
        ("-----BEGIN X-----\nAAAA\n-----END X-----\n", "could not parse private key: unable to parse private key type"),
        ("", "failed to decode PEM block"),
    ],
)
async def test_a_key_that_is_none_is_an_error(sandbox: Sandbox, key: str, reason: str) -> None:
    with pytest.raises(TemplateInvalid, match=reason):
        await eso(sandbox, '{{ rsaDecrypt "RSA-OAEP" "SHA256" "x" .key }}', key=key)


async def test_an_elliptic_key_cannot_decrypt_by_rsa(sandbox: Sandbox) -> None:
    pem = await eso(sandbox, '{{ genPrivateKey "ecdsa" }}')
    with pytest.raises(TemplateInvalid, match="could not parse RSA private key"):
        await eso(sandbox, '{{ rsaDecrypt "RSA-OAEP" "SHA256" "x" .key }}', key=pem)


@pytest.mark.parametrize("password", ["", "secret"])
async def test_a_made_pkcs12_file_is_read_by_cryptography(sandbox: Sandbox, password: str) -> None:
    source = "{{ fullPemToPkcs12Pass .chain .key .password }}"

    file = base64.b64decode(await eso(sandbox, source, chain=CHAIN, key=KEY, password=password))

    read = pkcs12.load_pkcs12(file, password.encode())
    assert read.cert
    assert [read.cert.certificate, *(each.certificate for each in read.additional_certs)] == certificates(CHAIN)
    assert read.key


async def test_a_made_pkcs12_file_is_modern(sandbox: Sandbox, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(
        base64.b64decode(await eso(sandbox, '{{ pemToPkcs12Pass .c .k "pw" }}', c=CHAIN, k=KEY))
    )

    command = ["openssl", "pkcs12", "-in", "file", "-passin", "pass:pw", "-noenc", "-info"]
    shown = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)

    assert "MAC: sha256, Iteration 2048" in shown.stderr
    assert "PBES2, PBKDF2, AES-256-CBC, Iteration 2048, PRF hmacWithSHA256" in shown.stderr
    assert certificates(shown.stdout) == certificates(LEAF), "the first certificate alone"


async def test_keys_of_every_form_are_packed(sandbox: Sandbox) -> None:
    elliptic = ec.generate_private_key(ec.SECP384R1())
    for form in (serialization.PrivateFormat.TraditionalOpenSSL, serialization.PrivateFormat.PKCS8):
        pem = elliptic.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption())
        back = await eso(sandbox, "{{ pemToPkcs12 .c .k | b64dec | pkcs12key }}", c=LEAF, k=pem)
        assert same_key(back.encode(), pem)


@pytest.mark.parametrize("password", ["", "changeit"])
async def test_a_trust_store_holds_the_certificates_marked_for_java(
    sandbox: Sandbox, tmp_path: Path, password: str
) -> None:
    source = "{{ pemTruststoreToPKCS12Pass .c .password }}"

    (tmp_path / "file").write_bytes(base64.b64decode(await eso(sandbox, source, c=CHAIN, password=password)))

    command = ["openssl", "pkcs12", "-in", "file", "-passin", f"pass:{password}", "-nokeys"]
    shown = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True).stdout
    assert certificates(shown) == certificates(CHAIN)
    assert shown.count("2.16.840.1.113894.746875.1.1") == 3, "Java's trusted key usage"
    assert "friendlyName: CN=root" in shown


async def test_text_after_the_certificates_is_an_error_of_the_call(sandbox: Sandbox) -> None:
    with pytest.raises(TemplateInvalid, match="pemTruststoreToPKCS12: runtime error: invalid memory address"):
        await eso(sandbox, '{{ pemTruststoreToPKCS12 (print .c "trailing") }}', c=ROOT)


@pytest.mark.parametrize(
    ("role", "password"), [("pfx-nopass", ""), ("pfx-pass-1234", "1234"), ("pfx-legacy-1234", "1234")]
)
async def test_files_of_openssl_are_read_old_ciphers_too(sandbox: Sandbox, role: str, password: str) -> None:
    file = fixture(role)

    key = await eso(sandbox, "{{ .f | pkcs12keyPass .p }}", f=file, p=password)
    certificate = await eso(sandbox, "{{ .f | pkcs12certPass .p }}", f=file, p=password)

    assert same_key(key.encode(), KEY)
    assert certificates(certificate) == certificates(LEAF)
    assert key.startswith("-----BEGIN PRIVATE KEY-----\n")


async def test_the_certificates_of_a_file_come_from_leaf_to_root(sandbox: Sandbox) -> None:
    ordered = await eso(sandbox, "{{ .f | pkcs12cert }}", f=fixture("pfx-multibag"))
    disjunct = await eso(sandbox, "{{ .f | pkcs12cert }}", f=fixture("pfx-disjunct"))

    assert certificates(ordered) == certificates(CHAIN)
    assert len(certificates(disjunct)) == 3, "no chain: all of them, as they lie"


Private = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey


def jwk(key: Private) -> dict[str, str]:
    """Write a JWK by hand, from the numbers that cryptography tells (RFC 7518)."""

    def number(value: int, size: int = 0) -> str:
        raw = value.to_bytes(size or (value.bit_length() + 7) // 8, "big")
        return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()

    if isinstance(key, rsa.RSAPrivateKey):
        own = key.private_numbers()
        numbers = {"d": own.d, "p": own.p, "q": own.q, "dp": own.dmp1, "dq": own.dmq1, "qi": own.iqmp}
        public = {"n": own.public_numbers.n, "e": own.public_numbers.e}
        return {"kty": "RSA", **{name: number(value) for name, value in (public | numbers).items()}}
    if isinstance(key, ec.EllipticCurvePrivateKey):
        size, point = (key.key_size + 7) // 8, key.public_key().public_numbers()
        names = {"x": point.x, "y": point.y, "d": key.private_numbers().private_value}
        return {"kty": "EC", "crv": f"P-{key.key_size}", **{name: number(value, size) for name, value in names.items()}}
    raw = {"x": key.public_key().public_bytes_raw(), "d": key.private_bytes_raw()}
    coded = {name: base64.urlsafe_b64encode(value).rstrip(b"=").decode() for name, value in raw.items()}
    return {"kty": "OKP", "crv": "Ed25519", **coded}


KEYS: dict[str, Private] = {
    "RSA": rsa.generate_private_key(65537, 2048),
    "P-256": ec.generate_private_key(ec.SECP256R1()),
    "P-384": ec.generate_private_key(ec.SECP384R1()),
    "P-521": ec.generate_private_key(ec.SECP521R1()),
    "Ed25519": ed25519.Ed25519PrivateKey.generate(),
}


@pytest.mark.parametrize("name", KEYS)
async def test_a_jwk_becomes_the_key_that_it_is(sandbox: Sandbox, name: str) -> None:
    key = KEYS[name]
    whole = jwk(key)
    public = {part: value for part, value in whole.items() if part in {"kty", "crv", "n", "e", "x", "y"}}
    coding, form = serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    private = (coding, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())

    shown = await eso(
        sandbox,
        "{{ jwkPublicKeyPem .public }}{{ jwkPrivateKeyPem .whole }}",
        public=json.dumps(public),
        whole=json.dumps(whole),
    )

    assert shown == key.public_key().public_bytes(coding, form).decode() + key.private_bytes(*private).decode()


async def test_a_private_jwk_is_no_public_key(sandbox: Sandbox) -> None:
    with pytest.raises(TemplateInvalid, match="unsupported public key type"):
        await eso(sandbox, "{{ jwkPublicKeyPem .k }}", k=json.dumps(jwk(KEYS["P-256"])))


async def test_a_symmetric_jwk_is_neither(sandbox: Sandbox) -> None:
    with pytest.raises(TemplateInvalid, match="error calling jwkPrivateKeyPem: x509"):
        await eso(sandbox, "{{ jwkPrivateKeyPem .k }}", k='{"kty":"oct","k":"c2VjcmV0LXZhbHVl"}')


async def test_certificates_of_sprig_hold_the_keys_that_the_host_made(sandbox: Sandbox) -> None:
    source = (
        '{{ $ca := genCA "my-ca" 30 }}{{ $c := genSignedCert "cn" (list "10.0.0.1") (list "a.b") 10 $ca }}'
        '{{ dict "ca" $ca.Cert "cert" $c.Cert "key" $c.Key | toJson }}'
    )

    made = json.loads(await eso(sandbox, source))

    authority, certificate = certificates(made["ca"])[0], certificates(made["cert"])[0]
    certificate.verify_directly_issued_by(authority)
    key = serialization.load_pem_private_key(made["key"].encode(), None)
    assert certificate.public_key() == key.public_key()
    assert (authority.not_valid_after_utc - authority.not_valid_before_utc).days == 30


async def test_keys_of_all_kinds_are_made(make: Make) -> None:
    """RSA and DSA by the host. The search for primes has no upper bound, so neither has this test's deadline."""
    sandbox = make(deadline_seconds=60.0)
    source = '{{ range list "rsa" "dsa" "ecdsa" "ed25519" }}{{ genPrivateKey . }}{{ end }}'

    kinds = [line for line in (await eso(sandbox, source)).splitlines() if "BEGIN" in line]

    assert kinds == [f"-----BEGIN {kind}PRIVATE KEY-----" for kind in ("RSA ", "DSA ", "EC ", "")]

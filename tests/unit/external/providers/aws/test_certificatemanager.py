"""Certificates on moto's server: exported with their keys, imported once, found again by their tags."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from external.api.providers.aws import AwsProvider
from external.providers.aws.certificatemanager import CertificateManager
from external.providers.aws.certificates import bundle_of, is_held
from external.providers.protocol import (
    ProviderDenied,
    ProviderUnavailable,
    SearchRequest,
    SecretAbsent,
    SecretRequest,
)
from external.providers.push import PushRefused, PushRequest, RemoteRef, RemoteUnmanaged
from external.providers.support.amazon.identity import Identity
from external.providers.support.amazon.session import AwsConnection
from manager.core.secret_value import SecretValue
from tests.cluster.moto import REGION, Moto
from tests.conformance.providers.subject import OTHER, OWNER, metadata

REF = RemoteRef("web")
MARKED = {"managed-by": "external-secrets", "external-secrets-remote-key": "prod/web"}
MINE = MARKED | {"coffer.dev/push-secret": OWNER}


class Pair(NamedTuple):
    """A certificate and its key, both PEM."""

    certificate: bytes
    key: bytes


def pair(issuer: str = "example.com") -> Pair:
    """Return a new certificate, which signs itself unless another issuer is named."""
    key = rsa.generate_private_key(65537, 2048)
    subject, signer = (x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]) for name in ("example.com", issuer))
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(signer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=9))
        .sign(key, hashes.SHA256())
    )
    plain = key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())
    return Pair(made.public_bytes(Encoding.PEM), plain)


ONE, TWO = pair(), pair()


class Bench:
    """A client of moto, and one round it."""

    def __init__(self, moto: Moto) -> None:
        self.moto = moto
        self.aws = moto.client("acm")
        self.calls: Counter[str] = Counter()

    def client(self) -> CertificateManager:
        spec = AwsProvider.model_validate({"service": "CertificateManager", "region": REGION, "prefix": "prod/"})
        keys = {"access_key_id": SecretValue(b"AKIAPUSH"), "secret_access_key": SecretValue(b"x")}

        def count(_: str, call: str, _status: str) -> None:
            self.calls.update([call])

        return CertificateManager(AwsConnection(spec, Identity(keys), None, count, 60, CertificateManager.label))

    def arns(self) -> list[str]:
        return [each["CertificateArn"] for each in self.aws.list_certificates()["CertificateSummaryList"]]

    def tags(self, arn: str) -> dict[str, str]:
        listed = self.aws.list_tags_for_certificate(CertificateArn=arn)["Tags"]
        return {each["Key"]: each["Value"] for each in listed}

    def put(self, marks: dict[str, str]) -> str:
        tags = {"Tags": [{"Key": name, "Value": value} for name, value in marks.items()]} if marks else {}
        return self.aws.import_certificate(Certificate=ONE.certificate, PrivateKey=ONE.key, **tags)["CertificateArn"]


@pytest.fixture
def bench(moto: Moto, monkeypatch: pytest.MonkeyPatch) -> Bench:
    for name, value in moto.environment().items():
        monkeypatch.setenv(name, value)
    return Bench(moto)


def request(made: Pair = ONE, ref: RemoteRef = REF, **more: Any) -> PushRequest:
    values = {"tls.crt": SecretValue(made.certificate), "tls.key": SecretValue(made.key)}
    return PushRequest(ref, more.pop("secret_key", ""), values, OWNER, recorded=False, **more)


def test_a_certificate_is_imported_once_and_replaced_in_place(bench: Bench) -> None:
    client = bench.client()
    assert client.push(request()).written
    (arn,) = bench.arns()
    assert bench.tags(arn) == MINE
    bench.calls.clear()

    assert not client.push(request()).written
    assert bench.calls == {"ListTagsForCertificate": 1, "GetCertificate": 1}
    assert client.push(request(TWO)).written
    assert bench.arns() == [arn]
    assert bench.aws.get_certificate(CertificateArn=arn)["Certificate"].strip() == TWO.certificate.decode().strip()


def test_another_process_finds_the_certificate_by_its_tags(bench: Bench) -> None:
    bench.client().push(request())

    assert not bench.client().push(request()).written
    assert bench.client().exists(REF)
    assert not bench.client().exists(RemoteRef("other"))
    assert len(bench.arns()) == 1


def test_a_push_before_tags_are_found_imports_no_second_certificate(bench: Bench) -> None:
    client = bench.client()
    bench.moto.freeze("GetResources")
    client.push(request())

    assert not client.push(request()).written
    assert len(bench.arns()) == 1


def test_of_several_the_first_that_the_original_imported_is_taken_over(bench: Bench) -> None:
    first, second = sorted(bench.put(MARKED) for _ in range(2))
    assert bench.client().push(request()).written

    assert bench.tags(first) == MINE
    assert bench.tags(second) == MARKED


def test_what_another_push_secret_imported_stays(bench: Bench) -> None:
    arn = bench.put(MARKED | {"coffer.dev/push-secret": OTHER})
    for attempt in (lambda: bench.client().push(request(TWO)), lambda: bench.client().delete(REF, OWNER)):
        with pytest.raises(RemoteUnmanaged, match="a PushSecret of another namespace"):
            attempt()

    assert bench.client().push(request(adopts=OTHER)).written
    assert bench.tags(arn) == MINE


def test_a_certificate_without_marks_is_never_touched(bench: Bench) -> None:
    arn = bench.put({"external-secrets-remote-key": "prod/web"})
    client = bench.client()

    assert not client.exists(REF)
    assert not client.delete(REF, OWNER)
    client.push(request(TWO))
    assert arn in bench.arns()
    assert len(bench.arns()) == 2


def test_deleting(bench: Bench) -> None:
    client = bench.client()
    client.push(request())

    assert client.delete(REF, OWNER)
    assert bench.arns() == []
    assert not client.delete(REF, OWNER)
    client.push(request())
    bench.aws.delete_certificate(CertificateArn=bench.arns()[0])
    assert client.push(request()).written
    assert len(bench.arns()) == 1


def test_tags_follow_the_entry_and_stay_without_any(bench: Bench) -> None:
    client = bench.client()
    client.push(request(metadata=metadata(tags={"a": "1", "b": "2"})))
    client.push(request(TWO))
    (arn,) = bench.arns()
    assert bench.tags(arn) == MINE | {"a": "1", "b": "2"}

    client.push(request(TWO, metadata=metadata(tags={"a": "3"})))
    assert bench.tags(arn) == MINE | {"a": "3"}


@pytest.mark.parametrize(
    ("asked", "text"),
    [
        (request(ref=RemoteRef("web", "p")), r"data\[\].match.remoteRef.property"),
        (request(ref=RemoteRef("w" * 252)), r"data\[\].match.remoteRef.remoteKey"),
        (request(secret_key="tls.crt"), r"data\[\].match.secretKey"),
        (request(Pair(b"text", b"")), r"secret key tls.crt: it is no certificate"),
        (request(metadata=metadata(tag={})), r"data\[\].metadata.spec.tag: unknown field; did you mean tags"),
        (request(metadata=metadata(tags={"external-secrets-remote-key": "x"})), r"data\[\].metadata.spec.tags"),
        (PushRequest(REF, "", {}, OWNER, recorded=False), "secret key tls.crt does not exist"),
    ],
)
def test_what_is_no_certificate_is_refused(bench: Bench, asked: PushRequest, text: str) -> None:
    with pytest.raises(PushRefused, match=text):
        bench.client().push(asked)
    assert bench.arns() == []


def test_a_denied_call_says_which_action_it_needs(bench: Bench) -> None:
    for action, prefix in (("GetResources", "tag"), ("ImportCertificate", "acm")):
        bench.moto.fail(action)
        with pytest.raises(ProviderDenied, match=f"must allow {prefix}:{action}"):
            bench.client().push(request())


def test_a_certificate_is_read_with_chain_and_open_key(bench: Bench) -> None:
    asked = bench.aws.request_certificate(DomainName="example.com", Options={"Export": "ENABLED"})
    wanted = SecretRequest(asked["CertificateArn"])
    found = bench.client().read([wanted])[wanted]

    assert isinstance(found, SecretValue)
    text = found.reveal().decode()
    assert text.startswith("-----BEGIN CERTIFICATE-----")
    assert "-----BEGIN PRIVATE KEY-----" in text.rpartition("CERTIFICATE-----")[2]
    assert bench.calls == {"DescribeCertificate": 1, "ExportCertificate": 1}


def test_what_cannot_be_read_says_why(bench: Bench) -> None:
    imported, client = bench.put({}), bench.client()
    absent = imported[:-1] + ("0" if imported[-1] != "0" else "1")
    wanted = {
        SecretRequest(imported): "cannot be exported: request one with the option Export",
        SecretRequest("web"): "the key is no ARN",
        SecretRequest(imported, metadata=True): "no metadata",
        SecretRequest(absent): "Secret does not exist",
    }
    found = client.read(list(wanted))

    for request_, text in wanted.items():
        assert isinstance(found[request_], ProviderDenied | SecretAbsent)
        assert text in str(found[request_])
    assert isinstance(found[SecretRequest(absent)], SecretAbsent)
    with pytest.raises(ProviderDenied, match="cannot find secrets"):
        client.find(SearchRequest(name="."))


def test_what_the_service_adds_to_a_chain_is_no_difference() -> None:
    """It answers with the leaf, or with a root, where none was imported: each push would import it again."""
    leaf, middle = pair("issuer"), pair("root")
    values = {"tls.key": SecretValue(leaf.key), "tls.crt": SecretValue(leaf.certificate)}
    alone = bundle_of(values)
    whole = bundle_of(values | {"tls.crt": SecretValue(leaf.certificate + middle.certificate)})
    text, added, root = (each.certificate.decode() for each in (leaf, middle, ONE))

    for chain in ("", text.strip(), root):
        assert is_held(alone, text.replace("\n", "\r\n"), chain)
        assert not is_held(whole, text, chain)
    for chain in (added, added + root):
        assert is_held(whole, text, chain)
    assert not is_held(alone, added, text)
    assert (alone.chain, whole.chain) == (b"", middle.certificate)
    with pytest.raises(ProviderUnavailable):
        is_held(alone, "text", "")

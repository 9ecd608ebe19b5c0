"""AWS Certificate Manager: exports certificates with their keys, and imports them."""

import secrets
from collections.abc import Mapping, Sequence

from external.providers.aws.certificatemanager_push import CertificateManagerPush
from external.providers.aws.certificates import exported
from external.providers.aws.push_calls import PushCalls
from external.providers.protocol import (
    ProviderDenied,
    ProviderError,
    SearchRequest,
    SecretRequest,
    one_by_one,
)
from external.providers.support.amazon.session import AwsConnection
from external.providers.support.pushing.delegation import DelegatesPushes
from manager.core.secret_value import SecretValue

PASSPHRASE_CHARACTERS = 32
ENABLED = "ENABLED"


class CertificateManager(DelegatesPushes):
    """Reads and pushes certificates of one account and region."""

    label = "AWS/CertificateManager"
    natural = False
    batch = 1

    def __init__(self, amazon: AwsConnection) -> None:
        self._amazon = amazon
        self.weight = 2 * amazon.weight
        self._calls = PushCalls(amazon, amazon.client("acm", "AWS_ACM_ENDPOINT"), "acm")
        tagging = amazon.client("resourcegroupstaggingapi", "AWS_RESOURCE_GROUPS_TAGGING_API_ENDPOINT")
        super().__init__(
            CertificateManagerPush(self._calls, PushCalls(amazon, tagging, "tag"), amazon.spec.prefix or "")
        )

    def validate(self) -> None:
        """Check that there are credentials; no certificate is read."""
        self._amazon.validate()

    def close(self) -> None:
        """Do nothing: sessions end by themselves."""

    def read(self, requests: Sequence[SecretRequest]) -> Mapping[SecretRequest, SecretValue | ProviderError]:
        """Return certificates, their chains and keys as PEM; a key is the ARN of a certificate."""
        return one_by_one(requests, self._one)

    def location(self, request: SecretRequest) -> str:
        """Return service, region and role; the store's prefix is not put before an ARN."""
        del request
        spec = self._amazon.spec
        return ", ".join(
            ["AWS Certificate Manager", f"region {spec.region}", *([f"role {spec.role}"] if spec.role else [])]
        )

    def find(self, find: SearchRequest) -> Mapping[str, SecretValue]:
        """Raise ProviderDenied: certificates are read by their ARN only."""
        del find
        raise ProviderDenied("not implemented: AWS Certificate Manager cannot find secrets; name the ARN")

    def _one(self, request: SecretRequest) -> SecretValue:
        if request.metadata:
            raise ProviderDenied("AWS Certificate Manager has no metadata to fetch")
        if not request.key.startswith("arn:"):
            raise ProviderDenied("the key is no ARN of a certificate")
        told = self._calls("DescribeCertificate", CertificateArn=request.key)["Certificate"]
        if (told.get("Options") or {}).get("Export") != ENABLED:
            raise ProviderDenied("the certificate cannot be exported: request one with the option Export")
        passphrase = secrets.token_hex(PASSPHRASE_CHARACTERS // 2).encode()
        answer = self._calls("ExportCertificate", CertificateArn=request.key, Passphrase=passphrase)
        certificate, chain, key = (
            str(answer.get(name) or "") for name in ("Certificate", "CertificateChain", "PrivateKey")
        )
        return exported(certificate, chain, key, passphrase)

"""The fields of the stores of regional clouds, which this version does not serve."""

from typing import Annotated

from pydantic import Field

from external.api.credentials import CertificateInSecret
from external.api.fields import ONE_OF, CaBundle, CaProvider, EmptyObject, Model, SecretKeySelector, checked


class CloudRuAuthSecretRef(Model):
    """Credentials that Secrets hold."""

    access_key_id_secret_ref: Annotated[SecretKeySelector, Field(alias="accessKeyIDSecretRef")]
    """Key of a Secret that holds the access key ID."""
    access_key_secret_secret_ref: SecretKeySelector
    """Key of a Secret that holds the secret of the access key."""


class CloudRuAuth(Model):
    """How to authenticate to Cloud.ru Secret Manager."""

    secret_ref: CloudRuAuthSecretRef | None = None
    """Credentials that Secrets hold."""


class CloudRu(Model):
    """A store of Cloud.ru Secret Manager."""

    auth: CloudRuAuth
    """How to authenticate to Cloud.ru Secret Manager."""
    project_id: Annotated[str | None, Field(alias="projectID")] = None
    """ID of the project."""


class NebiusAuth(Model):
    """How to authenticate to Nebius MysteryBox."""

    model_config = checked(
        (
            "has(self.serviceAccountCredsSecretRef) || has(self.tokenSecretRef)",
            "serviceAccountCredsSecretRef or tokenSecretRef must be set",
        )
    )

    service_account_creds_secret_ref: SecretKeySelector | None = None
    """Key of a Secret that holds the service account credentials."""
    token_secret_ref: SecretKeySelector | None = None
    """Key of a Secret that holds the token."""


class Nebius(Model):
    """A store of Nebius MysteryBox."""

    api_domain: str
    """Domain of the API."""
    auth: NebiusAuth
    """How to authenticate to Nebius MysteryBox."""
    ca_provider: CertificateInSecret | None = None
    """Certificates of the authorities to trust."""


class OvhAuthMtls(Model):
    """Login with a client certificate."""

    ca_bundle: CaBundle = None
    """PEM certificates of the authorities to trust, in base64."""
    ca_provider: CaProvider | None = None
    """Object that holds the certificates of the authorities to trust."""
    cert_secret_ref: SecretKeySelector
    """Key of a Secret that holds the certificate."""
    key_secret_ref: SecretKeySelector
    """Key of a Secret that holds the private key."""


class OvhAuthToken(Model):
    """Login with an access token."""

    token_secret_ref: SecretKeySelector
    """Key of a Secret that holds the token."""


class OvhAuth(Model):
    """How to authenticate to OVHcloud KMS."""

    mtls: OvhAuthMtls | None = None
    """Login with a client certificate."""
    token: OvhAuthToken | None = None
    """Login with an access token."""


class Ovh(Model):
    """A store of OVHcloud KMS."""

    auth: OvhAuth
    """How to authenticate to OVHcloud KMS."""
    cas_required: bool | None = None
    """Whether writes name the version that they replace."""
    okms_timeout: Annotated[int, Field(ge=1, json_schema_extra={"format": "int32"})] = 30
    """Seconds until a request is given up."""
    okmsid: str
    """ID of the OKMS domain."""
    server: str
    """URL of the server."""


class VolcengineAuthSecretRef(Model):
    """Credentials that Secrets hold."""

    access_key_id: Annotated[SecretKeySelector, Field(alias="accessKeyID")]
    """Key of a Secret that holds the access key ID."""
    secret_access_key: SecretKeySelector
    """Key of a Secret that holds the secret access key."""
    token: SecretKeySelector | None = None
    """Key of a Secret that holds the token."""


class VolcengineAuth(Model):
    """How to authenticate to Volcengine KMS."""

    secret_ref: VolcengineAuthSecretRef | None = None
    """Credentials that Secrets hold."""


class Volcengine(Model):
    """A store of Volcengine KMS."""

    auth: VolcengineAuth | None = None
    """How to authenticate to Volcengine KMS."""
    region: str
    """Region."""


class YandexCertificateManagerAuth(Model):
    """How to authenticate to Yandex Certificate Manager."""

    authorized_key_secret_ref: SecretKeySelector | None = None
    """Key of a Secret that holds the authorized key."""


class YandexCertificateManagerFetchingByName(Model):
    """Fetch by the name of the secret."""

    folder_id: Annotated[str, Field(alias="folderID")]
    """ID of the folder."""


class YandexCertificateManagerFetching(Model):
    """How secrets are identified."""

    model_config = ONE_OF

    by_id: Annotated[EmptyObject | None, Field(alias="byID")] = None
    """Fetch by the ID of the secret."""
    by_name: YandexCertificateManagerFetchingByName | None = None
    """Fetch by the name of the secret."""


class YandexCertificateManager(Model):
    """A store of Yandex Certificate Manager."""

    api_endpoint: str | None = None
    """Address of the API."""
    auth: YandexCertificateManagerAuth
    """How to authenticate to Yandex Certificate Manager."""
    ca_provider: CertificateInSecret | None = None
    """Certificates of the authorities to trust."""
    fetching: YandexCertificateManagerFetching | None = None
    """How secrets are identified."""


class YandexLockbox(Model):
    """A store of Yandex Lockbox."""

    api_endpoint: str | None = None
    """Address of the API."""
    auth: YandexCertificateManagerAuth
    """How to authenticate to Yandex Lockbox."""
    ca_provider: CertificateInSecret | None = None
    """Certificates of the authorities to trust."""
    fetching: YandexCertificateManagerFetching | None = None
    """How secrets are identified."""

"""The fields of `spec.provider.vault` and `spec.provider.openBao`."""

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from external.api.fields import (
    CaBundle,
    CaProvider,
    Model,
    RequiredWithDefault,
    SecretKeySelector,
    ServiceAccountSelector,
    checked,
)
from external.api.providers.aws import AwsJwt, AwsSecretRef


class AppRole(Model):
    """A role and its secret."""

    path: Annotated[str, RequiredWithDefault] = "approle"
    """Path of the auth method."""
    role_id: str | None = None
    """ID of the role."""
    role_ref: SecretKeySelector | None = None
    """Key of a Secret that holds the ID of the role."""
    secret_ref: SecretKeySelector
    """Key of a Secret that holds the secret ID."""


class KubernetesLogin(Model):
    """A ServiceAccount, as Vault looks it up at the API server."""

    mount_path: Annotated[str, RequiredWithDefault] = "kubernetes"
    """Path of the auth method."""
    role: str
    """Role."""
    service_account_ref: ServiceAccountSelector | None = None
    """ServiceAccount whose token is used."""
    secret_ref: SecretKeySelector | None = None
    """Key of a Secret that holds the token."""


class PasswordLogin(Model):
    """A user and a password."""

    username: str
    """Name of the user."""
    secret_ref: SecretKeySelector | None = None
    """Key of a Secret that holds the password."""


class LdapLogin(PasswordLogin):
    """A user and a password of LDAP."""

    path: Annotated[str, RequiredWithDefault] = "ldap"
    """Path of the auth method."""


class UserPassLogin(PasswordLogin):
    """A user and a password of Vault."""

    path: Annotated[str, RequiredWithDefault] = "userpass"
    """Path of the auth method."""


class IamLogin(Model):
    """A role of AWS, which proves itself by a signed request."""

    path: str | None = None
    """Path of the auth method."""
    vault_role: str
    """Role of Vault."""
    region: str | None = None
    """Region of AWS."""
    role: str | None = None
    """ARN of the role to assume."""
    external_id: Annotated[str | None, Field(alias="externalID")] = None
    """External ID for the role."""
    vault_aws_iam_server_id: Annotated[str | None, Field(alias="vaultAwsIamServerID")] = None
    """Value of the header X-Vault-AWS-IAM-Server-ID."""
    secret_ref: AwsSecretRef | None = None
    """Static credentials."""
    jwt: AwsJwt | None = None
    """Credentials of a ServiceAccount."""


class GcpKey(Model):
    """The key of a Google service account."""

    secret_access_key_secret_ref: SecretKeySelector | None = None
    """Key of a Secret that holds the service account key."""


class GcpWorkloadIdentity(Model):
    """Workload identity of GKE."""

    service_account_ref: ServiceAccountSelector
    """ServiceAccount whose token is used."""
    cluster_location: str | None = None
    """Location of the GKE cluster."""
    cluster_name: str | None = None
    """Name of the GKE cluster."""
    cluster_project_id: Annotated[str | None, Field(alias="clusterProjectID")] = None
    """Project of the GKE cluster."""


class GcpLogin(Model):
    """A service account of Google Cloud."""

    path: str = "gcp"
    """Path of the auth method."""
    role: str
    """Role of Vault."""
    project_id: Annotated[str | None, Field(alias="projectID")] = None
    """ID of the project."""
    location: str | None = None
    """Location of the project."""
    secret_ref: GcpKey | None = None
    """The key of a Google service account."""
    workload_identity: GcpWorkloadIdentity | None = None
    """Workload identity of GKE."""
    service_account_ref: ServiceAccountSelector | None = None
    """ServiceAccount whose token is used."""


class AccountToken(Model):
    """A ServiceAccount's token."""

    service_account_ref: ServiceAccountSelector
    """ServiceAccount whose token is used."""
    audiences: list[str] | None = None
    """Audiences of the token."""
    expiration_seconds: Annotated[int | None, Field(json_schema_extra={"format": "int64"})] = None
    """Seconds that the token lives."""


class JwtLogin(Model):
    """A JSON Web Token that Vault trusts."""

    path: Annotated[str, RequiredWithDefault] = "jwt"
    """Path of the auth method."""
    role: str | None = None
    """Role."""
    secret_ref: SecretKeySelector | None = None
    """Key of a Secret that holds the token."""
    kubernetes_service_account_token: AccountToken | None = None
    """Token of a ServiceAccount."""


class CertLogin(Model):
    """A client certificate."""

    path: str = "cert"
    """Path of the auth method."""
    vault_role: str | None = None
    """Name of the certificate role."""
    client_cert: SecretKeySelector | None = None
    """Key of a Secret that holds the client certificate."""
    secret_ref: SecretKeySelector | None = None
    """Key of a Secret that holds the client key."""


class VaultAuth(Model):
    """How to authenticate to Vault; the first that is given counts."""

    namespace: str | None = None
    """Namespace of the server in which the login happens."""
    token_secret_ref: SecretKeySelector | None = None
    """Key of a Secret that holds the token."""
    app_role: AppRole | None = None
    """Login with a role and its secret."""
    kubernetes: KubernetesLogin | None = None
    """Login with a ServiceAccount."""
    ldap: LdapLogin | None = None
    """Login with LDAP."""
    user_pass: UserPassLogin | None = None
    """Login with user and password."""
    jwt: JwtLogin | None = None
    """Login with a JWT."""
    cert: CertLogin | None = None
    """Login with a client certificate."""
    iam: IamLogin | None = None
    """Login with AWS IAM."""
    gcp: GcpLogin | None = None
    """Login with Google Cloud."""


class VaultTls(Model):
    """A client certificate for the connection."""

    cert_secret_ref: SecretKeySelector | None = None
    """Key of a Secret that holds the client certificate."""
    key_secret_ref: SecretKeySelector | None = None
    """Key of a Secret that holds the client key."""


class CheckAndSet(Model):
    """Whether a write must name the version that it replaces; reading is not touched by it."""

    required: bool | None = None
    """Whether writes name the version that they replace."""


class VaultServer(Model):
    """What Vault and OpenBao stores have in common."""

    server: str
    """URL of the server."""
    version: Literal["v1", "v2"] = "v2"
    """Version of the key-value engine."""
    namespace: str | None = None
    """Namespace of the engine."""
    ca_bundle: CaBundle = None
    """PEM certificates of the authorities to trust, in base64."""
    ca_provider: CaProvider | None = None
    """Object that holds the certificates of the authorities to trust."""


class VaultProvider(VaultServer):
    """A key-value engine of Vault."""

    path: str | None = None
    """Path of the key-value engine."""
    auth: VaultAuth | None = None
    """How to authenticate to the server."""
    tls: VaultTls | None = None
    """Client certificate of the connection."""
    headers: dict[str, str] | None = None
    """Headers of every request."""
    read_your_writes: bool | None = None
    """Whether a read sees the writes before it."""
    forward_inconsistent: bool | None = None
    """Whether reads are forwarded to the active node if need be."""
    check_and_set: CheckAndSet | None = None
    """Rules for writes."""


class OpenBaoAppRole(AppRole):
    """A role and its secret."""

    model_config = checked(("has(self.roleId) != has(self.roleRef)", "exactly one of roleId or roleRef must be set"))

    role_id: Annotated[str, StringConstraints(min_length=1)] | None = None
    """ID of the role."""


class OpenBaoAuth(Model):
    """How to authenticate to OpenBao; exactly one method."""

    model_config = checked(
        (
            "[has(self.appRole), has(self.tokenSecretRef), has(self.userPass)].filter(given, given).size() == 1",
            "exactly one of appRole, tokenSecretRef or userPass must be set",
        )
    )

    namespace: str | None = None
    """Namespace of the server in which the login happens."""
    token_secret_ref: SecretKeySelector | None = None
    """Key of a Secret that holds the token."""
    app_role: OpenBaoAppRole | None = None
    """Login with a role and its secret."""
    user_pass: UserPassLogin | None = None
    """Login with user and password."""


class OpenBaoProvider(VaultServer):
    """A key-value engine of OpenBao."""

    model_config = checked(
        ("!(has(self.caBundle) && has(self.caProvider))", "at most one of caBundle or caProvider may be set")
    )

    path: str | None = None
    """Path of the key-value engine."""
    auth: OpenBaoAuth | None = None
    """How to authenticate to the server."""

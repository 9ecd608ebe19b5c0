"""The fields of `provider.vault` and `provider.openBao` (providers 3.1, 3.2 and 3.8)."""

from typing import Any, Literal

from external.fields import CaProvider, Model, SecretKeySelector, ServiceAccountSelector


class AppRole(Model):
    """A role and its secret."""

    path: str = "approle"
    role_id: str | None = None
    role_ref: SecretKeySelector | None = None
    secret_ref: SecretKeySelector | None = None


class KubernetesLogin(Model):
    """A ServiceAccount, as Vault looks it up at the API server."""

    mount_path: str = "kubernetes"
    role: str
    service_account_ref: ServiceAccountSelector | None = None
    secret_ref: SecretKeySelector | None = None


class PasswordLogin(Model):
    """A user and a password."""

    path: str | None = None
    username: str
    secret_ref: SecretKeySelector | None = None


class AccountToken(Model):
    """A ServiceAccount's token."""

    service_account_ref: ServiceAccountSelector
    audiences: list[str] | None = None
    expiration_seconds: int | None = None


class JwtLogin(Model):
    """A token that somebody else has signed."""

    path: str = "jwt"
    role: str | None = None
    secret_ref: SecretKeySelector | None = None
    kubernetes_service_account_token: AccountToken | None = None


class CertLogin(Model):
    """A client certificate."""

    path: str = "cert"
    vault_role: str | None = None
    client_cert: SecretKeySelector | None = None
    secret_ref: SecretKeySelector | None = None


class VaultAuth(Model):
    """How to become somebody in Vault; the first that is given counts."""

    namespace: str | None = None
    token_secret_ref: SecretKeySelector | None = None
    app_role: AppRole | None = None
    kubernetes: KubernetesLogin | None = None
    ldap: PasswordLogin | None = None
    user_pass: PasswordLogin | None = None
    jwt: JwtLogin | None = None
    cert: CertLogin | None = None
    iam: dict[str, Any] | None = None
    gcp: dict[str, Any] | None = None


class VaultTls(Model):
    """A client certificate for the connection."""

    cert_secret_ref: SecretKeySelector | None = None
    key_secret_ref: SecretKeySelector | None = None


class CheckAndSet(Model):
    """Whether a write must name the version that it replaces; reading is not touched by it."""

    required: bool = False


class VaultServer(Model):
    """What Vault and OpenBao stores have in common."""

    server: str
    version: Literal["v1", "v2"] = "v2"
    namespace: str | None = None
    ca_bundle: str | None = None
    ca_provider: CaProvider | None = None


class VaultProvider(VaultServer):
    """A key-value engine of Vault."""

    path: str | None = None
    auth: VaultAuth | None = None
    tls: VaultTls | None = None
    headers: dict[str, str] | None = None
    read_your_writes: bool | None = None
    forward_inconsistent: bool | None = None
    check_and_set: CheckAndSet | None = None


class OpenBaoAuth(Model):
    """How to become somebody in OpenBao."""

    namespace: str | None = None
    token_secret_ref: SecretKeySelector | None = None
    app_role: AppRole | None = None
    user_pass: PasswordLogin | None = None


class OpenBaoProvider(VaultServer):
    """A key-value engine of OpenBao."""

    path: str = "kv"
    auth: OpenBaoAuth | None = None

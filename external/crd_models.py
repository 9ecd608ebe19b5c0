"""Every provider and generator of the original, served or not: what the CRDs are made from.

The process does not load this: it reads stores by `external.model.Provider`, which has the served ones only.
"""

from typing import Annotated

from pydantic import ConfigDict, Field

from external.api.fields import ONE_OF
from external.api.generators.registries import (
    ACRAccessTokenSpec,
    CloudsmithAccessTokenSpec,
    ECRAuthorizationTokenSpec,
    GCRAccessTokenSpec,
    QuayAccessTokenSpec,
    STSSessionTokenSpec,
)
from external.api.generators.services import (
    BeyondtrustWorkloadCredentialsDynamicSecretSpec,
    GithubAccessTokenSpec,
    GitlabDeployTokenSpec,
    GrafanaSpec,
    MFASpec,
    SSHKeySpec,
    VaultDynamicSecretSpec,
    WebhookSpec,
)
from external.api.providers import clouds, configuration_services, password_managers, platforms, regional_clouds, vaults
from external.api.store import Provider, SecretStoreSpec
from external.generators.registry import ClusterGeneratorSpec, Embedded

STRICT = ConfigDict(extra="forbid", json_schema_extra=ONE_OF["json_schema_extra"])


class EveryProvider(Provider):
    """Where secrets are; exactly one."""

    model_config = STRICT

    akeyless: vaults.Akeyless | None = None
    """A store of Akeyless."""
    azurekv: clouds.AzureKeyVault | None = None
    """A store of Azure Key Vault."""
    barbican: clouds.Barbican | None = None
    """A store of OpenStack Barbican."""
    beyondtrust: vaults.BeyondTrust | None = None
    """A store of BeyondTrust Password Safe."""
    beyondtrustworkloadcredentials: vaults.BeyondTrustWorkloadCredentials | None = None
    """A store of BeyondTrust Workload Credentials."""
    bitwardensecretsmanager: password_managers.Bitwarden | None = None
    """A store of Bitwarden Secrets Manager."""
    chef: platforms.Chef | None = None
    """A store of Chef Infra Server."""
    cloudrusm: regional_clouds.CloudRu | None = None
    """A store of Cloud.ru Secret Manager."""
    conjur: vaults.Conjur | None = None
    """A store of CyberArk Conjur."""
    crd: platforms.CustomResources | None = None
    """Custom resources of a cluster."""
    delinea: vaults.Delinea | None = None
    """A store of Delinea DevOps Secrets Vault."""
    doppler: configuration_services.Doppler | None = None
    """A store of Doppler."""
    dvls: password_managers.DevolutionsServer | None = None
    """A store of Devolutions Server."""
    fortanix: vaults.Fortanix | None = None
    """A store of Fortanix DSM."""
    gcpsm: clouds.GoogleSecretManager | None = None
    """A store of Google Cloud Secret Manager."""
    github: platforms.GitHub | None = None
    """A store of GitHub Actions."""
    gitlab: platforms.GitLab | None = None
    """A store of GitLab CI/CD variables."""
    ibm: clouds.Ibm | None = None
    """A store of IBM Cloud Secrets Manager."""
    infisical: configuration_services.Infisical | None = None
    """A store of Infisical."""
    keepersecurity: password_managers.Keeper | None = None
    """A store of Keeper."""
    nebiusmysterybox: regional_clouds.Nebius | None = None
    """A store of Nebius MysteryBox."""
    ngrok: platforms.Ngrok | None = None
    """A store of ngrok."""
    onboardbase: configuration_services.Onboardbase | None = None
    """A store of Onboardbase."""
    onepassword: password_managers.OnePasswordConnect | None = None
    """A store of 1Password Connect."""
    onepassword_sdk: Annotated[password_managers.OnePassword | None, Field(alias="onepasswordSDK")] = None
    """A store of 1Password."""
    oracle: clouds.Oracle | None = None
    """A store of Oracle Cloud Vault."""
    ovh: regional_clouds.Ovh | None = None
    """A store of OVHcloud KMS."""
    passbolt: password_managers.Passbolt | None = None
    """A store of Passbolt."""
    passworddepot: password_managers.PasswordDepot | None = None
    """A store of Password Depot."""
    previder: configuration_services.Previder | None = None
    """A store of Previder Vault."""
    pulumi: configuration_services.Pulumi | None = None
    """A store of Pulumi ESC."""
    scaleway: regional_clouds.Scaleway | None = None
    """A store of Scaleway Secret Manager."""
    secretserver: vaults.SecretServer | None = None
    """A store of Delinea Secret Server."""
    senhasegura: vaults.Senhasegura | None = None
    """A store of senhasegura."""
    volcengine: regional_clouds.Volcengine | None = None
    """A store of Volcengine KMS."""
    yandexcertificatemanager: regional_clouds.YandexCertificateManager | None = None
    """A store of Yandex Certificate Manager."""
    yandexlockbox: regional_clouds.YandexLockbox | None = None
    """A store of Yandex Lockbox."""


class EveryStoreSpec(SecretStoreSpec):
    """Where secrets come from."""

    provider: EveryProvider
    """Where secrets are; exactly one."""


class EveryGenerator(Embedded):
    """Exactly one generator."""

    model_config = STRICT

    acr_access_token_spec: ACRAccessTokenSpec | None = None
    """An access token of an Azure Container Registry."""
    beyondtrust_workload_credentials_dynamic_secret_spec: BeyondtrustWorkloadCredentialsDynamicSecretSpec | None = None
    """Dynamic credentials of BeyondTrust Workload Credentials."""
    cloudsmith_access_token_spec: CloudsmithAccessTokenSpec | None = None
    """An access token of Cloudsmith."""
    ecr_authorization_token_spec: ECRAuthorizationTokenSpec | None = None
    """A token for registries of Amazon ECR."""
    gcr_access_token_spec: GCRAccessTokenSpec | None = None
    """An access token of Google Cloud."""
    github_access_token_spec: GithubAccessTokenSpec | None = None
    """An installation token of a GitHub App."""
    gitlab_deploy_token_spec: GitlabDeployTokenSpec | None = None
    """A deploy token of a GitLab project or group."""
    grafana_spec: GrafanaSpec | None = None
    """A token of a Grafana service account."""
    mfa_spec: MFASpec | None = None
    """A time-based one-time password (RFC 6238)."""
    quay_access_token_spec: QuayAccessTokenSpec | None = None
    """A token of a Quay robot account."""
    ssh_key_spec: SSHKeySpec | None = None
    """An SSH key pair."""
    sts_session_token_spec: STSSessionTokenSpec | None = None
    """Temporary credentials of AWS STS."""
    vault_dynamic_secret_spec: VaultDynamicSecretSpec | None = None
    """An answer of a Vault secrets engine."""
    webhook_spec: WebhookSpec | None = None
    """Values of an HTTP API."""


class EveryClusterGeneratorSpec(ClusterGeneratorSpec):
    """A generator for all namespaces."""

    generator: EveryGenerator
    """Its spec; exactly one."""

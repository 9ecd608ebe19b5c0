"""The fields of a store of Akeyless."""

from typing import Annotated

from pydantic import Field

from external.api.fields import CaBundle, CaProvider, Model, SecretKeySelector, ServiceAccountSelector


class AkeylessAuthSecretRefKubernetesAuth(Model):
    """Login with a token of this cluster."""

    access_id: Annotated[str, Field(alias="accessID")]
    """Access ID."""
    k8s_conf_name: Annotated[str, Field(alias="k8sConfName")]
    """Name of the Kubernetes auth config."""
    secret_ref: SecretKeySelector | None = None
    """Key of a Secret that holds the value."""
    service_account_ref: ServiceAccountSelector | None = None
    """ServiceAccount whose token is used."""


class AkeylessAuthSecretRefSecretRef(Model):
    """Credentials that Secrets hold."""

    access_id: Annotated[SecretKeySelector | None, Field(alias="accessID")] = None
    """Key of a Secret that holds the access ID."""
    access_type: SecretKeySelector | None = None
    """Key of a Secret that holds the access type."""
    access_type_param: SecretKeySelector | None = None
    """Key of a Secret that holds the parameter of the access type."""


class AkeylessAuthSecretRef(Model):
    """Credentials that Secrets hold."""

    kubernetes_auth: AkeylessAuthSecretRefKubernetesAuth | None = None
    """Login with a token of this cluster."""
    secret_ref: AkeylessAuthSecretRefSecretRef | None = None
    """Credentials that Secrets hold."""
    service_account_ref: ServiceAccountSelector | None = None
    """ServiceAccount whose token is used."""


class Akeyless(Model):
    """A store of Akeyless."""

    akeyless_gw_api_url: Annotated[str, Field(alias="akeylessGWApiURL")]
    """URL of the Akeyless gateway."""
    auth_secret_ref: AkeylessAuthSecretRef
    """Credentials that Secrets hold."""
    ca_bundle: CaBundle = None
    """PEM certificates of the authorities to trust, in base64."""
    ca_provider: CaProvider | None = None
    """Object that holds the certificates of the authorities to trust."""
    ignore_cache: bool | None = None
    """Whether the cache of the gateway is passed by."""

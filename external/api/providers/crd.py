"""The fields of a store of custom resources."""

from typing import Annotated

from pydantic import Field

from external.api.fields import ONE_OF, CaBundle, CaProvider, Model, SecretKeySelector, ServiceAccountSelector, checked


class CustomResourcesAuthCert(Model):
    """Login with a client certificate."""

    client_cert: SecretKeySelector
    """Key of a Secret that holds the client certificate."""
    client_key: SecretKeySelector
    """Key of a Secret that holds the client key."""


class CustomResourcesAuthToken(Model):
    """Login with a token."""

    bearer_token: SecretKeySelector
    """Key of a Secret that holds the bearer token."""


class CustomResourcesAuth(Model):
    """How to authenticate to the API server."""

    model_config = ONE_OF

    cert: CustomResourcesAuthCert | None = None
    """Login with a client certificate."""
    service_account: ServiceAccountSelector | None = None
    """ServiceAccount whose token is used."""
    token: CustomResourcesAuthToken | None = None
    """Login with a token."""


class CustomResourcesResource(Model):
    """The resource to read."""

    group: str
    """API group; empty for the core group."""
    kind: Annotated[str, Field(min_length=1)]
    """Kind of the resource."""
    version: Annotated[str, Field(min_length=1)]
    """Version of the API."""


class CustomResourcesServer(Model):
    """The API server."""

    ca_bundle: CaBundle = None
    """PEM certificates of the authorities to trust, in base64."""
    ca_provider: CaProvider | None = None
    """Object that holds the certificates of the authorities to trust."""
    url: str = "kubernetes.default"
    """URL of the API server."""


class ResourceRule(Model):
    """One rule of what may be read; all given fields must match."""

    name: str | None = None
    """Name of the resource, as an RE2 expression."""
    namespace: str | None = None
    """Namespace of the resource, as an RE2 expression."""
    properties: list[str] | None = None
    """Properties that may be read, as RE2 expressions."""


class ResourceRules(Model):
    """What may be read."""

    rules: list[ResourceRule] | None = None
    """Rules; a resource may be read if one matches."""


class CustomResources(Model):
    """Custom resources of a cluster."""

    model_config = checked(
        ("has(self.auth) || has(self.authRef)", "one of auth or authRef must be set"),
        ("!(has(self.auth) && has(self.authRef))", "auth and authRef are mutually exclusive"),
    )

    auth: CustomResourcesAuth | None = None
    """How to authenticate to the API server."""
    auth_ref: SecretKeySelector | None = None
    """Key of a Secret that holds the config."""
    resource: CustomResourcesResource
    """The resource to read."""
    server: CustomResourcesServer | None = None
    """The API server."""
    whitelist: ResourceRules | None = None
    """What may be read."""

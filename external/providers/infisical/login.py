"""Logins to Infisical: a client ID and secret, tokens of other issuers, LDAP, or a fixed token."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from external.api.fields import SecretKeySelector
from external.api.providers.infisical import Infisical, InfisicalAuth
from external.providers.protocol import ConnectContext, ProviderUnavailable
from external.providers.support.lookup import INVALID
from external.providers.support.tokens import IssuedToken, credential, life_of
from manager.core.errors import NeedsHuman
from manager.core.secret_value import SecretValue

AT = "spec.provider.infisical.auth"
LOGIN = "Login"
SPARE_SECONDS = 60.0
OWN_TOKEN = "/var/run/secrets/kubernetes.io/serviceaccount/token"  # a path
NOT_SERVED = {
    "azureAuthCredentials": "azure_auth_credentials",
    "gcpIdTokenAuthCredentials": "gcp_id_token_auth_credentials",
    "gcpIamAuthCredentials": "gcp_iam_auth_credentials",
    "ociAuthCredentials": "oci_auth_credentials",
    "awsAuthCredentials": "aws_auth_credentials",
}
"""Logins that prove the identity of the machine, or sign with a key of another cloud."""
Part = SecretValue | Callable[[], SecretValue]


@dataclass(frozen=True)
class Login:
    """How to get a token."""

    path: str = ""
    """Of the login in the API; empty for a fixed token."""
    said: Mapping[str, Part] = field(default_factory=dict, repr=False)
    """What the login sends."""
    token: SecretValue | None = field(default=None, repr=False)
    """A token that the user has made; it is never revoked."""

    def body(self) -> Mapping[str, str]:
        """Return the body of the login. Raises ProviderUnavailable."""
        parts = {
            name: each if isinstance(each, SecretValue) else credential(LOGIN, each) for name, each in self.said.items()
        }
        return {name: each.reveal().decode(errors="replace").strip() for name, each in parts.items()}


async def login_of(spec: Infisical, context: ConnectContext) -> Login:
    """Read the Secrets of the first login that the store names, in external-secrets' order. Raises NeedsHuman."""
    auth = spec.auth
    if auth.universal_auth_credentials is not None:
        universal = auth.universal_auth_credentials
        wanted = {"clientId": universal.client_id, "clientSecret": universal.client_secret}
        return Login("v1/auth/universal-auth/login", await _read(wanted, "universalAuthCredentials", context))
    for name, attribute in list(NOT_SERVED.items())[:3]:
        _require_served(auth, name, attribute)
    if auth.jwt_auth_credentials is not None:
        jwt = auth.jwt_auth_credentials
        wanted = {"identityId": jwt.identity_id, "jwt": jwt.jwt}
        return Login("v1/auth/jwt-auth/login", await _read(wanted, "jwtAuthCredentials", context))
    if auth.ldap_auth_credentials is not None:
        ldap = auth.ldap_auth_credentials
        wanted = {
            "identityId": ldap.identity_id,
            "ldapUsername": ldap.ldap_username,
            "ldapPassword": ldap.ldap_password,
        }
        found = await _read(wanted, "ldapAuthCredentials", context)
        names = {"ldapUsername": "username", "ldapPassword": "password"}
        return Login("v1/auth/ldap-auth/login", {names.get(name, name): value for name, value in found.items()})
    _require_served(auth, "ociAuthCredentials", NOT_SERVED["ociAuthCredentials"])
    if auth.kubernetes_auth_credentials is not None:
        return await _kubernetes(auth, context)
    _require_served(auth, "awsAuthCredentials", NOT_SERVED["awsAuthCredentials"])
    if auth.token_auth_credentials is not None:
        at = f"{AT}.tokenAuthCredentials.accessToken"
        return Login(token=await context.lookup.secret(auth.token_auth_credentials.access_token, at))
    raise NeedsHuman(INVALID, f"{AT}: it names no login")


def issued(body: Mapping[str, object]) -> IssuedToken:
    """Return the token of a login's answer. Raises ProviderUnavailable if there is none."""
    token, seconds = body.get("accessToken"), life_of(body.get("expiresIn"))
    if not isinstance(token, str) or not token or seconds is None:
        raise ProviderUnavailable(f"{LOGIN}: the answer holds no token that says when it ends")
    lasting = max(seconds - SPARE_SECONDS, seconds / 2)
    return IssuedToken(SecretValue(token.encode()), time.monotonic() + lasting)


async def _kubernetes(auth: InfisicalAuth, context: ConnectContext) -> Login:
    given = auth.kubernetes_auth_credentials
    at = f"{AT}.kubernetesAuthCredentials"
    if given is None:
        raise NeedsHuman(INVALID, f"{at} is missing")
    if not context.own_account:
        text = "it sends the controller's own token, and only a ClusterSecretStore may do that"
        cure = "use jwtAuthCredentials, or ask an administrator for a ClusterSecretStore"
        raise NeedsHuman(INVALID, f"{at}: {text}: {cure}")
    if given.service_account_token_path is not None:
        path = await context.lookup.secret(given.service_account_token_path, f"{at}.serviceAccountTokenPath")
        if path.reveal().decode(errors="replace").strip() != OWN_TOKEN:
            raise NeedsHuman(INVALID, f"{at}.serviceAccountTokenPath: only {OWN_TOKEN} is read")
    identity = await context.lookup.secret(given.identity_id, f"{at}.identityId")
    return Login("v1/auth/kubernetes-auth/login", {"identityId": identity, "jwt": _own_token})


async def _read(wanted: Mapping[str, SecretKeySelector], name: str, context: ConnectContext) -> Mapping[str, Part]:
    found: dict[str, Part] = {}
    for each, selector in wanted.items():
        found[each] = await context.lookup.secret(selector, f"{AT}.{name}.{each}")
        if not found[each]:
            raise NeedsHuman(INVALID, f"{AT}.{name}.{each}: the Secret's value is empty")
    return found


def _require_served(auth: InfisicalAuth, name: str, attribute: str) -> None:
    if getattr(auth, attribute) is not None:
        served = "universal-, jwt-, ldap-, kubernetes- or tokenAuthCredentials"
        raise NeedsHuman(INVALID, f"{AT}.{name} is not served by this version: use {served}")


def _own_token() -> SecretValue:
    return SecretValue(Path(OWN_TOKEN).read_bytes())

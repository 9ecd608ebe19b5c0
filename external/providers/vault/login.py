"""How a store logs in to Vault: each method is a path and the body that is posted there."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from external.api.fields import SecretKeySelector
from external.api.providers.vault import (
    AppRole,
    CertLogin,
    GcpLogin,
    IamLogin,
    JwtLogin,
    KubernetesLogin,
    LdapLogin,
    OpenBaoAuth,
    UserPassLogin,
    VaultAuth,
)
from external.providers.protocol import ConnectContext
from external.providers.support.lookup import INVALID, Lookup
from external.providers.vault.clouds import Said, said_as_aws, said_as_google
from manager.core.errors import NeedsHuman
from manager.core.secret_value import SecretValue

TOKEN_SECONDS = 600  # life of a ServiceAccount's token, which is used at once
OWN_TOKEN = "/var/run/secrets/kubernetes.io/serviceaccount/token"
AWS_PATH = "aws"


@dataclass(frozen=True)
class Login:
    """What is posted to `auth/{path}` to get a token; without a path the store gives the token."""

    path: str = ""
    said: Said = field(default_factory=dict, repr=False)
    token: SecretValue | None = field(default=None, repr=False)
    certificate: tuple[SecretValue, SecretValue] | None = field(default=None, repr=False)
    """A client certificate and its key, shown by the connection."""

    def body(self) -> dict[str, str]:
        """Return what to post; gets a short-lived token now."""
        return {name: _text(value) for name, value in self.said.items()}


def _text(value: str | Callable[[], SecretValue] | SecretValue) -> str:
    if isinstance(value, str):
        return value
    return (value if isinstance(value, SecretValue) else value()).reveal().decode().strip()


async def login_of(auth: VaultAuth | OpenBaoAuth | None, context: ConnectContext, at: str) -> Login | None:
    """Return the login of the first method that is set, None without `auth`. Raises NeedsHuman."""
    if auth is None:
        return None
    methods = {name: value for name, value in auth if value is not None and name != "namespace"}
    lookup, place = context.lookup, f"{at}.auth"
    match next(iter(methods.values()), None):
        case SecretKeySelector() as selector:
            token = await lookup.secret(selector, f"{place}.tokenSecretRef")
            return Login(token=SecretValue(token.reveal().strip()))  # a line end is not allowed in a header
        case AppRole() as given:
            return await _app_role(given, lookup, f"{place}.appRole")
        case KubernetesLogin() as given:
            return await _kubernetes(given, context, f"{place}.kubernetes")
        case LdapLogin() | UserPassLogin() as given:
            name = "ldap" if isinstance(given, LdapLogin) else "userPass"
            password = await lookup.secret(given.secret_ref, f"{place}.{name}.secretRef", "password")
            return Login(f"{given.path}/login/{given.username}", {"password": password})
        case JwtLogin() as given:
            return await _jwt(given, lookup, f"{place}.jwt")
        case CertLogin() as given:
            return await _cert(given, lookup, f"{place}.cert")
        case IamLogin() as given:
            return Login(f"{given.path or AWS_PATH}/login", await said_as_aws(given, context, f"{place}.iam"))
        case GcpLogin() as given:
            return Login(f"{given.path}/login", await said_as_google(given, context, f"{place}.gcp"))
    named = ", ".join(methods) or "no method"
    raise NeedsHuman(INVALID, f"{place}: {named} is not served by this version")


async def _app_role(given: AppRole, lookup: Lookup, at: str) -> Login:
    if not given.role_id and given.role_ref is None:
        raise NeedsHuman(INVALID, f"invalid Auth.AppRole: neither `roleId` nor `roleRef` was supplied ({at})")
    role: str | SecretValue = (given.role_id or "").strip() or await lookup.secret(given.role_ref, f"{at}.roleRef")
    secret = await lookup.secret(given.secret_ref, f"{at}.secretRef")
    return Login(f"{given.path}/login", {"role_id": role, "secret_id": secret})


async def _kubernetes(given: KubernetesLogin, context: ConnectContext, at: str) -> Login:
    path = f"{given.mount_path}/login"
    if given.service_account_ref is not None:
        reference = given.service_account_ref
        token = context.lookup.token_source(
            reference, list(reference.audiences or ()), TOKEN_SECONDS, f"{at}.serviceAccountRef"
        )
        return Login(path, {"role": given.role, "jwt": token})
    if given.secret_ref is not None:
        secret = await context.lookup.secret(given.secret_ref, f"{at}.secretRef", "token")
        return Login(path, {"role": given.role, "jwt": secret})
    if not context.own_account:
        text = (
            f"{at}: serviceAccountRef or secretRef is missing, and only a cluster store may send the controller's token"
        )
        raise NeedsHuman(INVALID, f"{text}: name a ServiceAccount in serviceAccountRef")
    return Login(path, {"role": given.role, "jwt": _own_token})


def _own_token() -> SecretValue:
    return SecretValue(Path(OWN_TOKEN).read_bytes())


async def _jwt(given: JwtLogin, lookup: Lookup, at: str) -> Login:
    said: dict[str, str | Callable[[], SecretValue] | SecretValue] = {"role": given.role.strip()} if given.role else {}
    account = given.kubernetes_service_account_token
    if given.secret_ref is not None:  # external-secrets prefers it if both are set
        return Login(f"{given.path}/login", said | {"jwt": await lookup.secret(given.secret_ref, f"{at}.secretRef")})
    if account is None:
        raise NeedsHuman(INVALID, f"{at}: one of secretRef and kubernetesServiceAccountToken must be set")
    wanted = ["vault"] if account.audiences is None else account.audiences
    audiences = [*(account.service_account_ref.audiences or ()), *wanted]
    place = f"{at}.kubernetesServiceAccountToken.serviceAccountRef"
    seconds = account.expiration_seconds or TOKEN_SECONDS
    token = lookup.token_source(account.service_account_ref, audiences, seconds, place)
    return Login(f"{given.path}/login", said | {"jwt": token})


async def _cert(given: CertLogin, lookup: Lookup, at: str) -> Login:
    certificate = await lookup.secret(given.client_cert, f"{at}.clientCert", "tls.crt")
    key = await lookup.secret(given.secret_ref, f"{at}.secretRef", "tls.key")
    said = {"name": given.vault_role} if given.vault_role else {}
    return Login(f"{given.path}/login", said, certificate=(certificate, key))

"""Finds the API server that a store names, and the identity that is shown to it."""

import asyncio
import base64
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from external.api.fields import SecretKeySelector, ServiceAccountSelector
from external.api.providers.kubernetes import KubernetesAuth, KubernetesServer
from external.providers.kubernetes.connection import TOKEN_SECONDS, Server
from external.providers.protocol import ConnectContext
from external.providers.support.egress import EgressPolicy
from external.providers.support.lookup import INVALID
from external.providers.support.naming import host_of
from external.providers.support.tls import trusting
from manager.core.documents import CONFIGURATION, Unreadable, field, read_yaml
from manager.core.errors import NeedsHuman
from manager.core.secret_value import SecretValue

ONE = "exactly one of auth and authRef must be set"
OWN = frozenset(
    {"", "kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc.cluster.local"}
)
"""Names of the API server inside every cluster."""


@dataclass(frozen=True)
class ClusterFields:
    """What a store says about a cluster."""

    server: KubernetesServer
    auth: KubernetesAuth | None
    auth_ref: SecretKeySelector | None
    at: str
    """Path of these fields, for messages."""


async def chosen_server(fields: ClusterFields, context: ConnectContext) -> tuple[Server, str]:
    """Return the API server of a store, and what messages call its cluster. Raises NeedsHuman, ProviderError."""
    at = fields.at
    if fields.auth is not None and fields.auth_ref is not None:
        raise NeedsHuman(INVALID, f"{at}: {ONE}")
    if fields.auth_ref is not None:
        text = await context.lookup.secret(fields.auth_ref, f"{at}.authRef")
        server = await asyncio.to_thread(_configured, text, context, at)
        return server, "the cluster that the kubeconfig names"  # its server is not shown: it comes from a Secret
    server = await _server(fields, context)
    home = context.home is not None and server.url == context.home.url
    return server, "this cluster" if home else f"the cluster at {host_of(server.url)}"


async def _server(fields: ClusterFields, context: ConnectContext) -> Server:
    at = fields.at
    authorities = await context.lookup.authority(fields.server.ca_bundle, fields.server.ca_provider, f"{at}.server")
    tls_context = await asyncio.to_thread(trusting, authorities)
    url, egress = fields.server.url.strip(), context.egress
    host = url.partition("://")[2].partition("/")[0].removesuffix(":443") if "://" in url else url
    foreign = host not in OWN and (context.home is None or url.rstrip("/") != context.home.url.rstrip("/"))
    if host in OWN and context.home is not None:
        # The tenant did not choose this address, and acts there as its own ServiceAccount: the egress policy is met.
        url, egress = context.home.url, EgressPolicy(everything=True)
        tls_context = tls_context or context.home.trusting()
    elif "://" not in url:
        url = f"https://{url}"
    if urlsplit(url).scheme != "https":
        raise NeedsHuman(INVALID, f"{at}.server.url is no https URL")
    if fields.auth is None:
        raise NeedsHuman(INVALID, f"{at}: {ONE}")
    if foreign and fields.auth.service_account is not None:
        await _require_audience(fields.auth.service_account, context, at)
    token, certificate = await _identity(fields.auth, context, at)
    return Server(url, tls_context, egress, token, certificate)


async def _require_audience(account: ServiceAccountSelector, context: ConnectContext, at: str) -> None:
    """Raise NeedsHuman for a token that this cluster's API server accepts too: the other server could use it here."""
    at = f"{at}.auth.serviceAccount"
    given = set(account.audiences or ())
    cure = "a server that is not this cluster's needs an audience of its own, such as its URL"
    if not given:
        raise NeedsHuman(INVALID, f"{at}.audiences is missing: {cure}")
    taken = sorted(given & await context.lookup.own_audiences(account, at))
    if taken:
        raise NeedsHuman(INVALID, f"{at}.audiences: {', '.join(taken)} is one of this cluster's API server: {cure}")


async def _identity(
    auth: KubernetesAuth, context: ConnectContext, at: str
) -> tuple[Any, tuple[SecretValue, SecretValue] | None]:
    place, lookup = f"{at}.auth", context.lookup
    given = [name for name in ("cert", "token", "service_account") if getattr(auth, name) is not None]
    if len(given) != 1:
        raise NeedsHuman(INVALID, f"{place}: exactly one of cert, token and serviceAccount must be set")
    if auth.cert is not None:
        certificate = await lookup.secret(auth.cert.client_cert, f"{place}.cert.clientCert", "tls.crt")
        return None, (certificate, await lookup.secret(auth.cert.client_key, f"{place}.cert.clientKey", "tls.key"))
    if auth.token is not None:
        return await lookup.secret(auth.token.bearer_token, f"{place}.token.bearerToken", "token"), None
    account = auth.service_account
    if account is None:
        raise NeedsHuman(INVALID, f"{place}.serviceAccount is missing")
    at = f"{place}.serviceAccount"
    return lookup.token_source(account, list(account.audiences or ()), TOKEN_SECONDS, at), None


def _configured(text: SecretValue, context: ConnectContext, at: str) -> Server:
    """Return the server of a kubeconfig's current context. Raises NeedsHuman for references to files or programs."""
    at = f"{at}.authRef"
    try:
        parsed = read_yaml(text.reveal(), CONFIGURATION)
        chosen = _named(parsed, "contexts", _text(parsed, "current-context"), "context")
        cluster = _named(parsed, "clusters", _text(chosen, "cluster"), "cluster")
        user = _named(parsed, "users", _text(chosen, "user"), "user")
        url, bearer = _text(cluster, "server"), _text(user, "token")
        authority = _bytes(cluster, "certificate-authority-data")
        pair = tuple(_bytes(user, f"client-{each}-data") for each in ("certificate", "key"))
    except Unreadable as error:
        raise NeedsHuman(INVALID, f"{at}: it is no kubeconfig with a current context: {error}") from None
    refused = {"exec", "auth-provider", "tokenFile", "client-certificate", "client-key", "username", "as"} & set(user)
    refused |= {"certificate-authority", "insecure-skip-tls-verify", "proxy-url"} & {k for k, v in cluster.items() if v}
    if refused:
        cure = "use token, client-certificate-data, client-key-data and certificate-authority-data"
        raise NeedsHuman(INVALID, f"{at}: {', '.join(sorted(refused))} cannot be used here: {cure}")
    if urlsplit(url).scheme != "https":
        raise NeedsHuman(INVALID, f"{at}: its server is no https URL")
    token = SecretValue(bearer.encode()) if bearer else None
    certificate = (SecretValue(pair[0]), SecretValue(pair[1])) if all(pair) else None
    if token is None and certificate is None:
        raise NeedsHuman(INVALID, f"{at}: its user has neither token nor client certificate")
    return Server(url, trusting(authority or None), context.egress, token, certificate)


def _named(parsed: object, place: str, name: str, inner: str) -> dict[str, Any]:
    """Return an entry of one of the lists of a kubeconfig by its name. Raises Unreadable."""
    for each in field(parsed, place, list) or ():
        if field(each, "name", str) == name:
            return field(each, inner, dict) or {}
    raise Unreadable(f"{place}: there is no entry of the name that is asked for")


def _text(mapping: object, name: str) -> str:
    return field(mapping, name, str) or ""


def _bytes(mapping: object, name: str) -> bytes:
    text = _text(mapping, name)
    try:
        return base64.b64decode(text)
    except ValueError:
        raise Unreadable(f"{name}: it is no base64") from None

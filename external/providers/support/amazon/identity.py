"""The identity of a store in AWS: keys, a ServiceAccount's token, or Coffer's own identity; then its roles."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from external.api.providers.aws import AwsProvider, AwsSecretRef
from external.providers.protocol import ConnectContext
from external.providers.support.lookup import INVALID
from manager.core.errors import NeedsHuman, Retry
from manager.core.secret_value import SecretValue

AT = "spec.provider.aws"
ROLE = "eks.amazonaws.com/role-arn"
AUDIENCE = "eks.amazonaws.com/audience"
STS = "sts.amazonaws.com"

NO_CREDENTIALS = "there are no AWS credentials: name keys or a ServiceAccount in the store's auth"
SESSION_NAME = "external-secrets-provider-aws"  # what users' trust policies and CloudTrail queries know


@dataclass(frozen=True)
class WebIdentity:
    """A role that is assumed with a token of a ServiceAccount."""

    role: str
    token: Callable[[], SecretValue] = field(repr=False)
    """Blocks until the API server has issued a new token."""


@dataclass(frozen=True)
class Role:
    """A role to assume, and the options of that call."""

    arn: str
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Identity:
    """The first credentials, and the roles that are assumed from there, in this order."""

    keys: Mapping[str, SecretValue] = field(default_factory=dict, repr=False)
    """access_key_id, secret_access_key, session_token."""
    web: WebIdentity | None = None
    """Without keys and web identity the SDK's default chain decides: environment, Pod identity, instance."""
    roles: tuple[Role, ...] = ()
    session_name: str = SESSION_NAME
    """Of the sessions of roles."""


async def identity_of(spec: AwsProvider, context: ConnectContext, at: str = AT, *, auth_at: str = "") -> Identity:
    """Read the Secrets and ServiceAccounts that make up the identity. Raises NeedsHuman.

    Args:
        at: path of the spec, for messages.
        auth_at: path of what `auth` holds; empty for `auth` of the spec.
    """
    place = auth_at or f"{at}.auth"
    roles = (*(Role(arn) for arn in spec.additional_roles or ()), *_last_role(spec, context))
    auth = spec.auth
    if auth is not None and auth.jwt is not None and auth.jwt.service_account_ref is not None:
        return Identity(web=await _web(spec, context, place), roles=roles)
    if auth is not None and auth.secret_ref is not None:
        return Identity(keys=await _keys(auth.secret_ref, context, place), roles=roles)
    if not context.ambient:
        text = f"{place} is missing, and this namespace may not use the controller's own identity"
        cure = "add secretRef or jwt, or ask an administrator for external.ambient_namespaces"
        raise NeedsHuman(INVALID, f"{text}: {cure}")
    return Identity(roles=roles)


async def _keys(reference: AwsSecretRef, context: ConnectContext, at: str) -> Mapping[str, SecretValue]:
    at = f"{at}.secretRef"
    wanted = {
        "access_key_id": (reference.access_key_id_secret_ref, f"{at}.accessKeyIDSecretRef"),
        "secret_access_key": (reference.secret_access_key_secret_ref, f"{at}.secretAccessKeySecretRef"),
        "session_token": (reference.session_token_secret_ref, f"{at}.sessionTokenSecretRef"),
    }
    return {
        name: await context.lookup.secret(selector, place)
        for name, (selector, place) in wanted.items()
        if selector is not None or name != "session_token"
    }


async def _web(spec: AwsProvider, context: ConnectContext, at: str) -> WebIdentity:
    at = f"{at}.jwt.serviceAccountRef"
    reference = spec.auth.jwt.service_account_ref if spec.auth and spec.auth.jwt else None
    if reference is None:
        raise NeedsHuman(INVALID, f"{at} is missing")
    account = await context.lookup.account(reference, at)
    annotations = account["metadata"].get("annotations") or {}
    role = annotations.get(ROLE)
    if not role:
        text = f'an IAM role must be associated with service account "{reference.name}"'
        raise Retry(
            INVALID, f"{at}: {text}: annotate it with {ROLE}"
        )  # ServiceAccounts are not watched: no event says that the annotation was added
    audiences = [annotations.get(AUDIENCE) or STS, *(reference.audiences or ())]
    return WebIdentity(str(role), context.lookup.token_source(reference, audiences, None, at))


def _last_role(spec: AwsProvider, context: ConnectContext) -> tuple[Role, ...]:
    """Return all roles; external ID and tags belong to `role`, the last one."""
    if not spec.role:
        return ()
    tags = {each.key: each.value for each in spec.session_tags or ()}
    if spec.session_tags_policy in ("Simple", "Custom"):
        store = context.lookup.store
        tags = {
            "esoNamespace": context.lookup.namespace,
            "esoStoreName": store.name,
            "esoStoreKind": store.resource.kind,
        }
        if spec.session_tags_policy == "Custom":
            custom = spec.custom_session_tags or {}
            if set(custom) & set(tags):
                raise NeedsHuman(
                    INVALID, f"{AT}.customSessionTags: {', '.join(sorted(tags))} are set by the controller"
                )
            tags |= {name: value for name, value in custom.items() if value}
    options: dict[str, Any] = {}
    if spec.external_id:
        options["ExternalId"] = spec.external_id
    if tags:
        options["Tags"] = [{"Key": name, "Value": value} for name, value in tags.items()]
    if spec.transitive_tag_keys:
        options["TransitiveTagKeys"] = list(spec.transitive_tag_keys)
    return (Role(spec.role, options),)

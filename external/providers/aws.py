"""AWS Secrets Manager (providers 2.1 to 2.4). botocore is imported with the first AWS store, not before."""

import json
import os
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any

from external.model import AwsProvider, RetrySettings
from external.providers.protocol import (
    CountCall,
    Credentials,
    ProviderDenied,
    ProviderError,
    ProviderUnavailable,
    SecretAbsent,
    Want,
)
from manager.errors import NeedsHuman
from manager.plain import Plain

PROVIDER = "AWS/SecretsManager"
SESSION_NAME = "external-secrets-provider-aws"  # what users' trust policies and CloudTrail queries know
UNAVAILABLE = frozenset(
    {"ThrottlingException", "Throttling", "TooManyRequestsException", "RequestLimitExceeded", "InternalServiceError"}
    | {"InternalServiceErrorException", "ServiceUnavailable", "InternalFailure", "RequestTimeout", "SlowDown"}
)
MOST_ATTEMPTS = 5  # of one call; more would outlast the deadline whatever a tenant writes
MARKED = "marked for deletion"  # how AWS calls a secret that is scheduled to go (2.4)


class AwsSecretsManager:
    """Reads secrets of one account and region.

    Args:
        credentials: access_key_id, secret_access_key, session_token; empty for the SDK's own chain.
        timeout: seconds after which no call is still running, retries included: its thread is wanted by others.
    """

    capabilities = "ReadWrite"
    batch = 1

    def __init__(
        self,
        spec: AwsProvider,
        credentials: Credentials,
        retries: RetrySettings | None,
        count: CountCall,
        timeout: float,
    ) -> None:
        self._spec = spec
        self._count = count
        self._mapped = _Mapped(count)
        self._options = _options(retries, timeout)
        self._session = self._mapped.call("", lambda: self._open(credentials))
        self._client = self._mapped.call(
            "", lambda: self._made(self._session, "secretsmanager", "AWS_SECRETSMANAGER_ENDPOINT")
        )

    def read(self, wants: Sequence[Want]) -> Mapping[Want, Plain | ProviderError]:
        """Return SecretString, or SecretBinary where there is none; with `metadata` the tags."""
        return {want: self._value(want) for want in wants}

    def _value(self, want: Want) -> Plain:
        secret_id = (self._spec.prefix or "") + want.key
        if want.metadata:
            answer = self._mapped.call("DescribeSecret", lambda: self._client.describe_secret(SecretId=secret_id))
            tags = {tag["Key"]: tag["Value"] for tag in answer.get("Tags") or ()}
            return Plain(json.dumps(tags, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode())
        wanted = _version(want.version)
        answer = self._mapped.call(
            "GetSecretValue", lambda: self._client.get_secret_value(SecretId=secret_id, **wanted)
        )
        if answer.get("SecretString") is not None:
            return Plain(answer["SecretString"].encode())
        if answer.get("SecretBinary") is not None:
            return Plain(answer["SecretBinary"])
        raise ProviderDenied("invalid secret received. no secret string nor binary")

    def validate(self) -> None:
        """Find out whether there are credentials; no secret is read."""
        found = self._mapped.call("", self._session.get_credentials)
        if found is None:
            raise ProviderDenied("no AWS credentials were found")
        self._mapped.call("", found.get_frozen_credentials)

    def _open(self, credentials: Credentials) -> Any:
        session = _session()
        if credentials:
            names = ("access_key_id", "secret_access_key", "session_token")
            session.set_credentials(*(_text(credentials, name) for name in names))
        for role in self._spec.additional_roles or ():
            session = self._assume(session, role, {})
        if self._spec.role:
            external = {"ExternalId": self._spec.external_id} if self._spec.external_id else {}
            session = self._assume(session, self._spec.role, external)
        return session

    def _assume(self, session: Any, role: str, options: dict[str, str]) -> Any:
        """Return a session whose credentials are those of a role, asked for when needed, kept and renewed in time."""
        sts = self._made(session, "sts", "AWS_STS_ENDPOINT")

        def refresh() -> dict[str, str]:
            arguments = {"RoleArn": role, "RoleSessionName": SESSION_NAME, **options}
            found = self._mapped.call("AssumeRole", lambda: sts.assume_role(**arguments))["Credentials"]
            return {
                "access_key": found["AccessKeyId"],
                "secret_key": found["SecretAccessKey"],
                "token": found["SessionToken"],
                "expiry_time": found["Expiration"].isoformat(),
            }

        return _session(refresh)

    def _made(self, session: Any, service: str, variable: str) -> Any:
        """Return a client of one of Amazon's services."""
        endpoint = os.environ.get(variable) or None
        return session.create_client(
            service, region_name=self._spec.region, endpoint_url=endpoint, config=self._options
        )


def _session(refresh: Callable[[], dict[str, str]] | None = None) -> Any:
    """Return a session of the SDK; its credentials come from `refresh` where that is given, and are kept until due."""
    from botocore.credentials import CredentialResolver
    from botocore.session import get_session

    session = get_session()
    # One for all: each would hold its own 8 MB of descriptions of Amazon's services, and read them for 40 ms.
    session.register_component("data_loader", _descriptions())
    if refresh is not None:
        session.register_component("credential_provider", CredentialResolver([_Assumed(refresh)]))
    return session


class _Assumed:
    """The SDK's protocol of a source of credentials: here a role, asked for when it is first needed."""

    METHOD = "sts-assume-role"

    def __init__(self, refresh: Callable[[], dict[str, str]]) -> None:
        self._refresh = refresh

    def load(self) -> Any:
        """Return credentials that renew themselves."""
        from botocore.credentials import DeferredRefreshableCredentials

        return DeferredRefreshableCredentials(refresh_using=self._refresh, method=self.METHOD)


@cache
def _descriptions() -> Any:
    from botocore.loaders import create_loader

    return create_loader()


class _Mapped:
    """Runs SDK calls; counts them and turns every foreign error into ours, without foreign text."""

    def __init__(self, count: CountCall) -> None:
        self._count = count

    def call(self, name: str, function: Callable[[], Any]) -> Any:
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            result = function()
        except ClientError as error:
            self._finish(name, "error")
            raise _refused(error, name) from None
        except ProviderError:
            raise
        except (BotoCoreError, OSError) as error:
            self._finish(name, "error")
            raise ProviderUnavailable(f"{name or 'AWS'}: {type(error).__name__}") from None
        except ValueError as error:
            raise ProviderDenied(f"AWS: {type(error).__name__}: check region and endpoint") from None
        self._finish(name, "success")
        return result

    def _finish(self, name: str, status: str) -> None:
        if name:
            self._count(PROVIDER, name, status)


def _refused(error: Any, call: str) -> ProviderError:
    code = str(error.response.get("Error", {}).get("Code", ""))
    message = str(error.response.get("Error", {}).get("Message", ""))
    status = int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
    if code == "ResourceNotFoundException":
        return SecretAbsent("Secret does not exist")
    if code in ("InvalidRequestException", "InvalidParameterException") and MARKED in message.lower():
        return SecretAbsent("Secret does not exist: it is marked for deletion")
    if code in UNAVAILABLE or status >= 500 or status == 429:
        return ProviderUnavailable(f"{call}: {code or status}")
    return ProviderDenied(f"{call}: {code or status}")


def _version(version: str) -> dict[str, str]:
    if not version:
        return {"VersionStage": "AWSCURRENT"}
    if version.startswith("uuid/"):
        return {"VersionId": version.removeprefix("uuid/")}
    return {"VersionStage": version}


def _text(credentials: Credentials, name: str) -> str | None:
    return credentials[name].reveal().decode().strip() if name in credentials else None


def _options(retries: RetrySettings | None, timeout: float) -> Any:
    """Return the SDK's limits (2.2, 6).

    `retryInterval` is not waited for here: the store's gate keeps the pauses, and no thread sleeps through them.
    """
    from botocore.config import Config

    wanted = retries.max_retries if retries and retries.max_retries is not None else 3
    attempts = min(max(1, wanted), MOST_ATTEMPTS)
    each = timeout / attempts
    return Config(
        connect_timeout=min(3.0, each / 2),
        read_timeout=each - min(3.0, each / 2),
        retries={"mode": "standard", "total_max_attempts": attempts},
        user_agent_appid="coffer",
    )


UNSERVED = ("session_tags", "transitive_tag_keys", "session_tags_policy", "custom_session_tags")


def require_served(spec: AwsProvider, reason: str) -> None:
    """Raise NeedsHuman for fields that this version does not act on: ignoring one could change who reads."""
    at = "spec.provider.aws"
    if spec.service != "SecretsManager":
        raise NeedsHuman(reason, f"{at}.service: {spec.service} is not served by this version")
    if spec.auth is not None and spec.auth.jwt is not None:
        raise NeedsHuman(reason, f"{at}.auth.jwt is not served by this version: use secretRef or role")
    for name in UNSERVED:
        if getattr(spec, name) not in (None, "None"):
            raise NeedsHuman(reason, f"{at}: {name} is not served by this version")

"""The connection to AWS: sessions, roles, limits, and what its errors mean."""

import os
from collections.abc import Callable, Mapping
from functools import cache
from threading import Lock
from types import MappingProxyType
from typing import Any

from external.api.providers.aws import AwsProvider
from external.api.store import RetrySettings
from external.providers.protocol import (
    CountCall,
    ProviderDenied,
    ProviderError,
    ProviderUnavailable,
    SecretAbsent,
    SecretRequest,
)
from external.providers.support.amazon.guarded_connections import guard_connections
from external.providers.support.amazon.identity import NO_CREDENTIALS, Identity, Role, WebIdentity
from external.providers.support.deadlines import within
from external.providers.support.refusals import reason
from manager.core.errors import CofferError
from manager.core.secret_value import SecretValue

STS = "AWS/STS"  # not counted by the original: role assumption was invisible in the bill
UNAVAILABLE = frozenset(
    {"ThrottlingException", "Throttling", "TooManyRequestsException", "RequestLimitExceeded", "InternalServiceError"}
    | {"InternalServiceErrorException", "ServiceUnavailable", "InternalFailure", "RequestTimeout", "SlowDown"}
    | {"ThrottledException", "InternalServerError", "RequestThrottled", "IDPCommunicationError"}
)
ABSENT = frozenset({"ResourceNotFoundException", "ParameterNotFound"})
DENIED = frozenset({"AccessDeniedException", "AccessDenied", "UnauthorizedOperation"})
MARKED_FOR_DELETION = (
    "marked for deletion",
    "marked deleted",
)  # texts of AWS for a secret that is scheduled for deletion
CLIENT_BYTES = 340 << 10  # of a session of the SDK, its client, and what they know of the service
KEY_CLIENT_BYTES = 160 << 10  # of a client whose session is shared
MAX_ATTEMPTS = 5  # of one call; more do not fit into its deadline, whatever retrySettings says
NOTHING: Mapping[str, Any] = MappingProxyType({})
ABSENCE = "Secret does not exist"

Refresh = Callable[[], dict[str, str]]


class AwsConnection:
    """One identity in one region; makes clients and calls them.

    Args:
        timeout: seconds within which every call ends, retries included.
        label: name of the service in the metric of provider calls.
    """

    def __init__(
        self,
        spec: AwsProvider,
        identity: Identity,
        retries: RetrySettings | None,
        count: CountCall,
        timeout: float,
        label: str,
    ) -> None:
        self.spec = spec
        self._count = count
        self._label = label
        self._name = identity.session_name
        self._timeout = timeout
        self._options = _options(retries, timeout)
        self.weight = KEY_CLIENT_BYTES if identity.keys and not identity.roles else CLIENT_BYTES
        """Bytes that a client takes."""
        self._session = self.guard(lambda: self._opened(identity))

    def client(self, service: str, variable: str) -> Any:
        """Return the SDK's client of a service; an environment variable may name another endpoint."""
        return self.guard(lambda: self._made(self._session, service, variable))

    def location(self, service: str, request: SecretRequest) -> str:
        """Return service, region, role (its ARN names the account) and name, for condition texts."""
        spec = self.spec
        parts = [service, f"region {spec.region}"]
        parts += [f"role {spec.role}"] if spec.role else []
        parts += [f"name {spec.prefix}{request.key}"] if spec.prefix else []
        return ", ".join(parts)

    def call(
        self, name: str, function: Callable[..., Any], arguments: Mapping[str, Any] = NOTHING, label: str = ""
    ) -> Any:
        """Make one call and count it. Raises ProviderError."""
        status = "error"
        try:
            with within(self._timeout) as whole:
                result = self.guard(lambda: _parsed(function, arguments, name), name)
            if whole.over:  # a body without a length ends with its connection, and the deadline ends that too
                raise ProviderUnavailable(f"{name}: there was no whole answer within {self._timeout:g} s")
            _require_whole(function, result, name)
            status = "success"
            return result
        finally:
            self._count(label or self._label, name, status)

    def guard(self, function: Callable[[], Any], name: str = "AWS") -> Any:
        """Call a function that uses the SDK. Raises ProviderError instead of its exceptions."""
        from botocore import exceptions

        from external.providers.support.amazon.sdk_faults import fault_of

        try:
            return function()
        except exceptions.ClientError as error:
            raise error_of_answer(error.response, name) from None
        except ProviderError:
            raise
        except CofferError as error:
            raise ProviderUnavailable(str(error)) from None
        except (exceptions.BotoCoreError, OSError, ValueError) as error:
            raise fault_of(error, name) from None

    def validate(self) -> None:
        """Check that there are credentials: roles are assumed, and no secret is read. Raises ProviderError."""
        self.credentials()

    def credentials(self) -> Any:
        """Return the identity's credentials as they are now. Raises ProviderError."""
        found = self.guard(self._session.get_credentials)
        if found is None:
            raise ProviderDenied(NO_CREDENTIALS)
        return self.guard(found.get_frozen_credentials)

    def _opened(self, identity: Identity) -> Any:
        session: Any
        if identity.keys:
            session = _KeySession(identity.keys)
        else:
            session = _session(self._trusted(identity.web)) if identity.web else _session()
        for role in identity.roles:
            session = _session(self._assumed(session, role))
        return session

    def _assumed(self, session: Any, role: Role) -> Refresh:
        sts = self._made(session, "sts", "AWS_STS_ENDPOINT")
        arguments = {"RoleArn": role.arn, "RoleSessionName": self._name, **role.options}
        return lambda: _credentials(self.call("AssumeRole", sts.assume_role, arguments, STS))

    def _trusted(self, web: WebIdentity) -> Refresh:
        sts = self._made(_session(), "sts", "AWS_STS_ENDPOINT", unsigned=True)
        name = "AssumeRoleWithWebIdentity"

        def refresh() -> dict[str, str]:
            token = self.guard(web.token).reveal().decode()
            arguments = {"RoleArn": web.role, "RoleSessionName": self._name, "WebIdentityToken": token}
            return _credentials(self.call(name, sts.assume_role_with_web_identity, arguments, STS))

        return refresh

    def _made(self, session: Any, service: str, variable: str, *, unsigned: bool = False) -> Any:
        from botocore import UNSIGNED
        from botocore.config import Config

        options = self._options.merge(Config(signature_version=UNSIGNED)) if unsigned else self._options
        endpoint = os.environ.get(variable) or None
        client = session.create_client(service, region_name=self.spec.region, endpoint_url=endpoint, config=options)
        guard_connections(client)
        return client


def _parsed(function: Callable[..., Any], arguments: Mapping[str, Any], call: str) -> Any:
    """Return the answer to a call. Raises ProviderUnavailable for JSON on which the SDK's parsers trip."""
    try:
        return function(**arguments)
    except (AttributeError, TypeError, KeyError):
        raise ProviderUnavailable(f"{call}: the answer has not the form of the API") from None


def _require_whole(function: Callable[..., Any], answer: Any, call: str) -> None:
    """Raise ProviderUnavailable for an answer that has nothing of what the call returns.

    The SDK makes it of a body that is cut off or no JSON: an empty list would look like secrets that are gone.
    """
    meta = function.__self__.meta  # type: ignore[attr-defined]
    shape = meta.service_model.operation_model(meta.method_to_api_mapping[function.__name__]).output_shape
    if shape is not None and shape.members and not shape.members.keys() & answer.keys():
        raise ProviderUnavailable(f"{call}: the answer holds nothing of what the call returns")


def error_of_answer(answer: Any, call: str) -> ProviderError:
    """Return what an error of AWS means to the caller."""
    error = answer.get("Error", {})
    status = int(answer.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
    return error_of_code(str(error.get("Code", "")), str(error.get("Message", "")), status, call)


def error_of_code(code: str, message: str, status: int, call: str) -> ProviderError:
    """Return the error that a code stands for, with the description that AWS gives."""
    if code in ABSENT:
        return SecretAbsent(ABSENCE)
    if code in ("InvalidRequestException", "InvalidParameterException") and any(
        text in message.lower() for text in MARKED_FOR_DELETION
    ):
        return SecretAbsent(f"{ABSENCE}: it is marked for deletion")
    text = f"{call}: {code or status}{reason(message)}"
    if code in UNAVAILABLE or status >= 500 or status == 429:
        return ProviderUnavailable(text)
    return Forbidden(text) if code in DENIED else ProviderDenied(text)


class Forbidden(ProviderDenied):
    """IAM denies this call; it may allow another one."""


class _KeySession:
    """What is used of an SDK's session, for access keys of a store: all of these stores share one session.

    A session takes as much memory as a client, and four times as long to open.
    """

    def __init__(self, keys: Mapping[str, SecretValue]) -> None:
        # Without either of the first two the SDK would look for Coffer's own identity.
        self._given = {f"aws_{name}": _text(keys[name]) for name in ("access_key_id", "secret_access_key")}
        self._given["aws_session_token"] = _text(keys.get("session_token"))

    def create_client(self, service: str, **options: Any) -> Any:
        """Return a client with these keys."""
        with _OPENING:  # a session makes one client at a time
            return _shared_session().create_client(service, **self._given, **options)

    def get_credentials(self) -> Any:
        """Return the keys as the SDK keeps them."""
        from botocore.credentials import Credentials

        return Credentials(*self._given.values())


class _RefreshingCredentials:
    """A credential provider of the SDK that gets credentials when a call first needs them."""

    METHOD = "assume-role"

    def __init__(self, refresh: Refresh) -> None:
        self._refresh = refresh

    def load(self) -> Any:
        """Return credentials that renew themselves."""
        from botocore.credentials import DeferredRefreshableCredentials

        return DeferredRefreshableCredentials(refresh_using=self._refresh, method=self.METHOD)


def _session(refresh: Refresh | None = None) -> Any:
    """Return a session of the SDK; `refresh` supplies credentials, which are kept until they expire."""
    from botocore.credentials import CredentialResolver
    from botocore.session import get_session

    session = get_session()
    # Shared by all sessions: each loader holds 8 MB of service descriptions and takes 40 ms to read them.
    session.register_component("data_loader", _descriptions())
    if refresh is not None:
        session.register_component("credential_provider", CredentialResolver([_RefreshingCredentials(refresh)]))
    return session


@cache
def _shared_session() -> Any:
    """Return a session whose clients are all given their credentials."""
    return _session()


_OPENING = Lock()


@cache
def _descriptions() -> Any:
    from botocore.loaders import create_loader

    return create_loader()


def _credentials(answer: Any) -> dict[str, str]:
    found = answer["Credentials"]
    return {
        "access_key": found["AccessKeyId"],
        "secret_key": found["SecretAccessKey"],
        "token": found["SessionToken"],
        "expiry_time": found["Expiration"].isoformat(),
    }


def _text(value: SecretValue | None) -> str | None:
    return None if value is None else value.reveal().decode().strip()


def _options(retries: RetrySettings | None, timeout: float) -> Any:
    """Return the SDK's time-outs and number of attempts.

    `retryInterval` is not applied here: the back-off of the store does, so that no thread sleeps.
    """
    from botocore.config import Config

    wanted = retries.max_retries if retries and retries.max_retries is not None else 3
    attempts = min(max(1, wanted), MAX_ATTEMPTS)
    each = timeout / attempts
    return Config(
        connect_timeout=min(3.0, each / 2),
        read_timeout=each - min(3.0, each / 2),
        retries={"mode": "standard", "total_max_attempts": attempts},
        user_agent_appid="coffer",
    )

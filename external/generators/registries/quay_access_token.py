"""QuayAccessToken: the token of a Quay robot account, for the token of a ServiceAccount that it trusts."""

import base64
from collections.abc import Callable

from external.api.fields import Model, ServiceAccountSelector
from external.generators.protocol import Generated, GeneratorKind, Make, resource
from external.providers.protocol import ConnectContext
from external.providers.support.http import HttpAnswer, HttpClient, HttpOptions, HttpRequest
from external.providers.support.json_web_tokens import expiry_of, issued_token
from external.providers.support.naming import host_of
from external.providers.support.tokens import credential
from manager.core.secret_value import SecretValue

LABEL, CALL = "Quay", "RobotToken"
DEFAULT_HOST, SCHEME = "quay.io", "https://"
ACCOUNT_TOKEN_SECONDS = 600
MAX_BYTES = 16 << 10


class QuayAccessTokenSpec(Model):
    """A token of a Quay robot account."""

    robot_account: str
    """Name of the robot account."""
    service_account_ref: ServiceAccountSelector
    """ServiceAccount whose token is used."""
    url: str | None = None
    """URL of Quay."""


async def connect(spec: QuayAccessTokenSpec, context: ConnectContext, at: str) -> Make:
    """Return what asks for a token: `registry`, `auth`, `expiry`."""
    reference, place = spec.service_account_ref, f"{at}.serviceAccountRef"
    ask = context.lookup.token_source(reference, list(reference.audiences or ()), ACCOUNT_TOKEN_SECONDS, place)
    host = (spec.url or DEFAULT_HOST).removeprefix(SCHEME).rstrip("/")

    def make() -> Generated:
        http = HttpClient(
            HttpOptions(LABEL, context.egress, context.count, context.timeout, max_answer_bytes=MAX_BYTES)
        )
        try:
            return _login(http.send(_request(spec, host, ask)), spec, host)
        finally:
            http.close()

    return make


def _request(spec: QuayAccessTokenSpec, host: str, ask: Callable[[], SecretValue]) -> HttpRequest:
    token = credential(CALL, ask).reveal().decode().strip()
    login = base64.b64encode(f"{spec.robot_account}:{token}".encode()).decode()
    url = f"{SCHEME}{host}/oauth2/federation/robot/token"
    return HttpRequest(CALL, "GET", url, headers={"Authorization": f"Basic {login}"})


def _login(answer: HttpAnswer, spec: QuayAccessTokenSpec, host: str) -> Generated:
    server = f"Quay {host_of(SCHEME + host)}"
    token = issued_token(answer, 200, server, "robotAccount and its federation")
    ends = expiry_of(token, server)
    auth = base64.b64encode(f"{spec.robot_account}:{token}".encode()).decode()
    values = {"registry": host, "auth": auth, "expiry": str(int(ends))}
    return Generated({name: SecretValue(text.encode()) for name, text in values.items()}, ends)


QUAY_ACCESS_TOKENS = GeneratorKind(
    resource=resource("quayaccesstokens", "QuayAccessToken"),
    spec=QuayAccessTokenSpec,
    generate=None,
    connect=connect,
    embedded="quayAccessTokenSpec",
    about="A token of a Quay robot account.",
    weigh=lambda _spec: (3, 2 * MAX_BYTES),
    label=LABEL,
    life_seconds=3600.0,
)

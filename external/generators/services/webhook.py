"""Webhook: the members of a JSON object that an HTTP API answers."""

from external.api.fields import CaBundle, CaProvider, Duration, LocalSecretKeySelector, Model, SecretKeySelector
from external.api.providers.webhook import WebhookAuth, WebhookProvider, WebhookResult
from external.errors import FAILED
from external.generators.protocol import Generated, GeneratorKind, Make, resource
from external.providers.protocol import ConnectContext, ProviderError
from external.providers.support.tls import trusting
from external.providers.webhook.client import LABEL, Webhook, WebhookContext
from external.values.json_document import to_map
from manager.core.durations import parse_duration
from manager.core.errors import NeedsHuman
from manager.core.secret_value import SecretValue

CONSENT_LABEL = ("generators.external-secrets.io/type", "webhook")
"""The label by which the owner of a Secret agrees that webhook generators send it; seen before its value is read."""
MAX_NAMES, MAX_BYTES = 256, 256 << 10  # of an answer: several generators must fit into one ExternalSecret


class WebhookSpecResult(Model):
    """Which part of the answer is taken."""

    json_path: str | None = None
    """JSONPath of the value in the answer."""


class WebhookSpecSecrets(Model):
    """A Secret whose values templates may use."""

    name: str
    """Name by which templates refer to the Secret."""
    secret_ref: LocalSecretKeySelector
    """Key of a Secret that holds the value."""


class WebhookSpec(Model):
    """Values of an HTTP API."""

    auth: WebhookAuth | None = None
    """How to authenticate to the server."""
    body: str | None = None
    """Body of the request, a Go template."""
    ca_bundle: CaBundle = None
    """PEM certificates of the authorities to trust, in base64."""
    ca_provider: CaProvider | None = None
    """Object that holds the certificates of the authorities to trust."""
    headers: dict[str, str] | None = None
    """Headers of the request; values are Go templates."""
    method: str | None = None
    """HTTP method."""
    result: WebhookSpecResult
    """Which part of the answer is taken."""
    secrets: list[WebhookSpecSecrets] | None = None
    """Secrets whose values templates may use."""
    timeout: Duration | None = None
    """Time until a request is given up."""
    url: str
    """URL, a Go template."""


async def connect(spec: WebhookSpec, context: ConnectContext, at: str) -> Make:
    """Return what asks the API, and makes a value of each member of its answer."""
    if spec.auth:
        raise NeedsHuman(FAILED, f"{at}.auth: ntlm is not served by this version")
    secrets = {}
    for index, each in enumerate(spec.secrets or ()):
        selector = SecretKeySelector.model_construct(name=each.secret_ref.name, key=each.secret_ref.key)
        place = f"{at}.secrets[{index}].secretRef"
        secrets[each.name] = await context.lookup.members(selector, place, label=CONSENT_LABEL)
    authorities = await context.lookup.authority(spec.ca_bundle, spec.ca_provider, at)
    wanted = parse_duration(spec.timeout) if spec.timeout else 0.0
    timeout = min(wanted, context.timeout) if wanted > 0 else context.timeout
    namespace = context.lookup.namespace

    def make() -> Generated:
        surroundings = WebhookContext(
            secrets, namespace, context.render, context.egress, trusting(authorities), context.count, timeout
        )
        client = Webhook(_provider(spec), surroundings)
        try:
            return Generated(_members(client.ask(), at))
        finally:
            client.close()

    return make


def _provider(spec: WebhookSpec) -> WebhookProvider:
    """Return the request as the provider's client reads it."""
    result = WebhookResult(json_path=spec.result.json_path)
    return WebhookProvider(url=spec.url, method=spec.method, headers=spec.headers, body=spec.body, result=result)


def _members(answer: SecretValue, at: str) -> dict[str, SecretValue]:
    members = to_map(answer.reveal(), natural=True) if len(answer) <= MAX_BYTES else {}
    if members is None:
        raise ProviderError(f"{at}.result: the answer is no JSON object, whose members could be the values")
    if not members or len(members) > MAX_NAMES:
        raise ProviderError(f"{at}.result: it must have 1 to {MAX_NAMES} members, and {MAX_BYTES >> 10} KiB at most")
    return members


WEBHOOKS = GeneratorKind(
    resource=resource("webhooks", "Webhook"),
    spec=WebhookSpec,
    generate=None,
    connect=connect,
    embedded="webhookSpec",
    about="Values of an HTTP API.",
    weigh=lambda _spec: (MAX_NAMES, MAX_BYTES),
    label=LABEL,
)

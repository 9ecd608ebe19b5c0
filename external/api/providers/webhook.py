"""The fields of `spec.provider.webhook`."""

from external.api.fields import ONE_OF, CaBundle, CaProvider, Duration, Model, SecretKeySelector


class WebhookResult(Model):
    """Where in the answer the value is."""

    json_path: str | None = None
    """JSONPath of the value in the answer."""


class WebhookSecret(Model):
    """A Secret whose values templates may use."""

    name: str
    """Name by which templates refer to the Secret."""
    secret_ref: SecretKeySelector
    """Key of a Secret that holds the value."""


class WebhookNtlm(Model):
    """Login by NTLM."""

    username_secret: SecretKeySelector
    """Key of a Secret that holds the name of the user."""
    password_secret: SecretKeySelector
    """Key of a Secret that holds the password."""


class WebhookAuth(Model):
    """How to authenticate to the server."""

    model_config = ONE_OF

    ntlm: WebhookNtlm | None = None
    """Login by NTLM."""


class WebhookProvider(Model):
    """Any HTTP API; url, body, headers and jsonPath are Go templates."""

    url: str
    """URL, a Go template."""
    method: str | None = None
    """HTTP method; GET by default."""
    headers: dict[str, str] | None = None
    """Headers of the request; values are Go templates."""
    body: str | None = None
    """Body of the request, a Go template."""
    timeout: Duration | None = None
    """Time until a request is given up."""
    result: WebhookResult | None = None
    """Which part of the answer is taken."""
    secrets: list[WebhookSecret] | None = None
    """Secrets whose values templates may use."""
    auth: WebhookAuth | None = None
    """How to authenticate to the server."""
    ca_bundle: CaBundle = None
    """PEM certificates of the authorities to trust, in base64."""
    ca_provider: CaProvider | None = None
    """Object that holds the certificates of the authorities to trust."""


def says_namespace(webhook: object) -> bool:
    """Return True if a template may send the namespace: no two namespaces may share an answer."""
    given = webhook if isinstance(webhook, dict) else {}
    result, headers = given.get("result"), given.get("headers")
    texts = [given.get("url"), given.get("body"), *(result.values() if isinstance(result, dict) else ())]
    texts += headers.values() if isinstance(headers, dict) else ()
    return any("{{" in text and "remoteRef" in text and _whole(text) for text in texts if isinstance(text, str))


def _whole(text: str) -> bool:
    """Return True if a template uses the namespace, or `remoteRef` as a whole."""
    fields = text.count(".remoteRef.key") + text.count(".remoteRef.version") + text.count(".remoteRef.property")
    return text.count("remoteRef") > fields

"""The fields of `provider.webhook` (providers 4.5)."""

from typing import Any

from external.fields import CaProvider, Duration, Model, SecretKeySelector


class WebhookResult(Model):
    """Where in the answer the value is."""

    json_path: str | None = None


class WebhookSecret(Model):
    """A Secret whose values templates may use."""

    name: str
    secret_ref: SecretKeySelector


class WebhookProvider(Model):
    """Any HTTP API; url, body, headers and jsonPath are Go templates."""

    url: str
    method: str | None = None
    headers: dict[str, str] | None = None
    body: str | None = None
    timeout: Duration | None = None
    result: WebhookResult | None = None
    secrets: list[WebhookSecret] | None = None
    auth: dict[str, Any] | None = None
    ca_bundle: str | None = None
    ca_provider: CaProvider | None = None


def says_namespace(webhook: object) -> bool:
    """Tell whether templates may say which namespace asks, so that no two may share an answer."""
    given = webhook if isinstance(webhook, dict) else {}
    result, headers = given.get("result"), given.get("headers")
    texts = [given.get("url"), given.get("body"), *(result.values() if isinstance(result, dict) else ())]
    texts += headers.values() if isinstance(headers, dict) else ()
    return any("{{" in text and "remoteRef" in text and _whole(text) for text in texts if isinstance(text, str))


def _whole(text: str) -> bool:
    """Tell whether a template names the namespace, or takes the reference as a whole."""
    fields = text.count(".remoteRef.key") + text.count(".remoteRef.version") + text.count(".remoteRef.property")
    return text.count("remoteRef") > fields

"""Connects stores to HTTP APIs."""

from external.api.providers.webhook import WebhookProvider
from external.providers.protocol import Client, ConnectContext
from external.providers.support.lookup import INVALID
from external.providers.support.tls import trusting
from external.providers.webhook.client import Webhook, WebhookContext
from manager.core.durations import parse_duration
from manager.core.errors import NeedsHuman

AT = "spec.provider.webhook"
CONSENT_LABEL = ("external-secrets.io/type", "webhook")
"""The label by which the owner of a Secret agrees that webhooks send it."""


async def connect(spec: WebhookProvider, context: ConnectContext) -> Client:
    """Return the client of one HTTP API."""
    if spec.auth:
        raise NeedsHuman(INVALID, f"{AT}.auth: ntlm is not served by this version")
    authorities = await context.lookup.authority(spec.ca_bundle, spec.ca_provider, AT)
    secrets = {}
    for index, each in enumerate(spec.secrets or ()):
        place = f"{AT}.secrets[{index}]"
        if each.name == "remoteRef":
            raise NeedsHuman(INVALID, f"{place}.name: remoteRef is what templates call the remote reference")
        secrets[each.name] = await context.lookup.members(each.secret_ref, f"{place}.secretRef", label=CONSENT_LABEL)
    wanted = parse_duration(spec.timeout) if spec.timeout else 0.0
    timeout = min(wanted, context.timeout) if wanted > 0 else context.timeout

    def make() -> Client:
        tls_context = trusting(authorities)
        surroundings = WebhookContext(
            secrets,
            context.lookup.namespace,
            context.render,
            context.egress,
            tls_context,
            context.count,
            timeout,
            f"{AT}.url",
        )
        return Webhook(spec, surroundings)

    return await context.run(make)

"""Go templates of stores, for providers' threads: the sandbox runs on the event loop."""

import asyncio
from collections.abc import Mapping
from concurrent.futures import TimeoutError as Late

from external.providers.protocol import ProviderDenied, ProviderUnavailable
from manager.core.errors import SandboxUnavailable, TemplateDelayed, TemplateInvalid, TemplateLimit
from manager.core.secret_value import SecretValue
from manager.gotemplate.model import Template
from manager.gotemplate.sandbox import Sandbox

MAX_WAIT_SECONDS = 10.0  # a render ends within 2.5 s, and may wait for others of its namespace


class BlockingRenderer:
    """Renders in the sandbox of one namespace; a missing key prints `<no value>`, as in external-secrets."""

    def __init__(self, sandbox: Sandbox, namespace: str) -> None:
        self._sandbox = sandbox
        self._namespace = namespace
        self._loop = asyncio.get_running_loop()

    def __call__(self, name: str, source: str, data: Mapping[str, Mapping[str, SecretValue]]) -> SecretValue:
        """Block until the output is there; for threads. Raises ProviderError, whose text holds no value."""
        template = Template.eso_lenient(name, source)
        coming = asyncio.run_coroutine_threadsafe(self._sandbox.render(self._namespace, template, data), self._loop)
        try:
            return coming.result(MAX_WAIT_SECONDS).value
        except (TemplateInvalid, TemplateLimit) as error:
            raise ProviderDenied(f"{name}: {error}") from None
        except TemplateDelayed as error:
            raise ProviderUnavailable(f"{name}: {error}") from None
        except SandboxUnavailable as error:
            raise ProviderDenied(str(error)) from None
        except Late:
            coming.cancel()
            raise ProviderUnavailable(f"{name}: the template was not rendered in time") from None

"""Where the certificate comes from: a file, a URL, or the controller behind the API server's service proxy."""

import http.client
import json
import os
import urllib.error
import urllib.request
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote, urlsplit

from sealed.kubeseal.documents import InputError, read_file

if TYPE_CHECKING:
    from kubernetes.client import ApiClient, Configuration

PATIENCE = 30.0  # seconds for one request; the original waits without end
LARGEST_CERTIFICATE = 1024 * 1024  # bytes
ACCEPT = "application/x-pem-file, application/json, */*"
HINT = (
    "Please, use the flag --controller-name and --controller-namespace "
    "to set up the name and namespace of the sealed secrets controller"
)


@dataclass(frozen=True)
class Cluster:
    """The cluster that the kubeconfig points to; nothing is read before it is needed.

    Args:
        kubeconfig: path, empty for KUBECONFIG or ~/.kube/config, and where there is none the Pod's ServiceAccount.
        context: of the kubeconfig, empty for the current one.
    """

    kubeconfig: str = ""
    context: str = ""

    def namespace(self) -> str:
        """Return the namespace of the context, `default` where it names none, empty without a usable kubeconfig."""
        from kubernetes.config.kube_config import KUBE_CONFIG_DEFAULT_LOCATION, KubeConfigMerger

        try:
            known = KubeConfigMerger(self.kubeconfig or KUBE_CONFIG_DEFAULT_LOCATION).config.value
            contexts = {each.value["name"]: each.value["context"] for each in known["contexts"]}
            current = known.get("current-context")
            chosen = contexts[self.context or current] if self.context or current else {}
            return str(chosen.get("namespace") or "default")
        except Exception:
            return ""  # the caller says that the Secret must name one

    def certificate(self, service: str, namespace: str) -> bytes:
        """Fetch the current certificate through the API server, as section 7.4 describes.

        Raises:
            InputError: with the original's text and hint.

        """
        _ = self._client  # what is wrong with the kubeconfig is no fault of the Service
        try:
            found = json.loads(self._get(f"/api/v1/namespaces/{quote(namespace, '')}/services/{quote(service, '')}"))
            ports = found["spec"].get("ports") or [{}]
            path = proxy_path(namespace, service, ports[0].get("name") or "", "/v1/cert.pem")
        except Exception as error:
            raise InputError(f"cannot get sealed secret service: {_short(error)}.\n{HINT}") from None
        try:
            return self._get(path)
        except Exception as error:
            raise InputError(f"cannot fetch certificate: {_short(error)}") from None

    def _get(self, path: str) -> bytes:
        configuration = self._client.configuration
        token = configuration.get_api_key_with_prefix("BearerToken", alias="authorization")
        headers = {"Accept": ACCEPT} | ({"Authorization": token} if token else {})
        answer = self._client.rest_client.request(
            "GET", configuration.host + path, headers=headers, _request_timeout=PATIENCE
        )
        body: bytes = answer.read()
        if answer.status != http.HTTPStatus.OK:
            raise InputError(_message(body) or f"the server answered {answer.status}")
        return body

    @cached_property
    def _client(self) -> "ApiClient":
        from kubernetes import client, config

        configuration = client.Configuration()
        configuration.retries = False  # the library's own retries wait up to two minutes, and log
        try:
            self._load(configuration)
        except config.ConfigException as error:
            raise InputError(f"invalid configuration: {_short(error)}") from None
        except Exception as error:
            raise InputError(f"invalid configuration: not a kubeconfig ({type(error).__name__})") from None
        return client.ApiClient(configuration)

    def _load(self, configuration: "Configuration") -> None:
        from kubernetes import config

        try:
            config.load_kube_config(self.kubeconfig or None, self.context or None, configuration)
        except config.ConfigException:
            if self.kubeconfig or self.context or "KUBERNETES_SERVICE_HOST" not in os.environ:
                raise
            config.load_incluster_config(configuration)


def proxy_path(namespace: str, service: str, port: str, path: str) -> str:
    """Return the URL path of a Service behind the API server's proxy; RBAC rules name exactly this form (8.2)."""
    target = f"http:{quote(service, '')}:{quote(port, '')}"
    return f"/api/v1/namespaces/{quote(namespace, '')}/services/{target}/proxy{path}"


def open_certificate(place: str) -> bytes:
    """Read `--cert`: a local file, or a URL (7.4). Raises InputError."""
    try:
        url = urlsplit(place)
    except ValueError:
        raise InputError(f'parse "{place}": not a usable URL') from None
    if len(url.scheme) <= 1:
        return read_file(Path(place))
    if url.scheme == "file":
        return read_file(Path(unquote(url.path)))
    if url.scheme not in ("http", "https"):
        raise InputError(f'cannot fetch "{place}": unsupported protocol scheme "{url.scheme}"')
    try:
        with urllib.request.urlopen(place, timeout=PATIENCE) as answer:  # noqa: S310  http and https only, see above
            content: bytes = answer.read(LARGEST_CERTIFICATE)
    except urllib.error.HTTPError as error:
        error.close()
        raise InputError(f'cannot fetch "{place}": {error.code} {error.reason}') from None
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise InputError(f'cannot fetch "{place}": {_short(error)}') from None
    return content


def _message(body: bytes) -> str:
    """Return what a Status object says, such as `services "x" not found`."""
    try:
        return str(json.loads(body)["message"])
    except (ValueError, LookupError, TypeError):
        return ""


def _short(error: Exception) -> str:
    """Return one line about an error, its cause where the library wraps one."""
    lines = str(getattr(error, "reason", None) or error).splitlines()
    return lines[0][:300] if lines else type(error).__name__

"""Where the certificate comes from: a file, a URL, or the controller behind the API server's service proxy."""

import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sealed.kubeseal.documents import InputError

if TYPE_CHECKING:
    from kubernetes.client import ApiClient

PATIENCE = 30.0  # seconds for one request; the original waits without end
HINT = "Please, use the flag --controller-name and --controller-namespace to set up the name and namespace of the "


@dataclass(frozen=True)
class Cluster:
    """The cluster that the kubeconfig points to; nothing is read before it is needed.

    Args:
        kubeconfig: path, empty for KUBECONFIG, ~/.kube/config or the Pod's ServiceAccount.
    """

    kubeconfig: str = ""
    context: str = ""

    def namespace(self) -> str:
        """Return the namespace of the context, `default` where it names none, empty without any kubeconfig."""
        from kubernetes import config

        try:
            contexts, active = config.list_kube_config_contexts(self.kubeconfig or None)
        except (config.ConfigException, OSError):
            return ""
        chosen = next((each for each in contexts if each["name"] == self.context), active)
        return str(chosen["context"].get("namespace") or "default")

    def certificate(self, service: str, namespace: str) -> bytes:
        """Fetch the current certificate through the API server, as section 7.4 describes.

        Raises:
            InputError: with the original's text and hint.

        """
        try:
            found = self._get(f"/api/v1/namespaces/{namespace}/services/{service}").json()
        except Exception as error:
            hint = f"{HINT}sealed secrets controller"
            raise InputError(f"cannot get sealed secret service: {_short(error)}.\n{hint}") from None
        ports = found.get("spec", {}).get("ports") or [{}]
        path = proxy_path(namespace, service, ports[0].get("name", ""), "/v1/cert.pem")
        try:
            body: bytes = self._get(path).data
        except Exception as error:
            raise InputError(f"cannot fetch certificate: {_short(error)}") from None
        return body

    def _get(self, path: str) -> Any:
        response = self._client.rest_client.request(
            "GET", self._client.configuration.host + path, headers=self._headers(), _request_timeout=PATIENCE
        )
        response.read()
        if response.status >= 400:
            raise InputError(f"the server answered {response.status}")
        return _Answer(response.data)

    def _headers(self) -> dict[str, str]:
        token = self._client.configuration.get_api_key_with_prefix("BearerToken", alias="authorization")
        accept = {"Accept": "application/x-pem-file, application/json, */*"}
        return accept | ({"Authorization": token} if token else {})

    @cached_property
    def _client(self) -> "ApiClient":
        from kubernetes import client, config

        configuration = client.Configuration()
        try:
            config.load_config(
                config_file=self.kubeconfig or None, context=self.context or None, client_configuration=configuration
            )
        except (config.ConfigException, OSError, TypeError) as error:
            raise InputError(f"invalid configuration: no usable kubeconfig ({type(error).__name__})") from None
        return client.ApiClient(configuration)


@dataclass(frozen=True)
class _Answer:
    data: bytes

    def json(self) -> Any:
        import json

        return json.loads(self.data)


def proxy_path(namespace: str, service: str, port: str, path: str) -> str:
    """Return the URL path of a Service behind the API server's proxy; RBAC rules name exactly this form (8.2)."""
    return f"/api/v1/namespaces/{namespace}/services/http:{service}:{port}/proxy{path}"


def open_certificate(place: str) -> bytes:
    """Read `--cert`: a local file, or a URL (7.4). Raises InputError."""
    url = urllib.parse.urlsplit(place)
    if len(url.scheme) <= 1:
        return _read(Path(place))
    if url.scheme == "file":
        return _read(Path(urllib.parse.unquote(url.path)))
    if url.scheme not in ("http", "https"):
        raise InputError(f'cannot fetch "{place}": unsupported protocol scheme "{url.scheme}"')
    try:
        with urllib.request.urlopen(place, timeout=PATIENCE) as answer:  # noqa: S310  http and https only, see above
            content: bytes = answer.read(1024 * 1024)
    except urllib.error.HTTPError as error:
        raise InputError(f'cannot fetch "{place}": {error.code} {error.reason}') from None
    except (urllib.error.URLError, OSError) as error:
        raise InputError(f'cannot fetch "{place}": {_short(error)}') from None
    return content


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise InputError(f"open {path}: no such file or directory") from None
    except OSError as error:
        raise InputError(f"open {path}: {error.strerror}") from None


def _short(error: BaseException) -> str:
    reason = getattr(error, "reason", None)
    return str(reason or error).splitlines()[0][:300]

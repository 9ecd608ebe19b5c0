"""The cluster that a kubeconfig and kubectl's flags point to, through the API server alone."""

import base64
import http.client
import os
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from manager.documents import read_json
from manager.durations import parse_duration
from sealed.kubeseal.documents import Document, InputError

if TYPE_CHECKING:
    from kubernetes.client import ApiClient, Configuration
    from urllib3 import HTTPHeaderDict

PATIENCE = 30.0  # seconds for one request; the original waits without end
NO_KUBECONFIG = "Invalid kube-config file. No configuration found."  # as the library says it, and as the original does:
NO_KUBECONFIG_IN_GO = "no configuration has been provided, try setting KUBERNETES_MASTER environment variable"
ACCEPT = "application/x-pem-file, application/json, */*"


class Refused(InputError):
    """The API server, or what stands behind its proxy, answered with an error."""

    def __init__(self, status: int, text: str, retry_after: float | None = None) -> None:
        super().__init__(text)
        self.status = status
        self.retry_after = retry_after


@dataclass(frozen=True)
class Access:
    """kubectl's flags about the API server and the user; empty is what the kubeconfig says."""

    kubeconfig: str = ""
    context: str = ""
    cluster: str = ""
    user: str = ""
    server: str = ""
    token: str = field(default="", repr=False)
    username: str = ""
    password: str = field(default="", repr=False)
    certificate_authority: str = ""
    client_certificate: str = ""
    client_key: str = ""
    insecure_skip_tls_verify: bool = False
    tls_server_name: str = ""
    proxy_url: str = ""
    request_timeout: str = ""
    impersonate: str = ""
    impersonate_groups: tuple[str, ...] = ()
    impersonate_uid: str = ""

    def headers(self) -> "HTTPHeaderDict":
        """Return the headers by which another user is acted for; each group has one of its own."""
        from urllib3 import HTTPHeaderDict

        headers = HTTPHeaderDict()
        named = [("Impersonate-User", self.impersonate), ("Impersonate-Uid", self.impersonate_uid)]
        for name, value in [*named, *(("Impersonate-Group", each) for each in self.impersonate_groups)]:
            if value:
                headers.add(name, value)
        return headers

    def authorization(self) -> str:
        """Return the Authorization header that flags ask for, empty when they ask for none."""
        if self.token:
            return f"Bearer {self.token}"
        if self.username:
            return "Basic " + base64.b64encode(f"{self.username}:{self.password}".encode()).decode()
        return ""

    def patience(self) -> float:
        """Return the seconds that a request may take. Raises InputError."""
        try:
            return parse_duration(self.request_timeout or "0") or PATIENCE
        except ValueError:
            raise InputError(f"invalid duration for --request-timeout: {self.request_timeout}") from None


class Cluster:
    """One API server; nothing is read before it is needed.

    Args:
        access: a path empty means KUBECONFIG or ~/.kube/config, and where there is none the Pod's ServiceAccount.
    """

    def __init__(self, access: Access = Access()) -> None:
        self._access = access

    def namespace(self) -> str:
        """Return the namespace of the context, `default` where it names none, empty without a usable kubeconfig."""
        try:
            known = _kubeconfig(self._access)
            contexts = {each.value["name"]: each.value["context"] for each in known["contexts"]}
            chosen = contexts[name] if (name := self._access.context or known.get("current-context")) else {}
            return str(chosen.get("namespace") or "default")
        except Exception:
            return ""  # the caller says that the Secret must name one

    def connect(self) -> None:
        """Read the kubeconfig now. Raises InputError: what is wrong with it is no fault of whatever is asked for."""
        _ = self._client

    def get(self, path: str) -> Document:
        """Read an object. Raises InputError."""
        found: Document = read_json(self.call("GET", path))
        return found

    def find(self, path: str) -> Document | None:
        """Read an object, None when it is proven absent. Raises InputError."""
        try:
            return self.get(path)
        except Refused as error:
            if error.status == http.HTTPStatus.NOT_FOUND:
                return None
            raise

    def call(self, method: str, path: str, body: Any = None, content_type: str = "application/json") -> bytes:
        """Send one request and return the answer's body. Raises Refused for any error status, InputError."""
        configuration = self._client.configuration
        token = self._access.authorization() or configuration.get_api_key_with_prefix("BearerToken", "authorization")
        headers = self._access.headers()
        headers.add("Accept", ACCEPT)
        if token:
            headers.add("Authorization", token)
        if body is not None:
            headers["Content-Type"] = content_type
        patience = self._access.patience()
        try:
            answer = self._client.rest_client.request(
                method, configuration.host + path, headers=headers, body=body, _request_timeout=patience
            )
            content: bytes = answer.read()
        except Exception as error:
            raise InputError(short(error)) from None
        if not 200 <= answer.status < 300:
            told = _message(content) or f"the server answered {answer.status}"
            raise Refused(answer.status, told, _seconds(answer.headers.get("Retry-After")))
        return content

    @cached_property
    def _client(self) -> "ApiClient":
        from kubernetes import client, config

        configuration = client.Configuration()
        configuration.retries = False  # the library's own retries wait up to two minutes, and log
        try:
            self._load(configuration)
        except config.ConfigException as error:
            said = short(error).replace(NO_KUBECONFIG, NO_KUBECONFIG_IN_GO)
            raise InputError(f"invalid configuration: {said}") from None
        except Exception as error:
            raise InputError(f"invalid configuration: not a kubeconfig ({type(error).__name__})") from None
        _override(configuration, self._access)
        return client.ApiClient(configuration)

    def _load(self, configuration: "Configuration") -> None:
        from kubernetes import config

        access = self._access
        try:
            if access.cluster or access.user:
                config.load_kube_config_from_dict(_recombined(access), client_configuration=configuration)
            else:
                config.load_kube_config(access.kubeconfig or None, access.context or None, configuration)
        except config.ConfigException:
            if access.server:
                return  # flags say all that is needed
            if access.kubeconfig or access.context or "KUBERNETES_SERVICE_HOST" not in os.environ:
                raise
            config.load_incluster_config(configuration)


def _kubeconfig(access: Access) -> Any:
    from kubernetes.config.kube_config import KUBE_CONFIG_DEFAULT_LOCATION, KubeConfigMerger

    return KubeConfigMerger(access.kubeconfig or KUBE_CONFIG_DEFAULT_LOCATION).config.value


def _recombined(access: Access) -> Document:
    """Return the kubeconfig with one context: the chosen one with the cluster and user that the flags name."""
    merged = _kubeconfig(access)
    parts = {name: [each.value for each in merged.get(name) or ()] for name in ("clusters", "users", "contexts")}
    contexts = {each["name"]: each["context"] for each in parts["contexts"]}
    chosen = contexts.get(access.context or merged.get("current-context") or "") or {}
    cluster, user = access.cluster or chosen.get("cluster"), access.user or chosen.get("user")
    context = {"name": "chosen", "context": {**chosen, "cluster": cluster, "user": user}}
    return {**parts, "contexts": [context], "current-context": "chosen"}


def _override(configuration: "Configuration", access: Access) -> None:
    """Let the flags win over the kubeconfig."""
    configuration.refresh_api_key_hook = None  # it would put back what the kubeconfig says before every request
    names = {
        "host": access.server.rstrip("/"),
        "ssl_ca_cert": access.certificate_authority,
        "cert_file": access.client_certificate,
        "key_file": access.client_key,
        "tls_server_name": access.tls_server_name,
        "proxy": access.proxy_url,
    }
    for name, value in names.items():
        if value:
            setattr(configuration, name, value)
    if access.insecure_skip_tls_verify:
        configuration.verify_ssl = False


def _seconds(text: str | None) -> float | None:
    return float(text) if text and text.isdecimal() else None


def _message(body: bytes) -> str:
    """Return what a Status object says, such as `services "x" not found`."""
    try:
        return str(read_json(body)["message"])
    except (ValueError, LookupError, TypeError):
        return ""


def short(error: Exception) -> str:
    """Return one line about an error, its cause where the library wraps one."""
    lines = str(getattr(error, "reason", None) or error).splitlines()
    return lines[0][:300] if lines else type(error).__name__


def object_path(namespace: str, plural: str, name: str, group: str = "api/v1") -> str:
    """Return the URL path of an object; `group` is `api/v1` or `apis/GROUP/VERSION`."""
    return f"/{group}/namespaces/{quote(namespace, '')}/{plural}/{quote(name, '')}"

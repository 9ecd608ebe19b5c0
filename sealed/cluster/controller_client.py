"""Calls to the controller: its certificate, unless a file or URL has it, and /v1."""

import time
from dataclasses import dataclass
from functools import cached_property
from http import HTTPStatus
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit

from manager.access.flags import REQUEST_SECONDS
from manager.core.documents import read_json
from manager.core.errors import AccessError
from sealed.cluster.kube_access import KubeAccess, Refused, object_path
from sealed.manifests.documents import Document, InputError, read_file

MAX_CERTIFICATE_BYTES = 1024 * 1024
MAX_RETRIES = (
    60  # times that one request is answered with "too many requests"; the client waits about a second after each
)
HINT = (
    "Please, use the flag --controller-name and --controller-namespace "
    "to set up the name and namespace of the sealed secrets controller"
)


@dataclass(frozen=True)
class ControllerClient:
    """The controller behind the API server's service proxy."""

    cluster: KubeAccess
    name: str
    namespace: str

    def certificate(self) -> bytes:
        """Fetch the current certificate. Raises InputError with the original's text and hint."""
        path = self._proxy + "/v1/cert.pem"
        try:
            return self.cluster.call("GET", path)
        except InputError as error:
            raise InputError(f"cannot fetch certificate: {error}") from None

    def opens(self, sealed: Document) -> bool:
        """Return True if the controller can open a SealedSecret. Raises InputError if there is no answer."""
        try:
            self._ask("/v1/verify", sealed)
        except Refused as error:
            if error.status == HTTPStatus.CONFLICT:
                return False
            raise InputError(f"cannot validate sealed secret: {error}") from None
        return True

    def resealed(self, sealed: Document) -> Document:
        """Return a SealedSecret sealed with the controller's current key. Raises InputError."""
        try:
            answer: Document = read_json(self._ask("/v1/rotate", sealed))
        except Refused as error:
            if error.status == HTTPStatus.CONFLICT:
                raise InputError("unable to rotate secret") from None
            raise InputError(f"cannot re-encrypt secret: {error}") from None
        except ValueError:
            raise InputError("cannot re-encrypt secret: the answer is no JSON") from None
        return answer

    def _ask(self, path: str, sealed: Document) -> bytes:
        for _ in range(MAX_RETRIES):
            try:
                return self.cluster.call("POST", self._proxy + path, sealed)
            except Refused as error:
                if error.status != HTTPStatus.TOO_MANY_REQUESTS:
                    raise
                time.sleep(min(error.retry_after or 1.0, 10.0))
        raise Refused(HTTPStatus.TOO_MANY_REQUESTS, "too many requests")

    @cached_property
    def _proxy(self) -> str:
        """The path of the Service behind the proxy; RBAC rules name its first port in the same way."""
        self.cluster.connect()
        try:
            found = self.cluster.get(object_path(self.namespace, "services", self.name))
            ports = found["spec"].get("ports") or [{}]
        except InputError as error:
            raise InputError(f"cannot get sealed secret service: {error}.\n{HINT}") from None
        except (ValueError, LookupError, TypeError, AttributeError):
            raise InputError(f"cannot get sealed secret service: the answer is no Service.\n{HINT}") from None
        return proxy_path(self.namespace, self.name, ports[0].get("name") or "", "")


def proxy_path(namespace: str, service: str, port: str, path: str) -> str:
    """Return the URL path of a Service behind the API server's proxy; RBAC rules name exactly this form."""
    target = f"http:{quote(service, '')}:{quote(port, '')}"
    return f"/api/v1/namespaces/{quote(namespace, '')}/services/{target}/proxy{path}"


def open_certificate(place: str) -> bytes:
    """Read `--cert`: a local file, or a URL. Raises InputError."""
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
    from manager.access.http_channel import fetch

    try:
        answer = fetch(place, REQUEST_SECONDS, MAX_CERTIFICATE_BYTES)
    except AccessError as error:
        raise InputError(f'cannot fetch "{place}": {error}') from None
    if answer.status != HTTPStatus.OK:
        raise InputError(f'cannot fetch "{place}": the server answered {answer.status}')
    return answer.body

"""Requests to the API server that kubeconfig and kubectl's flags choose."""

import json
import os
from functools import cached_property
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

from manager.access.flags import NO_FLAGS, Access
from manager.core.documents import read_json
from manager.core.errors import AccessError
from sealed.manifests.documents import Document, InputError

if TYPE_CHECKING:
    from manager.access.http_channel import Channel
    from manager.access.target import Target

UNAUTHORIZED, FORBIDDEN, NOT_FOUND = 401, 403, 404
ACCEPT = "application/x-pem-file, application/json, */*"


class Refused(InputError):
    """The API server, or a Service behind its proxy, answered with an error."""

    def __init__(self, status: int, text: str, retry_after: float | None = None) -> None:
        super().__init__(text)
        self.status = status
        self.retry_after = retry_after


class NoCluster(InputError):
    """No API server can be asked; `cause` says why, without the words that kubeseal puts before it."""

    def __init__(self, text: str, cause: AccessError) -> None:
        super().__init__(text)
        self.cause = cause


class KubeAccess:
    """One API server; the kubeconfig is read with the first request.

    Args:
        access: without a path KUBECONFIG or ~/.kube/config is used; if there is none, the Pod's ServiceAccount.
    """

    def __init__(self, access: Access = NO_FLAGS) -> None:
        self._access = access

    def namespace(self) -> str:
        """Return the default namespace, empty if nothing is configured. Raises InputError."""
        from manager.access.kubeconfig import load
        from manager.access.namespaces import default_namespace
        from manager.access.selection import NoConfiguration

        try:
            return default_namespace(self._access, load(self._access.kubeconfig, os.environ), os.environ)
        except NoConfiguration:
            return ""  # the caller reports that the Secret must name one
        except AccessError as error:
            raise NoCluster(f"invalid configuration: {error}", error) from None

    def connect(self) -> None:
        """Read the kubeconfig now, so that its errors are told apart from those of a request. Raises InputError."""
        _ = self._way

    def get(self, path: str) -> Document:
        """Read an object. Raises InputError."""
        found: Document = read_json(self.call("GET", path))
        return found

    def find(self, path: str) -> Document | None:
        """Read an object; return None if it does not exist. Raises InputError."""
        try:
            return self.get(path)
        except Refused as error:
            if error.status == NOT_FOUND:
                return None
            raise

    def call(self, method: str, path: str, body: Any = None, content_type: str = "application/json") -> bytes:
        """Send one request and return the answer's body. Raises Refused for any error status, InputError."""
        target, channel = self._way
        headers = [("Accept", ACCEPT), ("User-Agent", "kubeseal"), *target.identity.impersonate]
        raw = None if body is None else json.dumps(body).encode()
        headers += [] if raw is None else [("Content-Type", content_type)]
        try:
            token = target.identity.authorization()
            headers += [("Authorization", token)] if token else []
            answer = channel.request(method, urlsplit(target.url).path + path, headers, raw)
        except AccessError as error:
            raise NoCluster(str(error), error) from None
        if not 200 <= answer.status < 300:
            if answer.status == UNAUTHORIZED:
                target.identity.refused()
            told = _message(answer.body) or f"the server answered {answer.status}"
            raise Refused(answer.status, told, _seconds(answer.headers.get("retry-after")))
        return answer.body

    def close(self) -> None:
        """Close the connection, if there is one; a program that ends anyway need not."""
        if "_way" in vars(self):
            self._way[1].close()

    @cached_property
    def _way(self) -> "tuple[Target, Channel]":
        from manager.access.http_channel import Channel
        from manager.access.target import find

        try:
            target = find(self._access)
        except AccessError as error:
            raise NoCluster(f"invalid configuration: {error}", error) from None
        return target, Channel(target.route)


def _seconds(text: str | None) -> float | None:
    return float(text) if text and text.isdecimal() else None


def _message(body: bytes) -> str:
    """Return the message of a Status object, such as `services "x" not found`."""
    try:
        return str(read_json(body)["message"])
    except (ValueError, LookupError, TypeError):
        return ""


def object_path(namespace: str, plural: str, name: str, group: str = "api/v1") -> str:
    """Return the URL path of an object; `group` is `api/v1` or `apis/GROUP/VERSION`."""
    return f"/{group}/namespaces/{quote(namespace, '')}/{plural}/{quote(name, '')}"

"""Pushes to an HTTP API: one request for each push and each delete.

The API has no place for a mark and no way to ask for what was pushed, so every push is a write, and only the API itself
can say whose a secret is.
"""

from collections.abc import Mapping
from typing import Protocol

from external.providers.protocol import NotModified, ProviderDenied, SecretAbsent
from external.providers.push import Pushed, PushRefused, PushRequest, ReferencedObject, RemoteRef
from external.providers.support.naming import leads_elsewhere
from external.providers.support.pushing.payload import payload


class Send(Protocol):
    """Sends a request made from the store's templates."""

    def __call__(
        self, method: str, said: Mapping[str, str | bytes], body: bytes | None = None, *, bare: bool = False
    ) -> bytes:
        """Return the body of the answer. Raises ProviderError."""
        ...


class WebhookPush:
    """Pushes by the store's method, POST by default; its URL, headers and body are the store's templates."""

    deletes_property = False

    def __init__(self, send: Send, method: str | None) -> None:
        self._send = send
        self._method = method

    def references(self, metadata: object) -> tuple[ReferencedObject, ...]:
        """Return nothing: metadata has no effect."""
        del metadata
        return ()

    def push(self, request: PushRequest) -> Pushed:
        """Send the value: as the body where the store has no template for it. Raises ProviderError."""
        names, value = _said(request.ref, request.secret_key), payload(request).reveal()
        # Templates find the value under the name of the remote key, but never where a URL expects a name.
        said = {request.ref.key: value, **names}
        try:
            self._send(self._method or "POST", said, value)
        except NotModified:
            return Pushed(written=False)
        except SecretAbsent:
            raise ProviderDenied("endpoint gave error 404 Not Found: check the store's url and method") from None
        return Pushed(written=True)

    def exists(self, ref: RemoteRef, metadata: object = None) -> bool:
        """Return True if a read of the secret succeeds, False for 404. Raises ProviderError.

        A request by the method of a push would overwrite what exists. What a PUT writes, a GET of its URL reads; what
        a POST writes may be read elsewhere, and a 404 there would say that nothing exists.
        """
        del metadata
        method = (self._method or "GET").upper()
        if method not in ("GET", "HEAD", "PUT"):
            cure = "leave method out to push by POST and read by GET, or set PUT"
            raise PushRefused(f"whether the secret exists cannot be asked by the store's method {method}: {cure}")
        try:
            self._send("HEAD" if method == "HEAD" else "GET", _said(ref), bare=True)
        except SecretAbsent:
            return False
        except NotModified:
            return True
        return True

    def delete(self, ref: RemoteRef, owner: str, metadata: object = None) -> bool:
        """Send DELETE; return False for 404. Raises ProviderError."""
        del owner, metadata
        try:
            self._send("DELETE", _said(ref))
        except SecretAbsent:
            return False
        return True


def _said(ref: RemoteRef, secret_key: str = "") -> dict[str, str | bytes]:
    """Return what templates know as `.remoteRef`: the names of a read, and those of a push.

    Raises PushRefused for names that lead out of the path that the store's URL has for them: quoting leaves dots alone.
    """
    for field, name in (("remoteKey", ref.key), ("property", ref.property)):
        if leads_elsewhere(name):
            raise PushRefused(f"data[].match.remoteRef.{field}: . and .. lead to another path; push to another {field}")
    read = {"key": ref.key, "version": "", "property": ref.property}
    return {**read, "remoteKey": ref.key, "secretKey": secret_key}

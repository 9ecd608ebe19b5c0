"""The way to a Vault server: one token, kept and renewed; what its answers mean."""

import ssl
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlsplit

from external.providers.protocol import (
    CountCall,
    Egress,
    ProviderDenied,
    ProviderError,
    ProviderUnavailable,
    SecretAbsent,
)
from external.providers.support.naming import host_of
from external.providers.support.refusals import reason
from external.providers.support.tls import show, trusting
from external.providers.vault.login import Login
from manager.core.documents import ANSWER, Unreadable, read_json
from manager.core.errors import CofferError
from manager.core.secret_value import SecretValue
from manager.core.tls import verifying

SPARE = 60.0  # seconds before its end at which a token is not used any more
ABSENCE = "Secret does not exist"
READ = "cannot read secret data from Vault: "
READS = frozenset({"ReadSecretData", "ListSecrets"})
LARGEST = 1 << 20  # bytes of an answer: what a Secret holds, and Vault's own storage in one entry


@dataclass(frozen=True)
class Server:
    """Where it is and how it is spoken to."""

    url: str
    namespace: str
    login_namespace: str
    headers: Mapping[str, str]
    authorities: bytes | None
    """PEM; None for the system's."""
    certificate: tuple[SecretValue, SecretValue] | None = field(repr=False)
    """A client certificate and its key."""
    label: str
    """What it is called in the metric of provider calls."""


class Connection:
    """Asks one server under one identity; used by several threads."""

    def __init__(self, server: Server, login: Login | None, egress: Egress, count: CountCall, timeout: float) -> None:
        from hvac.adapters import RawAdapter

        from external.providers.support.http import GuardedSession

        if urlsplit(server.url).scheme not in ("http", "https"):
            raise ProviderDenied("server is no http or https URL")
        session = GuardedSession(egress, _context(server), timeout, LARGEST)
        session.headers.update(server.headers)
        options = {"timeout": (min(3.0, timeout / 2), timeout / 2), "session": session}
        self._ask = RawAdapter(base_uri=server.url, namespace=server.namespace or None, **options)
        self._ask_login = RawAdapter(base_uri=server.url, namespace=server.login_namespace or None, **options)
        self._label = server.label
        self.place = f"{server.label.rpartition('/')[2]} {host_of(server.url)}"
        """Server and namespace, for people."""
        if server.namespace:
            self.place += f", namespace {server.namespace}"
        self._login = login
        self._count = count
        self._lock = threading.Lock()
        self._token: SecretValue | None = None
        self._until = 0.0  # monotonic second at which the token has to be renewed
        self._renewable = False

    def get(self, name: str, path: str, *, method: str = "get", **options: Any) -> Any:
        """Ask for a path; returns the parsed answer.

        Raises:
            SecretAbsent: the engine says that nothing is there.
            ProviderDenied: it may not be read, or the request makes no sense.
            ProviderUnavailable: no answer, or one that is the server's fault.

        """
        token = self._current()
        answer = self._send(name, method, path, token, **options)
        if answer.status_code == 403 and self._login is not None and self._login.path:
            # A token may have been revoked, or lost with a restart of the server; one new one is worth asking for.
            self._drop(token)
            answer = self._send(name, method, path, self._current(), **options)
        return _understood(answer, name, _texts(token))

    def validate(self) -> None:
        """Find out whether the identity is accepted. Raises ProviderError."""
        if self._login is not None:
            self.get("LookupSelf", "auth/token/lookup-self")

    def close(self) -> None:
        """Give the token back where it was lent to this connection alone. Never raises."""
        with self._lock:
            token, self._token = self._token, None
        try:
            if token is not None and self._login is not None and self._login.path:
                self._send("RevokeSelf", "post", "auth/token/revoke-self", token)
        except ProviderError:
            pass  # it ends by itself
        finally:
            self._ask.session.close()

    def _current(self) -> SecretValue | None:
        if self._login is None:
            return None
        if self._login.token is not None:
            return self._login.token
        with self._lock:  # one login for all threads
            if self._token is None or time.monotonic() >= self._until:
                self._token = self._renewed() or self._logged_in(self._login)
            return self._token

    def _drop(self, token: SecretValue | None) -> None:
        with self._lock:
            if self._token == token:
                self._token = None

    def _renewed(self) -> SecretValue | None:
        if self._token is None or not self._renewable:
            return None
        answer = self._send("RenewSelf", "post", "auth/token/renew-self", self._token)
        if answer.status_code != 200:
            return None
        before = self._until
        self._note(_understood(answer, "RenewSelf", _texts(self._token)))
        # At the end of its longest life a token is renewed for less and less: then another is asked for.
        return self._token if self._until > before else None

    def _logged_in(self, login: Login) -> SecretValue:
        try:
            body = login.body()
        except (CofferError, OSError, TimeoutError) as error:
            text = str(error) if isinstance(error, CofferError) else type(error).__name__
            raise ProviderUnavailable(f"Login: {text}") from None
        answer = self._send("Login", "post", f"auth/{login.path}", None, json=body)
        said = [str(each) for each in body.values()]
        if answer.status_code in (400, 401, 403, 404):
            text = f"Login: {answer.status_code}: the identity is not accepted"
            raise ProviderDenied(text + reason(_told(answer), said))
        return self._note(_understood(answer, "Login", said))

    def _note(self, answer: Any) -> SecretValue:
        auth = answer.get("auth") or {}
        token = auth.get("client_token")
        if not isinstance(token, str) or not token:
            raise ProviderUnavailable("Login: the answer holds no token")
        seconds = float(auth.get("lease_duration") or 0)
        self._renewable = bool(auth.get("renewable"))
        self._until = time.monotonic() + (max(seconds - SPARE, seconds / 2) if seconds else 86_400.0)
        return SecretValue(token.encode())

    def _send(self, name: str, method: str, path: str, token: SecretValue | None, **options: Any) -> Any:
        import requests
        import urllib3

        adapter = self._ask_login if name == "Login" else self._ask
        headers = {"X-Vault-Token": token.reveal().decode()} if token else {}
        status = "error"
        try:
            answer = adapter.request(method, f"/v1/{_safe(path)}", headers=headers, raise_exception=False, **options)
            status = "success" if answer.status_code < 400 else "error"
        except ProviderError:
            raise
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError, ValueError) as error:
            raise ProviderUnavailable(f"{name}: {type(error).__name__}") from None
        finally:
            self._count(self._label, name, status)
        return answer


def _safe(path: str) -> str:
    """Return a path for a URL. Raises ProviderDenied for steps that lead out of the engine."""
    if any(step in (".", "..") for step in path.split("/")):
        raise ProviderDenied("the key has a step . or .., which leads out of its engine")
    return quote(path, safe="/")


def _texts(token: SecretValue | None) -> list[str]:
    return [token.reveal().decode(errors="replace")] if token else []


def _told(answer: Any) -> str:
    """Return Vault's own words."""
    try:
        parsed = read_json(answer.content, ANSWER)
    except Unreadable:
        return ""
    found = parsed.get("errors") if isinstance(parsed, dict) else None
    return "; ".join(each for each in found if isinstance(each, str)) if isinstance(found, list) else ""


def _understood(answer: Any, name: str, said: Sequence[str]) -> Any:
    status, read = answer.status_code, READ if name in READS else ""
    words = reason(_told(answer), said) if status >= 400 else ""
    if status in (429, 412) or status >= 500:
        raise ProviderUnavailable(f"{read}{name}: {status}{words}")
    try:
        parsed = read_json(answer.content, ANSWER) if answer.content else {}
    except Unreadable:
        raise ProviderUnavailable(f"{name}: {status}: the answer is no JSON") from None
    if not isinstance(parsed, dict):
        raise ProviderUnavailable(f"{name}: {status}: the answer is no object")
    if status == 404 and parsed.get("errors"):
        raise ProviderDenied(f"{read}{name}: 404: there is no engine at this path{words}")
    if status == 404:
        raise SecretAbsent(ABSENCE)
    if status >= 300:
        raise ProviderDenied(f"{read}{name}: {status}{words}")
    return parsed


def _context(server: Server) -> ssl.SSLContext | None:
    if server.authorities is None and server.certificate is None:
        return None
    context = trusting(server.authorities) or verifying()
    if server.certificate is not None:
        show(context, *server.certificate)
    return context

"""Our identity at an API server: current tokens, certificates, and impersonation."""

import base64
import binascii
import ssl
import time
from dataclasses import dataclass, field
from pathlib import Path

from manager.access.exec_plugin import Credential, Plugin
from manager.access.explanations import file_fault
from manager.access.kubeconfig import Entry
from manager.access.selection import User
from manager.core.documents import read_json
from manager.core.errors import AccessError
from manager.core.tls import show


@dataclass
class TokenFile:
    """A bearer token in a file that is rotated; read again when the file changes."""

    path: Path
    at: str = "token"
    _seen: tuple[int, int] = (0, 0)
    _text: str = field(default="", repr=False)

    def authorization(self) -> str:
        """Return the current Authorization header. Raises AccessError if no token was ever read."""
        try:
            stat = self.path.stat()
            if (stat.st_mtime_ns, stat.st_ino) != self._seen:
                self._text = self.path.read_text().strip() or self._text
                self._seen = (stat.st_mtime_ns, stat.st_ino)
        except (OSError, ValueError) as error:
            if not self._text:
                raise AccessError(f"{self.at}: {self.path}: {file_fault(error)}") from None
        if not self._text:
            raise AccessError(f"{self.at}: {self.path}: there is no token in the file")
        return bearer(self._text, self.at)


@dataclass
class Identity:
    """The credentials for each request."""

    impersonate: tuple[tuple[str, str], ...] = ()
    fixed: str = field(default="", repr=False)
    """An Authorization header."""
    file: TokenFile | None = None
    plugin: Plugin | None = None
    context: ssl.SSLContext | None = None
    """The TLS context that shows the plug-in's certificate."""
    _shown: Credential | None = field(default=None, repr=False)

    @property
    def takes_long(self) -> bool:
        """Whether a program must run before the next request."""
        return self.plugin is not None and self.plugin.ready is None

    def authorization(self) -> str:
        """Return the current Authorization header, empty if there is a certificate or no credential.

        It may run a program for long. Raises AccessError.
        """
        if self.file is not None:
            return self.file.authorization()
        if self.fixed or self.plugin is None:
            return self.fixed
        told = self.plugin.credential()
        if told.certificate and told is not self._shown and self.context is not None:
            try:
                show(self.context, told.certificate, told.key)
            except (ssl.SSLError, OSError, ValueError):
                raise AccessError(f"{self.plugin.at}: the plug-in's certificate and key cannot be used") from None
        self._shown = told
        return bearer(told.token, self.plugin.at) if told.token else ""

    def refused(self) -> None:
        """Note that the server answered 401: a plug-in runs again."""
        if self.plugin is not None and self._shown is not None:
            self.plugin.refused(self._shown)


def identity_of(
    user: User, cluster: dict[str, object], context: ssl.SSLContext | None, *, trusted: bool = False
) -> Identity:
    """Return the identity of a user. Raises AccessError.

    Args:
        user: as the kubeconfig has it.
        cluster: what a plug-in is told.
        context: the TLS towards the server; without one nobody is told a credential,
        trusted: unless the way there is trusted.
    """
    plugin = Plugin.of(user.plugin, cluster) if user.plugin else None
    if context is None and not trusted:
        return Identity(user.impersonate)
    if context is not None:
        _show_own(user, context)
    if user.token_file:
        file = TokenFile(Path(user.token_file), f"{user.at}.tokenFile")
        file.authorization()
        return Identity(user.impersonate, file=file)
    if user.token:
        return Identity(user.impersonate, bearer(user.token, f"{user.at}.token"))
    if user.username or user.password:
        pair = base64.b64encode(f"{user.username}:{user.password}".encode()).decode()
        return Identity(user.impersonate, f"Basic {pair}")
    if user.provider:
        return Identity(user.impersonate, _provided(user.provider))
    return Identity(user.impersonate, plugin=plugin, context=context)


def bearer(token: str, at: str) -> str:
    """Return the Authorization header for a token. Raises AccessError if the token does not fit into a header."""
    if not token.isascii() or not token.isprintable() or token != token.strip():
        raise AccessError(f"{at}: the token holds characters that no token has; is there a line break in it?")
    return f"Bearer {token}"


def _show_own(user: User, context: ssl.SSLContext) -> None:
    certificate, key = (
        content or (_content(path, f"{user.at}.{name}") if path else b"")
        for name, content, path in (
            ("client-certificate", user.certificate, user.certificate_file),
            ("client-key", user.key, user.key_file),
        )
    )
    if not certificate:
        return
    try:
        show(context, certificate, key)
    except (ssl.SSLError, OSError, ValueError):
        raise AccessError(f"{user.at}: client-certificate and client-key are no pair in PEM") from None


def _content(path: str, at: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except (OSError, ValueError) as error:
        raise AccessError(f"{at}: {path}: {file_fault(error)}") from None


def _provided(provider: Entry) -> str:
    """Return the token that oidc, the only remaining built-in provider, has stored."""
    name, config = provider.text("name"), provider.below("config")
    cure = "log in again, or use an exec plug-in such as kubelogin"
    if name != "oidc":
        raise AccessError(f"{provider.at}.name: the {name} auth plugin is not there; use an exec plug-in in its place")
    token = config.text("id-token") if config else ""
    try:
        payload = token.split(".")[1]
        ends = float(read_json(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))["exp"])
    except (ValueError, LookupError, TypeError, binascii.Error):
        raise AccessError(f"{provider.at}.config.id-token: is no token: {cure}") from None
    if ends <= time.time():
        raise AccessError(f"{provider.at}.config.id-token: has ended: {cure}")
    return bearer(token, f"{provider.at}.config.id-token")

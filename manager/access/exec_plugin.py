"""Exec plug-ins: programs named by a kubeconfig that print a token or a client certificate."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from manager.access.kubeconfig import Entry
from manager.core.documents import read_json
from manager.core.errors import AccessError

API = "client.authentication.k8s.io/"
VERSIONS = (f"{API}v1", f"{API}v1beta1")
MODES = ("Never", "IfAvailable", "Always")


@dataclass(frozen=True)
class Credential:
    """The credential that a plug-in printed."""

    token: str = field(default="", repr=False)
    certificate: bytes = b""
    key: bytes = field(default=b"", repr=False)
    ends: datetime | None = None


@dataclass
class Plugin:
    """Runs one plug-in when its last credential has expired or was refused; safe in several threads.

    It inherits standard error, on which it tells its user what to do. Standard input is ours, and may hold a Secret:
    it gets that only when it is a terminal.
    """

    command: str
    at: str
    version: str
    arguments: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)
    mode: str = "IfAvailable"
    hint: str = ""
    cluster: Mapping[str, object] | None = field(default=None, repr=False)
    """The cluster information for the plug-in, if its configuration asks for it."""
    _last: Credential | None = field(default=None, repr=False)
    _running: threading.Lock = field(default_factory=threading.Lock, repr=False)

    @classmethod
    def of(cls, entry: Entry, cluster: Mapping[str, object]) -> "Plugin":
        """Read `users[].user.exec`. Raises AccessError."""
        command, version, mode = entry.text("command"), entry.text("apiVersion"), entry.text("interactiveMode")
        if not command:
            raise AccessError(f"{entry.at}.command: must be specified")
        if version not in VERSIONS:
            raise AccessError(f"{entry.at}.apiVersion: must be one of {', '.join(VERSIONS)}, and is {version!r}")
        if not mode and version == VERSIONS[0]:
            raise AccessError(f"{entry.at}.interactiveMode: must be specified with {version}: {', '.join(MODES)}")
        if mode and mode not in MODES:
            raise AccessError(f"{entry.at}.interactiveMode: must be one of {', '.join(MODES)}, and is {mode!r}")
        environment = {}
        for each in entry.listed("env"):
            if not each.text("name"):
                raise AccessError(f"{each.at}.name: must be specified")
            environment[each.text("name")] = each.text("value")
        if os.sep in command:
            command = entry.path("command")
        told = cluster if entry.flag("provideClusterInfo") else None
        return cls(
            command, entry.at, version, entry.texts("args"), environment, mode or "IfAvailable",
            entry.text("installHint"), told,
        )  # fmt: skip

    @property
    def ready(self) -> Credential | None:
        """The last credential while it is valid; None if the program must run."""
        last = self._last
        return last if last and (last.ends is None or datetime.now(UTC) < last.ends) else None

    def refused(self, credential: Credential) -> None:
        """Run the program at the next request: the server refused this credential."""
        if self._last is credential:
            self._last = None

    def credential(self) -> Credential:
        """Return a valid credential; may run the program. Raises AccessError."""
        with self._running:
            found = self.ready or self._credential(self._output())
            self._last = found
            return found

    def _output(self) -> bytes:
        terminal = sys.stdin is not None and sys.stdin.isatty()
        interactive = self.mode != "Never" and terminal
        if self.mode == "Always" and not terminal:
            raise AccessError(f"{self.at}: interactiveMode is Always, and standard input is not a terminal")
        spec: dict[str, object] = {"interactive": interactive} | ({"cluster": self.cluster} if self.cluster else {})
        told = json.dumps({"kind": "ExecCredential", "apiVersion": self.version, "spec": spec})
        try:
            done = subprocess.run(  # noqa: S603 - the user's kubeconfig says what to run
                [self.command, *self.arguments],
                env={**os.environ, **self.environment, "KUBERNETES_EXEC_INFO": told},
                stdin=None if interactive else subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                check=False,
            )
        except FileNotFoundError:
            raise self._failed(f"exec: executable {self.command} not found") from None
        except (OSError, ValueError) as error:
            why = (getattr(error, "strerror", None) or "not a usable command").lower()
            raise self._failed(f"exec: executable {self.command} cannot be run: {why}") from None
        if done.returncode < 0:
            raise self._failed(f"exec: executable {self.command} was ended by signal {-done.returncode}")
        if done.returncode:
            raise self._failed(f"exec: executable {self.command} failed with exit code {done.returncode}")
        return done.stdout

    def _failed(self, what: str) -> AccessError:
        return AccessError(f"getting credentials: {what}" + (f"\n\n{self.hint.strip()}" if self.hint.strip() else ""))

    def _credential(self, output: bytes) -> Credential:
        try:
            found = read_json(output)
            kind, version, status = found.get("kind"), found.get("apiVersion"), found.get("status")
        except (ValueError, AttributeError):
            raise self._failed(f"exec: {self.command} printed no ExecCredential in JSON") from None
        if kind != "ExecCredential" or version != self.version:
            raise self._failed(
                f"exec plugin is configured to use API version {self.version}, and {self.command} answered with another"
            )
        if not isinstance(status, dict):
            raise self._failed("exec plugin didn't return a status field")
        token, certificate, key, ends = (
            self._text(status, name)
            for name in ("token", "clientCertificateData", "clientKeyData", "expirationTimestamp")
        )
        if not token and not certificate and not key:
            raise self._failed("exec plugin didn't return a token or cert/key pair")
        if bool(certificate) != bool(key):
            raise self._failed("exec plugin returned only certificate or key, not both")
        return Credential(token, certificate.encode(), key.encode(), self._moment(ends))

    def _text(self, status: Mapping[str, Any], name: str) -> str:
        value = status.get(name)
        if not isinstance(value, str | None):
            raise self._failed(f"exec plugin returned no text as status.{name}")
        return value or ""

    def _moment(self, text: str) -> datetime | None:
        if not text:
            return None
        try:
            moment = datetime.fromisoformat(text)
        except ValueError:
            moment = None
        if moment is None or moment.tzinfo is None:
            raise self._failed("exec plugin returned no time such as 2030-01-31T00:00:00Z as expirationTimestamp")
        return moment

"""A real Vault that keeps everything in memory, over TLS; tests enable the logins and engines that they need."""

import json
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import urllib3

from tests.cluster import build
from tests.cluster.certificates import Authority, Pair
from tests.cluster.process import Folder, Process
from tests.cluster.wait import wait_until


class VaultServer:
    """Use it as a context manager, or call `start` and `stop`."""

    url: str
    """Its https address; `authority` signed the certificate."""

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()

    def start(self) -> None:
        """Start it, unsealed. Raises TimeoutError with the end of its log."""
        self._folder = Folder(Path(tempfile.mkdtemp(prefix="coffer-vault-")))
        self.authority = Authority.create(self._folder.path)
        pair = self.authority.server("vault", ["127.0.0.1", "localhost"])
        log = self._folder.path / "vault.log"
        arguments = [f"--certificate={pair.certificate}", f"--key={pair.key}"]
        self._process = Process("vault", [build.binary("vault"), *arguments], log)
        told = wait_until(lambda: self._told(log), timeout=30, what="vault") or {}
        self.url, self.token = told["address"], told["token"]
        self._pool = urllib3.PoolManager(ca_certs=str(self.authority.file), retries=False, timeout=10.0)

    def stop(self) -> None:
        """Stop it; its data is lost."""
        self._pool.clear()
        self._process.kill()
        self._folder.remove()

    @property
    def ca(self) -> str:
        """The PEM certificate to trust."""
        return self.authority.file.read_text()

    def client_certificate(self, user: str) -> Pair:
        """Return a client certificate that its own authority has signed."""
        return self.authority.client(user, user)

    def ask(self, method: str, path: str, body: object = None, token: str = "", namespace: str = "") -> Any:
        """Call the API as root or with another token. Raises RuntimeError with the answer to a failed call."""
        headers = {"X-Vault-Token": token or self.token} | ({"X-Vault-Namespace": namespace} if namespace else {})
        answer = self._pool.request(method, f"{self.url}/v1/{path}", json=body, headers=headers)
        if answer.status >= 400:
            raise RuntimeError(f"{method} {path}: {answer.status} {answer.data.decode()}")
        return json.loads(answer.data) if answer.data else {}

    def mount(self, path: str, version: str = "2") -> None:
        """Mount a key-value engine; version 2 takes a moment to be ready."""
        self.ask("POST", f"sys/mounts/{path}", {"type": "kv", "options": {"version": version}})
        wait_until(lambda: self._writable(path, version), timeout=20, what=f"the engine {path}")

    def allow(self, name: str, rules: str) -> None:
        """Write a policy."""
        self.ask("PUT", f"sys/policies/acl/{name}", {"policy": rules})

    def enable(self, kind: str, path: str = "") -> None:
        """Enable a way to log in."""
        self.ask("POST", f"sys/auth/{path or kind}", {"type": kind})

    def _writable(self, path: str, version: str) -> bool:
        place = f"{path}/data/ready" if version == "2" else f"{path}/ready"
        body = {"data": {"a": "1"}} if version == "2" else {"a": "1"}
        try:
            self.ask("POST", place, body)
            self.ask("DELETE", f"{path}/metadata/ready" if version == "2" else place)
        except RuntimeError:
            return False
        return True

    def _told(self, log: Path) -> dict[str, str] | None:
        self._process.check()
        lines = [line for line in log.read_text(errors="replace").splitlines() if line.startswith('{"address"')]
        found: dict[str, str] | None = json.loads(lines[0]) if lines else None
        return found

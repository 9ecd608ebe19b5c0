"""The working directory that kubeseal is run in."""

from pathlib import Path

import pytest

from tests.builders.kubeseal_command import CERTIFICATE, SECRET


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with a certificate, a Secret and no kubeconfig."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    (tmp_path / "cert.pem").write_bytes(CERTIFICATE)
    (tmp_path / "secret.yaml").write_text(SECRET)
    (tmp_path / "value").write_bytes(b"v\n")
    return tmp_path

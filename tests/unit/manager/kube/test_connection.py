"""Which API server the controller finds, and how it proves itself there; without one that answers."""

import ssl
from pathlib import Path

import pytest

from manager.access.identity import TokenFile
from manager.core.errors import SettingsError
from manager.kube.connection import connect
from tests.cluster.certificates import Authority
from tests.unit.manager.kube.test_client import kubeconfig


@pytest.mark.parametrize("text", [None, "", "{}", "[1", "just text"])
async def test_a_kubeconfig_that_cannot_be_used_is_named(tmp_path: Path, text: str | None) -> None:
    file = tmp_path / "config"
    if text is not None:
        file.write_text(text)

    with pytest.raises(SettingsError, match=r"kubeconfig|no configuration"):
        await connect(str(file))


def test_a_rotated_token_is_used_at_once(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("one\n")
    token = TokenFile(file)
    assert token.authorization() == "Bearer one"

    replaced = tmp_path / "new"
    replaced.write_text("two\n")
    replaced.replace(file)

    assert token.authorization() == "Bearer two"
    assert "two" not in repr(token)


async def test_in_a_pod_the_service_account_speaks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Authority.create(tmp_path)
    (tmp_path / "token").write_text("pod-token\n")
    (tmp_path / "namespace").write_text("kube-system\n")
    monkeypatch.setattr("manager.access.pod.SERVICE_ACCOUNT", tmp_path)
    monkeypatch.delenv("KUBECONFIG", raising=False)
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "fd00::1")
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", "6443")

    found = await connect()

    assert (found.server, found.default_namespace) == ("https://[fd00::1]:6443", "kube-system")
    assert await found.authorization() == "Bearer pod-token"
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST")
    with pytest.raises(SettingsError, match="KUBERNETES_SERVICE_HOST"):
        await connect()


@pytest.mark.parametrize("verify", [True, False])
async def test_a_server_that_cannot_prove_itself_is_believed_only_where_the_setting_says_so(
    tmp_path: Path, verify: bool
) -> None:
    file = tmp_path / "kubeconfig"
    file.write_text(kubeconfig("https://127.0.0.1:1"))

    connection = await connect(str(file), verify=verify)

    assert connection.ssl_context
    assert (connection.ssl_context.verify_mode is ssl.CERT_REQUIRED) is verify
    assert connection.ssl_context.check_hostname is verify


async def test_the_contexts_namespace_is_the_default(tmp_path: Path) -> None:
    file = tmp_path / "other"
    file.write_text(kubeconfig("https://127.0.0.1:1"))

    assert (await connect(str(file))).default_namespace == "here"
    assert (await connect(str(file), "bare")).default_namespace == "default"

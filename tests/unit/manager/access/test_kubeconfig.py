"""Plain kubeconfigs mean to us what they mean to Kubernetes' own Python client, which knows nothing of ours.

Where the two differ (several files, plug-ins, proxies, impersonation) kubectl is right, and the table of
tests/e2e/test_kubeconfigs.py holds us to it.
"""

from pathlib import Path
from typing import Any

import pytest
import yaml
from kubernetes.client import Configuration
from kubernetes.config import kube_config

from manager.access.flags import Access
from manager.access.target import find

CLUSTERS = {"one": "https://one.example:6443", "two": "https://two.example"}
USERS = {"token": {"token": "t-1"}, "basic": {"username": "u", "password": "p"}, "nobody": {}}


def written(folder: Path, cluster: str, user: str, namespace: str, *, skip: bool) -> str:
    """Write a kubeconfig with all clusters and users and one context; return its path."""
    servers = [{"name": n, "cluster": {"server": s, "insecure-skip-tls-verify": skip}} for n, s in CLUSTERS.items()]
    context = {"cluster": cluster, "user": user} | ({"namespace": namespace} if namespace else {})
    content: dict[str, Any] = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": servers,
        "users": [{"name": name, "user": each} for name, each in USERS.items()],
        "contexts": [{"name": "here", "context": context}],
        "current-context": "here",
    }
    (folder / "config").write_text(yaml.safe_dump(content))
    return str(folder / "config")


@pytest.mark.parametrize("skip", [True, False])
@pytest.mark.parametrize("namespace", ["", "team"])
@pytest.mark.parametrize("user", USERS)
@pytest.mark.parametrize("cluster", CLUSTERS)
def test_a_plain_kubeconfig_means_the_same(
    tmp_path: Path, cluster: str, user: str, namespace: str, *, skip: bool
) -> None:
    path = written(tmp_path, cluster, user, namespace, skip=skip)
    theirs = Configuration()
    kube_config.load_kube_config(path, client_configuration=theirs)
    _, active = kube_config.list_kube_config_contexts(path)

    ours = find(Access(kubeconfig=path), {})

    assert ours.url == theirs.host
    assert ours.context is not None
    assert ours.context.check_hostname is theirs.verify_ssl
    assert ours.namespace == active["context"].get("namespace", "default")
    wanted = theirs.get_api_key_with_prefix("BearerToken", alias="authorization")
    assert ours.identity.authorization() == (wanted or "")


@pytest.mark.parametrize(
    ("server", "proxy", "told"),
    [
        ("http://127.0.0.1:8001", "", "Bearer t-1"),
        ("http://localhost:8001", "", "Bearer t-1"),
        ("http://cluster.example", "", ""),
        ("http://localhost:8001", "socks5://proxy.example:1080", ""),
        ("http://127.0.0.1:8001", "http://proxy.example:3128", ""),
        ("https://cluster.example", "socks5://proxy.example:1080", "Bearer t-1"),
    ],
)
def test_over_plain_http_a_token_does_not_leave_this_machine(
    tmp_path: Path, server: str, proxy: str, told: str
) -> None:
    """Behind a proxy the name of this machine is another one."""
    cluster = {"server": server} | ({"proxy-url": proxy} if proxy else {})
    content: dict[str, Any] = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "one", "cluster": cluster}],
        "users": [{"name": "token", "user": USERS["token"]}],
        "contexts": [{"name": "here", "context": {"cluster": "one", "user": "token"}}],
        "current-context": "here",
    }
    (tmp_path / "config").write_text(yaml.safe_dump(content))

    assert find(Access(kubeconfig=str(tmp_path / "config")), {}, plain=True).identity.authorization() == told

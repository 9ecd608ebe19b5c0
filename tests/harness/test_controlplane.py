"""The real control plane behaves like a cluster, and survives the faults that tests cause."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from tests.cluster.audit import AuditLog, service_account
from tests.cluster.controlplane import ControlPlane, KubectlFailed
from tests.cluster.kube import ApiError, Kube, decoded
from tests.cluster.wait import wait_until

MakeNamespace = Callable[..., str]


def config_map(namespace: str, name: str, **metadata: object) -> dict[str, object]:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"namespace": namespace, "name": name, **metadata}}


def test_an_owned_object_goes_with_its_owner(kube: Kube, namespace: MakeNamespace) -> None:
    place = namespace()
    owner = kube.create(config_map(place, "owner"))
    reference = {"apiVersion": "v1", "kind": "ConfigMap", "name": "owner", "uid": owner["metadata"]["uid"]}
    kube.create(config_map(place, "owned", ownerReferences=[reference]))
    kube.delete("ConfigMap", "owner", place)
    wait_until(lambda: kube.find("configmaps", "owned", place), until=lambda found: found is None, timeout=30)


def test_a_deleted_namespace_goes_with_its_content(kube: Kube, namespace: MakeNamespace) -> None:
    place = namespace()
    kube.create(config_map(place, "content"))
    kube.delete("namespaces", place)
    # Others that were deleted before it take their time.
    wait_until(lambda: kube.find("namespaces", place), until=lambda found: found is None, timeout=180)


def test_a_service_account_has_its_rbac_rights(
    control_plane: ControlPlane, kube: Kube, audit: AuditLog, namespace: MakeNamespace
) -> None:
    """The audit log names it."""
    place = namespace()
    wait_until(lambda: kube.find("serviceaccounts", "default", place))
    mark = audit.mark()
    user = service_account(place, "default")
    with closing(Kube(control_plane.url, control_plane.ca_file, token=kube.token("default", place))) as tenant:
        with pytest.raises(ApiError, match="403 Forbidden"):
            tenant.list("secrets", place)
        role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "edit"}
        kube.create(
            {
                "apiVersion": "rbac.authorization.k8s.io/v1",
                "kind": "RoleBinding",
                "metadata": {"namespace": place, "name": "edit"},
                "roleRef": role,
                "subjects": [{"kind": "ServiceAccount", "name": "default", "namespace": place}],
            }
        )
        wait_until(lambda: tenant.list("secrets", place), until=lambda found: found == [])
        tenant.create(config_map(place, "made"))
    seen = wait_until(lambda: audit.writes(mark, user=user))
    assert [(each.verb, each.resource, each.namespace, each.code) for each in seen] == [
        ("create", "configmaps", place, 201)
    ]
    assert 403 in {each.code for each in audit.requests(mark, user=user)}


def test_kubectl_works_with_a_written_kubeconfig(
    control_plane: ControlPlane, kube: Kube, namespace: MakeNamespace, tmp_path: Path
) -> None:
    """It uses the namespace of the kubeconfig."""
    place = namespace()
    control_plane.kubectl("-n", place, "apply", "-f", "-", input=f"{config_map(place, 'applied')}".replace("'", '"'))
    assert "applied" in control_plane.kubectl("-n", place, "get", "configmaps")
    wait_until(lambda: kube.find("serviceaccounts", "default", place))
    path = control_plane.kubeconfig_for(kube.token("default", place), tmp_path / "kubeconfig", namespace=place)
    assert path.stat().st_mode & 0o077 == 0
    with pytest.raises(KubectlFailed, match=f'cannot list resource "secrets".* in the namespace "{place}"'):
        control_plane.kubectl(f"--kubeconfig={path}", "get", "secrets")


def test_applying_twice_keeps_one_object(kube: Kube, namespace: MakeNamespace) -> None:
    """The object can be read back."""
    place = namespace()
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"namespace": place, "name": "s"}}
    kube.apply({**secret, "stringData": {"key": "old"}})
    kube.apply({**secret, "stringData": {"key": "new"}})
    kube.annotate("Secret", "s", place, {"note": "seen"})
    found = kube.list("secrets", place)
    assert [decoded(each) for each in found] == [{"key": "new"}]
    assert found[0]["metadata"]["annotations"]["note"] == "seen"


def test_an_unknown_kind_is_named(kube: Kube) -> None:
    with pytest.raises(LookupError, match="serves no gadgets"):
        kube.list("gadgets")


def test_an_api_server_that_was_away_comes_back_with_all_it_had() -> None:
    with ControlPlane() as plane, closing(plane.client()) as kube:
        url = plane.url
        kube.create(config_map("default", "kept"))
        plane.stop_apiserver()
        with pytest.raises(KubectlFailed, match="refused"):
            plane.kubectl("get", "configmaps")
        plane.start_apiserver()
        assert plane.url == url
        assert kube.find("configmaps", "kept", "default")


def test_a_killed_session_leaves_no_process_and_no_folder(tmp_path: Path) -> None:
    script = tmp_path / "session.py"
    script.write_text(
        "import threading, time\n"
        "from tests.cluster.controlplane import ControlPlane\n"
        "plane = ControlPlane()\n"
        "starter = threading.Thread(target=plane.start); starter.start(); starter.join()\n"
        "plane.check()\n"
        "print(plane.folder, *(each.pid for each in plane._running.values()), flush=True)\n"
        "time.sleep(600)\n"
    )
    session = subprocess.Popen([sys.executable, script], stdout=subprocess.PIPE, text=True)
    assert session.stdout
    with session, session.stdout:
        folder, *pids = session.stdout.readline().split()
        assert len(pids) == 3
        session.send_signal(signal.SIGKILL)
    wait_until(lambda: [pid for pid in pids if _runs(int(pid))], until=lambda running: not running)
    wait_until(lambda: not Path(folder).exists())


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (ProcessLookupError, FileNotFoundError):
        return False

"""The fault proxy causes the faults that it promises, and is otherwise invisible to a client."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
import urllib3

from tests.cluster.controlplane import ControlPlane
from tests.cluster.kube import ApiError, Kube
from tests.cluster.proxy import FaultProxy
from tests.cluster.wait import wait_until

MakeNamespace = Callable[..., str]


def config_map(namespace: str, name: str, **data: str) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"namespace": namespace, "name": name}, "data": data}


@pytest.fixture
def place(kube: Kube, namespace: MakeNamespace) -> str:
    name = namespace()
    wait_until(lambda: kube.find("serviceaccounts", "default", name))
    role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "edit"}
    kube.create(
        {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "RoleBinding",
            "metadata": {"namespace": name, "name": "edit"},
            "roleRef": role,
            "subjects": [{"kind": "ServiceAccount", "name": "default", "namespace": name}],
        }
    )
    return name


@pytest.fixture
def tenant(control_plane: ControlPlane, kube: Kube, fault_proxy: FaultProxy, place: str) -> Iterator[Kube]:
    with closing(Kube(fault_proxy.url, control_plane.ca_file, token=kube.token("default", place))) as client:
        wait_until(lambda: client.list("configmaps", place))
        fault_proxy.calls.clear()
        yield client


class Watch:
    """A watch of the ConfigMaps of a namespace, read in a thread."""

    def __init__(self, tenant: Kube, place: str) -> None:
        path = f"/api/v1/namespaces/{place}/configmaps?watch=1&resourceVersion=0&fieldSelector=metadata.name%3Dseen"
        self.events: list[dict[str, Any]] = []
        self.failure: Exception | None = None
        self._answer = tenant._pool.request("GET", tenant.url + path, preload_content=False, timeout=20.0)

    def read(self) -> None:
        rest = b""
        try:
            for chunk in self._answer.stream(65536):
                *lines, rest = (rest + chunk).split(b"\n")
                self.events += [json.loads(line) for line in lines]
        except urllib3.exceptions.HTTPError as error:
            self.failure = error
        finally:
            self._answer.close()


@contextmanager
def watching(proxy: FaultProxy, tenant: Kube, place: str) -> Iterator[Watch]:
    before = proxy.open_watches("configmaps")
    watch = Watch(tenant, place)
    with ThreadPoolExecutor(1) as reader:
        reading = reader.submit(watch.read)
        wait_until(lambda: proxy.open_watches("configmaps") > before)
        try:
            yield watch
        finally:
            proxy.cut_watches()
            reading.result(10)


def test_kubectl_works_through_it_and_every_call_is_recorded(
    control_plane: ControlPlane, kube: Kube, place: str, tmp_path: Path
) -> None:
    serving = control_plane.authority.server("proxy", ["127.0.0.1"])  # kubectl sends no token without TLS
    with FaultProxy(control_plane.url, control_plane.ca_file, tls=serving) as proxy:
        token = kube.token("default", place)
        config = control_plane.kubeconfig_for(token, tmp_path / "kubeconfig", server=proxy.url, namespace=place)
        control_plane.kubectl(f"--kubeconfig={config}", "create", "configmap", "made", "--from-literal=a=1")
        control_plane.kubectl(f"--kubeconfig={config}", "delete", "configmap", "made", "--wait=false")
    assert [(each.verb, each.plural, each.namespace, each.status) for each in proxy.writes()] == [
        ("create", "configmaps", place, 201),
        ("delete", "configmaps", place, 200),
    ]
    assert all(each.user_agent.startswith("kubectl") for each in proxy.calls)


def test_preconditions_of_a_delete_and_of_an_update_are_recorded(
    fault_proxy: FaultProxy, tenant: Kube, place: str
) -> None:
    made = tenant.create(config_map(place, "guarded"))
    uid, version = made["metadata"]["uid"], made["metadata"]["resourceVersion"]
    path = tenant.path("configmaps", place, "guarded")
    made["data"] = {"changed": "yes"}
    changed = tenant.request("PUT", path, made)
    tenant.request("DELETE", path, {"preconditions": {"uid": uid}})
    create, update, delete = fault_proxy.writes("configmaps")
    assert create.preconditions == {}
    assert update.preconditions == {"uid": uid, "resourceVersion": version}
    assert delete.preconditions == {"uid": uid}
    assert changed["metadata"]["resourceVersion"] != version


def test_a_watch_shows_changes_as_they_come(fault_proxy: FaultProxy, tenant: Kube, kube: Kube, place: str) -> None:
    with watching(fault_proxy, tenant, place) as watch:
        kube.create(config_map(place, "seen"))
        wait_until(lambda: [each["type"] for each in watch.events], until=lambda seen: seen == ["ADDED"], timeout=2)


def test_a_cut_watch_breaks_the_connection(fault_proxy: FaultProxy, tenant: Kube, place: str) -> None:
    with watching(fault_proxy, tenant, place) as watch:
        assert fault_proxy.cut_watches("secrets") == 0
        assert fault_proxy.cut_watches("configmaps") == 1
        assert isinstance(wait_until(lambda: watch.failure), urllib3.exceptions.ProtocolError)


@pytest.mark.parametrize(("code", "reason"), [(410, "Expired"), (500, "InternalError")])
def test_an_open_watch_ends_with_an_error_event(
    fault_proxy: FaultProxy, tenant: Kube, place: str, code: int, reason: str
) -> None:
    with watching(fault_proxy, tenant, place) as watch:
        assert fault_proxy.watch_error(code, "configmaps") == 1
        event = wait_until(lambda: watch.events)[0]
        assert (event["type"], event["object"]["code"], event["object"]["reason"]) == ("ERROR", code, reason)
        wait_until(lambda: fault_proxy.open_watches(), until=lambda count: count == 0)
        assert watch.failure is None


def test_without_an_open_watch_the_next_one_gets_the_error(fault_proxy: FaultProxy, tenant: Kube, place: str) -> None:
    assert fault_proxy.watch_error(410, "configmaps") == 0
    watch = Watch(tenant, place)
    watch.read()
    assert [each["type"] for each in watch.events] == ["ERROR"]


def test_a_dropped_event_is_never_seen_and_the_next_one_is(
    fault_proxy: FaultProxy, tenant: Kube, kube: Kube, place: str
) -> None:
    lost = fault_proxy.drop_event(2, "configmaps")
    with watching(fault_proxy, tenant, place) as watch:
        kube.create(config_map(place, "seen", step="1"))
        kube.patch("configmaps", "seen", place, {"data": {"step": "2"}})
        kube.patch("configmaps", "seen", place, {"data": {"step": "3"}})
        wait_until(lambda: [each["object"]["data"]["step"] for each in watch.events], lambda seen: seen == ["1", "3"])
    assert lost.fired.is_set()


def test_an_injected_answer_comes_as_often_as_asked(
    fault_proxy: FaultProxy, tenant: Kube, kube: Kube, place: str
) -> None:
    """The server never sees these requests."""
    fault_proxy.answer("create", "configmaps", 409, times=2)
    for _ in range(2):
        with pytest.raises(ApiError, match="409 Conflict"):
            tenant.create(config_map(place, "refused"))
    assert kube.find("configmaps", "refused", place) is None
    tenant.create(config_map(place, "refused"))


def test_the_callback_runs_before_the_client_gets_the_answer(
    fault_proxy: FaultProxy, tenant: Kube, kube: Kube, place: str
) -> None:
    """The server has answered by then."""
    heard: list[str] = []
    seen_by_callback: list[object] = []

    def look() -> None:
        seen_by_callback.extend([kube.find("configmaps", "second", place), list(heard)])

    fault = fault_proxy.after_write(2, look)
    for name in ("first", "second", "third"):
        tenant.create(config_map(place, name))
        heard.append(name)
    found, heard_then = seen_by_callback
    assert found
    assert heard_then == ["first"]
    assert fault.call
    assert fault.call.name == "second"


def test_a_client_killed_after_two_writes_has_written_two(
    control_plane: ControlPlane, fault_proxy: FaultProxy, tenant: Kube, kube: Kube, place: str, tmp_path: Path
) -> None:
    script = tmp_path / "writer.py"
    script.write_text(
        "import sys; from concurrent.futures import ThreadPoolExecutor; from pathlib import Path\n"
        "from tests.cluster.kube import Kube\n"
        "url, ca, token, place = sys.argv[1:]\n"
        "kube = Kube(url, Path(ca), token=token)\n"
        "make = lambda i: kube.create({'apiVersion': 'v1', 'kind': 'ConfigMap',"
        " 'metadata': {'namespace': place, 'name': f'made-{i}'}})\n"
        "with ThreadPoolExecutor(4) as pool: list(pool.map(make, range(50)))\n"
    )
    arguments = [fault_proxy.url, str(control_plane.ca_file), kube.token("default", place), place]
    writer: list[subprocess.Popen[bytes]] = []

    def kill() -> None:
        writer[0].kill()
        writer[0].wait()

    fault = fault_proxy.after_write(2, kill)
    with subprocess.Popen([sys.executable, script, *arguments]) as process:
        writer.append(process)
    assert fault.fired.is_set()
    assert process.returncode < 0
    made = [each["metadata"]["name"] for each in kube.list("configmaps", place)]
    assert len([name for name in made if name.startswith("made")]) == 2


def test_nothing_passes_a_blackhole_until_it_ends(
    fault_proxy: FaultProxy, tenant: Kube, kube: Kube, place: str
) -> None:
    """Requests that waited continue afterwards."""
    with watching(fault_proxy, tenant, place) as watch, ThreadPoolExecutor(1) as client:
        with fault_proxy.blackhole():
            kube.create(config_map(place, "seen"))
            asked = client.submit(tenant.find, "configmaps", "seen", place)
            wait_until(lambda: any(call.verb == "get" for call in fault_proxy.calls))
            with pytest.raises(TimeoutError):
                asked.result(0.2)
            assert watch.events == []
        assert asked.result(10)
        wait_until(lambda: [each["type"] for each in watch.events], until=lambda seen: seen == ["ADDED"])


def test_an_absent_server_is_a_broken_connection(tenant: Kube, control_plane: ControlPlane, kube: Kube) -> None:
    with FaultProxy("https://127.0.0.1:1", control_plane.ca_file) as proxy:
        with closing(Kube(proxy.url, control_plane.ca_file)) as lost, pytest.raises(urllib3.exceptions.ProtocolError):
            lost.request("GET", "/version")
        assert [call.status for call in proxy.calls] == [None]


def test_healing_forgets_what_has_not_happened(fault_proxy: FaultProxy, tenant: Kube, place: str) -> None:
    fault_proxy.answer("*", "*", 500, times=100)
    fault_proxy.watch_error(410)
    fault_proxy.heal()
    assert tenant.list("configmaps", place)
    with watching(fault_proxy, tenant, place) as watch:
        assert watch.events == []

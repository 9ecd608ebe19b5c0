"""What the doctor reads, also for a user with few rights."""

from typing import TYPE_CHECKING, Any, cast

import aiohttp
import pytest

from manager.cli.doctor.facts import Facts
from manager.cli.doctor.findings import Area
from manager.cli.doctor.reading import DoctorReader, switches
from manager.cli.migrate.listed import WEBHOOKS
from manager.core.errors import Forbidden, Unreachable
from manager.kube.resources import DEPLOYMENTS, LEASES, SECRET_STORES, Body
from tests.builders.migration_cluster import ClusterStandIn, three_originals

if TYPE_CHECKING:
    from manager.kube.client import KubeClient

OUR_LABELS = {"app.kubernetes.io/name": "coffer"}


class NoClock:
    """A connection whose head has no time."""

    server = "https://nowhere"

    def session(self, _agent: str) -> Any:
        raise aiohttp.ClientConnectionError("no answer")


class Patient(ClusterStandIn):
    """A cluster that answers questions for rights one by one."""

    connection = NoClock()

    def __init__(self) -> None:
        super().__init__()
        self.denied: set[tuple[str, str]] = set()
        self.asked: list[Body] = []

    async def post(self, _resource: Any, _path: str, body: Body) -> Body:
        self.asked.append(body["spec"])
        attributes = body["spec"]["resourceAttributes"]
        return {"status": {"allowed": (attributes["verb"], attributes["resource"]) not in self.denied}}


def deployment(*arguments: str, account: str = "keeper", namespace: str = "coffer") -> Body:
    pod = {"serviceAccountName": account, "containers": [{"args": list(arguments)}]}
    meta = {"name": "coffer", "namespace": namespace, "labels": OUR_LABELS}
    return {"metadata": meta, "spec": {"template": {"spec": pod}}}


async def read(cluster: ClusterStandIn, **given: Any) -> Facts:
    facts = Facts(0.0, "coffer", **given)
    await DoctorReader(cast("KubeClient", cluster), facts, "", "agent").read()
    return facts


@pytest.fixture
def patient() -> Patient:
    found = Patient()
    found.put(LEASES, {"metadata": {"namespace": "coffer", "name": "coffer"}, "spec": {}})
    found.put(DEPLOYMENTS, deployment("--modules-reflector=false", "--modules-scope=a, b"))
    return found


async def test_modules_scope_and_account_are_those_of_the_deployment(patient: Patient) -> None:
    patient.denied = {("get", "secrets")}

    facts = await read(patient)

    assert (facts.modules, facts.scope) == (("sealed", "external"), ("a", "b"))
    assert facts.account == "coffer:keeper"
    assert {each.namespace for each in facts.missing_rights} == {"a", "b"}
    assert {each["user"] for each in patient.asked} == {"system:serviceaccount:coffer:keeper"}


async def test_without_a_deployment_the_given_names_count() -> None:
    patient = Patient()

    facts = await read(patient, modules=("sealed",), account="home:other")

    assert {each["user"] for each in patient.asked} == {"system:serviceaccount:home:other"}
    assert {each.name for each in facts.crds} == {"sealedsecrets.bitnami.com"}


async def test_the_time_of_a_silent_server_is_not_checked(patient: Patient) -> None:
    facts = await read(patient)

    assert facts.server_time is None
    assert (Area.CLOCKS, "the API server's time: ClientConnectionError") in facts.unchecked


async def test_what_may_not_be_read_is_noted_and_the_rest_is_read(patient: Patient) -> None:
    patient.failures = {"resourcequotas": Forbidden(403, "Forbidden", "list resourcequotas")}
    patient.put(SECRET_STORES, {"metadata": {"namespace": "a", "name": "s"}})

    facts = await read(patient)

    assert (Area.QUOTAS, "list resourcequotas: this user has no right to it") in facts.unchecked
    assert [each["metadata"]["name"] for _, each in facts.stores] == ["s"]


async def test_an_api_server_that_does_not_answer_ends_it(patient: Patient) -> None:
    patient.failures = {"events": Unreachable(0, "ClientOSError", "list events")}

    with pytest.raises(Unreachable):
        await read(patient)


async def test_a_service_of_a_webhook_answers_if_an_endpoint_is_ready(patient: Patient) -> None:
    def guarded(name: str) -> Body:
        rule = {"apiGroups": [""], "resources": ["secrets"]}
        client = {"service": {"namespace": "ns", "name": name}}
        return {"metadata": {"name": name}, "webhooks": [{"name": "w", "rules": [rule], "clientConfig": client}]}

    patient.put(WEBHOOKS[0], guarded("gone"))
    patient.put(WEBHOOKS[1], guarded("there"))
    meta = {"namespace": "ns", "name": "x", "labels": {"kubernetes.io/service-name": "there"}}
    patient.objects["discovery.k8s.io", "endpointslices"] = [{"metadata": meta, "endpoints": [{"conditions": {}}]}]

    facts = await read(patient)

    assert facts.services == {("ns", "gone"): False, ("ns", "there"): True}
    assert {each["kind"] for each in facts.webhooks} == {
        "ValidatingWebhookConfiguration",
        "MutatingWebhookConfiguration",
    }


async def test_originals_that_run_are_found() -> None:
    cluster: Any = three_originals()
    cluster.connection = NoClock()

    assert set((await read(cluster)).originals) == {"sealed", "external", "reflector"}


def test_switches_are_read_of_our_own_deployment_alone() -> None:
    given = [deployment("--a=1", namespace="other"), deployment("--b=2", "--flag", "word", "--c=x=y")]

    assert switches(given, "coffer") == {"b": "2", "c": "x=y"}
    assert switches([], "coffer") == {}

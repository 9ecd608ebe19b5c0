"""What a plan says of sealed values, and that only stores of the cluster are asked."""

from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from external.api.external_secret import ExternalSecretSpec
from external.api.fields import parse
from external.providers.registry import BUILT_IN
from manager.cli.manifests.reading import Manifest
from manager.cli.plan.asking import Asker, _unasked, wishes
from manager.cli.plan.cluster import Cluster, key_of
from manager.cli.plan.planning import Planner
from manager.cli.plan.sealed_values import bound_to, foreign
from manager.core.secret_value import SecretValue
from manager.gotemplate.sandbox import Sandbox
from manager.kube.api_servers import ApiServers
from manager.kube.resources import CLUSTER_SECRET_STORES, Key
from manager.settings.model import Settings
from sealed.crypto.wire_format import Scope, label, seal
from sealed.manifests.documents import InputError
from tests.builders.api_in_memory import MemoryApi

KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048).public_key()
OTHER = rsa.generate_private_key(public_exponent=65537, key_size=3072).public_key()


def sealed(key: rsa.RSAPublicKey, **annotations: str) -> Manifest:
    text = seal(key, SecretValue(b"value"), label(Scope.STRICT, "ns", "x"))
    meta = {"namespace": "ns", "name": "x", "annotations": annotations}
    body = {"apiVersion": "bitnami.com/v1alpha1", "kind": "SealedSecret", "metadata": meta}
    return Manifest("f", 1, {**body, "spec": {"encryptedData": {"k": text}}})


class Controller:
    """Answers as told."""

    def __init__(self, answer: bool | InputError) -> None:
        self.answer = answer

    def opens(self, _sealed: object) -> bool:
        if isinstance(self.answer, InputError):
            raise self.answer
        return self.answer


async def verdict(manifest: Manifest, **more: Any) -> tuple[list[str], list[str]]:
    sandbox = Sandbox()
    try:
        (found,) = await Planner([manifest], Cluster(), sandbox, **more).verdicts()
    finally:
        await sandbox.close()
    return [each.text for each in found.problems], list(found.notes)


async def test_a_value_of_this_key_is_told_by_the_controller() -> None:
    problems, notes = await verdict(sealed(KEY), key=KEY, controller=Controller(answer=True))

    assert problems == []
    assert notes[:2] == ["scope strict: ns/x alone", "the controller can open it"]


async def test_a_value_that_does_not_open_is_a_fault_that_names_what_it_may_be() -> None:
    problems, _ = await verdict(sealed(KEY), key=KEY, controller=Controller(answer=False))

    (problem,) = problems
    assert problem.startswith("the controller cannot open it: it was sealed for another key, scope, namespace or name")


@pytest.mark.parametrize("controller", [None, Controller(InputError("no Service\nhint"))])
async def test_what_cannot_be_known_is_said(controller: Controller | None) -> None:
    problems, notes = await verdict(sealed(KEY), key=KEY, controller=controller)

    assert problems == []
    assert any("only its key can tell" in each for each in notes)
    assert "hint" not in str(notes)


def test_a_key_of_another_size_is_known_without_opening() -> None:
    assert list(foreign(sealed(KEY), KEY)) == []
    assert list(foreign(sealed(OTHER), KEY)) == [
        "spec.encryptedData[k]: sealed for a key of 3072 bits, this cluster's has 2048"
    ]


@pytest.mark.parametrize(
    ("annotations", "told"),
    [
        ({}, "scope strict: ns/x alone"),
        ({"sealedsecrets.bitnami.com/namespace-wide": "true"}, "scope namespace-wide: ns"),
        ({"sealedsecrets.bitnami.com/cluster-wide": "true"}, "scope cluster-wide: any name and namespace"),
    ],
)
def test_the_scope_is_that_of_the_metadata(annotations: dict[str, str], told: str) -> None:
    assert bound_to(sealed(KEY, **annotations)) == told


def test_a_store_that_acts_as_coffer_itself_is_not_asked() -> None:
    aws = {"spec": {"provider": {"aws": {"service": "SecretsManager", "region": "x"}}}}

    assert "own identity" in _unasked(aws, BUILT_IN)
    assert _unasked({"spec": {"provider": {"fake": {"data": []}}}}, BUILT_IN) == ""
    assert _unasked({"spec": None}, BUILT_IN) == "it names no provider"


async def test_a_store_with_left_over_credentials_does_not_act_as_the_operator(monkeypatch: pytest.MonkeyPatch) -> None:
    """This machine may have an identity of its own, and the store's URL would get its token."""

    async def looked(_servers: object) -> None:
        """Know no servers."""

    monkeypatch.setattr(ApiServers, "look", looked)
    key = {"name": "old", "namespace": "ns", "key": "id"}
    azure = {"vaultUrl": "https://v.vault.azure.net", "authType": "ManagedIdentity", "authSecretRef": {"clientId": key}}
    body = {"metadata": {"name": "s"}, "spec": {"provider": {"azurekv": azure}}}
    assert _unasked(body, BUILT_IN) == "", "it names a Secret"
    api: Any = MemoryApi()
    sandbox: Any = None
    asker = Asker(api, Settings(), sandbox)

    (problem,) = await asker.problems(Key(CLUSTER_SECRET_STORES, "", "s"), body, "ns", ())
    asker.close()
    assert "may not use the controller's own identity" in problem.text


def test_every_entry_that_names_a_secret_is_asked_for() -> None:
    given = {
        "secretStoreRef": {"name": "s"},
        "data": [{"secretKey": "a", "remoteRef": {"key": "k", "property": "p", "version": "2"}}],
        "dataFrom": [{"extract": {"key": "all"}}, {"find": {}}],
    }
    spec = parse(ExternalSecretSpec, given, reason="Invalid")

    found = wishes("ns", spec)

    assert [(each.at, each.request.key, each.request.version) for each in found] == [
        ("spec.dataFrom[0].extract", "all", ""),
        ("spec.data[0]", "k", "2"),
    ]
    assert {str(each.store) for each in found} == {"SecretStore ns/s"}


def test_other_kinds_have_no_key() -> None:
    deployment = Manifest("f", 1, {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "x"}})

    assert key_of(deployment) is None

"""A write that an admission policy refuses is reported with the policy's words, and retried until the policy ends."""

from collections.abc import Iterator

import pytest

from tests.builders.manifests import allowed, canary, external_secret, fake, sealed_secret, secret, store
from tests.e2e.world import World

API = "admissionregistration.k8s.io/v1"
WORDS = "a Secret of this namespace needs an owner"


@pytest.fixture
def guarded(world: World) -> Iterator[str]:
    """A namespace in which a policy forbids the controller to create Secrets."""
    ns = world.namespace("guarded")
    assert world.coffer is not None
    rule = {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE", "UPDATE"], "resources": ["secrets"]}
    about = {"metadata": {"name": ns}}
    user = f"request.userInfo.username != '{world.coffer.installation.user}'"
    spec = {"matchConstraints": {"resourceRules": [rule]}, "validations": [{"expression": user, "message": WORDS}]}
    selector = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": ns}}}
    binding = {"policyName": ns, "validationActions": ["Deny"], "matchResources": selector}
    world.kube.apply(
        {"apiVersion": API, "kind": "ValidatingAdmissionPolicy", **about, "spec": spec},
        {"apiVersion": API, "kind": "ValidatingAdmissionPolicyBinding", **about, "spec": binding},
    )
    yield ns
    for kind in ("validatingadmissionpolicybindings", "validatingadmissionpolicies"):
        world.kube.delete(kind, ns)


def test_a_denial_by_policy_is_reported_and_ends_with_the_policy(world: World, guarded: str) -> None:
    """A condition or Event quotes the policy's own message."""
    elsewhere, value = world.namespace(), canary()
    made = [
        sealed_secret(world.certificate, guarded, "sealed", {"a": value}),
        store(guarded, "store", fake({"remote": value})),
        external_secret(guarded, "external", "store", {"a": "remote"}),
        secret(elsewhere, "mirrored", {"a": value}, annotations=allowed(guarded, auto=guarded)),
    ]
    # A policy takes effect after a moment: objects that were created before are created once more.
    world.apply(*made)
    world.kube.wait_until(lambda: _denied(world, guarded), timeout=60.0, what="the policy's words in all three modules")

    world.kube.delete("validatingadmissionpolicybindings", guarded)

    for name in ("sealed", "external", "mirrored"):
        world.await_data(guarded, name, {"a": value}, timeout=90.0)


def _denied(world: World, ns: str) -> bool:
    """Return True if all three report it; delete objects that were created before the policy took effect."""
    told = [
        world.condition("sealedsecrets", ns, "sealed").get("message", ""),
        world.condition("externalsecrets", ns, "external").get("message", ""),
        *(each["message"] for each in world.kube.list("v1/Event") if each["reason"] == "MirrorFailed"),
    ]
    said = [text for text in told if f"ValidatingAdmissionPolicy '{ns}' denies it: {WORDS}" in text]
    for name in ("sealed", "external", "mirrored"):
        if world.kube.find("secrets", name, ns):
            world.kube.delete("secrets", name, ns)
    return len(said) >= 3

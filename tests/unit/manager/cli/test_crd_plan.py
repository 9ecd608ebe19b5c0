"""What happens to a CRD of the cluster: the rules, without a cluster."""

import copy
from collections.abc import Callable
from functools import cache
from typing import Any

import pytest

from manager.cli.crd_plan import HOME, MANAGER, RELEASE, Action, Consent, decide, owner
from manager.cli.crds import chosen, every_crd
from manager.kube.crds import KEEP
from manager.kube.resources import Body

NAME = "uuids.generators.external-secrets.io"
Change = Callable[[Body], Any]


@cache
def ours() -> Body:
    (found,) = chosen([NAME])
    return found


def live(*changes: Change) -> Body:
    """Return the CRD as an API server has it after our own file was applied by kubectl, then changed."""
    found = copy.deepcopy(ours())
    found["metadata"] |= {"uid": "u", "resourceVersion": "1", "managedFields": [{"manager": "kubectl"}]}
    found["spec"]["conversion"] = {"strategy": "None"}
    found["status"] = {"storedVersions": ["v1alpha1"]}
    for change in changes:
        change(found)
    return found


def schema(crd: Body) -> Body:
    found: Body = crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]
    return found


def wider(crd: Body) -> None:
    schema(crd)["spec"] = {"type": "object", "properties": {"more": {"type": "string"}}}


def narrower(crd: Body) -> None:
    schema(crd).pop("status")


def of_release(crd: Body) -> None:
    crd["metadata"]["annotations"].update({RELEASE: "external-secrets", HOME: "eso"})


def of_our_release(crd: Body) -> None:
    of_release(crd)
    crd["metadata"]["labels"]["helm.sh/chart"] = "coffer-0.1.0"


def of_argo(crd: Body) -> None:
    crd["metadata"]["annotations"]["argocd.argoproj.io/tracking-id"] = "app:…"


def of_flux(crd: Body) -> None:
    crd["metadata"]["labels"]["kustomize.toolkit.fluxcd.io/name"] = "app"


def applied_by_us(crd: Body) -> None:
    crd["metadata"]["managedFields"].append({"manager": MANAGER, "fieldsV1": {"f:spec": {"f:versions": {}}}})


def once_applied_by_us(crd: Body) -> None:
    """Another tool has written the versions since: the record keeps us for what it left as it was."""
    crd["metadata"]["managedFields"] += [
        {"manager": MANAGER, "fieldsV1": {"f:spec": {"f:group": {}}}},
        {"manager": "kubectl", "fieldsV1": {"f:spec": {"f:versions": {}}}},
    ]


def stored_newer(crd: Body) -> None:
    crd["status"]["storedVersions"].append("v2")


def without_keep(crd: Body) -> None:
    crd["metadata"]["annotations"] = {}


def converted(crd: Body) -> None:
    service = {"namespace": "eso", "name": "external-secrets-webhook"}
    crd["spec"]["conversion"] = {"strategy": "Webhook", "webhook": {"clientConfig": {"service": service}}}


def other_scope(crd: Body) -> None:
    crd["spec"]["scope"] = "Cluster"


ROWS: list[tuple[str, tuple[Change, ...], Consent, Action, str]] = [
    ("as it should be", (), Consent(), Action.NOTHING, ""),
    ("as it should be, of a release", (of_release,), Consent(), Action.NOTHING, ""),
    ("fewer fields", (narrower,), Consent(), Action.UPDATE, ""),
    ("no annotation that keeps it", (without_keep,), Consent(), Action.UPDATE, ""),
    ("more fields", (wider,), Consent(), Action.REFUSE, "agree with --narrow"),
    ("more fields, agreed", (wider,), Consent(narrow=True), Action.UPDATE, ""),
    ("more fields, but ours", (wider, applied_by_us), Consent(), Action.UPDATE, ""),
    ("more fields, ours once", (wider, once_applied_by_us), Consent(), Action.REFUSE, "agree with --narrow"),
    ("of a release", (narrower, of_release), Consent(), Action.REFUSE, "Helm release eso/external-secrets keeps it"),
    ("of a release, agreed", (narrower, of_release), Consent(take_over=True), Action.UPDATE, ""),
    ("of our release", (narrower, of_our_release), Consent(), Action.REFUSE, "`helm upgrade` updates it"),
    ("wide, of a release, half agreed", (wider, of_release), Consent(take_over=True), Action.REFUSE, "--narrow"),
    ("of Argo CD", (narrower, of_argo), Consent(), Action.REFUSE, "Argo CD keeps it"),
    ("of Flux", (narrower, of_flux), Consent(), Action.REFUSE, "Flux keeps it"),
    ("stored as v2", (narrower, stored_newer), Consent(True, True), Action.REFUSE, "may be stored as v2"),
    ("converted by a webhook", (narrower, converted), Consent(True, True), Action.REFUSE, "remove spec.conversion"),
    ("as ours, but converted", (converted,), Consent(True, True), Action.REFUSE, "remove spec.conversion"),
    ("another scope", (narrower, other_scope), Consent(True, True), Action.REFUSE, "spec.scope is Cluster there"),
]


@pytest.mark.parametrize(("_about", "changes", "consent", "action", "why"), ROWS, ids=[row[0] for row in ROWS])
def test_a_crd_is_updated_only_where_nobody_loses(
    _about: str, changes: tuple[Change, ...], consent: Consent, action: Action, why: str
) -> None:
    step = decide(ours(), live(*changes), consent)

    assert (step.action, why in step.why, bool(step.why)) == (action, True, bool(why))


def test_fields_that_come_and_go_are_named() -> None:
    step = decide(ours(), live(wider), Consent())

    assert step.lost == ("v1alpha1.spec.more",)
    gained = decide(ours(), live(narrower), Consent())
    assert gained.gained == ("v1alpha1.status",)
    assert gained.lost == ()


def test_a_version_that_is_no_longer_served_is_a_loss() -> None:
    def serves_more(crd: Body) -> None:
        crd["spec"]["versions"].append({"name": "v1beta1", "served": True, "storage": False, "schema": {}})

    step = decide(ours(), live(serves_more), Consent())

    assert (step.action, step.lost) == (Action.REFUSE, ("v1beta1",))


def test_lists_and_maps_are_looked_into() -> None:
    def deep(crd: Body) -> None:
        leaf = {"type": "object", "properties": {"x": {"x-kubernetes-preserve-unknown-fields": True}}}
        schema(crd)["spec"] = {
            "type": "object",
            "properties": {
                "a": {"type": "array", "items": leaf},
                "b": {"type": "object", "additionalProperties": leaf},
            },
        }

    lost = decide(ours(), live(deep), Consent()).lost

    assert set(lost) >= {"v1alpha1.spec.a[].x", "v1alpha1.spec.b{}.x", "v1alpha1.spec.b{}.x.*"}


def test_one_that_is_not_there_is_created() -> None:
    step = decide(ours(), None, Consent())

    assert (step.action, step.lost) == (Action.CREATE, ())


def test_an_older_schema_of_an_existing_field_is_a_difference() -> None:
    def other_type(crd: Body) -> None:
        schema(crd)["spec"] = {"type": "string"}

    assert decide(ours(), live(other_type), Consent()).action is Action.UPDATE


def test_all_crds_are_known_and_keep_their_objects() -> None:
    every = every_crd()

    assert every.keys() >= {NAME, "sealedsecrets.bitnami.com"}
    assert all(each["metadata"]["annotations"] == KEEP for each in every.values())
    assert owner(every[NAME]) == ""

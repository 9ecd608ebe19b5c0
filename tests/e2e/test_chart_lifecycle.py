"""The chart over its life, by real helm on a control plane of its own: install, upgrade, roll back, uninstall."""

import shutil
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner, Result

from manager.cli.main import main
from manager.kube.crds import KEEP
from tests.cluster.controlplane import ControlPlane
from tests.cluster.kube import Kube, Object
from tests.controller import CHART, CRDS
from tests.e2e.test_chart import helm
from tests.unit.charts.snapshots import CASES

HOME = "coffer-system"
KINDS = "customresourcedefinitions"
SEALED, UUIDS = "sealedsecrets.bitnami.com", "uuids.generators.external-secrets.io"
NAMES = sorted(yaml.load(file.read_text(), Loader=yaml.CSafeLoader)["metadata"]["name"] for file in CRDS.glob("*.yaml"))


@pytest.fixture(scope="module")
def plane() -> Iterator[ControlPlane]:
    with ControlPlane() as found:
        yield found


@pytest.fixture
def kube(plane: ControlPlane) -> Iterator[Kube]:
    """A cluster without Coffer and its CRDs."""
    with closing(plane.client()) as found:
        found.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": HOME}})
        yield found
        helm(plane, "uninstall", "coffer", f"--namespace={HOME}")
        found.delete_crds(*NAMES)


def release(plane: ControlPlane, verb: str, chart: Path, *flags: str) -> str:
    done = helm(plane, verb, "coffer", str(chart), f"--namespace={HOME}", *flags)
    assert done.returncode == 0, done.stderr
    return done.stdout


def coffer(plane: ControlPlane, *arguments: str) -> Result:
    return CliRunner().invoke(main, ["crds", *arguments, "--kubeconfig", str(plane.kubeconfig)])


def actions(result: Result) -> dict[str, str]:
    """Return CRD -> what the command says of it."""
    lines = [line for line in result.output.splitlines() if ".io: " in line or ".com: " in line]
    return {name: said.partition(":")[0] for name, _, said in (line.partition(": ") for line in lines)}


def version_before(folder: Path) -> Path:
    """Return a chart that has its CRDs in helm's folder for them, as version 0.1.0 has, and one of them older."""
    chart = folder / "before"
    shutil.copytree(CHART, chart)
    (chart / "files" / "crds").rename(chart / "crds")
    (chart / "templates" / "crds.yaml").unlink()
    for file in (chart / "crds").iterdir():
        crd: Object = yaml.load(file.read_text(), Loader=yaml.CSafeLoader)
        del crd["metadata"]["annotations"]
        if crd["metadata"]["name"] == SEALED:
            properties = crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]
            del properties["status"]["properties"]["scope"]
        file.write_text(yaml.safe_dump(crd))
    return chart


def status_fields(crd: Object) -> set[str]:
    properties = crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]
    return set(properties["status"]["properties"])


def make_objects(kube: Kube) -> None:
    """Create what must outlive the release: an object of a CRD, and a Secret."""
    kube.wait_until(
        lambda: kube.get(KINDS, UUIDS)["status"].get("conditions", []),
        lambda found: any(each["type"] == "Established" and each["status"] == "True" for each in found),
        timeout=20,
    )
    group = "generators.external-secrets.io/v1alpha1"
    kube.apply(
        {"apiVersion": group, "kind": "UUID", "metadata": {"name": "kept", "namespace": "default"}, "spec": {}},
        {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "kept", "namespace": "default"}},
    )


def test_install_upgrade_rollback_uninstall(plane: ControlPlane, kube: Kube) -> None:
    release(plane, "install", CHART)
    assert {kube.get(KINDS, name)["metadata"]["annotations"].items() >= KEEP.items() for name in NAMES} == {True}
    make_objects(kube)

    notes = release(plane, "upgrade", CHART, "--set=crds.annotations.step=two", "--set=modules.external=false")
    assert "stay as they are" not in notes
    assert kube.get(KINDS, SEALED)["metadata"]["annotations"]["step"] == "two"
    assert kube.find(KINDS, UUIDS) is not None, "the CRD of a module that is switched off stays"

    done = helm(plane, "rollback", "coffer", "1", f"--namespace={HOME}")
    assert done.returncode == 0, done.stderr
    assert "step" not in kube.get(KINDS, SEALED)["metadata"]["annotations"]

    done = helm(plane, "uninstall", "coffer", f"--namespace={HOME}")
    assert done.returncode == 0, done.stderr
    assert kube.find("deployments", "coffer", HOME) is None
    assert [name for name in NAMES if kube.find(KINDS, name) is None] == []
    assert kube.find("uuids", "kept", "default") is not None
    assert kube.find("secrets", "kept", "default") is not None

    release(plane, "install", CHART)  # takes its own CRDs back


@pytest.mark.parametrize("case", ["network", "platform-team"])
def test_the_api_server_takes_what_values_make(plane: ControlPlane, kube: Kube, tmp_path: Path, case: str) -> None:
    """A field that it does not know is an error here; `helm template` would print it."""
    extra = {"extraObjects": [{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "{{ .Release.Name }}-x"}}]}
    dashboards = {"grafanaDashboard": {"enabled": True}}
    file = tmp_path / "values.yaml"
    file.write_text(yaml.safe_dump({**CASES[case].values, **extra, **dashboards}))

    one_family = "--set=crds.install=false,service.ipFamilies={IPv4},service.ipFamilyPolicy=SingleStack"
    release(plane, "install", CHART, f"--values={file}", one_family)

    assert kube.find("configmaps", "coffer-x", HOME) is not None
    assert kube.find("configmaps", "coffer-dashboard-overview", HOME) is not None
    assert (kube.find("networkpolicies", "coffer", HOME) is not None) is (case == "network")


def test_crds_of_the_version_before_are_applied_or_handed_over(plane: ControlPlane, kube: Kube, tmp_path: Path) -> None:
    release(plane, "install", version_before(tmp_path))
    assert "scope" not in status_fields(kube.get(KINDS, SEALED))

    notes = release(plane, "upgrade", CHART)
    assert "These CRDs belong to somebody else and stay as they are" in notes
    assert "scope" not in status_fields(kube.get(KINDS, SEALED))

    differs = coffer(plane, "diff", SEALED)
    assert (differs.exit_code, actions(differs)) == (1, {SEALED: "update"})
    assert "+ v1alpha1.status.scope" in differs.output
    applied = coffer(plane, "apply")
    assert applied.exit_code == 0, applied.output
    assert set(actions(applied).values()) == {"update"}
    assert "scope" in status_fields(kube.get(KINDS, SEALED))
    again = coffer(plane, "diff")
    assert (again.exit_code, set(actions(again).values())) == (0, {"current"})
    version = kube.get(KINDS, SEALED)["metadata"]["resourceVersion"]
    assert set(actions(coffer(plane, "apply")).values()) == {"current"}
    assert kube.get(KINDS, SEALED)["metadata"]["resourceVersion"] == version

    release(plane, "upgrade", CHART, "--set=crds.takeOwnership=true", "--take-ownership", "--force-conflicts")
    release(plane, "upgrade", CHART, "--set=crds.annotations.step=two")
    assert kube.get(KINDS, SEALED)["metadata"]["annotations"]["step"] == "two"


def test_crds_of_another_release_are_left_alone(plane: ControlPlane, kube: Kube) -> None:
    theirs: Object = yaml.load((CRDS / "uuids.yaml").read_text(), Loader=yaml.CSafeLoader)
    theirs["metadata"]["annotations"] = {
        "meta.helm.sh/release-name": "external-secrets",
        "meta.helm.sh/release-namespace": "eso",
    }
    theirs["metadata"]["labels"]["app.kubernetes.io/managed-by"] = "Helm"
    properties = theirs["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]
    properties["spec"]["properties"] = {"more": {"type": "string"}}
    kube.apply(theirs)

    notes = release(plane, "install", CHART)

    assert f"stay as they are: {UUIDS}." in notes
    assert kube.find(KINDS, SEALED) is not None
    refused = coffer(plane, "apply")
    assert refused.exit_code == 1
    assert actions(refused)[UUIDS] == "refused"
    assert coffer(plane, "apply", UUIDS, "--take-over").exit_code == 1, "it would lose a field"
    done = helm(plane, "uninstall", "coffer", f"--namespace={HOME}")
    assert done.returncode == 0, done.stderr
    untouched = kube.get(KINDS, UUIDS)
    assert {each["manager"] for each in untouched["metadata"]["managedFields"]} & {"helm", "coffer-crds"} == set()
    assert untouched["metadata"]["annotations"]["meta.helm.sh/release-name"] == "external-secrets"

    taken = coffer(plane, "apply", UUIDS, "--take-over", "--narrow")
    assert taken.exit_code == 0, taken.output
    assert coffer(plane, "diff", UUIDS).exit_code == 0


def test_a_stored_version_is_never_dropped(plane: ControlPlane, kube: Kube) -> None:
    newer: Object = yaml.load((CRDS / "uuids.yaml").read_text(), Loader=yaml.CSafeLoader)
    (current,) = newer["spec"]["versions"]
    newer["spec"]["versions"] = [{**current, "storage": False}, {**current, "name": "v2"}]
    kube.apply(newer)

    result = coffer(plane, "apply", UUIDS, "--take-over", "--narrow")

    assert result.exit_code == 1
    assert "objects may be stored as v2" in result.output
    assert [each["name"] for each in kube.get(KINDS, UUIDS)["spec"]["versions"]] == ["v1alpha1", "v2"]


def test_without_the_right_to_crds_the_error_says_so(plane: ControlPlane, kube: Kube, tmp_path: Path) -> None:
    kube.apply({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "poor", "namespace": HOME}})
    file = plane.kubeconfig_for(kube.token("poor", HOME), tmp_path / "poor", namespace=HOME)

    result = CliRunner().invoke(main, ["crds", "diff", "--kubeconfig", str(file)])

    assert result.exit_code == 1
    assert "this user has no right to it" in result.output

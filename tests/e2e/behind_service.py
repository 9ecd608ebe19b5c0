"""The story of kubeseal without flags, run in a private network by test_kubeseal_proxy.py; prints JSON.

Coffer is installed in kube-system, where the chart's Service has the name that kubeseal asks for, and reached through
the API server's service proxy by an ordinary user.
"""

import json
import sys
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import urllib3
import yaml

from sealed.crypto.key_pair import generate
from tests.builders.manifests import canary, secret
from tests.cluster import network
from tests.cluster.controlplane import ControlPlane
from tests.cluster.kube import Kube, decoded
from tests.cluster.wait import wait_until
from tests.controller import CRDS, Coffer, Installation, of_kind
from tests.e2e import kubeseals

SERVICE, NAMESPACE = "sealed-secrets-controller", "kube-system"
FLAGS = ("--sealed-key-size=2048", "--modules-external=false", "--modules-reflector=false")


def main() -> None:
    """Run the story; any failure ends this program."""
    with ControlPlane(network.ADDRESS) as plane, closing(plane.client()) as kube:
        kube.install_crds(CRDS)
        kube.wait_until(lambda: kube.get("endpointslices", "kubernetes", "default"))
        installation = Installation(plane, kube, namespace=NAMESPACE)
        with Coffer(installation, flags=FLAGS, address=network.ADDRESS) as coffer:
            network.expose(kube, NAMESPACE, SERVICE, int(coffer.url.rpartition(":")[2]))
            service = next(each for each in of_kind(installation.manifests, "Service") if _named(each))
            kube.apply(service)  # replaces the Service that `expose` created by the chart's
            config = plane.kubeconfig_for(_developer(kube), plane.folder / "developer.kubeconfig")
            programs = {"ours": kubeseals.OURS, "original": kubeseals.original()}
            found = {name: _sealed_by(program, kube, config, coffer) for name, program in programs.items()}
            found["files"] = _files(kube, config, coffer, plane.folder)
            json.dump({**found, "allowances": _allowances(plane, _developer(kube))}, sys.stdout)


def _named(service: dict[str, Any]) -> bool:
    return bool(service["metadata"]["name"] == SERVICE)


def _developer(kube: Kube) -> str:
    """Return the token of a user who has only the rights of every authenticated user."""
    kube.wait_until(lambda: kube.find("serviceaccounts", "default", "default"))
    return kube.token("default", "default")


def _sealed_by(program: Path, kube: Kube, config: Path, coffer: Coffer) -> dict[str, bool]:
    fetched = kubeseals.run(program, "--fetch-cert", kubeconfig=config).encode()
    name, value = f"by-{program.parent.name.lower().strip('.')}", canary()
    sealed = kubeseals.seal(program, secret("default", name, {"password": value}), kubeconfig=config)
    kube.apply(sealed)
    made = kube.wait_until(lambda: kube.get("secrets", name, "default"))
    return {
        "certificate": fetched == coffer.certificate(),
        "secret": decoded(made) == {"password": value},
        "validated": _validates(program, sealed, config),
        "renamed refused": not _validates(program, sealed | {"metadata": sealed["metadata"] | {"name": "x"}}, config),
        "re-encrypted": _reseals(program, sealed, config, kube, value),
    }


def _files(kube: Kube, config: Path, coffer: Coffer, folder: Path) -> dict[str, bool]:
    """Seal one Secret for two clusters; validate several files, one of them broken; re-encrypt them in place."""
    other = folder / "other.pem"
    other.write_bytes(generate(2048, timedelta(days=1), "", datetime.now(UTC))[1])
    here = folder / "here.pem"
    here.write_bytes(coffer.certificate())
    clusters, value = folder / "clusters.yaml", canary()
    clusters.write_text("here: here.pem\nother: other.pem\n")
    manifest = json.dumps(secret("default", "many", {"password": value}))
    kubeseals.run(kubeseals.OURS, f"--certs={clusters}", f"-w={folder}/many-{{cluster}}.yaml", stdin=manifest)
    files = [folder / f"many-{name}.yaml" for name in ("here", "other")]
    files[0].write_text("# ask ops\n" + files[0].read_text())
    before = files[0].read_text()
    said = {}
    for mode in ("--validate", "--re-encrypt"):
        try:
            said[mode] = kubeseals.run(kubeseals.OURS, mode, *map(str, files), kubeconfig=config)
        except kubeseals.KubesealFailed as failed:
            said[mode] = str(failed)
    kube.apply(yaml.safe_load(files[0].read_text()))
    made = kube.wait_until(lambda: kube.get("secrets", "many", "default"))
    return {
        "one summary": all("1 SealedSecrets in 1 files" in each for each in said.values()),
        "the failure is named": all("many-other.yaml" in each for each in said.values()),
        "sealed anew": files[0].read_text() != before and files[0].read_text().startswith("# ask ops\n"),
        "opens": decoded(made) == {"password": value},
    }


def _allowances(plane: ControlPlane, token: str) -> dict[str, list[int]]:
    """Send requests from several addresses through the API server's proxy, some with a forged header."""
    path = f"/api/v1/namespaces/{NAMESPACE}/services/http:{SERVICE}:http/proxy/v1/verify"
    found = {}
    for source, forged in (("127.0.0.11", False), ("127.0.0.12", True), ("127.0.0.13", False)):
        with urllib3.HTTPSConnectionPool(
            network.ADDRESS,
            int(plane.url.rpartition(":")[2]),
            ca_certs=str(plane.ca_file),
            source_address=(source, 0),
            retries=False,
        ) as pool:
            headers = [
                {"Authorization": f"Bearer {token}"} | ({"X-Forwarded-For": f"9.9.9.{at}"} if forged else {})
                for at in range(4)
            ]
            found[source] = [pool.request("POST", path, body=b"{}", headers=each).status for each in headers]
    return found


def _validates(program: Path, sealed: dict[str, Any], config: Path) -> bool:
    """Return the output of `--validate`; a caller's limit is small, and the original does not wait."""

    def said() -> str:
        try:
            return kubeseals.run(program, "--validate", stdin=json.dumps(sealed), kubeconfig=config)
        except kubeseals.KubesealFailed as failed:
            return str(failed)

    told = wait_until(said, lambda text: "too many" not in text, timeout=20, what="an answer")
    if told and "unable to decrypt sealed secret" not in told:
        raise RuntimeError(told)
    return not told


def _reseals(program: Path, sealed: dict[str, Any], config: Path, kube: Kube, value: str) -> bool:
    """Return True if `--re-encrypt` gives new ciphertexts of the same value."""

    def answer() -> dict[str, Any] | None:
        try:
            return kubeseals.seal(program, sealed, "--re-encrypt", kubeconfig=config)
        except kubeseals.KubesealFailed as failed:
            if "too many" in str(failed):
                return None
            raise

    again: Any = wait_until(answer, timeout=20, what="an answer")
    name = sealed["metadata"]["name"]
    kube.patch("sealedsecrets", name, "default", {"spec": again["spec"]})
    found = kube.wait_until(
        lambda: kube.get("sealedsecrets", name, "default"), lambda each: each["status"]["observedGeneration"] == 2
    )
    opens = found["status"]["conditions"][0]["status"] == "True"
    same = decoded(kube.get("secrets", name, "default")) == {"password": value}
    return opens and same and again["spec"]["encryptedData"] != sealed["spec"]["encryptedData"]


if __name__ == "__main__":
    main()

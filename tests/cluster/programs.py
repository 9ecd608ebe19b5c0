"""The programs that tests, benchmarks and the demo run beside Coffer: version, download address and build.

Only the go.mod files under modules/ contain versions; everything else is derived from them. The variable
COFFER_KUBERNETES selects another minor version of Kubernetes, such as 1.36, that has a folder there.
"""

import hashlib
import os
import platform
import re
from dataclasses import dataclass
from pathlib import Path

from tools.golang import cache_root

MODULES = Path(__file__).parent / "modules"
ARCHITECTURE = {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())
PLATFORM = f"{platform.system().lower()}-{ARCHITECTURE}"


@dataclass(frozen=True)
class Release:
    """The address of a published binary, below a base URL that a variable overrides (for tests and mirrors)."""

    variable: str
    """Environment variable with another base URL of the same layout."""
    base: str
    """The publisher's own site."""
    path: str
    """Path of the binary or archive, with {version} and {platform}."""
    checksums: str
    """Path of the file with its SHA-256."""
    member: str = ""
    """The binary's path inside the archive; empty: the file is the binary itself."""


@dataclass(frozen=True)
class Program:
    """One binary."""

    name: str
    """File name of the binary."""
    module: str
    """Folder under modules/ whose go.mod sets its version."""
    package: str
    """Go package of its main function."""
    versioned_by: str
    """Go module whose version is the program's."""
    release: Release | None = None
    """The published binary; None: always built."""

    @property
    def folder(self) -> Path:
        """The Go module that builds it."""
        return MODULES / self.module

    @property
    def version(self) -> str:
        """The version in go.mod, with its v."""
        text = (self.folder / "go.mod").read_text()
        found = re.search(rf"^\s+{re.escape(self.versioned_by)} (v\S+)", text, re.MULTILINE)
        if not found:
            raise LookupError(f"{self.folder / 'go.mod'} does not require {self.versioned_by}")
        return found[1]

    @property
    def linker_flags(self) -> str:
        """Value of -ldflags; without a version in it, clients cannot parse the API server's version."""
        if self.versioned_by != "k8s.io/kubernetes" and self.name not in CONTROL_PLANE:
            return "-s -w"
        version = next(each.version for each in PROGRAMS.values() if each.versioned_by == "k8s.io/kubernetes")
        major, minor = version.removeprefix("v").split(".")[:2]
        stamps = {"gitVersion": version, "gitMajor": major, "gitMinor": minor}
        return "-s -w" + "".join(f" -X k8s.io/component-base/version.{key}={value}" for key, value in stamps.items())

    def path(self, template: str) -> str:
        """Fill in a release's path."""
        return template.format(version=self.version, platform=PLATFORM, slashed=PLATFORM.replace("-", "/"))


def kubernetes_modules() -> dict[str, str]:
    """Return minor -> folder under modules/ for every available Kubernetes; tests use the first."""
    folders = sorted(each.name for each in MODULES.glob("kubernetes*"))
    versions = {
        each: re.search(r"^\s+k8s\.io/kubernetes v(\d+\.\d+)", (MODULES / each / "go.mod").read_text(), re.MULTILINE)
        for each in folders
    }
    return {found[1]: folder for folder, found in versions.items() if found}


def kubernetes_module(minor: str) -> str:
    """Return the folder under modules/ of a Kubernetes minor; an empty text means the default."""
    known = kubernetes_modules()
    if minor and minor not in known:
        raise LookupError(
            f"COFFER_KUBERNETES={minor}: there is {', '.join(known)}; another one needs a folder in {MODULES}"
        )
    return known[minor] if minor else "kubernetes"


KUBERNETES = kubernetes_module(os.environ.get("COFFER_KUBERNETES", ""))


def _kubernetes(name: str) -> Program:
    path = "{version}/bin/{slashed}/" + name
    release = Release("COFFER_KUBERNETES_URL", "https://dl.k8s.io", path, path + ".sha256")
    return Program(name, KUBERNETES, f"k8s.io/kubernetes/cmd/{name}", "k8s.io/kubernetes", release)


_ETCD = Release(
    "COFFER_ETCD_URL",
    "https://github.com/etcd-io/etcd/releases/download",
    "{version}/etcd-{version}-{platform}.tar.gz",
    "{version}/SHA256SUMS",
    "etcd-{version}-{platform}/etcd",
)
_HELM = Release(
    "COFFER_HELM_URL",
    "https://get.helm.sh",
    "helm-{version}-{platform}.tar.gz",
    "helm-{version}-{platform}.tar.gz.sha256sum",
    "{platform}/helm",
)
_SEALED_SECRETS = "github.com/bitnami/sealed-secrets"

CONTROL_PLANE = ("etcd", "kube-apiserver", "kube-controller-manager")
PROGRAMS = {
    program.name: program
    for program in (
        Program("etcd", KUBERNETES, "go.etcd.io/etcd/server/v3", "go.etcd.io/etcd/server/v3", _ETCD),
        _kubernetes("kube-apiserver"),
        _kubernetes("kube-controller-manager"),
        _kubernetes("kubectl"),
        Program("helm", "helm", "helm.sh/helm/v4/cmd/helm", "helm.sh/helm/v4", _HELM),
        Program("vault", "vault", ".", "github.com/hashicorp/vault"),
        Program("kubeseal", "kubeseal", f"{_SEALED_SECRETS}/cmd/kubeseal", _SEALED_SECRETS),
        Program("controller", "sealed-secrets", f"{_SEALED_SECRETS}/cmd/controller", _SEALED_SECRETS),
    )
}


def cache_folder(program: Program) -> Path:
    """The cache folder of this version; a changed go.mod, go.sum, flag or source of ours gives another folder."""
    sources = [program.folder / "go.mod", program.folder / "go.sum", *sorted(program.folder.glob("*.go"))]
    parts = [each.read_bytes() for each in sources]
    digest = hashlib.sha256(b"\0".join([*parts, program.linker_flags.encode(), PLATFORM.encode()]))
    return cache_root() / f"{program.module}-{digest.hexdigest()[:16]}"

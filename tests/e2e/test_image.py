"""The image itself is tested: its files, its Python, its user and its read-only root."""

import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from manager.access.pod import SERVICE_ACCOUNT
from tests.builders.manifests import canary, external_secret, fake, sealed_secret, store
from tests.cluster import image
from tests.cluster.image import Stage, assemble
from tests.cluster.pythons import image_version
from tests.controller import Coffer, Installation
from tests.e2e.conftest import SMALL_KEY, finish
from tests.e2e.world import World

pytestmark = [pytest.mark.skipif(bool(image.unavailable()), reason=image.unavailable()), pytest.mark.timeout(600)]

PACKAGES = "opt/coffer/lib/python*/site-packages"
PEAK_MIB, ADDED_MIB = 170, 160
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Stage:
    """The image's last stage, built with the Dockerfile's own commands."""
    return assemble(tmp_path_factory.mktemp("image"))


@pytest.fixture
def shipped(arena: World, tree: Stage) -> Iterator[Coffer]:
    """The controller as the chart starts the image in a Pod, in the arena."""
    installation = Installation(arena.plane, arena.kube)
    _mount_account(tree, installation)
    server = urlsplit(arena.plane.url)
    environment = tree.variables() | {
        "KUBERNETES_SERVICE_HOST": str(server.hostname),
        "KUBERNETES_SERVICE_PORT": str(server.port),
    }
    program = [*tree.inside(), *tree.entrypoint]
    coffer = Coffer(installation, flags=["--kubeconfig=", SMALL_KEY], program=program, environment=environment)
    arena.coffer = coffer
    coffer.start()
    coffer.wait_ready()
    coffer.wait_leading()
    yield coffer
    finish(coffer)
    arena.kube.delete("namespaces", installation.namespace)


def _mount_account(tree: Stage, installation: Installation) -> None:
    """Write the ServiceAccount's files to the path where kubelet mounts them."""
    folder = tree.root / SERVICE_ACCOUNT.relative_to("/")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "token").write_text(installation.token)
    (folder / "namespace").write_text(installation.namespace)
    (folder / "ca.crt").write_bytes(installation.plane.ca_file.read_bytes())


def test_the_image_has_what_it_needs_and_nothing_more(tree: Stage) -> None:
    found = {path.name for path in tree.root.glob(f"{PACKAGES}/*")}
    sandbox = [*tree.root.glob(f"{PACKAGES}/manager/gotemplate/template.cwasm")]

    assert {"manager", "sealed", "external", "reflector", "kopf"} <= found
    assert not found & {"pip", "setuptools", "tests", "tools", "pytest"}
    assert not [*tree.root.glob("src/*")], "the sources stay in the first stage"
    assert sandbox, "each start would compile at its first template"
    assert sandbox[0].stat().st_mtime_ns >= sandbox[0].with_suffix(".wasm").stat().st_mtime_ns
    assert (tree.user, tree.entrypoint, tree.command) == ("65532:65532", ["/opt/coffer/bin/coffer"], ["run"])


def test_the_image_describes_every_aws_service_that_is_called(tree: Stage) -> None:
    """The descriptions of the others are left out."""
    code = "".join(file.read_text() for file in (ROOT / "external").rglob("*.py"))
    called = set(re.findall(r"(?:client|_made)\((?:\w+(?:\(\))?, )?\"([a-z-]+)\", \"AWS_", code))
    there = {each.parent.name for each in tree.root.glob(f"{PACKAGES}/botocore/data/*/*/")}

    assert {"secretsmanager", "ssm", "sts", "ecr", "ecr-public"} <= called, "this test finds them"
    assert called <= there
    assert len(there) < 20


def test_the_image_is_small(tree: Stage) -> None:
    """What is added to the base image, as it lies on the disk."""
    files = [each for each in (tree.root / "opt").rglob("*") if each.is_file() and not each.is_symlink()]
    size = sum(each.stat().st_size for each in files) / 2**20

    print(f"the image adds {size:.0f} MiB to its base")
    assert size <= ADDED_MIB


def test_the_image_has_bytecode_of_every_module(tree: Stage) -> None:
    """Its root is read-only: what is missing, or older than its source, is compiled at every start."""
    stale = []
    for package in ("manager", "external", "aiohttp", "botocore", "pydantic", "wasmtime"):
        for source in tree.root.glob(f"{PACKAGES}/{package}/**/*.py"):
            compiled = [*source.parent.glob(f"__pycache__/{source.stem}.cpython-*.pyc")]
            header = compiled[0].read_bytes()[:16] if compiled else b""
            if int.from_bytes(header[8:12], "little") != int(source.stat().st_mtime):
                stale.append(str(source.relative_to(tree.root)))

    assert [*tree.root.glob(f"{PACKAGES}/manager/app.py")]
    assert not stale


def test_the_image_renders_templates_on_a_read_only_root(arena: World, shipped: Coffer) -> None:
    """The image has no compiler."""
    ns, value = arena.namespace(), canary()
    about = Path(f"/proc/{shipped.process.pid}")

    arena.apply(
        sealed_secret(shipped.certificate(), ns, "sealed", {"a": value}, data={"url": "x://{{ .a }}"}),
        store(ns, "store", fake({"remote": value})),
        external_secret(ns, "external", "store", {"a": "remote"}, target={"template": {"data": {"b": "y{{ .a }}"}}}),
    )

    arena.await_data(ns, "sealed", {"a": value, "url": f"x://{value}"})
    arena.await_data(ns, "external", {"b": f"y{value}"})
    status = dict(line.split(":", 1) for line in (about / "status").read_text().splitlines())
    assert status["Uid"].split() == ["65532"] * 4
    assert int(status["VmHWM"].split()[0]) / 1024 < PEAK_MIB, "the compiler alone takes 300 MiB"
    assert f"python{image_version()}" in str((about / "exe").resolve())
    assert not [line for line in shipped.lines() if line.get("level") == "error"]

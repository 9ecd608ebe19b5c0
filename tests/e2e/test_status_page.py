"""The status page in a real Chromium, served by a real controller: who sees what, sealing, hostile names."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from playwright.sync_api import Page

from tests.builders.manifests import canary, external_secret, fake, sealed_secret, service_account, store
from tests.cluster import browser
from tests.cluster.kube import Object
from tests.cluster.wait import wait_until
from tests.e2e import kubeseals
from tests.e2e.oracles import assert_nothing_leaked
from tests.e2e.test_explain import pod
from tests.e2e.world import World

pytestmark = pytest.mark.skipif(browser.CHROMIUM is None, reason="no chromium on this machine")
HOSTILE = (
    "<img src=x onerror=document.title='owned'>",
    "<script>document.title='owned'</script>",
    "\"><svg onload=document.title='owned'>",
    "javascript:document.title='owned'",
    "{{constructor.constructor('document.title=1')()}}",
    "${document.title='owned'}",
    "<a href=javascript:alert(1)>here</a>",
    "\u202e<iframe srcdoc='<script>parent.document.title=1</script>'>",
    "</td></tr></table><h1>gone</h1>",
    "<style>*{display:none}</style>",
    "<base href=//evil.example>",
    "&lt;b&gt;<b>bold</b>",
)


@pytest.fixture(params=["light", "dark"])
def shown(request: pytest.FixtureRequest) -> Iterator[Page]:
    with browser.page(dark=request.param == "dark") as page:
        yield page


@pytest.fixture
def plain() -> Iterator[Page]:
    with browser.page() as page:
        yield page


def opened(page: Page, world: World) -> Page:
    assert world.coffer is not None
    page.goto(world.coffer.url)
    return page


def reader(world: World, namespace: str, *, everywhere: bool = False, secrets: bool = False) -> str:
    """Return the token of a ServiceAccount that may list Coffer's kinds in its namespace, or everywhere.

    With `secrets` it may read Secrets and workloads too.
    """
    kind = "ClusterRole" if everywhere else "Role"
    name, group = f"reader-{namespace}", "rbac.authorization.k8s.io"
    where: Object = {} if everywhere else {"namespace": namespace}
    groups = ["bitnami.com", "external-secrets.io", "", "apps", "batch", "networking.k8s.io"]
    rules = [
        {"apiGroups": groups[:2], "resources": ["*"], "verbs": ["list"]},
        *([{"apiGroups": groups, "resources": ["*"], "verbs": ["get", "list"]}] if secrets else []),
    ]
    subject = {"kind": "ServiceAccount", "name": "reader", "namespace": namespace}
    role = {"apiGroup": group, "kind": kind, "name": name}
    world.apply(
        service_account(namespace, "reader"),
        {"apiVersion": f"{group}/v1", "kind": kind, "metadata": {"name": name, **where}, "rules": rules},
        {
            "apiVersion": f"{group}/v1",
            "kind": f"{kind}Binding",
            "metadata": {"name": name, **where},
            "roleRef": role,
            "subjects": [subject],
        },
    )
    return world.kube.token("reader", namespace)


def look(page: Page, token: str, namespace: str = "") -> str:
    """Ask for the overview and return what is told."""
    page.fill("#token", token)
    page.fill("#where", namespace)
    page.click("#look button")
    return wait_until(lambda: page.inner_text("#told"), lambda told: bool(told) and not told.startswith("Reading"))


def test_a_viewer_sees_the_failures_of_its_own_namespace(world: World, plain: Page) -> None:
    mine, other, value = world.namespace(), world.namespace(), canary()
    for each in (mine, other):
        world.apply(store(each, "store", fake({"remote": value})), external_secret(each, "wrong", "store", {"a": "x"}))
        world.await_condition("externalsecrets", each, "wrong", "False")
    token, page = reader(world, mine), opened(plain, world)

    assert "has no right to read that" in look(page, token)
    assert "has no right to read that" in look(page, token, other)
    assert "does not know this token" in look(page, "nonsense")
    assert "failures: 1" in look(page, token, mine)
    row = page.inner_text("#failures tr")
    assert f"ExternalSecret {mine}/wrong" in row
    assert "SecretSyncedError" in row
    assert "could not get secret data from provider" in row
    assert_nothing_leaked([value], [("page", page.content()), ("text", page.inner_text("body"))])


def test_a_viewer_of_the_cluster_sees_all_kinds(world: World, plain: Page) -> None:
    ns, value = world.namespace(), canary()
    world.apply(sealed_secret(world.certificate, ns, "sealed", {"a": value}))
    world.await_data(ns, "sealed", {"a": value})
    page = opened(plain, world)

    assert "the whole cluster" in look(page, reader(world, ns, everywhere=True))
    kinds = page.locator("#objects th").all_inner_texts()
    assert {"SealedSecret", "ExternalSecret", "ClusterSecretStore", "PushSecret"} <= set(kinds)


def explained(page: Page, token: str, namespace: str, name: str) -> str:
    """Ask for a Secret's chain and return what is told."""
    page.fill("#token", token)
    page.fill("#its-namespace", namespace)
    page.fill("#its-name", name)
    page.click("#asking button")
    return wait_until(
        lambda: page.inner_text("#explain-told"), lambda told: bool(told) and not told.startswith("Reading")
    )


def test_one_secret_is_explained_by_what_its_viewer_may_read(world: World, plain: Page) -> None:
    ns, other, value = world.namespace(), world.namespace(), canary()
    world.apply(
        store(ns, "store", fake({"remote": value})),
        external_secret(ns, "app", "store", {"password": "remote"}),
        pod(ns, "web", "app"),
    )
    world.await_data(ns, "app", {"password": value})
    page, outsider = opened(plain, world), reader(world, other, secrets=True)

    assert explained(page, reader(world, ns, secrets=True), ns, "app") == f"Secret {ns}/app: nothing stops it"
    chain, keys, notes = (page.inner_text(each) for each in ("#chain", "#keys", "#notes"))
    assert f"SecretStore {ns}/store" in chain
    assert f"ExternalSecret {ns}/app" in chain
    assert "spec.data[0]" in keys
    assert "remote" in keys
    assert "Used by Pod web" in notes
    assert_nothing_leaked([value], [("page", page.content())])

    assert "has no right to read that" in explained(page, outsider, ns, "app")
    assert not page.is_visible("#explained")


def test_a_secret_that_is_sealed_in_the_page_is_opened(world: World, plain: Page, tmp_path: Path) -> None:
    assert world.coffer is not None
    ns, value, page = world.namespace(), canary(), opened(plain, world)
    sent: list[str] = []
    page.on("request", lambda each: sent.append(f"{each.method} {each.url} {each.post_data or ''}"))
    file = tmp_path / "key.bin"
    file.write_bytes(b"from a file")

    page.fill("#namespace", ns)
    page.fill("#name", "app")
    page.fill(".entry .key", "password")
    page.fill(".entry .value", value)
    page.click("#more")
    page.locator(".entry .key").nth(1).fill("key.txt")
    page.locator(".entry .file").nth(1).set_input_files(file)
    page.click("#sealing button[type=submit]")
    page.wait_for_selector("#result:not([hidden])")
    made = yaml.safe_load(page.input_value("#manifest"))
    page.click("#copy")
    wait_until(lambda: page.inner_text("#sealed-told"), lambda told: told == "Copied.")
    assert yaml.safe_load(page.evaluate("navigator.clipboard.readText()")) == made

    world.apply(made)
    world.await_data(ns, "app", {"password": value, "key.txt": "from a file"})
    assert [each.split()[:2] for each in sent] == [["GET", f"{world.coffer.url}/v1/cert.pem"]]
    assert_nothing_leaked([value], [("requests", "".join(sent)), ("manifest", json.dumps(made))])
    assert json.loads(_recovered(world, made, tmp_path))["data"]


def _recovered(world: World, made: Object, tmp_path: Path) -> str:
    """Open a SealedSecret with the stock tool and the cluster's keys."""
    assert world.coffer is not None
    keys = world.kube.list(
        "secrets", world.coffer.installation.namespace, labelSelector="sealedsecrets.bitnami.com/sealed-secrets-key"
    )
    file = tmp_path / "keys.json"
    file.write_text(json.dumps({"apiVersion": "v1", "kind": "List", "items": keys}))
    arguments = ("--recovery-unseal", f"--recovery-private-key={file}")
    return kubeseals.run(kubeseals.original(), *arguments, stdin=json.dumps(made))


def test_hostile_texts_are_texts(world: World, plain: Page) -> None:
    ns = world.namespace()
    for at, text in enumerate(HOSTILE):
        wrong = external_secret(ns, f"wrong-{at}", "absent", {"a": "x"})
        wrong["spec"]["data"][0]["remoteRef"]["key"] = text
        wrong["metadata"]["annotations"] = {"note": text}
        world.apply(wrong)
        condition = {"type": "Ready", "status": "False", "reason": text[:20], "message": text}
        world.await_condition("externalsecrets", ns, f"wrong-{at}", "False")
        world.kube.patch("externalsecrets", f"wrong-{at}", ns, {"status": {"conditions": [condition]}}, "status")
    page = opened(plain, world)
    assert world.coffer is not None

    assert f"failures: {len(HOSTILE)}" in look(page, reader(world, ns), ns)
    assert page.title() == "Coffer"
    assert page.locator("#failures :is(img, script, svg, iframe, a, style, h1, base, b)").count() == 0
    assert page.locator("h1").all_inner_texts() == ["Coffer"]
    assert page.url.startswith(world.coffer.url)
    for at in range(len(HOSTILE)):
        world.kube.delete("externalsecrets", f"wrong-{at}", ns)


def test_everybody_can_use_the_page(world: World, shown: Page) -> None:
    ns = world.namespace()
    world.apply(external_secret(ns, "wrong", "absent", {"a": "x"}))
    world.await_condition("externalsecrets", ns, "wrong", "False")
    page = opened(shown, world)
    look(page, reader(world, ns), ns)
    page.click("#more")
    assert browser.violations(page) == []

    page.keyboard.press("Tab")
    names = set()
    for _ in range(25):
        names.add(page.evaluate("document.activeElement.id || document.activeElement.className"))
        page.keyboard.press("Tab")
    assert {"token", "where", "namespace", "name", "scope", "type", "key", "value", "more", "forget"} <= names

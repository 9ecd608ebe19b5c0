"""Plug-ins: what is loaded, what is refused, and that one that fails stops nothing else."""

import sys
from collections.abc import Iterator
from dataclasses import replace
from importlib.metadata import EntryPoint
from types import ModuleType
from typing import Any

import pytest
from structlog.testing import capture_logs

from external.api.fields import Model, SecretKeySelector
from external.api.references import Reference
from external.crds import crds_with
from external.providers.kind import Extra, ProviderKind, Service, single
from external.providers.plugins import GROUP, with_plugins
from external.providers.registry import BUILT_IN, PROVIDERS
from external.stores.connect import require_installed, served_provider
from external.stores.summary import store_summary
from manager.core.errors import NeedsHuman
from manager.kube.crds import render


class Acme(Model):
    """A store of Acme."""

    url: str
    """URL of the vault."""
    token_secret_ref: SecretKeySelector
    """Key of a Secret that holds the token."""


async def _connect(spec: Acme, context: object) -> Any:
    raise NotImplementedError


ACME = ProviderKind("acme", "Acme Vault.", Acme, _connect, single("Acme"))


@pytest.fixture
def package() -> Iterator[ModuleType]:
    """The module of an installed plug-in."""
    made: Any = ModuleType("acme_for_tests")
    made.KIND = ACME
    made.TEXT = "odd"
    sys.modules[made.__name__] = made
    yield made
    del sys.modules[made.__name__]


def entry(name: str = "acme", value: str = "acme_for_tests:KIND") -> EntryPoint:
    return EntryPoint(name, value, GROUP)


def refusal(name: str, *found: EntryPoint) -> str:
    catalogue = with_plugins([name], found)
    assert set(catalogue.by_name) == set(PROVIDERS)
    return catalogue.failures[name]


def test_a_plug_in_that_is_switched_on_is_served(package: ModuleType) -> None:
    catalogue = with_plugins(["acme"], [entry()])
    given = {"acme": {"url": "https://x", "tokenSecretRef": {"name": "t", "key": "k"}}}
    store = {"metadata": {"name": "s", "namespace": "ns"}, "spec": {"provider": given}}

    assert catalogue.by_name["acme"] is ACME
    assert catalogue.service_of(store).label == "Acme"
    assert catalogue.capabilities(store) == "ReadOnly"
    assert catalogue.references_of(given) == [Reference("", "t", "Secret")]
    assert store_summary(store, catalogue).credentials == (("ns", "t"),)
    assert store_summary(store).credentials == ()
    assert catalogue.failures == {}


def test_what_is_not_switched_on_is_not_loaded(package: ModuleType) -> None:
    assert set(with_plugins([], [entry(value="not_a_module:KIND")]).by_name) == set(PROVIDERS)


def test_the_others_are_served_when_one_fails(package: ModuleType) -> None:
    with capture_logs() as logs:
        catalogue = with_plugins(["gone", "acme"], [entry()])

    assert "acme" in catalogue.by_name
    assert set(catalogue.failures) == {"gone"}
    assert [(each["event"], each["plugin"]) for each in logs] == [("provider plug-in not loaded", "gone")]


def test_a_store_says_why_its_plug_in_is_not_served() -> None:
    catalogue = with_plugins(["acme"], [])
    spec = catalogue.store_spec.model_validate({"provider": {"acme": {"url": "x"}}})

    with pytest.raises(NeedsHuman, match=r"provider\.acme: the plug-in could not be loaded: no installed"):
        served_provider(catalogue, spec)


def test_a_plug_in_replaces_no_provider_of_the_original(package: ModuleType) -> None:
    for name in ("vault", "doppler"):
        assert "cannot replace" in refusal(name, entry(name))


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("acme", "acme_missing:KIND", "the module acme_missing is missing"),
        ("acme", "acme_for_tests:NONE", "it raised AttributeError"),
        ("acme", "acme_for_tests:TEXT", "is a str, not a ProviderKind"),
        ("other", "acme_for_tests:KIND", "its declaration has the name acme"),
        ("Acme", "acme_for_tests:KIND", "a small letter first"),
        ("a-b", "acme_for_tests:KIND", "a small letter first"),
    ],
)
def test_what_cannot_be_used_says_why(package: ModuleType, name: str, value: str, told: str) -> None:
    assert told in refusal(name, entry(name, value))


def test_what_a_plug_in_raises_is_not_quoted(package: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(_: str) -> object:
        raise RuntimeError("canary-in-text")

    package.__getattr__ = fails  # type: ignore[method-assign]

    assert refusal("acme", entry(value="acme_for_tests:OTHER")) == "it raised RuntimeError when it was imported"


@pytest.mark.parametrize(
    "changes",
    [{"services": {}}, {"services": single("HashiCorp/Vault")}, {"model": dict}],
)
def test_a_declaration_that_fits_nowhere_is_refused(package: Any, changes: dict[str, Any]) -> None:
    package.KIND = replace(ACME, **changes)

    assert refusal("acme", entry())


def test_the_fields_of_a_plug_in_are_in_its_crds_only(package: ModuleType) -> None:
    def providers(custom: Any) -> dict[str, Any]:
        [schema] = [each["schema"] for each in render(custom)["spec"]["versions"] if each["served"]]
        found: dict[str, Any] = schema["openAPIV3Schema"]["properties"]["spec"]["properties"]["provider"]["properties"]
        return found

    for catalogue, there in ((with_plugins(["acme"], [entry()]), True), (BUILT_IN, False)):
        for each in crds_with(catalogue):
            if each.resource.kind in ("SecretStore", "ClusterSecretStore"):
                assert ("acme" in providers(each)) is there
                assert "gcpsm" in providers(each)
    acme = providers(next(each for each in crds_with(with_plugins(["acme"], [entry()])) if "ss" in each.short_names))
    assert acme["acme"]["required"] == ["url", "tokenSecretRef"]
    assert acme["acme"]["properties"]["url"]["description"] == "URL of the vault."


@pytest.mark.parametrize("module", ["not_there_at_all", "not_there.at_all"])
def test_a_missing_extra_is_told_with_its_command(module: str) -> None:
    kind = replace(ACME, extra=Extra("acme", module))

    with pytest.raises(NeedsHuman, match=r"spec\.provider\.acme: .*pip install 'coffer\[acme\]'"):
        require_installed(kind)


def test_an_extra_that_is_there_is_not_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "this", raising=False)

    require_installed(replace(ACME, extra=Extra("zen", "this")))

    assert "this" not in sys.modules


def test_services_without_a_label_of_others(package: Any) -> None:
    package.KIND = replace(ACME, services={"one": Service("Acme/One"), "two": Service("Acme/Two")})

    assert with_plugins(["acme"], [entry()]).by_name["acme"].family == "Acme"

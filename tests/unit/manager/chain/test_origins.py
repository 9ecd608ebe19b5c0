"""From which object and entry each key of a Secret comes."""

from typing import Any

import pytest

from external.api.hashes import field_manager
from manager.chain.field_managers import changed_at, managers
from manager.chain.model import KeyOrigin
from manager.chain.origins import Givers, external_origin, origins, sealed_origin, source_of
from manager.kube.auto_mirrors import REFLECTS
from manager.kube.resources import EXTERNAL_SECRETS, SEALED_SECRETS, SECRET_STORES, SECRETS, Body, Key

AT, LATER = "2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z"
STORE = Key(SECRET_STORES, "ns", "store")


def written(manager: str, *keys: str, time: str = AT) -> Body:
    return {"manager": manager, "time": time, "fieldsV1": {"f:data": {".": {}, **{f"f:{each}": {} for each in keys}}}}


def metadata(*entries: Body, owner: str = "", name: str = "s", **more: Any) -> Body:
    owners = [{"controller": True, "kind": owner, "name": name, "uid": "u"}] if owner else []
    about = {"namespace": "ns", "name": "s", "managedFields": list(entries), "creationTimestamp": AT}
    return {**about, "ownerReferences": owners, **more}


def external(name: str = "es", **spec: Any) -> Body:
    given = {"secretStoreRef": {"name": "store"}, "target": {"name": "s"}, **spec}
    return {"metadata": {"namespace": "ns", "name": name}, "spec": given, "status": {"refreshTime": AT}}


SEALED = {
    "metadata": {"namespace": "ns", "name": "s"},
    "spec": {"encryptedData": {"a": "AgB"}, "template": {"data": {"t": "{{ .a }}"}}},
    "status": {"observedGeneration": 2, "conditions": [{"type": "Synced", "status": "True", "lastUpdateTime": AT}]},
}


def test_an_entry_is_named_with_store_remote_key_property_and_version() -> None:
    entry = {"secretKey": "URL", "remoteRef": {"key": "db", "property": "url", "version": "7"}}
    found = external_origin(external(data=[{"secretKey": "x", "remoteRef": {"key": "x"}}, entry]), "URL")

    assert (found.entry, found.store, found.giver) == ("spec.data[1]", STORE, Key(EXTERNAL_SECRETS, "ns", "es"))
    assert (found.remote_key, found.remote_property, found.version) == ("db", "url", "7")
    assert found.read is not None


@pytest.mark.parametrize(
    ("spec", "entry", "remote"),
    [
        ({"dataFrom": [{"extract": {"key": "all"}}]}, "spec.dataFrom[0].extract", "all"),
        ({"dataFrom": [{"find": {"name": {"regexp": ".*"}}}]}, "spec.dataFrom[0].find", ""),
        (
            {"dataFrom": [{"sourceRef": {"generatorRef": {"kind": "Password", "name": "p"}}}]},
            "spec.dataFrom[0].sourceRef.generatorRef",
            "Password p",
        ),
        (
            {"dataFrom": [{"extract": {"key": "a"}}, {"find": {}}]},
            "one of spec.dataFrom[0].extract, spec.dataFrom[1].find",
            "",
        ),
        (
            {
                "target": {"name": "s", "template": {"data": {"URL": "pg://{{ .user }}:{{ .pass }}"}}},
                "data": [
                    {"secretKey": "user", "remoteRef": {"key": "u"}},
                    {"secretKey": "pass", "remoteRef": {"key": "p"}},
                    {"secretKey": "unused", "remoteRef": {"key": "x"}},
                ],
            },
            "spec.target.template.data[URL]",
            "u, p",
        ),
        ({}, "", ""),
    ],
)
def test_other_entries_are_named(spec: dict[str, Any], entry: str, remote: str) -> None:
    found = external_origin(external(**spec), "URL")

    assert (found.entry, found.remote_key) == (entry, remote)


@pytest.mark.parametrize("spec", [{"data": "x"}, {"dataFrom": [1]}, {"target": []}, {"secretStoreRef": "x"}])
def test_a_malformed_object_breaks_nothing(spec: dict[str, Any]) -> None:
    assert external_origin(external(**spec), "URL").giver == Key(EXTERNAL_SECRETS, "ns", "es")


def test_a_sealed_value_and_a_templated_one_are_told_apart() -> None:
    assert sealed_origin(SEALED, "a").entry == "spec.encryptedData[a]"
    assert sealed_origin(SEALED, "t").entry == "spec.template.data[t]"
    assert sealed_origin(SEALED, "a").version == "generation 2"


def test_each_key_belongs_to_who_wrote_it() -> None:
    entries = (written(field_manager("es"), "a"), written("kubectl-edit", "b", time=LATER))
    given = Givers(external=(external(data=[{"secretKey": "a", "remoteRef": {"key": "r"}}]),))

    a, b = origins(metadata(*entries), given)

    assert (a.name, a.entry, a.writer) == ("a", "spec.data[0]", field_manager("es"))
    assert (b.name, b.giver, b.writer) == ("b", None, "kubectl-edit")


def test_a_key_that_is_not_there_yet_is_listed_without_a_time() -> None:
    given = Givers(external=(external(data=[{"secretKey": "a", "remoteRef": {"key": "r"}}]),))

    (a,) = origins({}, given)

    assert (a.name, a.remote_key, a.written) == ("a", "r", None)


def test_without_a_record_the_owner_decides() -> None:
    assert origins(metadata(owner="SealedSecret"), Givers(sealed=SEALED), ["a"])[0].giver == Key(
        SEALED_SECRETS, "ns", "s"
    )
    given = Givers(external=(external(),))
    (found,) = origins(metadata(owner="ExternalSecret", name="es"), given, ["k"])
    assert found.giver == Key(EXTERNAL_SECRETS, "ns", "es")
    assert origins(metadata(), Givers(), ["k"]) == (KeyOrigin("k"),)


def test_a_mirrored_key_has_the_name_that_it_has_at_the_source() -> None:
    source = Key(SECRETS, "src", "s")
    annotations = {"reflector.coffer.dev/rename-keys": "old:new"}
    given = Givers(source=source, source_metadata={"annotations": annotations})

    (found,) = origins(metadata(written("coffer-reflector", "new")), given)

    assert (found.giver, found.entry) == (source, "data[old]")


def test_who_wrote_last_comes_first_and_says_when() -> None:
    meta = metadata(written("a", "x"), written("b", "y", time=LATER), {"manager": "c", "fieldsV1": {"f:metadata": {}}})

    assert [each.name for each in managers(meta)] == ["b", "a"]
    assert changed_at(meta) == managers(meta)[0].at
    assert changed_at(metadata()) == managers(meta)[1].at


@pytest.mark.parametrize(
    ("text", "found"),
    [("src/s", Key(SECRETS, "src", "s")), ("s", None), ("", None), ("/s", None), ("a/", None)]
    + [(text, None) for text in ("own/../../victim/secrets/db", "../x/y", "a/..", "a/b?x", "a/b#c", "A/b", "a/b/c")],
)
def test_a_source_needs_namespace_and_name(text: str, found: Key | None) -> None:
    assert source_of({"annotations": {REFLECTS: text}}) == found

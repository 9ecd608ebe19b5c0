"""From `data` and `dataTo` to entries, with the errors of the original."""

from typing import Any, cast

import pytest

from external.api.fields import parse
from external.api.push_secret import PushSecretSpec
from external.providers.push import RemoteRef
from external.push_secrets import entries as entries_module
from external.push_secrets.entries import (
    MAX_COMPARED,
    MAX_PLACES,
    MAX_RECORD_BYTES,
    Budget,
    Entry,
    Expansion,
    Source,
    converted,
)
from external.push_secrets.stores import Chosen
from external.push_secrets.view import MAX_BYTES, MAX_ENTRIES, require_allowed
from external.values.documents import Documents
from external.values.namespace_lock import NamespaceLock
from manager.core.errors import NeedsHuman
from manager.core.secret_value import SecretValue
from manager.kube.resources import SECRET_STORES, Body, Key
from tests.builders.external_objects import values
from tests.builders.push_provider import entry

STORE = Chosen(Key(SECRET_STORES, "ns", "store"), {"env": "prod"})
HERE = {"storeRef": {"name": "store"}}


def spec(**changes: Any) -> PushSecretSpec:
    raw = {"secretStoreRefs": [{"name": "store"}], "selector": {"secret": {"name": "src"}}, **changes}
    return parse(PushSecretSpec, raw, reason="Errored")


async def entries(given: dict[str, str], *, store: Chosen = STORE, **changes: Any) -> list[Entry]:
    documents = Documents(cast("Any", None), NamespaceLock(), "ns")
    return await Expansion(spec(**changes), store, documents).entries([Source("src", values(**given))])


def pairs(found: list[Entry]) -> dict[str, str]:
    """Return source key by place."""
    return {each.key: each.secret_key for each in found}


async def test_data_names_key_and_place() -> None:
    found = await entries({"a": "1"}, data=[entry("a", "remote", "p", metadata={"x": 1}), entry("", "whole")])

    assert [(each.ref, each.secret_key, each.metadata) for each in found] == [
        (RemoteRef("remote", "p"), "a", {"x": 1}),
        (RemoteRef("whole"), "", None),
    ]
    assert found[0].data["match"] == {"secretKey": "a", "remoteRef": {"remoteKey": "remote", "property": "p"}}
    assert found[1].data["match"] == {"remoteRef": {"remoteKey": "whole"}}


async def test_all_keys_go_to_keys_of_their_names() -> None:
    assert pairs(await entries({"b": "1", "a": "2"}, dataTo=[HERE])) == {"a": "a", "b": "b"}


async def test_an_expression_chooses_keys_by_any_part() -> None:
    assert pairs(await entries({"db-a": "1", "x": "2"}, dataTo=[HERE | {"match": {"regexp": "b-"}}])) == {
        "db-a": "db-a"
    }


async def test_rewrites_follow_each_other() -> None:
    steps = [{"regexp": {"source": "^db-", "target": "x/"}}, {"regexp": {"source": "/(.*)", "target": "/$1-y"}}]
    assert pairs(await entries({"db-a": "1"}, dataTo=[HERE | {"rewrite": steps}])) == {"x/a-y": "db-a"}


async def test_explicit_entries_win_over_all_keys() -> None:
    found = await entries({"a": "1", "b": "2"}, data=[entry("a", "mine")], dataTo=[HERE])
    assert pairs(found) == {"mine": "a", "b": "b"}


async def test_explicit_entries_are_compared_after_conversion() -> None:
    data = [entry("a/b", "mine", conversionStrategy="ReverseUnicode")]
    assert pairs(await entries({"a_U002f_b": "1"}, data=data, dataTo=[HERE])) == {"mine": "a/b"}


async def test_a_whole_entry_leaves_bundles_alone() -> None:
    found = await entries({"a": "1"}, data=[entry("", "whole")], dataTo=[HERE | {"remoteKey": "bundle"}])
    assert pairs(found) == {"whole": "", "bundle": ""}


async def test_a_bundle_holds_matching_keys_only() -> None:
    to = [HERE | {"remoteKey": "bundle", "match": {"regexp": "^a"}}]
    (found,) = await entries({"a1": "1", "a2": "2", "b": "3"}, dataTo=to)
    assert (found.key, found.secret_key, sorted(found.values)) == ("bundle", "", ["a1", "a2"])


async def test_keys_are_converted_before_they_are_matched() -> None:
    to = [HERE | {"conversionStrategy": "ReverseUnicode", "match": {"regexp": "^a/"}}]
    (found,) = await entries({"a_U002f_b": "1", "c": "2"}, dataTo=to)
    assert (found.key, found.secret_key, found.data["conversionStrategy"]) == ("a/b", "a_U002f_b", "None")


async def test_other_stores_get_nothing_of_an_entry() -> None:
    labels = {"storeRef": {"labelSelector": {"matchLabels": {"env": "dev"}}}}
    assert await entries({"a": "1"}, dataTo=[labels]) == []
    other = Chosen(Key(SECRET_STORES, "ns", "other"), {"env": "dev"})
    assert pairs(await entries({"a": "1"}, dataTo=[labels], store=other)) == {"a": "a"}


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"data": [entry("absent")]}, "secret key absent does not exist"),
        ({"dataTo": [HERE, HERE]}, 'duplicate remote key "a"'),
        ({"data": [entry("b", "a")], "dataTo": [HERE]}, 'duplicate remote key "a"'),
        ({"data": [entry("a", "x/y"), entry("a", "x", "y")]}, 'duplicate remote key "x/y"'),
        ({"dataTo": [HERE | {"rewrite": [{"regexp": {"source": ".", "target": "x"}}]}]}, 'duplicate remote key "x"'),
        (
            {"dataTo": [HERE | {"rewrite": [{"regexp": {"source": ".", "target": ""}}]}]},
            "the rewrite of key a is empty",
        ),
        ({"dataTo": [HERE | {"rewrite": [{"regexp": {"source": "(", "target": ""}}]}]}, "is no RE2 expression"),
        ({"dataTo": [HERE | {"match": {"regexp": "("}}]}, r"dataTo\[0\].match.regexp is no RE2 expression"),
    ],
)
async def test_what_cannot_be_pushed_is_told(changes: Body, text: str) -> None:
    with pytest.raises(NeedsHuman, match=f"set secret failed: .*{text}"):
        await entries({"a": "1", "b": "2"}, **changes)


async def test_one_key_of_two_properties_is_no_duplicate() -> None:
    assert pairs(await entries({"a": "1"}, data=[entry("a", "x", "p"), entry("a", "x", "q")])) == {
        "x/p": "a",
        "x/q": "a",
    }


async def test_two_secrets_may_not_push_to_one_place() -> None:
    documents = Documents(cast("Any", None), NamespaceLock(), "ns")
    sources = [Source(name, values(a="1")) for name in ("one", "two")]
    with pytest.raises(NeedsHuman, match=r"of Secret one and .* of Secret two push to it"):
        await Expansion(spec(data=[entry("a")]), STORE, documents).entries(sources)


async def test_the_number_of_entries_is_bounded() -> None:
    with pytest.raises(NeedsHuman, match=f"more than {MAX_ENTRIES} entries"):
        await entries({f"k{at}": "" for at in range(MAX_ENTRIES + 1)}, dataTo=[HERE])


async def test_entries_are_counted_before_they_are_made(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[object] = []
    monkeypatch.setattr(entries_module, "_data", lambda *given: made.append(given))
    with pytest.raises(NeedsHuman, match=f"more than {MAX_ENTRIES} entries"):
        await entries({f"k{at}": "" for at in range(MAX_ENTRIES)}, data=[entry("k0", "x")], dataTo=[HERE] * 600)
    assert len(made) <= MAX_ENTRIES


async def test_keys_that_many_entries_look_at_are_bounded() -> None:
    nothing = HERE | {"match": {"regexp": "^$"}}
    with pytest.raises(NeedsHuman, match=rf"dataTo\[100\]: dataTo looks at more than {MAX_COMPARED} keys"):
        await entries({f"k{at}": "" for at in range(MAX_COMPARED // 100)}, dataTo=[nothing] * 101)


async def test_rewrites_count_as_looks() -> None:
    to = HERE | {"rewrite": [{"regexp": {"source": "x", "target": "y"}}] * (MAX_COMPARED // 1_000)}
    with pytest.raises(NeedsHuman, match=r"dataTo\[0\].rewrite\[199\]: dataTo looks at more than"):
        await entries({f"k{at}": "" for at in range(1_000)}, dataTo=[to])


async def test_stores_share_what_a_pass_may_take() -> None:
    budget = Budget(compared=3, places=3)
    documents = Documents(cast("Any", None), NamespaceLock(), "ns")
    sources = [Source("src", values(a="1", b="2"))]
    await Expansion(spec(dataTo=[HERE]), STORE, documents, budget).entries(sources)
    with pytest.raises(NeedsHuman, match="looks at more than"):
        await Expansion(spec(dataTo=[HERE]), STORE, documents, budget).entries(sources)
    with pytest.raises(NeedsHuman, match=f"more than {MAX_PLACES} entries for all stores"):
        await Expansion(spec(data=[entry("a"), entry("b", "y")]), STORE, documents, budget).entries(sources)


async def test_the_status_can_hold_what_is_pushed() -> None:
    given = {f"k{at}": "" for at in range(MAX_ENTRIES)}
    assert len(await entries(given, dataTo=[HERE])) == MAX_ENTRIES
    long = HERE | {"metadata": {"note": "x" * (MAX_RECORD_BYTES // MAX_ENTRIES)}}
    with pytest.raises(NeedsHuman, match=rf"dataTo\[0\]: .* more than {MAX_RECORD_BYTES} bytes of the status; shorten"):
        await entries(given, dataTo=[long])


async def test_a_source_is_converted_once_for_all_of_its_entries(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[str] = []

    def counted(given: Any, strategy: str) -> Any:
        calls.append(strategy)
        return converted(given, strategy)

    monkeypatch.setattr(entries_module, "converted", counted)
    data = [entry("a/b", f"r{at}", conversionStrategy="ReverseUnicode") for at in range(50)]
    found = await entries({"a_U002f_b": "1"}, data=data)
    assert (len(found), calls, len({id(each.values) for each in found})) == (50, ["ReverseUnicode"], 1)


async def test_values_of_whole_entries_count_each_time() -> None:
    half = "x" * (MAX_BYTES // 2)
    assert len(await entries({"a": half}, data=[entry("", "one"), entry("", "two")])) == 2
    with pytest.raises(NeedsHuman, match=f"more than {MAX_BYTES} bytes"):
        await entries({"a": half}, data=[entry("", "one"), entry("", "two"), entry("a", "three")])


@pytest.mark.parametrize(("name", "made"), [("a_U002f_b", "a/b"), ("_U1f600_", "\U0001f600"), ("_Uxyz_", "_Uxyz_")])
def test_escapes_become_characters(name: str, made: str) -> None:
    assert list(converted({name: SecretValue(b"")}, "ReverseUnicode")) == [made]


def test_a_collision_of_converted_names_is_an_error() -> None:
    with pytest.raises(NeedsHuman, match="secret name collision during conversion: a/b"):
        converted(values(**{"a/b": "1", "a_U002f_b": "2"}), "ReverseUnicode")


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"dataTo": [{}]}, r"spec.dataTo\[0\]: storeRef must specify either name or labelSelector"),
        (
            {"dataTo": [{"storeRef": {"name": "other"}}]},
            'storeRef "other" of kind SecretStore is not in secretStoreRefs',
        ),
        ({"dataTo": [HERE | {"remoteKey": "x", "rewrite": [{}]}]}, "mutually exclusive"),
        ({"dataTo": [HERE | {"rewrite": [{}]}]}, "exactly one of regexp or transform must be set"),
        ({"selector": {"secret": {}}}, "no secret selector provided"),
        ({"secretStoreRefs": [{"labelSelector": {"matchLabels": {"a b": ""}}}]}, r"secretStoreRefs\[0\].labelSelector"),
        ({"secretStoreRefs": [{"name": f"s{at}"} for at in range(51)]}, "more than 50"),
    ],
)
def test_a_spec_that_the_original_refuses_is_refused(changes: Body, text: str) -> None:
    with pytest.raises(NeedsHuman, match=text):
        require_allowed(spec(**changes))


def test_a_named_store_must_be_named_in_the_list_too() -> None:
    refs = [{"labelSelector": {"matchLabels": {"env": "prod"}}}]
    with pytest.raises(NeedsHuman, match="is not in secretStoreRefs"):
        require_allowed(spec(secretStoreRefs=refs, dataTo=[HERE]))

"""Keys in an administrator's hands: nothing is lost, nothing is retired that somebody needs.

The cluster is a stand-in that keeps objects; the commands run against a real one in tests/e2e/test_keys.py.
"""

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from manager.kube.resources import Body
from manager.kube.writer import SEALING_KEY_LABEL
from manager.settings.model import SealedSettings
from sealed.keys.keyring import PAGE_OBJECTS, UNKNOWN, UNOPENED, Keyring, needed, pages
from sealed.manifests.documents import InputError
from tests.builders.sealed_module import key_secret, sealed_secret
from tests.builders.sealed_vectors import certificate, other_key, private_key


class StandIn:
    """Key Secrets and SealedSecrets, in pages as the API server gives them."""

    def __init__(self, *keys: Body, sealed: list[Body] | None = None) -> None:
        self.keys = {each["metadata"]["name"]: each for each in keys}
        self.sealed = sealed or []
        self.patched: list[Body] = []
        self.closed = False

    def close(self) -> None:
        self.closed = True

    def get(self, path: str) -> Body:
        items = self.sealed if path.startswith("/apis") else list(self.keys.values())
        start = int(path.partition("&continue=")[2] or 0)
        more = {"continue": str(start + PAGE_OBJECTS)} if start + PAGE_OBJECTS < len(items) else {}
        return {"items": items[start : start + PAGE_OBJECTS], "metadata": more}

    def call(self, method: str, path: str, body: Any = None, content_type: str = "application/json") -> bytes:
        if method == "PATCH":
            assert content_type == "application/merge-patch+json"
            self.patched.append(body)
            self.keys[path.rpartition("/")[2]]["metadata"]["labels"] |= body["metadata"]["labels"]
            return b"{}"
        body = json.loads(json.dumps(body))
        meta = body["metadata"]
        meta.setdefault("name", f"{meta.get('generateName', '')}{len(self.keys)}")
        assert meta["name"] not in self.keys
        meta |= {"uid": meta["name"], "resourceVersion": "1", "creationTimestamp": "2026-01-01T00:00:00Z"}
        self.keys[meta["name"]] = body
        return json.dumps(body).encode()


def keyring(*keys: Body, sealed: list[Body] | None = None) -> tuple[Keyring, StandIn]:
    stand_in: Any = StandIn(*keys, sealed=sealed)
    return Keyring(stand_in, "coffer"), stand_in


def old() -> Body:
    return key_secret("old")


def new() -> Body:
    return key_secret("new", other_key(), cert=certificate(other_key(), begins=timedelta(hours=-1)))


def test_keys_are_listed_newest_first_and_broken_ones_last() -> None:
    ring, _ = keyring(key_secret("broken", **dict[str, Any]({"tls.key": b""})), old(), new())

    assert [each.name for each in ring.key_secrets()] == ["new", "old", "broken"]
    assert ring.key_secrets()[2].problem
    assert [each.name for each in ring.active()] == ["new", "old"]


def test_a_key_made_now_is_the_current_one() -> None:
    ring, _ = keyring(old())

    name = ring.rotate(SealedSettings(key_size=2048))

    assert [each.name for each in ring.active()] == [name, "old"]
    assert name.startswith("sealed-secrets-key")


def test_what_was_saved_is_restored_as_it_was() -> None:
    before, there = keyring(old(), new())
    saved = json.loads(json.dumps(before.backup()))
    there.keys.clear()

    created, left = before.restore([saved])

    assert (sorted(created), left) == (["new", "old"], [])
    assert [each.name for each in before.active()] == ["new", "old"]
    assert there.keys["old"]["metadata"]["labels"] == {SEALING_KEY_LABEL: "active"}


def test_a_key_that_is_here_is_not_restored_again() -> None:
    ring, there = keyring(old(), new())

    assert ring.restore([ring.backup()]) == ([], ["new", "old"])
    assert len(there.keys) == 2


def test_a_name_that_is_taken_by_another_key_gets_an_ending() -> None:
    ring, there = keyring(key_secret("old", other_key()))

    created, _ = ring.restore([old()])

    assert created == ["old-1"]
    assert len(there.keys) == 2


@pytest.mark.parametrize("document", [{}, {"metadata": {"name": "x"}, "data": {}}, {"items": [{"metadata": {}}]}])
def test_a_file_with_anything_but_keys_restores_nothing(document: Body) -> None:
    ring, there = keyring()

    with pytest.raises(InputError):
        ring.restore([old(), document])

    assert there.keys == {}


def test_what_needs_a_key_is_found_by_trying() -> None:
    sealed = [
        sealed_secret({"k": "v"}),
        sealed_secret({"k": "v"}, other_key()),
        sealed_secret({"k": "v"}, encryptedData={"k": "AAAA"}),
    ]
    for position, each in enumerate(sealed):
        each["metadata"]["name"] = "a" if position < 2 else "broken"
    ring, _ = keyring(old(), new(), sealed=sealed)

    found = ring.usage(ring.find("old"))

    assert (found.looked_at, found.needing, found.closed) == (3, ("ns/a",), ("ns/broken",))


def test_an_object_with_values_of_both_keys_needs_both() -> None:
    both = sealed_secret({"one": "v"})
    both["spec"]["encryptedData"] |= sealed_secret({"two": "v"}, other_key())["spec"]["encryptedData"]
    ring, _ = keyring(old(), new(), sealed=[both])

    assert ring.usage(ring.find("old")).needing == ring.usage(ring.find("new")).needing == ("ns/a",)


def test_one_key_in_two_secrets_can_lose_one() -> None:
    ring, _ = keyring(old(), key_secret("copy"), new(), sealed=[sealed_secret({"k": "v"})])

    assert ring.usage(ring.find("copy")).needing == ()


def test_retiring_a_key_only_relabels_the_secret_that_was_read() -> None:
    ring, there = keyring(old(), new())

    ring.retire(ring.find("old"))

    assert there.patched == [
        {"metadata": {"uid": "uid-old", "resourceVersion": "1", "labels": {SEALING_KEY_LABEL: "retired"}}}
    ]
    assert [each.name for each in ring.active()] == ["new"]
    assert [each.name for each in ring.key_secrets()] == ["new", "old"]


@pytest.mark.parametrize("named", [lambda _: "old", lambda ring: ring.active()[1].key.id], ids=["name", "fingerprint"])
def test_a_key_is_found_by_name_and_by_fingerprint(named: Callable[[Keyring], str]) -> None:
    ring, _ = keyring(old(), new())

    assert ring.find(named(ring)).name == "old"


def test_an_unknown_key_is_named() -> None:
    with pytest.raises(InputError, match="no active sealing key nothing in coffer"):
        keyring(old())[0].find("nothing")


def test_a_list_of_any_length_is_read_to_its_end() -> None:
    there: Any = StandIn(sealed=[sealed_secret() for _ in range(2 * PAGE_OBJECTS + 7)])

    assert len(list(pages(there, "/apis/bitnami.com/v1alpha1/sealedsecrets"))) == 2 * PAGE_OBJECTS + 7


def test_objects_are_sorted_by_what_their_statuses_say() -> None:
    def status(name: str, generation: int, *keys: str) -> Body:
        said = {"observedGeneration": generation, "sealingKeys": list(keys)}
        return {"metadata": {"namespace": "ns", "name": name, "generation": 2}, "status": said}

    bare = {"metadata": {"namespace": "ns", "name": "bare"}}
    wrong, opened = status("wrong", 2), status("opened", 2, "a")
    for each in (wrong, opened):
        each["status"]["conditions"] = [{"type": "Synced", "status": "False"}]
    found = needed([status("one", 2, "a"), status("both", 2, "a", "b"), status("changed", 1, "a"), bare, wrong, opened])

    assert found == {
        "a": ["ns/one", "ns/both", "ns/opened"],
        "b": ["ns/both"],
        UNKNOWN: ["ns/changed", "ns/bare"],
        UNOPENED: ["ns/wrong"],
    }


def test_a_key_with_a_foreign_certificate_is_not_current() -> None:
    newest = certificate(private_key(), begins=timedelta(minutes=-1))
    ring, _ = keyring(old(), key_secret("mixed-up", other_key(), cert=newest))

    current = ring.current()

    assert current is not None
    assert current.name == "old"
    assert [each.name for each in ring.active()] == ["mixed-up", "old"]


def test_no_private_key_is_shown() -> None:
    ring, _ = keyring(old())

    assert "PRIVATE" not in repr(ring.active()[0].key)
    assert private_key().key_size == 2048

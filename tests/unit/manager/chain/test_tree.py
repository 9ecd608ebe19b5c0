"""The tree of a chain ends, however objects refer to each other."""

from typing import Any

from external.api.hashes import field_manager
from manager.chain.model import Node, Stage, StalePod, State, Use
from manager.chain.snapshot import Snapshot
from manager.chain.tree import running, trees
from manager.kube.auto_mirrors import REFLECTS
from manager.kube.resources import EXTERNAL_SECRETS, SECRET_STORES, SECRETS, Body, Key


def metadata(name: str, **more: Any) -> Body:
    return {"metadata": {"namespace": "ns", "name": name, **more}}


def written(name: str) -> Body:
    entry = {"manager": field_manager(name), "fieldsV1": {"f:data": {"f:a": {}}}}
    return metadata(name, managedFields=[entry])


def external(name: str, *stores: str) -> Body:
    entries = [
        {"secretKey": each, "remoteRef": {"key": "k"}, "sourceRef": {"storeRef": {"name": each}}} for each in stores
    ]
    return {**metadata(name), "spec": {"data": entries}}


def store(name: str, credentials: str) -> Body:
    token = {"tokenSecretRef": {"name": credentials, "key": "t"}}
    return {**metadata(name), "spec": {"provider": {"vault": {"server": "https://v", "auth": token}}}}


def count(nodes: tuple[Node, ...]) -> int:
    return sum(1 + count(each.children) for each in nodes)


def snapshot(**bodies: Body) -> Snapshot:
    kinds = {"secret": SECRETS, "external": EXTERNAL_SECRETS, "store": SECRET_STORES}
    found = {Key(kinds[name.partition("_")[0]], "ns", body["metadata"]["name"]): body for name, body in bodies.items()}
    return Snapshot(0.0, bodies=dict(found))


def test_a_store_whose_credentials_come_from_itself_is_shown_once() -> None:
    given = snapshot(secret_a=written("a"), external_a=external("a", "s"), store_s=store("s", "a"))

    found = trees(given, Key(SECRETS, "ns", "a"), ())

    assert [each.stage for each in found] == [Stage.SECRET]
    assert count(found) == 4


def test_stores_that_need_each_other_take_no_more_lines_than_objects() -> None:
    """Each of 30 credentials is read by all 30 stores: followed without end, that is 30 to the power of 8."""
    names = [f"s{at}" for at in range(30)]
    bodies = {f"store_{each}": store(each, each) for each in names}
    bodies |= {f"secret_{each}": written(each) for each in names}
    bodies |= {f"external_{each}": external(each, *names) for each in names}

    assert count(trees(snapshot(**bodies), Key(SECRETS, "ns", "s0"), ())) < 10_000


def test_mirrors_of_each_other_end() -> None:
    given = snapshot(
        secret_a=metadata("a", annotations={REFLECTS: "ns/b"}), secret_b=metadata("b", annotations={REFLECTS: "ns/a"})
    )

    assert count(trees(given, Key(SECRETS, "ns", "a"), ())) <= 4


def test_a_secret_of_nobody_stands_alone() -> None:
    (found,) = trees(Snapshot(0.0), Key(SECRETS, "ns", "a"), ())

    assert found == Node(Stage.SECRET, "Secret ns/a", State.BAD, "missing")


def test_old_pods_are_doubtful() -> None:
    use, stale = Use("Deployment", "web", ("envFrom",)), StalePod("web-1", 0.0, ("app",))

    assert [(each.name, each.state) for each in running([use], [stale])] == [
        ("Deployment web", State.GOOD),
        ("Pod web-1", State.DOUBTFUL),
    ]

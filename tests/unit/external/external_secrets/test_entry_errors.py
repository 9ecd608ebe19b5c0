"""The condition names every entry that failed, and why."""

from tests.builders.external_module import ExternalModule

LOOKED = 'looked in spec.provider.fake.data of SecretStore "store"'


async def test_every_failed_entry_is_named_and_nothing_is_written(bench: ExternalModule) -> None:
    bench.store(values={"there": "1", "document": '{"a": 1}'})
    given = {"one": "there", "two": "absent", "three": "gone"}
    data = [{"secretKey": name, "remoteRef": {"key": key}} for name, key in given.items()]
    data += [{"secretKey": "four", "remoteRef": {"key": "document", "property": "b"}}]
    data += [
        {"secretKey": f"n{at}", "remoteRef": {"key": "r"}, "sourceRef": {"storeRef": {"name": "no"}}} for at in "ab"
    ]
    bench.external(data=data)
    await bench.settle()
    assert bench.ready()[2] == (
        "could not get secret data from provider: spec.data[4], spec.data[5]: "
        'could not get SecretStore "no": it does not exist in namespace "ns"; a store serves its own namespace, '
        "a ClusterSecretStore others too"
    )

    bench.external(data=data[:4])
    await bench.settle()

    assert bench.ready()[2] == (
        "could not get secret data from provider: spec.data[1] (key: absent), spec.data[2] (key: gone): "
        f"Secret does not exist ({LOOKED}); spec.data[3] (key: document): "
        f"key b does not exist in secret document ({LOOKED}); "
        "correct remoteRef.property"
    )
    assert bench.data() is None

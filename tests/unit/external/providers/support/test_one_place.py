"""A client's one connection and one place."""

from external.providers.protocol import SecretRequest
from external.providers.support.one_place import OnePlace


class Connection:
    """Counts how often it is closed."""

    closed = 0

    def close(self) -> None:
        self.closed += 1


def test_the_connection_is_closed_and_the_place_is_told() -> None:
    connection = Connection()
    client = OnePlace(connection, "Vault of acme")

    assert client.location(SecretRequest("key")) == "Vault of acme"
    client.close()
    assert connection.closed == 1

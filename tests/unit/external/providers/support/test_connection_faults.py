"""Why a server was not reached, in words that quote nothing of a library."""

import socket
import ssl

import pytest
import requests
import urllib3

from external.providers.support.connection_faults import connection_fault


def wrapped(cause: BaseException) -> requests.ConnectionError:
    """Return an error as requests raises it: urllib3's in its arguments, that of the system beneath."""
    inner = urllib3.exceptions.ProtocolError("canary", cause)
    return requests.ConnectionError(urllib3.exceptions.MaxRetryError(None, "/canary", inner))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("cause", "words"),
    [
        (ConnectionRefusedError(111, "canary"), "connection refused"),
        (OSError(113, "canary"), "no route to host"),
        (TimeoutError("canary"), "no answer in time"),
        (requests.ReadTimeout("canary"), "no answer in time"),
        (socket.gaierror(-2, "canary"), "the server's name cannot be resolved"),
        (ssl.SSLCertVerificationError("canary"), "the server's certificate is not trusted"),
        (ssl.SSLError("canary"), "the handshake failed"),
        (ValueError("canary"), "the server ended the connection, or its answer is no HTTP"),
    ],
)
def test_the_innermost_cause_is_told(cause: BaseException, words: str) -> None:
    found = connection_fault(wrapped(cause))

    assert words in found
    assert "canary" not in found
    assert "Error" not in found


def test_an_error_that_is_its_own_cause_ends() -> None:
    error = requests.ConnectionError()
    error.args = (error,)

    assert connection_fault(error) == "the server ended the connection, or its answer is no HTTP"

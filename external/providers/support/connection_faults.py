"""Say in words why a server was not reached: the text of a library may quote a URL, a header or a value."""

import errno
import os
import socket
import ssl
from collections.abc import Iterator

MAX_CAUSES = 20  # an error that is its own cause must not be followed without end


def connection_fault(error: BaseException) -> str:
    """Return in a few words why there was no connection or no whole answer.

    Args:
        error: of requests, urllib3 or the system; what caused it decides.
    """
    import requests
    import urllib3

    causes = list(_causes(error))
    for each in causes:
        if isinstance(each, ssl.SSLCertVerificationError):
            return "TLS: the server's certificate is not trusted: check caBundle, and the host in the URL"
        if isinstance(each, ssl.SSLError):
            return "TLS: the handshake failed: does the server speak HTTPS at this port, and accept our certificate?"
        if isinstance(each, TimeoutError):
            return "no answer in time"
        if isinstance(each, socket.gaierror):
            return "the server's name cannot be resolved"
        if isinstance(each, OSError) and each.errno in errno.errorcode:
            return os.strerror(each.errno or 0).lower()
    # A refused connection is a time-out to urllib3 too, so its own errors count last.
    if any(isinstance(each, requests.Timeout | urllib3.exceptions.TimeoutError) for each in causes):
        return "no answer in time"
    return "the server ended the connection, or its answer is no HTTP"


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Yield an error and what it was raised from; requests and urllib3 keep that in arguments too."""
    waiting, seen = [error], 0
    while waiting and seen < MAX_CAUSES:
        each = waiting.pop(0)
        seen += 1
        yield each
        inner = (*each.args, getattr(each, "reason", None), each.__cause__, each.__context__)
        waiting += [found for found in inner if isinstance(found, BaseException)]

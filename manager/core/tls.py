"""TLS towards servers, verified as Go's clients verify: chain, name and validity, and no more.

Python 3.13 also demands what RFC 5280 asks of a certificate's form (VERIFY_X509_STRICT), such as key identifiers. Many
clusters' authorities lack these, and every other client of theirs accepts them.

Go, on its part, never takes a name from a certificate's subject, and trusts any certificate that is named as authority.
"""

import os
import ssl
from pathlib import Path


def verifying(*, cafile: str | None = None, cadata: str | bytes | None = None) -> ssl.SSLContext:
    """Return a context that trusts these authorities, or the system's where none are given.

    Raises:
        ssl.SSLError, OSError, ValueError: they cannot be read.
    """
    return as_go_verifies(ssl.create_default_context(cafile=cafile, cadata=cadata))


def as_go_verifies(context: ssl.SSLContext) -> ssl.SSLContext:
    """Let a context accept certificates without the form that RFC 5280 asks for; returns it."""
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    if context.check_hostname:
        context.hostname_checks_common_name = False
    return context


def show(context: ssl.SSLContext, certificate: bytes, key: bytes) -> None:
    """Let a context show a client certificate.

    The library reads files alone, and no key may lie on disk where there is another way.

    Raises:
        ssl.SSLError, OSError, ValueError: the two cannot be used.
    """
    content = certificate + b"\n" + key
    if hasattr(os, "memfd_create"):
        file = os.memfd_create("certificate")
        try:
            with open(file, "wb", closefd=False) as memory:
                memory.write(content)
            context.load_cert_chain(f"/proc/self/fd/{file}", password=lambda: b"")
        finally:
            os.close(file)
        return
    from tempfile import NamedTemporaryFile  # a slow import, for other systems than Linux alone

    with NamedTemporaryFile("wb", delete=False) as disk:  # readable by its owner only
        disk.write(content)
    try:
        context.load_cert_chain(disk.name, password=lambda: b"")
    finally:
        Path(disk.name).unlink()

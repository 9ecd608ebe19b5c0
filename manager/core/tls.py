"""TLS contexts that verify servers as Go's clients do: chain, name and validity only.

Python 3.13 also requires the form of RFC 5280 (VERIFY_X509_STRICT), such as key identifiers. The certificates of many
clusters lack these, and kubectl and Go's clients accept them. Go also ignores the name in a certificate's subject, and
trusts any certificate that is given as an authority.
"""

import os
import ssl
from pathlib import Path


def verifying(*, cafile: str | None = None, cadata: str | bytes | None = None) -> ssl.SSLContext:
    """Return a context that trusts these authorities, or the system's if none are given.

    Raises:
        ssl.SSLError, OSError, ValueError: they cannot be read.
    """
    return as_go_verifies(ssl.create_default_context(cafile=cafile, cadata=cadata))


def as_go_verifies(context: ssl.SSLContext) -> ssl.SSLContext:
    """Make a context verify as Go does; return it."""
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    if context.check_hostname:
        context.hostname_checks_common_name = False
    return context


def show(context: ssl.SSLContext, certificate: bytes, key: bytes) -> None:
    """Add a client certificate to a context.

    Python reads it from files only, so it comes from memory where the system can: no key should be on a disk.

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
    from tempfile import NamedTemporaryFile  # imported here because it is slow and Linux does not need it

    with NamedTemporaryFile("wb", delete=False) as disk:  # readable by its owner only
        disk.write(content)
    try:
        context.load_cert_chain(disk.name, password=lambda: b"")
    finally:
        Path(disk.name).unlink()

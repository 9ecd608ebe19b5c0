"""TLS towards servers, verified as Go's clients verify: chain, name and validity, and no more.

Python 3.13 also demands what RFC 5280 asks of a certificate's form (VERIFY_X509_STRICT), such as key identifiers. Many
clusters' authorities lack these, and every other client of theirs accepts them.
"""

import ssl


def verifying(*, cafile: str | None = None, cadata: str | bytes | None = None) -> ssl.SSLContext:
    """Return a context that trusts these authorities, or the system's where none are given.

    Raises:
        ssl.SSLError, OSError, ValueError: they cannot be read.
    """
    return as_go_verifies(ssl.create_default_context(cafile=cafile, cadata=cadata))


def as_go_verifies(context: ssl.SSLContext) -> ssl.SSLContext:
    """Let a context accept certificates without the form that RFC 5280 asks for; returns it."""
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    return context

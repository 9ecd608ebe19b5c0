"""Explain errors of connections and files in our own words: a library's text may quote a header, a key or a value."""

import errno
import http.client
import os
import socket
import ssl

from manager.core.documents import Unreadable

UNKNOWN_AUTHORITY = frozenset({2, 7, 18, 19, 20, 21})
"""OpenSSL's codes for a chain without a trusted authority."""
PAST, FUTURE, OTHER_NAME = 10, 9, frozenset({62, 63, 64})
ALERTS = {
    "CERTIFICATE_REQUIRED": "the server wants a client certificate: set client-certificate and client-key of the user",
    "BAD_CERTIFICATE": "the server refuses our client certificate",
    "UNKNOWN_CA": "the server refuses our client certificate: it does not know its authority",
    "CERTIFICATE_EXPIRED": "the server refuses our client certificate: it has expired",
    "WRONG_VERSION_NUMBER": "the server speaks no TLS: is its address one of http, or of a proxy?",
    "UNSUPPORTED_PROTOCOL": "the server speaks only old versions of TLS",
    "UNEXPECTED_EOF_WHILE_READING": "the server ended the connection during the TLS handshake",
}


def explained(error: BaseException, name: str) -> str:
    """Return one line about an error of a connection, with what helps.

    Args:
        error: what the library raised.
        name: the server's, as its certificate should have it.
    """
    if isinstance(error, ssl.SSLCertVerificationError):
        return "tls: failed to verify certificate: x509: " + _certificate(error, name)
    if isinstance(error, ssl.SSLError):
        reason = str(error.reason or "")
        known = next((text for word, text in ALERTS.items() if word in reason), "")
        return f"tls: {known or reason.lower().replace('_', ' ') or 'the handshake failed'}"
    if isinstance(error, TimeoutError):
        return "no answer in time; --request-timeout permits more"
    if isinstance(error, socket.gaierror):
        return f"lookup {name}: no such host"
    if isinstance(error, http.client.HTTPException | ConnectionResetError | BrokenPipeError):
        return "the server ended the connection, or its answer is no HTTP"
    if isinstance(error, OSError) and error.errno in errno.errorcode:
        return f"connect: {os.strerror(error.errno or 0).lower()}"
    return type(error).__name__


def file_fault(error: Exception) -> str:
    """Return in a few words why a file cannot be read or written, without its content.

    Args:
        error: OSError of the system, or ValueError of what reads the content.
    """
    if isinstance(error, OSError):
        return (error.strerror or "it cannot be opened").lower()
    if isinstance(error, Unreadable):
        return str(error)
    return "it is no text in UTF-8" if isinstance(error, UnicodeError) else "not a usable path"


def _certificate(error: ssl.SSLCertVerificationError, name: str) -> str:
    if error.verify_code in UNKNOWN_AUTHORITY:
        return (
            "certificate signed by unknown authority: name it by certificate-authority-data of the cluster "
            "in the kubeconfig, or by --certificate-authority"
        )
    if error.verify_code in OTHER_NAME:
        return f"certificate is not valid for {name}: if it should be, name it by tls-server-name or --tls-server-name"
    if error.verify_code in (PAST, FUTURE):
        return "certificate has expired or is not yet valid: renew it, or set this machine's clock"
    return error.verify_message

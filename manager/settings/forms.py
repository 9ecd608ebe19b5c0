"""The forms of settings whose text has one: checked when settings are read, and in the schema of the chart's values."""

import re
from collections.abc import Mapping
from ipaddress import ip_address
from types import MappingProxyType

Setting = tuple[str, str]
"""Section and field."""
CHOICES: Mapping[Setting, tuple[str, ...]] = MappingProxyType(
    {
        ("process", "log_format"): ("json", "text"),
        ("reflector", "provenance"): ("warn", "deny", "allow"),
    }
)
"""Settings that are one of these words, and no other one."""
LOG_LEVELS: MappingProxyType[str, str] = MappingProxyType(
    {"verbose": "DEBUG", "information": "INFO", "fatal": "ERROR"}
    | {name: name.upper() for name in ("debug", "info", "warning", "error")}
)
"""Our levels and those of kubernetes-reflector, in any case of letters."""
BOOLEANS: Mapping[str, bool] = MappingProxyType(
    dict.fromkeys(("true", "t", "1", "yes"), True) | dict.fromkeys(("false", "f", "0", "no"), False)
)
"""What counts as a boolean, in any case of letters."""
DURATIONS: tuple[Setting, ...] = (("sealed", "key_ttl"), ("sealed", "key_renew_period"), ("sealed", "read_timeout"))
"""Durations as Go writes them."""
NETWORKS: tuple[Setting, ...] = (("external", "egress_allowed"), ("sealed", "proxies"))
"""Lists of networks or addresses."""
MAX_PORT = 65535
HOST = re.compile(r"[A-Za-z0-9]([-A-Za-z0-9.]*[A-Za-z0-9])?")


def listen_address(text: str) -> tuple[str, int]:
    """Return host and port of `HOST:PORT`, `:PORT` or `[IPV6]:PORT`; an empty host means all addresses.

    Raises ValueError that says what is wrong, without the name of the setting.
    """
    host, _, port = text.strip().rpartition(":")
    if not re.fullmatch("[0-9]{1,5}", port) or int(port) > MAX_PORT:
        raise ValueError(f"{text!r} has no port from 0 to {MAX_PORT}; write HOST:PORT or :PORT")
    if host and not HOST.fullmatch(host):
        host = host.removeprefix("[").removesuffix("]")
        try:
            ip_address(host)
        except ValueError:
            raise ValueError(f"{text!r} names no host or address; write HOST:PORT, :PORT or [IPV6]:PORT") from None
    return host, int(port)

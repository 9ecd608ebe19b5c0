"""Choose the proxy for a server as Go's programs do, from HTTPS_PROXY, HTTP_PROXY and NO_PROXY."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address, ip_network
from urllib.parse import unquote, urlsplit

from manager.core.errors import AccessError

PORTS = {"http": 80, "https": 443, "socks5": 1080, "socks5h": 1080}


@dataclass(frozen=True)
class Proxy:
    """One proxy."""

    scheme: str
    host: str
    port: int
    username: str = ""
    password: str = field(default="", repr=False)

    @property
    def url(self) -> str:
        """Its address, without credentials."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.port}"


def chosen(url: str, at: str) -> Proxy:
    """Return the proxy that a kubeconfig's proxy-url names. Raises AccessError."""
    found = _parsed(url)
    if found is None:
        raise AccessError(f"{at}: proxy-url: must be a URL that begins with http, https or socks5")
    return found


def from_environment(scheme: str, host: str, port: int, environ: Mapping[str, str]) -> Proxy | None:
    """Return the proxy that the environment names for a server; none for this machine itself. Raises AccessError."""
    names = ("HTTPS_PROXY", "https_proxy") if scheme == "https" else ("HTTP_PROXY", "http_proxy")
    name = next((each for each in names if environ.get(each)), "")
    excepted = environ.get("NO_PROXY") or environ.get("no_proxy") or ""
    if not name or is_excepted(host, port, excepted):
        return None
    found = _parsed(environ[name]) or (_parsed(f"http://{environ[name]}") if "://" not in environ[name] else None)
    if found is None:
        raise AccessError(f"{name}: must be a URL that begins with http, https or socks5")
    return found


def is_excepted(host: str, port: int, excepted: str) -> bool:
    """Return True if a server is reached without the environment's proxy."""
    host = host.lower().rstrip(".")
    try:
        address = ip_address(host)
    except ValueError:
        address = None
    if host == "localhost" or (address is not None and address.is_loopback):
        return True
    return any(_matches(each.strip().lower(), host, address, port) for each in excepted.split(","))


def _matches(rule: str, host: str, address: object, port: int) -> bool:
    if rule in ("", "*"):
        return rule == "*"
    if "/" in rule:
        try:
            return address is not None and address in ip_network(rule, strict=False)
        except ValueError:
            return False
    name, only = _split(rule)
    if only and only != str(port):
        return False
    try:
        return ip_address(name) == address
    except ValueError:
        pass
    name = name.removeprefix("*") if name.startswith("*.") else name
    if address is not None or not name:
        return False
    return host.endswith(name) if name.startswith(".") else host == name or host.endswith(f".{name}")


def _split(rule: str) -> tuple[str, str]:
    if rule.startswith("["):
        name, _, rest = rule[1:].partition("]")
        return name, rest.removeprefix(":")
    name, _, only = rule.partition(":")
    return (rule, "") if ":" in only else (name, only)


def _parsed(url: str) -> Proxy | None:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return None
    if parts.scheme not in PORTS or not parts.hostname:
        return None
    user, password = unquote(parts.username or ""), unquote(parts.password or "")
    return Proxy(parts.scheme, parts.hostname, port or PORTS[parts.scheme], user, password)

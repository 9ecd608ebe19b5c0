"""The API server and the ServiceAccount of the Pod in which the process runs."""

from collections.abc import Mapping
from pathlib import Path

from manager.access.flags import Access
from manager.access.selection import Endpoint, User

SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")


def inside(environ: Mapping[str, str]) -> bool:
    """Return True if this process runs in a Pod with a ServiceAccount token."""
    addressed = environ.get("KUBERNETES_SERVICE_HOST") and environ.get("KUBERNETES_SERVICE_PORT")
    return bool(addressed) and (SERVICE_ACCOUNT / "token").is_file()


def namespace(environ: Mapping[str, str]) -> str:
    """Return the Pod's namespace."""
    if environ.get("POD_NAMESPACE"):
        return environ["POD_NAMESPACE"]
    try:
        return (SERVICE_ACCOUNT / "namespace").read_text().strip() or "default"
    except (OSError, ValueError):
        return "default"


def server(environ: Mapping[str, str], access: Access) -> tuple[Endpoint, User]:
    """Return the API server and the ServiceAccount; given flags override them."""
    host, port = environ.get("KUBERNETES_SERVICE_HOST", ""), environ.get("KUBERNETES_SERVICE_PORT", "443")
    url = access.server or (f"https://[{host}]:{port}" if ":" in host else f"https://{host}:{port}")
    authority = access.certificate_authority or str(SERVICE_ACCOUNT / "ca.crt")
    if not access.certificate_authority and not Path(authority).exists():
        authority = ""  # the system's authorities then, as in client-go
    at = "ServiceAccount"
    token_file = "" if access.token else str(SERVICE_ACCOUNT / "token")
    return Endpoint(url, at, authority_file=authority), User(at, access.token, token_file)

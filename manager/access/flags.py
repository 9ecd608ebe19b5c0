"""kubectl's flags about the API server and the user."""

from dataclasses import dataclass, field

from manager.core.errors import AccessError

REQUEST_SECONDS = 30.0  # for one request; kubectl has no limit


@dataclass(frozen=True)
class Access:
    """The flags of a command line; an empty one leaves the choice to the kubeconfig."""

    kubeconfig: str = ""
    context: str = ""
    cluster: str = ""
    user: str = ""
    server: str = ""
    token: str = field(default="", repr=False)
    username: str = ""
    password: str = field(default="", repr=False)
    certificate_authority: str = ""
    client_certificate: str = ""
    client_key: str = ""
    insecure_skip_tls_verify: bool = False
    tls_server_name: str = ""
    proxy_url: str = ""
    request_timeout: str = ""
    impersonate: str = ""
    impersonate_groups: tuple[str, ...] = ()
    impersonate_uid: str = ""

    def patience(self) -> float:
        """Return the seconds that a request may take: a number of seconds or a duration. Raises AccessError."""
        text = self.request_timeout or "0"
        if text.isascii() and text.isdecimal():
            return float(text) or REQUEST_SECONDS
        from manager.core.durations import parse_duration

        try:
            return parse_duration(text) or REQUEST_SECONDS
        except ValueError:
            raise AccessError(f"invalid duration for --request-timeout: {text}: write 30 or 30s") from None


NO_FLAGS = Access()

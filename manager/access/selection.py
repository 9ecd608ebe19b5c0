"""Choose cluster, user and namespace from kubeconfig and flags. Reads no credential files."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from manager.access.flags import Access
from manager.access.kubeconfig import Entry, Kubeconfig
from manager.core.errors import AccessError

NOTHING = "no configuration has been provided, try setting KUBERNETES_MASTER environment variable"
"""The text of client-go."""
EXEC_CONFIG = "client.authentication.k8s.io/exec"


class NoConfiguration(AccessError):
    """Neither kubeconfig nor flags name a server; a Pod uses its ServiceAccount then."""


@dataclass(frozen=True)
class Endpoint:
    """The address of an API server, and how its certificate is verified."""

    server: str
    at: str = "flags"
    authority: bytes = b""
    authority_file: str = ""
    insecure: bool = False
    server_name: str = ""
    proxy: str = ""
    plugin_config: object = None
    """The configuration in the cluster's extension, for an exec plug-in."""


@dataclass(frozen=True)
class User:
    """Credentials and impersonation."""

    at: str = "flags"
    token: str = field(default="", repr=False)
    token_file: str = ""
    username: str = ""
    password: str = field(default="", repr=False)
    certificate: bytes = b""
    certificate_file: str = ""
    key: bytes = field(default=b"", repr=False)
    key_file: str = ""
    impersonate: tuple[tuple[str, str], ...] = ()
    """Headers."""
    plugin: Entry | None = field(default=None, repr=False)
    provider: Entry | None = field(default=None, repr=False)


def namespace_of(access: Access, known: Kubeconfig) -> str:
    """Return the namespace of the chosen context, empty where it names none. Raises AccessError."""
    return _context(access, known).text("namespace")


def choose(access: Access, known: Kubeconfig) -> tuple[Endpoint, User]:
    """Return the server and the user. Raises AccessError; NoConfiguration when nothing names a server."""
    context = _context(access, known)
    user = _user(access, _named(known.users, access.user, context.text("user"), "--user", "user"))
    endpoint = _endpoint(
        access, _named(known.clusters, access.cluster, context.text("cluster"), "--cluster", "cluster")
    )
    return endpoint, user


def _context(access: Access, known: Kubeconfig) -> Entry:
    name = access.context or known.current_context
    if name and name not in known.contexts:
        raise AccessError(f"context was not found for specified context: {name}: {_choices(known.contexts)}")
    return known.contexts[name] if name else Entry("no context")


def _named(entries: Mapping[str, Entry], wanted: str, usual: str, flag: str, kind: str) -> Entry:
    if wanted and wanted not in entries:
        raise AccessError(f"{flag}: {kind} {wanted!r} does not exist: {_choices(entries)}")
    return entries.get(wanted or usual, Entry(f"{kind} {usual!r}" if usual else "flags"))


def _choices(entries: Iterable[str]) -> str:
    names = ", ".join(sorted(entries)[:10])
    return f"the kubeconfig has {names}" if names else "the kubeconfig has none"


def _endpoint(access: Access, entry: Entry) -> Endpoint:
    server = access.server or entry.text("server")
    authority_file = access.certificate_authority or entry.path("certificate-authority")
    authority = b"" if access.certificate_authority else entry.data("certificate-authority-data")
    insecure = access.insecure_skip_tls_verify or (
        not access.certificate_authority and entry.flag("insecure-skip-tls-verify")
    )
    if access.insecure_skip_tls_verify and not access.certificate_authority:
        authority, authority_file = b"", ""
    if not server:
        if entry.fields:
            raise AccessError(f"no server found: {entry.at}.server: is missing, and so is --server")
        raise NoConfiguration(NOTHING)
    _one_of(entry, "certificate-authority-data", "certificate-authority", authority, authority_file)
    if insecure and (authority or authority_file):
        raise AccessError(
            f"{entry.at}: specifying a root certificates file with the insecure flag is not allowed: "
            "take certificate-authority or insecure-skip-tls-verify away"
        )
    named = access.tls_server_name or ("" if access.server else entry.text("tls-server-name"))
    proxy, config = access.proxy_url or entry.text("proxy-url"), _plugin_config(entry)
    return Endpoint(server, entry.at, authority, authority_file, insecure, named, proxy, config)


def _plugin_config(entry: Entry) -> object:
    found = [each for each in entry.listed("extensions") if each.text("name") == EXEC_CONFIG]
    return found[0].fields.get("extension") if found else None


def _user(access: Access, entry: Entry) -> User:
    token, token_file = access.token or entry.text("token"), "" if access.token else entry.path("tokenFile")
    username = access.username or entry.text("username")
    password = access.password or entry.text("password")
    pair = {}
    for name, flag in (("client-certificate", access.client_certificate), ("client-key", access.client_key)):
        pair[name] = (b"" if flag else entry.data(f"{name}-data"), flag or entry.path(name))
        _one_of(entry, f"{name}-data", name, *pair[name])
    if token and (username or password):
        raise AccessError(f"{entry.at}: more than one authentication method found: a token and a username; keep one")
    if any(pair["client-certificate"]) and not any(pair["client-key"]):
        raise AccessError(f"{entry.at}: client-key-data or client-key must be specified with a client certificate")
    plugin, provider = entry.below("exec"), entry.below("auth-provider")
    if plugin and provider:
        raise AccessError(f"{entry.at}: auth-provider cannot be used together with exec; keep one")
    acting = _impersonation(access, entry)
    (certificate, certificate_file), (key, key_file) = pair["client-certificate"], pair["client-key"]
    return User(
        entry.at, token, token_file, username, password, certificate, certificate_file, key, key_file,
        acting, plugin, provider,
    )  # fmt: skip


def _one_of(entry: Entry, data: str, file: str, content: bytes, path: str) -> None:
    if content and path:
        raise AccessError(f"{entry.at}: {data} and {file} are both specified; keep one")


def _impersonation(access: Access, entry: Entry) -> tuple[tuple[str, str], ...]:
    name, uid = access.impersonate or entry.text("as"), access.impersonate_uid or entry.text("as-uid")
    groups = access.impersonate_groups or entry.texts("as-groups")
    extra = entry.below("as-user-extra")
    headers = [("Impersonate-User", name)] if name else []
    headers += [("Impersonate-Uid", uid)] if uid else []
    headers += [("Impersonate-Group", each) for each in groups]
    for key in extra.fields if extra else ():
        headers += [(f"Impersonate-Extra-{_escaped(key)}", each) for each in extra.texts(key)] if extra else []
    if headers and not name:
        raise AccessError(
            f"{entry.at}: requesting uid, groups or user-extra without impersonating a user: set as, or use --as"
        )
    for header, value in headers:
        if not value.isprintable():
            raise AccessError(f"{entry.at}: {header}: a header cannot hold what stands there")
    return tuple(headers)


def _escaped(key: str) -> str:
    """Return a name as a header's name can hold it; the API server takes the percent signs out again."""
    from urllib.parse import quote

    return quote(key.lower(), safe="!#$&'*+-.^_`|~")

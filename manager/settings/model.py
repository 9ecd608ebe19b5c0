"""Every setting of the process: read once from flags, environment and file, then passed down frozen.

Order, first wins: flag `--sealed-key-prefix`, variable `COFFER_SEALED_KEY_PREFIX`, the variable that the replaced
system used, file (`sealed: {key_prefix: …}`), default.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

Provenance = tuple[str, ...]

NONE: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True)
class ProcessSettings:
    """The process and its environment."""

    kubeconfig: str = ""
    """Path of a kubeconfig; empty: KUBECONFIG, the Pod's ServiceAccount, ~/.kube/config."""
    context: str = ""
    """Context of the kubeconfig; empty: the current context."""
    namespace: str = ""
    """Namespace of Coffer itself: lease and sealing keys. Empty: POD_NAMESPACE, the ServiceAccount's, the context's."""
    instance: str = ""
    """Name of this replica in the lease and in Events; empty: the host name with a random part."""
    listen: str = ":8080"
    """Address of /healthz, /readyz and the /v1 endpoints."""
    listen_metrics: str = ":8081"
    """Address of /metrics."""
    status_page: bool = False
    """True: serve the status page and /v1/status on `listen`, to viewers by their token and rights; and sealing in the
    browser. Names and conditions only, never values."""
    metrics_cert_file: str = ""
    """PEM file with the certificate chain that serves /metrics by HTTPS; a renewed one is read within a minute."""
    metrics_key_file: str = ""
    """PEM file with the private key of that certificate."""
    metrics_authorization: bool = False
    """True: /metrics wants a token that may `get` the URL /metrics. Needs the certificate."""
    log_level: str = "INFO"
    """DEBUG, INFO, WARNING or ERROR; kopf itself always logs at WARNING: at DEBUG it prints bodies of objects."""
    log_format: str = "json"
    """json or text."""
    skip_tls_verify: bool = False
    """True: accept any certificate of the API server. Only for test clusters: others could read every Secret."""
    request_timeout: float = 15.0
    """Seconds after which a request to the API server fails."""
    sweep_interval: float = 600.0
    """Seconds between two metadata sweeps, which find deletions that a broken watch missed, and between two checks for
    an original controller that is still running."""


@dataclass(frozen=True)
class LeaseSettings:
    """Leader election; the defaults give a takeover within 20 s of a crash."""

    enabled: bool = True
    """False only for a single replica on a developer's machine: two replicas without a lease would both write."""
    name: str = "coffer"
    """Name of the Lease in Coffer's namespace."""
    duration: float = 15.0
    """Seconds after which another replica may take an unrenewed lease."""
    renew_deadline: float = 10.0
    """Seconds without a successful renewal after which the leader exits; less than `duration`."""
    retry: float = 2.0
    """Seconds between two attempts to renew the lease or to acquire it."""


@dataclass(frozen=True)
class ModulesSettings:
    """Which of the three modules run; a module that is off needs no RBAC."""

    sealed: bool = True
    """SealedSecrets, sealing keys and the /v1 endpoints."""
    external: bool = True
    """ExternalSecrets and stores."""
    reflector: bool = True
    """Mirrors of Secrets and ConfigMaps."""
    scope: tuple[str, ...] = ()
    """With any entry, the only namespaces that the modules read and write, by name; Coffer's own has its lease and
    sealing keys in any case. Roles in these namespaces are enough then. Empty: the whole cluster."""
    takeover: bool = False
    """True: write even while an original controller, or an older Coffer in another namespace, is running. False: the
    module only observes then."""
    deletes_per_minute: int = 50
    """Maximum number of deletes of one module in a minute; then it pauses and an alert fires. Raise it to delete many
    objects on purpose. 0 allows none."""

    @property
    def namespaces(self) -> frozenset[str] | None:
        """The namespaces that the modules read and write; None: the whole cluster."""
        return frozenset(self.scope) or None


@dataclass(frozen=True)
class SealedSettings:
    """SealedSecrets; `SEALED_SECRETS_*` variables of the original are read too."""

    key_prefix: str = "sealed-secrets-key"
    """generateName of new key Secrets, and the name of the original's legacy key Secret."""
    key_namespaces: tuple[str, ...] = ()
    """Further namespaces to read sealing keys from; Coffer's own is always read."""
    key_size: int = 4096
    """Bits of a new RSA key; at least 2048."""
    key_ttl: str = "87600h"
    """Validity of a new certificate, as a Go duration."""
    key_renew_period: str = "720h"
    """Age of the newest key after which a new one is made; 0: never."""
    key_cutoff_time: str = ""
    """A key older than this moment (RFC 1123 with numeric zone) is replaced at start."""
    key_order_priority: str = "CertNotBefore"
    """What makes a key the current one: CertNotBefore or SecretCreationTimestamp."""
    my_cn: str = ""
    """Common name in a new certificate."""
    threads: int = 0
    """Threads for RSA; 0: one for each usable core."""
    concurrency: int = 16
    """SealedSecrets processed at a time; one namespace gets at most half of these workers."""
    skip_recreate: bool = False
    """True: a deleted Secret is not created again until its SealedSecret changes."""
    repair_drift: bool = False
    """True: repair a Secret that was edited. False: leave it, as the original does."""
    update_status: bool = True
    """False: write no status. Then every restart decrypts everything."""
    all_namespaces: bool = True
    """False: only Coffer's own namespace."""
    additional_namespaces: tuple[str, ...] = ()
    """With any entry, only these and Coffer's own namespace; with the other modules off, Roles in these are enough.
    Within `modules.scope`, if that has entries."""
    label_selector: str = ""
    """Only SealedSecrets with these labels, as in `kubectl get -l`."""
    privatekey_labels: tuple[str, ...] = ()
    """`key=value` labels for new key Secrets."""
    privatekey_annotations: tuple[str, ...] = ()
    """`key=value` annotations for new key Secrets."""
    object_metrics: bool = False
    """True: export the original's gauge condition_info, which has a series for every SealedSecret."""
    metrics_omit_secret_labels: bool = False
    """With object_metrics: leave the labels with the object's name and namespace empty."""
    accept_deprecated_v1_data: bool = True
    """Read the legacy `spec.data`."""
    rate_limit: float = 2.0
    """Requests to /v1/verify and /v1/rotate per second and caller; all callers together ten times that. 0: no limit."""
    rate_limit_burst: int = 2
    """Requests that a caller may make at once beyond this rate."""
    read_timeout: str = "2m"
    """Time in which the body of such a request must arrive, as a Go duration."""
    proxies: tuple[str, ...] = ()
    """Networks of the API server's proxy, so that the callers behind it are counted one by one. Empty: the addresses in
    EndpointSlice default/kubernetes; if Pods see other addresses (Konnectivity), name those. X-Forwarded-For is trusted
    from all of these networks, so Pods in the host's network and masqueraded traffic of control-plane nodes can pretend
    to be any caller. To count all callers together, name an address that nobody has."""
    require_token: bool = False
    """True: verify and rotate need a token with the right to post to their path. The API server's proxy removes tokens,
    so the original kubeseal cannot use these endpoints then."""


@dataclass(frozen=True)
class ExternalSettings:
    """ExternalSecrets and stores."""

    controller_class: str = "default"
    """Class of this controller; stores whose `spec.controller` names another class are ignored. Two Coffers in one
    cluster need two classes: each sets finalizers under a field manager of its class."""
    store_requeue_interval: float = 300.0
    """Seconds between two validations of a store without a `refreshInterval`."""
    concurrency: int = 16
    """ExternalSecrets processed at a time."""
    provider_threads: int = 32
    """Threads for calls to providers; one namespace or cluster store uses at most four. Created when needed."""
    provider_timeout: float = 20.0
    """Seconds after which a call to a provider fails."""
    onepassword_daily_requests: int = 20_000
    """Requests that one store of 1Password sends in a day; 0 for any number. Its condition says when they are spent."""
    ambient_namespaces: tuple[str, ...] = ()
    """Namespaces whose own stores may use Coffer's cloud identity; `*` for all. Cluster stores always may."""
    egress_allowed: tuple[str, ...] = ()
    """Networks (CIDR) on loopback or link-local addresses that stores of namespaces may reach; others are closed."""
    adopt_foreign: bool = False
    """True: take over any Secret that has the target's name, as the original does."""
    partial_namespace_regexes: bool = False
    """True: a cluster store's `namespaceRegexes` may match a part of a name, as in the original."""
    cluster_stores: bool = True
    """False: ignore ClusterSecretStores and the ExternalSecrets that name one."""
    object_metrics: bool = False
    """True: export the original's series for each object, such as externalsecret_status_condition."""
    generic_targets: bool = False
    """True: `target.manifest` may name any kind that the chart's `rbac.genericTargets` gives rights for."""
    generator_state: bool = True
    """True: record what generators make at a provider in GeneratorStates, and end it there when it is replaced."""
    generator_gc_grace_period: float = 120.0
    """Seconds that generated credentials live on after the target has got others."""
    provider_plugins: tuple[str, ...] = ()
    """Providers that installed packages bring through the entry point group `coffer.providers`; no other is loaded."""
    template_left_delimiter: str = "{{"
    """Left delimiter of actions in templates of targets."""
    template_right_delimiter: str = "}}"
    """Right delimiter of actions in templates of targets."""


@dataclass(frozen=True)
class ReflectorSettings:
    """Mirrors."""

    excluded_namespaces: tuple[str, ...] = ()
    """Globs of namespaces whose sources and pulls are ignored. They are still targets of pushes."""
    protected_namespaces: tuple[str, ...] = ("kube-system",)
    """Globs of namespaces that are never a target of a push; Coffer's own namespace never is."""
    provenance: str = "warn"
    """Whether Secrets of an ExternalSecret may be mirrored: warn, deny or allow."""
    allow: tuple[str, ...] = ()
    """Rules `source -> target`, both globs of namespaces: mirrors are made only between these; empty: between all."""
    deny: tuple[str, ...] = ()
    """Rules `source -> target` between which no mirrors are made, even if allowed; existing pushed ones are deleted."""
    label_mirrors: bool = False
    """Label pushed mirrors `coffer.dev/mirror: <namespace>.<name>` of their source; the original sets no label."""
    recreate: bool = True
    """True: create a deleted pushed mirror again at once. False: at the source's next change, as the original."""
    absent_source_grace: float = 30.0
    """Seconds after a source is deleted until its mirrors are deleted; GitOps tools delete and re-create."""
    concurrency: int = 16
    """Number of mirrors that are written at a time."""


@dataclass(frozen=True)
class Settings:
    """All settings."""

    process: ProcessSettings = field(default_factory=ProcessSettings)
    """The process and its environment."""
    lease: LeaseSettings = field(default_factory=LeaseSettings)
    """Leader election."""
    modules: ModulesSettings = field(default_factory=ModulesSettings)
    """Module switches."""
    sealed: SealedSettings = field(default_factory=SealedSettings)
    """SealedSecrets."""
    external: ExternalSettings = field(default_factory=ExternalSettings)
    """ExternalSecrets."""
    reflector: ReflectorSettings = field(default_factory=ReflectorSettings)
    """Mirrors."""


REFLECTOR: Mapping[tuple[str, str], str] = MappingProxyType(
    {
        ("reflector", "excluded_namespaces"): "Reflector__Watcher__ExcludedNamespaces",
        ("process", "log_level"): "Serilog__MinimumLevel__Default",
        ("process", "skip_tls_verify"): "Ignite__KubernetesClient__SkipTlsVerify",
    }
)

"""What kubernetes-reflector reads, with the prefix `ES_` first."""

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
    """The process and its surroundings."""

    kubeconfig: str = ""
    """Path of a kubeconfig; empty: KUBECONFIG, the Pod's ServiceAccount, ~/.kube/config."""
    context: str = ""
    """Context of the kubeconfig; empty: its current one."""
    namespace: str = ""
    """Namespace of Coffer itself: lease and sealing keys. Empty: POD_NAMESPACE, the ServiceAccount's, the context's."""
    instance: str = ""
    """Name of this replica in the lease and in Events; empty: the host name with a random part."""
    listen: str = ":8080"
    """Address of /healthz, /readyz and the /v1 endpoints."""
    listen_metrics: str = ":8081"
    """Address of /metrics."""
    metrics_cert_file: str = ""
    """PEM file with the certificate chain that serves /metrics by HTTPS; a renewed one is read within a minute."""
    metrics_key_file: str = ""
    """PEM file with the private key of that certificate."""
    metrics_authorization: bool = False
    """True: /metrics wants a token that may `get` the URL /metrics. Needs the certificate."""
    log_level: str = "INFO"
    """DEBUG, INFO, WARNING or ERROR; kopf itself never logs below WARNING, because its DEBUG prints bodies."""
    log_format: str = "json"
    """json or text."""
    skip_tls_verify: bool = False
    """True: believe any certificate of the API server. For a test cluster; whoever is in between reads every Secret."""
    request_timeout: float = 15.0
    """Seconds until a request to the API server counts as unanswered."""
    sweep_interval: float = 600.0
    """Seconds between two metadata sweeps, which find the deletions that a broken watch hides, and between two looks
    for an original controller that was started later."""


@dataclass(frozen=True)
class LeaseSettings:
    """Leader election; the defaults give a takeover within 20 s of a crash."""

    enabled: bool = True
    """False only for a single replica on a developer's machine: two of them would both write."""
    name: str = "coffer"
    """Name of the Lease in Coffer's namespace."""
    duration: float = 15.0
    """Seconds after which another replica may take an unrenewed lease."""
    renew_deadline: float = 10.0
    """Seconds without a successful renewal after which the leader ends itself; below `duration`."""
    retry: float = 2.0
    """Seconds between two attempts to renew or to take the lease."""


@dataclass(frozen=True)
class ModulesSettings:
    """Which of the three jobs this release does; what is off needs no RBAC."""

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
    """True: write although an original controller is still running. False: the module only observes then."""
    deletes_per_minute: int = 50
    """Deletes that a module makes in a minute before it pauses and alerts; raise it to withdraw many on purpose.
    0 puts every delete off."""

    @property
    def namespaces(self) -> frozenset[str] | None:
        """The namespaces that the modules read and write; None: the whole cluster."""
        return frozenset(self.scope) or None


@dataclass(frozen=True)
class SealedSettings:
    """SealedSecrets; `SEALED_SECRETS_*` variables of the original are read too."""

    key_prefix: str = "sealed-secrets-key"
    """generateName of new key Secrets, and the name of the original's legacy key."""
    key_namespaces: tuple[str, ...] = ()
    """Further namespaces to read sealing keys from; Coffer's own is always read."""
    key_size: int = 4096
    """Bits of a new RSA key; at least 2048."""
    key_ttl: str = "87600h"
    """Validity of a new certificate, as a Go duration."""
    key_renew_period: str = "720h"
    """Age of the newest key at which another is made; 0 never."""
    key_cutoff_time: str = ""
    """A key older than this moment (RFC 1123 with numeric zone) is replaced at start."""
    key_order_priority: str = "CertNotBefore"
    """What makes a key the current one: CertNotBefore or SecretCreationTimestamp."""
    my_cn: str = ""
    """Common name in a new certificate."""
    threads: int = 0
    """Threads for RSA; 0: one a usable core."""
    concurrency: int = 16
    """SealedSecrets worked on at a time; of one namespace no more than it leaves free, so at most half."""
    skip_recreate: bool = False
    """True: a deleted Secret stays away until its SealedSecret changes."""
    repair_drift: bool = False
    """True: a Secret of ours that somebody edited is set right. False leaves it, as the original does."""
    update_status: bool = True
    """False writes no status; every restart decrypts everything then."""
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
    """True: the original's gauge condition_info, which has a series for every SealedSecret."""
    metrics_omit_secret_labels: bool = False
    """With object_metrics: leave the labels that name the object empty."""
    accept_deprecated_v1_data: bool = True
    """Read the legacy `spec.data`."""
    rate_limit: float = 2.0
    """Requests to /v1/verify and /v1/rotate that a caller may make a second; all together ten times that. 0: any."""
    rate_limit_burst: int = 2
    """Requests more that a caller may make at once."""
    read_timeout: str = "2m"
    """How long the body of such a request may take to arrive, as a Go duration."""
    proxies: tuple[str, ...] = ()
    """Networks from which the API server's proxy comes: callers behind it are told apart, and not counted as one.
    Empty: the addresses in EndpointSlice default/kubernetes; where Pods see others (Konnectivity), name those here.
    X-Forwarded-For is believed from all who come from there, Pods in the host's network and masqueraded traffic of
    control-plane nodes included: they may pass for any caller. One allowance for all: name an address nobody has."""
    require_token: bool = False
    """True: verify and rotate want a token with the right to post to their path. Through the API server's proxy, and
    so with the original kubeseal, no token arrives."""


@dataclass(frozen=True)
class ExternalSettings:
    """ExternalSecrets and stores."""

    controller_class: str = "default"
    """Stores whose `spec.controller` names another class are left alone."""
    store_requeue_interval: float = 300.0
    """Seconds between two validations of a store that names none."""
    concurrency: int = 16
    """ExternalSecrets worked on at a time."""
    provider_threads: int = 32
    """Threads for blocking SDKs: calls to all providers at a time; four at most for one, and made when needed."""
    provider_timeout: float = 20.0
    """Seconds until a provider's answer is given up."""
    ambient_namespaces: tuple[str, ...] = ()
    """Namespaces whose own stores may use Coffer's cloud identity; `*` for all. Cluster stores always may."""
    egress_allowed: tuple[str, ...] = ()
    """Networks (CIDR) on loopback or link-local addresses that the namespaces' own stores may reach all the same."""
    adopt_foreign: bool = False
    """True restores the original's taking-over of any Secret that has the target's name."""
    partial_namespace_regexes: bool = False
    """True restores the original's reading of a cluster store's `namespaceRegexes`: they may match a part of a name."""
    cluster_stores: bool = True
    """False: ClusterSecretStores, and the ExternalSecrets that name one, are left to another controller."""
    object_metrics: bool = False
    """True: the original's externalsecret_status_condition, _sync_calls_total and so on, a series for each object."""
    generic_targets: bool = False
    """True: `target.manifest` may name any kind that the chart's `rbac.genericTargets` gives rights for."""
    template_left_delimiter: str = "{{"
    """What opens an action in the templates of targets."""
    template_right_delimiter: str = "}}"
    """What closes an action in the templates of targets."""


@dataclass(frozen=True)
class ReflectorSettings:
    """Mirrors."""

    excluded_namespaces: tuple[str, ...] = ()
    """Globs; sources and pulls in these namespaces are ignored; they stay valid targets."""
    protected_namespaces: tuple[str, ...] = ("kube-system",)
    """Globs; never a target of a push. Coffer's own namespace is always protected."""
    provenance: str = "warn"
    """Mirroring what an ExternalSecret made: warn, deny or allow."""
    allow: tuple[str, ...] = ()
    """Rules `source -> target`, both globs of namespaces: only between these are mirrors made; empty: between all."""
    deny: tuple[str, ...] = ()
    """Rules `source -> target`: between these none are made, whatever is allowed; pushed ones that exist go."""
    label_mirrors: bool = False
    """Label pushed mirrors `coffer.dev/mirror: <namespace>.<name>` of their source; the original sets no label."""
    recreate: bool = True
    """Bring a deleted auto mirror back; False waits for the source's next change, as the original does."""
    absent_source_grace: float = 30.0
    """Seconds a source may be away (GitOps deletes and re-creates) before its mirrors go."""
    concurrency: int = 16
    """Mirrors written at a time."""


@dataclass(frozen=True)
class Settings:
    """All of them."""

    process: ProcessSettings = field(default_factory=ProcessSettings)
    """The process and its surroundings."""
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

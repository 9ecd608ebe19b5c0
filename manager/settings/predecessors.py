"""Flags and variables of the replaced systems, from users' manifests: read, or accepted without effect."""

from collections.abc import Iterable, Mapping

SEALED_SECRETS: Mapping[str, tuple[str, str]] = {
    "accept-deprecated-v1-data": ("sealed", "accept_deprecated_v1_data"),
    "additional-namespaces": ("sealed", "additional_namespaces"),
    "all-namespaces": ("sealed", "all_namespaces"),
    "key-cutoff-time": ("sealed", "key_cutoff_time"),
    "key-order-priority": ("sealed", "key_order_priority"),
    "key-prefix": ("sealed", "key_prefix"),
    "key-renew-period": ("sealed", "key_renew_period"),
    "rotate-period": ("sealed", "key_renew_period"),
    "key-size": ("sealed", "key_size"),
    "key-ttl": ("sealed", "key_ttl"),
    "label-selector": ("sealed", "label_selector"),
    "listen-addr": ("process", "listen"),
    "listen-metrics-addr": ("process", "listen_metrics"),
    "log-format": ("process", "log_format"),
    "log-level": ("process", "log_level"),
    "metrics-omit-secret-labels": ("sealed", "metrics_omit_secret_labels"),
    "my-cn": ("sealed", "my_cn"),
    "privatekey-annotations": ("sealed", "privatekey_annotations"),
    "privatekey-labels": ("sealed", "privatekey_labels"),
    "rate-limit": ("sealed", "rate_limit"),
    "rate-limit-burst": ("sealed", "rate_limit_burst"),
    "read-timeout": ("sealed", "read_timeout"),
    "skip-recreate": ("sealed", "skip_recreate"),
    "update-status": ("sealed", "update_status"),
}
"""The original's flags, and our settings for them."""
WITHOUT_EFFECT: Mapping[str, str] = {
    "kubeclient-burst": "requests are paced by the API server",
    "kubeclient-qps": "requests are paced by the API server",
    "log-info-stdout": "all logs go to standard output",
    "max-unseal-retries": "there is no last attempt",
    "old-gc-behavior": "Kubernetes collects what a deleted SealedSecret owned",
    "watch-for-secrets": "sealing keys are always watched",
    "write-timeout": "an answer is written at once",
}
"""The original's flags that have no meaning here, and why."""
SWITCHES = frozenset(
    {"accept-deprecated-v1-data", "all-namespaces", "metrics-omit-secret-labels", "skip-recreate", "update-status"}
    | {"log-info-stdout", "old-gc-behavior", "watch-for-secrets"}
)
"""Switches that may have no value, as in Go."""


def variable(flag: str) -> str:
    """Return the variable of one of the original's flags."""
    return f"SEALED_SECRETS_{flag.replace('-', '_').upper()}"


def aliases(section: str, name: str) -> tuple[str, ...]:
    """Return the original's flags for a setting."""
    return tuple(flag for flag, setting in SEALED_SECRETS.items() if setting == (section, name))


def ignored(flags: Iterable[str], environ: Mapping[str, str]) -> dict[str, str]:
    """Return the given flags and variables without effect, and why."""
    given = {f"--{flag}": WITHOUT_EFFECT[flag] for flag in flags if flag in WITHOUT_EFFECT}
    return given | {variable(flag): why for flag, why in WITHOUT_EFFECT.items() if environ.get(variable(flag))}


def bare_switches(arguments: Iterable[str]) -> list[str]:
    """Add the value to switches without one: `--update-status` becomes `--update-status=true`."""
    return [f"{each}=true" if each.removeprefix("--") in SWITCHES else each for each in arguments]

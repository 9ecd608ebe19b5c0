"""Read what a person names, such as `secret app/database`."""

from manager.core.errors import SettingsError
from manager.core.suggestions import nearest
from manager.kube.resources import (
    CLUSTER_SECRET_STORES,
    CONFIGMAPS,
    EXTERNAL_SECRETS,
    PUSH_SECRETS,
    SEALED_SECRETS,
    SECRET_STORES,
    SECRETS,
    Key,
    Resource,
)

STORE, MIRROR = "store", "mirror"
KINDS: dict[str, Resource] = {
    "secret": SECRETS,
    "configmap": CONFIGMAPS,
    "externalsecret": EXTERNAL_SECRETS,
    "sealedsecret": SEALED_SECRETS,
    "secretstore": SECRET_STORES,
    "clustersecretstore": CLUSTER_SECRET_STORES,
    "pushsecret": PUSH_SECRETS,
    STORE: SECRET_STORES,
    MIRROR: SECRETS,
}
SHORT = {
    "es": "externalsecret",
    "ss": "secretstore",
    "css": "clustersecretstore",
    "cm": "configmap",
    "ps": "pushsecret",
}
EXPLAINED = ("secret", "configmap", "externalsecret", "sealedsecret", "secretstore", "clustersecretstore")


def resource_of(word: str) -> tuple[str, Resource]:
    """Return the kind that a word names, in the singular, and its resource. Raises SettingsError."""
    name = word.lower().partition(".")[0]
    name = SHORT.get(name, name)
    name = name.removesuffix("s") if name not in KINDS else name
    if name not in KINDS:
        meant = nearest(name, KINDS) or f"; kinds: {', '.join(sorted(KINDS))}"
        raise SettingsError(f"{word[:60]}: no kind that Coffer explains{meant}")
    return name, KINDS[name]


def subject(kind: str, name: str, namespace: str) -> tuple[str, Key]:
    """Return the kind and the key of an object.

    Args:
        kind: as written, such as `es` or `secrets`; or `KIND/NAME` with an empty name.
        name: `NAMESPACE/NAME`, or a name alone.
        namespace: for a name alone.

    Raises:
        SettingsError: the kind is unknown, or no namespace is named.

    """
    word, resource = resource_of(kind)
    place, slash, alone = name.partition("/")
    if not slash:
        place, alone = namespace, name
    if resource is CLUSTER_SECRET_STORES or (word == STORE and not place):
        return word, Key(CLUSTER_SECRET_STORES, "", alone)
    if not place or not alone or "/" in alone:
        raise SettingsError(f"{kind} {name}: write NAMESPACE/NAME, or name the namespace by -n")
    return word, Key(resource, place, alone)

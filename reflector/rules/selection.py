"""Decide by our own annotations which parts of a source are copied, and under which names. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from reflector.rules.globs import globs

PREFIX = "reflector.coffer.dev/"
KEYS, KEYS_EXCEPT, RENAME_KEYS = f"{PREFIX}keys", f"{PREFIX}keys-except", f"{PREFIX}rename-keys"
LABELS, LABELS_EXCEPT = f"{PREFIX}labels", f"{PREFIX}labels-except"
ANNOTATIONS, ANNOTATIONS_EXCEPT = f"{PREFIX}annotations", f"{PREFIX}annotations-except"
COPIED_LABELS, COPIED_ANNOTATIONS = f"{PREFIX}copied-labels", f"{PREFIX}copied-annotations"
IMMUTABLE = f"{PREFIX}immutable"
NAMES = frozenset(
    {
        *(KEYS, KEYS_EXCEPT, RENAME_KEYS, LABELS, LABELS_EXCEPT, ANNOTATIONS, ANNOTATIONS_EXCEPT),
        *(COPIED_LABELS, COPIED_ANNOTATIONS, IMMUTABLE),
    }
)
NEVER_COPIED = (
    "reflector.coffer.dev/*,reflector.v1.k8s.emberstack.com/*,coffer.dev/*,"  # our own: a mirror is no source
    "kubectl.kubernetes.io/*,"  # last-applied-configuration contains the values
    "sealedsecrets.bitnami.com/*,reconcile.external-secrets.io/*,external-secrets.io/*,"  # they mark ownership
    "kubernetes.io/service-account.*"  # they grant rights
)
"""Labels and annotations that are never copied."""
TRACKING = (
    "argocd.argoproj.io/*,kustomize.toolkit.fluxcd.io/*,helm.toolkit.fluxcd.io/*,meta.helm.sh/*,helm.sh/*,"
    "app.kubernetes.io/managed-by,app.kubernetes.io/instance,cert-manager.io/*,controller.cert-manager.io/*"
)
"""Labels by which tools find their objects: copied only if listed by full name; otherwise tools prune the mirror."""


@dataclass(frozen=True, slots=True)
class Choice:
    """Chosen names and exceptions."""

    only: str = ""
    """Globs of the chosen names."""
    but: str = ""
    """Globs of exceptions."""

    def takes(self, name: str) -> bool:
        """Return True if a name is chosen."""
        but = globs(self.but)  # a malformed list excludes everything: copying too little is safe
        return globs(self.only).match(name) and but.valid and not but.match(name)


@dataclass(frozen=True, slots=True)
class Copied:
    """The labels and annotations of a mirror that are copies; they are removed when they are no longer selected."""

    labels: frozenset[str] = frozenset()
    annotations: frozenset[str] = frozenset()
    """Only existing ones, including the two records themselves."""


NOTHING = Copied()


def copied(annotations: Mapping[str, str]) -> Copied:
    """Read from a mirror's annotations what was copied."""
    records = {COPIED_LABELS, COPIED_ANNOTATIONS} & set(annotations)
    if not records:
        return NOTHING
    names = {*annotations.get(COPIED_ANNOTATIONS, "").split(","), *records}
    return Copied(frozenset(annotations.get(COPIED_LABELS, "").split(",")), frozenset(names & set(annotations)))


@dataclass(frozen=True, slots=True)
class Selection:
    """What the annotations of one object select."""

    keys: Choice = Choice("*")
    renamed: tuple[tuple[str, str], ...] = ()
    """Pairs: key of the source, key of the mirror."""
    labels: Choice = Choice()
    annotations: Choice = Choice()
    immutable: bool = False
    """True if a mirror of an immutable source is immutable."""

    def data(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Return the chosen keys under their new names; if two get one name, the alphabetically later one wins."""
        names = dict(self.renamed)
        return {names.get(key, key): values[key] for key in sorted(values) if self.keys.takes(key)}

    def copied_labels(self, labels: Mapping[str, str]) -> dict[str, str]:
        """Return the labels to copy."""
        return {name: value for name, value in labels.items() if _may(self.labels, name)}

    def copied_annotations(self, annotations: Mapping[str, str]) -> dict[str, str]:
        """Return the annotations to copy."""
        return {name: value for name, value in annotations.items() if _may(self.annotations, name)}


PLAIN = Selection()
"""All data and no labels or annotations, as the original does."""


def selection_of(annotations: Mapping[str, str]) -> Selection:
    """Read the selection of an object; almost all are PLAIN."""
    if not any(name.startswith(PREFIX) for name in annotations):
        return PLAIN
    found = Selection(
        keys=Choice(annotations.get(KEYS, "*"), annotations.get(KEYS_EXCEPT, "")),
        renamed=tuple(pair for pair in _pairs(annotations.get(RENAME_KEYS, "")) if all(pair)),
        labels=Choice(annotations.get(LABELS, ""), annotations.get(LABELS_EXCEPT, "")),
        annotations=Choice(annotations.get(ANNOTATIONS, ""), annotations.get(ANNOTATIONS_EXCEPT, "")),
        immutable=annotations.get(IMMUTABLE, "").strip().lower() == "true",
    )
    return PLAIN if found == PLAIN else found


def selection_problems(annotations: Mapping[str, str]) -> Iterator[str]:
    """Yield one sentence for each annotation that the user should fix."""
    for name in (KEYS, KEYS_EXCEPT, LABELS, LABELS_EXCEPT, ANNOTATIONS, ANNOTATIONS_EXCEPT):
        if not globs(annotations.get(name, "")).valid:
            yield f"{name}: the list is too large, and matches nothing"
    pairs = list(_pairs(annotations.get(RENAME_KEYS, "")))
    if not all(all(pair) for pair in pairs):
        yield f"{RENAME_KEYS}: write `old:new`, several separated by commas; what is not such a pair is left out"
    new = [pair[1] for pair in pairs]
    if len(set(new)) < len(new):
        yield f"{RENAME_KEYS}: two keys get one name; the later in the alphabet stays"


def _pairs(text: str) -> Iterator[tuple[str, str]]:
    for item in text.split(","):
        if item.strip():
            old, _, new = (part.strip() for part in item.partition(":"))
            yield old, new


def _may(choice: Choice, name: str) -> bool:
    if not choice.only or not choice.takes(name) or globs(NEVER_COPIED).match(name):
        return False
    return name in globs(choice.only).names or not globs(TRACKING).match(name)

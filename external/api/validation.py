"""Rules that a valid ExternalSecret keeps. Pure.

The CRD has the same rules in CEL as far as it can express them. They are checked here again: the CRD of
external-secrets has none. The texts are those of its admission webhook.
"""

from collections.abc import Iterator

from external.api.external_secret import BOTH, EITHER, NOTHING, DataFrom, ExternalSecretSpec
from external.api.sync_windows import windows_of
from external.api.target import BOOTSTRAP, NO_MERGE, NOT_OWNED, TOKEN, Target
from external.errors import FAILED
from manager.core.errors import NeedsHuman
from manager.kube.writer import BOOTSTRAP_TOKEN, SERVICE_ACCOUNT_TOKEN, TOKEN_OWNER

MAX_ENTRIES = 5_000  # of one ExternalSecret; every pass visits each several times
PLACES = frozenset({"", "data", "annotations", "labels"})
"""What a template may write in a Secret, in lower case: a free path could set its type or owners."""


def require_allowed(spec: ExternalSecretSpec) -> None:
    """Raise NeedsHuman for a spec that is not allowed or not served."""
    found = problems(spec)
    if found:
        raise NeedsHuman(FAILED, "; ".join(found))
    missing = unserved(spec)
    if missing:
        raise NeedsHuman(FAILED, f"{', '.join(missing)}: not served by this version; remove it, or take dataFrom")


def problems(spec: ExternalSecretSpec) -> list[str]:
    """Return the errors of a spec, with the texts and in the order of external-secrets."""
    found = [*_policies(spec.target), *([] if spec.data or spec.data_from else [NOTHING])]
    found += [*_privileged(spec.target), *_places(spec.target)]
    for entry in spec.data_from or ():
        found += _source(entry)
    return [*found, *_twice(spec), *_many(spec), *_windows(spec)]


def unserved(spec: ExternalSecretSpec) -> list[str]:
    """Return the fields that neither this version nor the original serves: ignoring one writes another Secret."""
    return [
        f"spec.data[{index}].sourceRef.generatorRef"
        for index, each in enumerate(spec.data or ())
        if each.source_ref is not None and each.source_ref.generator_ref is not None
    ]


def _many(spec: ExternalSecretSpec) -> Iterator[str]:
    number = len(spec.data or ()) + len(spec.data_from or ())
    if number > MAX_ENTRIES:
        yield f"spec.data and spec.dataFrom have {number} entries, more than {MAX_ENTRIES}"


def _windows(spec: ExternalSecretSpec) -> Iterator[str]:
    found = windows_of(spec.sync_windows.model_dump()) if spec.sync_windows is not None else None
    if found is not None and found.too_much():
        yield "spec.syncWindows: to find the next moment outside of them takes too long; let there be fewer windows"


def _policies(target: Target) -> Iterator[str]:
    if target.deletion_policy == "Delete" and target.creation_policy in ("Merge", "None", "CreateOrMerge"):
        yield NOT_OWNED
    if target.deletion_policy == "Merge" and target.creation_policy == "None":
        yield NO_MERGE


def _privileged(target: Target) -> Iterator[str]:
    template = target.template
    if template is None or template.type not in (SERVICE_ACCOUNT_TOKEN, BOOTSTRAP_TOKEN):
        return
    if template.type == BOOTSTRAP_TOKEN:
        yield BOOTSTRAP
        return
    if TOKEN_OWNER in ((template.metadata and template.metadata.annotations) or {}):
        yield TOKEN
    if any(each.target.lower() == "annotations" for each in template.template_from or ()):
        yield f'template.type="{template.type}" with templateFrom target="Annotations" is not allowed'


def _places(target: Target) -> Iterator[str]:
    if target.manifest is not None and (target.manifest.api_version, target.manifest.kind) != SECRET:
        return
    for each in (target.template.template_from if target.template else None) or ():
        if each.target.lower() not in PLACES:
            allowed = 'must be one of "Data", "Annotations" or "Labels"'
            yield f'templateFrom target="{each.target}" is not allowed when targeting a Secret, {allowed}'


SECRET = ("v1", "Secret")


def _source(entry: DataFrom) -> Iterator[str]:
    generator = entry.source_ref.generator_ref if entry.source_ref else None
    if sum(each is not None for each in (entry.extract, entry.find, generator)) > 1:
        yield BOTH
    if entry.extract is None and entry.find is None and entry.source_ref is None:
        yield EITHER
    if entry.source_ref is not None and generator is None and entry.source_ref.store_ref is None:
        yield "generatorRef or storeRef must be set when using sourceRef in dataFrom"


def _twice(spec: ExternalSecretSpec) -> Iterator[str]:
    if spec.target.deletion_policy != "Retain":
        return
    seen: set[str] = set()
    for each in spec.data or ():
        if each.secret_key in seen:
            yield f"duplicate secretKey found: {each.secret_key}"
        seen.add(each.secret_key)

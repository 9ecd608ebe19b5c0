"""References between the manifests that are judged together. Pure.

What is not in the files may be in the cluster, so a name that no file has is told only if one of them is much like it.
"""

from collections import Counter
from collections.abc import Iterator, Sequence

from external.push_summaries import push_secret_summary
from external.summaries import external_secret_summary
from manager.cli.lint.rules import ESO, GENERATORS
from manager.cli.manifests.reading import Manifest
from manager.cli.manifests.verdicts import Problem, Weight
from manager.core.errors import NeedsHuman
from manager.core.suggestions import nearest

STORES = ("SecretStore", "ClusterSecretStore")
MAX_NAMED = 60


class References:
    """The names that the manifests give, and those that they use."""

    def __init__(self, manifests: Sequence[Manifest]) -> None:
        self._names: dict[tuple[str, str], set[str]] = {}
        self._given = Counter((each.group, each.kind, each.namespace, each.name) for each in manifests)
        for each in manifests:
            self._names.setdefault((each.kind, each.namespace if each.kind != STORES[1] else ""), set()).add(each.name)

    def problems(self, manifest: Manifest) -> Iterator[Problem]:
        """Yield references that look like a slip of the pen, and an object that the files give twice."""
        if manifest.name and self._given[manifest.group, manifest.kind, manifest.namespace, manifest.name] > 1:
            yield Problem(f"{manifest} is in the files more than once: the last one wins", Weight.WARNING)
        if manifest.group != ESO or manifest.kind not in ("ExternalSecret", "PushSecret"):
            return
        try:
            yield from self._stores(manifest)
        except NeedsHuman as error:
            yield Problem(error.message)

    def _stores(self, manifest: Manifest) -> Iterator[Problem]:
        body = {**manifest.body, "metadata": {"namespace": manifest.namespace, "name": manifest.name}}
        if manifest.kind == "ExternalSecret":
            summary = external_secret_summary(body)
            stores = summary.stores
            for version, kind, name in summary.generators:
                if version.startswith(GENERATORS):
                    yield from self._like(kind, manifest.namespace, name)
        else:
            stores = push_secret_summary(body).stores
        for each in stores:
            yield from self._like(each.resource.kind, each.namespace, each.name)

    def _like(self, kind: str, namespace: str, name: str) -> Iterator[Problem]:
        known = self._names.get((kind, namespace), set())
        meant = nearest(name, known) if known and name not in known else ""
        if meant:
            yield Problem(f"{kind} {name[:MAX_NAMED]} is not in the files{meant}", Weight.WARNING)
            return
        other = next((each for each in STORES if kind in STORES and each != kind), "")
        if other and name in self._names.get((other, "" if other == STORES[1] else namespace), set()) - known:
            yield Problem(f"{kind} {name[:MAX_NAMED]} is not in the files, but {other} {name[:MAX_NAMED]} is")

"""What of an original's Helm values has no counterpart in Coffer's chart. Pure; names values by their paths only."""

from collections.abc import Iterator, Mapping

from manager.cli.migrate.chart_values.translation import translate
from manager.cli.migrate.hazards import Hazard, Kind
from manager.cli.migrate.originals import ORIGINALS, ReleaseKey
from manager.cli.migrate.releases import Release


def value_hazards(releases: Mapping[ReleaseKey, Release | None], modules: Mapping[ReleaseKey, str]) -> Iterator[Hazard]:
    """Yield the values of the originals' releases that are lost in the move, and what that means.

    Args:
        releases: those of the cluster; None for one whose record cannot be read.
        modules: release -> the module whose original belongs to it.

    """
    for key, module in sorted(modules.items()):
        release, chart = releases.get(key), ORIGINALS[module].chart
        if release is None or (release.chart != chart and chart not in release.values):
            continue
        cure = f"see `coffer migrate values --from {chart} --release {key.name} -n {key.namespace}`"
        for note in translate(chart, release.values).notes:
            if note.matters:
                yield Hazard(Kind.VALUE, module, f"Release {key}", f"{note.key} has no counterpart: {note.why}", cure)

"""What annotations of an ExternalSecret say of its generated values: keep those that exist, keep the last ones. Pure.

Values stand on the target and nowhere else, so a restart changes nothing.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field

from external.api.external_secret import DataFrom, ExternalSecretSpec
from external.errors import FAILED
from external.external_secrets.view import GENERATED, MADE_AT, PREVIOUS, Options, View
from external.generators.states import held_in, held_text, timestamp
from manager.core.clock import parse_rfc3339
from manager.core.errors import NeedsHuman
from manager.core.secret_value import SecretValue
from manager.core.suggestions import nearest

GENERATE = "coffer.dev/generate"
IF_ABSENT = "if-absent"
KEEP_PREVIOUS = "coffer.dev/keep-previous"
OPTIONS = (GENERATE, KEEP_PREVIOUS)
SUFFIX = "_previous"
MAX_REFRESHES = 1_000
OURS = "coffer.dev/"


def options_of(annotations: Mapping[str, str], spec: ExternalSecretSpec) -> Options:
    """Return what annotations ask for. Raises NeedsHuman for what is not possible, and for a name like ours."""
    for name in annotations:
        if name.startswith(OURS) and name not in (*OPTIONS, *GENERATED):
            meant = nearest(name.removeprefix(OURS), [each.removeprefix(OURS) for each in OPTIONS])
            if meant:
                raise _refused(name, f"unknown{meant.replace('mean ', f'mean {OURS}')}")
    asked = [each for each in OPTIONS if each in annotations]
    for each in asked:
        _require_possible(each, spec)
    if annotations.get(GENERATE, IF_ABSENT) != IF_ABSENT:
        raise _refused(GENERATE, f"must be {IF_ABSENT}")
    text = annotations.get(KEEP_PREVIOUS, "0")
    number = int(text) if text.isascii() and text.isdecimal() and len(text) <= 4 else 0
    if KEEP_PREVIOUS in annotations and not 0 < number <= MAX_REFRESHES:
        raise _refused(KEEP_PREVIOUS, f"must be a number of refreshes, from 1 to {MAX_REFRESHES}")
    return Options(GENERATE in annotations, number)


@dataclass(frozen=True)
class Made:
    """The generated values of one pass, by their names on the target."""

    slots: Mapping[str, str] = field(default_factory=dict)
    """The slot that each comes from."""
    states: tuple[tuple[str, str], ...] = ()
    """Slot and name of the GeneratorState of each that has one."""
    refreshes: bool = False
    """Whether a refresh was due; otherwise the target is repaired, and nothing grows older."""
    refresh_by: float | None = None
    """Unix time at which values that end must be replaced; None if there are none."""
    at: float | None = None
    """Unix time at which some of them were made; None if all are those of an earlier pass."""


NOTHING_MADE = Made()


@dataclass(frozen=True, slots=True)
class Needs:
    """What the annotations of a target say of its generated values."""

    refresh_by: float | None = None
    """Unix time at which values that end must be replaced; None if there are none."""
    held: str | None = None
    """The GeneratorStates whose values it holds; None for nothing."""
    previous: str | None = None
    """For how many refreshes the last values stay; None for nothing."""
    made_at: str | None = None
    """For which version of the ExternalSecret they were made, and when; None for nothing."""


NO_NEEDS = Needs()
Data = Mapping[str, SecretValue]
Rename = Callable[[DataFrom, Data], Awaitable[Data]]
"""(entry, its values) -> the same under the names of the target."""


async def existing_values(
    view: View, names: Mapping[tuple[str, str, str], tuple[str, ...]], rename: Rename
) -> dict[str, Data]:
    """Return the values that the target has, of each entry of which it has all: they are kept.

    Args:
        view: the target.
        names: those of the values of each generator whose values do not end.
        rename: applies the rewrites of an entry.

    Raises NeedsHuman if there is nothing that could ever be kept, and what `rename` raises.
    """
    if not names:
        raise _refused(GENERATE, "every value ends, or its name is known only when it is made: nothing can be kept")
    kept: dict[str, Data] = {}
    for at, entry in view.spec.entries:
        if isinstance(entry, DataFrom) and at in view.spec.generators:
            made = {each: SecretValue(b"") for each in names.get(view.spec.generators[at], ())}
            named = await rename(entry, made) if made else {}
            if named and named.keys() <= view.values.keys():
                kept[at] = {each: view.values[each] for each in named}
    return kept


def with_previous(view: View, data: Data, made: Made, *, recorded: bool = False) -> tuple[Data, Needs]:
    """Return the data with the last values beside their successors, and what the target says of generated values.

    Args:
        view: the target.
        data: the data with the new values.
        made: the generated ones among them.
        recorded: whether there are GeneratorStates of this ExternalSecret: then a target that holds none says so, and
            they are ended for that.

    Raises NeedsHuman if another entry gives a value of the name of a last one.
    """
    most = view.options.keep_previous
    before, left, last, rotated = _refreshes_left(view), dict[str, int](), dict[str, SecretValue](), set[str]()
    for name, slot in made.slots.items() if most else ():
        old, place = view.values.get(name), f"{name}{SUFFIX}"
        if made.refreshes and view.intact and old is not None and old != data[name]:
            left[name], last[place] = most, old
            rotated.add(slot)
        elif place in view.values and before.get(name, 0) > made.refreshes:
            left[name], last[place] = before[name] - made.refreshes, view.values[place]
    taken = sorted(last.keys() & data.keys())
    if taken:
        raise _refused(KEEP_PREVIOUS, f"the key {taken[0]} comes from another entry: rename that")
    states = (*made.states, *_previous_states(view, made, rotated, {made.slots[name] for name in left}))
    beside = view.annotations if view.policy in ("Merge", "CreateOrMerge") else {}
    held = held_text(beside, view.key.name, states if states or recorded else None)
    text = ",".join(f"{name}={number}" for name, number in sorted(left.items()))
    return {**data, **last}, Needs(made.refresh_by, held, text or None, _made_at(view, made))


def unreported(view: View) -> float | None:
    """Return the Unix time at which the target got its generated values, if the status does not say so yet.

    A process that ends between the two writes leaves it so: nobody asks for other values then.
    """
    summary = view.external_secret.summary
    made_for, _, text = view.annotations.get(MADE_AT, "").rpartition(" ")
    moment = parse_rfc3339(text)
    if moment is None or made_for != _version(view) or not view.intact:
        return None
    at = moment.timestamp()
    reported = summary.synced == summary.current and summary.refreshed is not None and summary.refreshed >= at
    return None if reported else at


def _made_at(view: View, made: Made) -> str | None:
    if not made.slots:
        return None
    if made.at is None:
        return view.annotations.get(MADE_AT)
    return f"{_version(view)} {timestamp(made.at)}"


def _version(view: View) -> str:
    """Return the version of the ExternalSecret; several may merge into one target."""
    return f"{view.uid} {view.external_secret.summary.current}"


def kept_states(view: View, slots: Iterable[str]) -> tuple[tuple[str, str], ...]:
    """Return the states that the target names as the current ones of these slots."""
    wanted = set(slots)
    return tuple(dict([each for each in reversed(_named(view)) if each[0] in wanted]).items())


def _previous_states(view: View, made: Made, rotated: set[str], kept: set[str]) -> Iterable[tuple[str, str]]:
    """Yield the states of the last values: the target names the current one of a slot first."""
    current = set(made.states)
    for slot in sorted(kept):
        named = [each for each in _named(view) if each[0] == slot and each not in current]
        yield from named[:1] if slot in rotated else named[-1:]


def _named(view: View) -> tuple[tuple[str, str], ...]:
    """Return slot and name of each state that the target names."""
    return held_in(view.annotations, view.key.name) or ()


def _refreshes_left(view: View) -> dict[str, int]:
    found = (each.partition("=") for each in view.annotations.get(PREVIOUS, "").split(",") if each)
    return {name: int(number) for name, _, number in found if number.isascii() and number.isdecimal()}


def _require_possible(name: str, spec: ExternalSecretSpec) -> None:
    template = spec.target.template
    if not spec.generators:
        raise _refused(name, "no entry of dataFrom names a generator")
    if spec.target.manifest is not None:
        raise _refused(name, "spec.target.manifest must not be set: only the values of a Secret can be compared")
    if template is not None and (template.data or template.template_from):
        text = "spec.target.template.data and templateFrom must not be set: what they were made of is not on the target"
        raise _refused(name, text)


def _refused(name: str, text: str) -> NeedsHuman:
    return NeedsHuman(FAILED, f"metadata.annotations[{name}]: {text}")

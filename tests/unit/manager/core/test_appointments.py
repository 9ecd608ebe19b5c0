"""Appointments: one due time for each key, the earlier one counts."""

from hypothesis import given
from hypothesis import strategies as st

from manager.core.appointments import MAX_SUPERSEDED_ENTRIES, Appointments

KEYS = st.sampled_from("abc")
CHANGES = st.lists(st.tuples(KEYS, st.none() | st.integers(0, 50)), max_size=40)


def due_keys(appointments: Appointments[str], now: float) -> list[str]:
    found = []
    while (key := appointments.pop(now)) is not None:
        found.append(key)
    return found


def test_a_key_comes_when_it_is_due() -> None:
    appointments: Appointments[str] = Appointments()
    assert appointments.add("a", 5)
    assert appointments.pop(4.9) is None
    assert appointments.next_due() == 5
    assert due_keys(appointments, 5) == ["a"]
    assert appointments.next_due() is None


def test_an_earlier_time_replaces_a_later_one() -> None:
    appointments: Appointments[str] = Appointments()
    appointments.add("a", 5)
    assert not appointments.add("a", 6)
    assert appointments.add("a", 2)
    assert due_keys(appointments, 2) == ["a"]
    assert due_keys(appointments, 9) == []


def test_a_cancelled_key_does_not_come() -> None:
    appointments: Appointments[str] = Appointments()
    appointments.add("a", 5)
    appointments.cancel("a")
    appointments.cancel("b")
    assert len(appointments) == 0
    assert due_keys(appointments, 9) == []
    assert appointments.next_due() is None


@given(CHANGES)
def test_it_acts_like_a_dict_of_earliest_times(changes: list[tuple[str, int | None]]) -> None:
    appointments: Appointments[str] = Appointments()
    expected: dict[str, int] = {}
    for key, due in changes:
        if due is None:
            appointments.cancel(key)
            expected.pop(key, None)
        else:
            appointments.add(key, due)
            expected[key] = min(due, expected.get(key, due))
    assert len(appointments) == len(expected)
    found = due_keys(appointments, 25)
    assert sorted(found) == sorted(key for key, due in expected.items() if due <= 25)
    assert [expected[key] for key in found] == sorted(expected[key] for key in found)
    assert appointments.next_due() == min((due for due in expected.values() if due > 25), default=None)


def test_superseded_entries_do_not_pile_up() -> None:
    appointments: Appointments[str] = Appointments()
    for due in range(1000, 0, -1):
        appointments.add("a", due)
    assert len(appointments._heap) <= MAX_SUPERSEDED_ENTRIES + 3
    assert due_keys(appointments, 1) == ["a"]

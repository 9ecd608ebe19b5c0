"""Values that are kept by their stamps, up to a size."""

from external.providers.support.call_saving.stamped_values import OVERHEAD_BYTES, StampedValues
from manager.core.secret_value import SecretValue

VALUE, OTHER = SecretValue(b"one"), SecretValue(b"two")


def test_a_value_is_given_back_for_its_own_stamp_only() -> None:
    values = StampedValues()
    values.keep("a", "1", VALUE)

    assert values.unchanged("a", "1") is VALUE
    assert values.unchanged("a", "2") is None
    assert values.unchanged("b", "1") is None
    values.keep("a", "2", OTHER)
    assert (values.unchanged("a", "2"), values.unchanged("a", "1")) == (OTHER, None)
    values.drop("a")
    assert "a" not in values


def test_the_least_used_goes_first() -> None:
    values = StampedValues(3 * (OVERHEAD_BYTES + 10))
    for name in "abc":
        values.keep(name, "1", VALUE)
    values.unchanged("a", "1")
    values.keep("d", "1", VALUE)

    assert [name in values for name in "abcd"] == [True, False, True, True]
    assert len(values) == 3


def test_a_value_that_is_too_large_is_not_kept() -> None:
    values = StampedValues(1000)
    values.keep("a", "1", SecretValue(b"x" * 2000))

    assert len(values) == 0

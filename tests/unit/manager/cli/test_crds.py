"""Which CRDs the arguments of `coffer crds` name."""

import pytest

from manager.cli.crds import chosen
from manager.core.errors import SettingsError


def test_a_crd_is_named_whole_or_by_its_plural() -> None:
    whole, short = chosen(["sealedsecrets.bitnami.com"]), chosen(["sealedsecrets"])

    assert whole == short
    assert [each["metadata"]["name"] for each in whole] == ["sealedsecrets.bitnami.com"]


def test_every_crd_is_chosen_without_a_name_and_no_two_have_one_plural() -> None:
    every = chosen([])

    plurals = {each["spec"]["names"]["plural"] for each in every}
    assert len(plurals) == len(every) > 1
    assert chosen(sorted(plurals)) == sorted(every, key=lambda each: str(each["spec"]["names"]["plural"]))


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("sealedsecret", "sealedsecret: not a CRD of Coffer; did you mean sealedsecrets?"),
        ("xyzzy", "xyzzy: not a CRD of Coffer; `coffer crds diff` without NAMES shows all"),
    ],
)
def test_another_name_is_refused_in_one_line(name: str, says: str) -> None:
    with pytest.raises(SettingsError) as caught:
        chosen([name])

    assert str(caught.value) == says


def test_a_plug_in_that_is_not_installed_is_told() -> None:
    """CRDs without its fields would drop them from every store."""
    with pytest.raises(SettingsError, match="--provider-plugins: gone: no installed package"):
        chosen(["secretstores"], "gone")


def test_without_plug_ins_the_crds_are_the_charts() -> None:
    assert chosen(["secretstores"], "") == chosen(["secretstores"])

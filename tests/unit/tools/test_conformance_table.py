"""The conformance table refuses a subject that lacks what its tests call."""

import pytest

from tests.conformance.providers.scaleway import ScalewaySubject
from tests.conformance.providers.table import require_complete


class Bare(ScalewaySubject):
    """A subject that is spared nothing that it lacks."""

    SPARED = {}  # noqa: RUF012


def test_a_subject_that_lacks_a_method_is_refused() -> None:
    with pytest.raises(TypeError, match=r"Bare has no method trusting, which test_an_unknown_authority"):
        require_complete(Bare)


def test_a_method_may_lack_where_its_test_does_not_apply() -> None:
    assert require_complete(ScalewaySubject) is ScalewaySubject

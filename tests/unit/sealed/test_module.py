"""How many threads RSA gets."""

import os
from pathlib import Path

import pytest

from sealed.module import usable_cores


@pytest.mark.parametrize(
    ("quota", "cores"),
    [
        ("50000 100000", 1),
        ("100000 100000", 1),
        ("250000 100000", 3),
        ("9900000 100000", 8),
        ("max 100000", 8),
        ("", 8),
    ],
)
def test_a_container_uses_no_more_cores_than_its_limit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, quota: str, cores: int
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)))
    file = tmp_path / "cpu.max"
    file.write_text(quota)

    assert usable_cores(file) == cores


def test_without_a_limit_all_cores_count(tmp_path: Path) -> None:
    assert usable_cores(tmp_path / "missing") == len(os.sched_getaffinity(0))

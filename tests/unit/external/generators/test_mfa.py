"""Codes of RFC 6238: the test vectors of its appendix B, and what is wrong with a seed."""

import base64
import time
from typing import Any

import pytest

from external.generators.mfa import MFAS
from external.providers.protocol import ProviderError
from manager.core.errors import NeedsHuman
from tests.builders.generators import Desk, generate, generator_context, texts

REF = {"name": "seed", "key": "k"}
DIGITS = b"1234567890" * 7
SEEDS = {"sha1": DIGITS[:20], "sha256": DIGITS[:32], "sha512": DIGITS[:64]}


async def codes(seed: str, **spec: Any) -> dict[str, str]:
    generated = await generate(MFAS, generator_context(Desk(seed_k=seed)), secret=REF, **spec)
    assert generated.expires_at is None, "a code is not refreshed by its own end"
    return texts(generated)


@pytest.mark.parametrize(
    ("when", "sha1", "sha256", "sha512"),
    [
        ("1970-01-01T00:00:59Z", "94287082", "46119246", "90693936"),
        ("2005-03-18T01:58:29Z", "07081804", "68084774", "25091201"),
        ("2009-02-13T23:31:30Z", "89005924", "91819424", "93441116"),
        ("2033-05-18T03:33:20Z", "69279037", "90698825", "38618901"),
    ],
)
async def test_the_vectors_of_the_standard(when: str, sha1: str, sha256: str, sha512: str) -> None:
    for algorithm, code in {"sha1": sha1, "SHA256": sha256, "sha-512": sha512}.items():
        seed = base64.b32encode(SEEDS[algorithm.lower().replace("-", "")]).decode()
        made = await codes(seed, length=8, algorithm=algorithm, when=when)
        assert made["token"] == code


async def test_the_defaults_are_six_digits_and_thirty_seconds() -> None:
    made = await codes("GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ", when="1970-01-01T00:00:59Z")

    assert made == {"token": "287082", "timeLeft": "1"}
    slow = await codes("GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ", when="1970-01-01T00:00:59Z", timePeriod=60, length=10)
    assert (len(slow["token"]), slow["timeLeft"]) == (10, "1")


async def test_a_seed_may_have_spaces_small_letters_and_padding() -> None:
    when = {"when": "2005-03-18T01:58:29Z"}
    plain = await codes("GEZDGNBVGY3TQOJQGE", **when)

    assert plain == await codes("gezd gnbv gy3t qojq ge======\r\n", **when)


async def test_without_a_time_it_is_the_code_of_now() -> None:
    left = int((await codes("GEZDGNBVGY3TQOJQ", timePeriod=100_000_000))["timeLeft"])

    assert abs(left - (100_000_000 - int(time.time()) % 100_000_000)) < 60


@pytest.mark.parametrize(
    ("seed", "spec", "said"),
    [
        ("hunter2 !", {}, "spec.secret: the seed is no base32 text"),
        ("GEZDGNBV", {"algorithm": "md5"}, "spec.algorithm"),
        ("GEZDGNBV", {"length": 11}, "spec.length"),
        ("GEZDGNBV", {"timePeriod": -1}, "spec.timePeriod"),
        ("GEZDGNBV", {"when": "tomorrow"}, "spec.when"),
    ],
)
async def test_what_is_wrong_is_named_without_the_seed(seed: str, spec: Any, said: str) -> None:
    with pytest.raises(ProviderError, match=said) as raised:
        await codes(seed, **spec)
    assert "hunter2" not in str(raised.value)


async def test_a_seed_that_is_missing_is_named() -> None:
    with pytest.raises(NeedsHuman, match=r"spec\.secret: "):
        await generate(MFAS, secret=REF)

"""MFA: a time-based one-time password (RFC 6238).

A code has no expiry that refreshes it: that would be a write of the target every twenty seconds. The interval decides.
"""

import base64
import hmac
import time
from collections.abc import Mapping
from typing import Annotated

from pydantic import Field

from external.api.fields import Model, SecretKeySelector
from external.generators.protocol import Generated, GeneratorKind, Make, resource
from external.providers.protocol import ConnectContext, ProviderError
from manager.core.clock import parse_rfc3339
from manager.core.secret_value import SecretValue

DEFAULT_DIGITS, MAX_DIGITS = 6, 10  # RFC 4226 takes 31 bits of the hash, which have ten digits
DEFAULT_PERIOD_SECONDS = 30
ALGORITHMS = ("sha1", "sha256", "sha512")


class MFASpec(Model):
    """A time-based one-time password (RFC 6238)."""

    algorithm: str | None = None
    """Hash function: sha1, sha256 or sha512."""
    length: int | None = None
    """Number of digits."""
    secret: SecretKeySelector
    """Key of a Secret that holds the seed."""
    time_period: int | None = None
    """Seconds that a code is valid."""
    when: Annotated[str | None, Field(json_schema_extra={"format": "date-time"})] = None
    """Time for which the code is computed; now by default."""


async def connect(spec: MFASpec, context: ConnectContext, at: str) -> Make:
    """Return what makes `token` and `timeLeft`."""
    seed = await context.lookup.secret(spec.secret, f"{at}.secret")
    return lambda: Generated(_values(spec, seed, at))


def _values(spec: MFASpec, seed: SecretValue, at: str) -> Mapping[str, SecretValue]:
    digits, period = spec.length or DEFAULT_DIGITS, spec.time_period or DEFAULT_PERIOD_SECONDS
    if not 1 <= digits <= MAX_DIGITS:
        raise ProviderError(f"{at}.length: a code has 1 to {MAX_DIGITS} digits")
    if period < 1:
        raise ProviderError(f"{at}.timePeriod: it must be positive")
    algorithm = (spec.algorithm or ALGORITHMS[0]).lower().replace("-", "")
    if algorithm not in ALGORITHMS:
        raise ProviderError(f"{at}.algorithm: it is none of {', '.join(ALGORITHMS)}")
    moment = _moment(spec, at)
    counter = moment // period
    token = _code(_key(seed, at), counter, digits, algorithm)
    left = str(period - moment % period)
    return {"token": SecretValue(token.encode()), "timeLeft": SecretValue(left.encode())}


def _moment(spec: MFASpec, at: str) -> int:
    if not spec.when:
        return int(time.time())
    given = parse_rfc3339(spec.when)
    if given is None or given.timestamp() < 0:
        raise ProviderError(f"{at}.when: it is no time after 1970 as RFC 3339 writes it")
    return int(given.timestamp())


def _key(seed: SecretValue, at: str) -> bytes:
    text = b"".join(seed.reveal().split()).upper().rstrip(b"=")
    try:
        return base64.b32decode(text + b"=" * (-len(text) % 8))
    except ValueError:
        raise ProviderError(f"{at}.secret: the seed is no base32 text") from None


def _code(key: bytes, counter: int, digits: int, algorithm: str) -> str:
    """Return the HOTP value of RFC 4226 for a counter."""
    digest = hmac.digest(key, counter.to_bytes(8, "big"), algorithm)
    start = digest[-1] & 0x0F
    number = int.from_bytes(digest[start : start + 4], "big") & 0x7FFFFFFF
    return str(number % 10**digits).zfill(digits)


MFAS = GeneratorKind(
    resource=resource("mfas", "MFA"),
    spec=MFASpec,
    generate=None,
    connect=connect,
    embedded="mfaSpec",
    about="A time-based one-time password (RFC 6238).",
    weigh=lambda _spec: (2, 64),
)

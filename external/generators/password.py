"""Password: random characters; external-secrets' rules decide how many are letters, digits and symbols."""

import base64
import random
import string
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Annotated, Literal

from pydantic import Field

from external.api.fields import Model, RequiredWithDefault
from external.generators.protocol import GeneratorKind, resource
from external.providers.protocol import ProviderError
from manager.core.secret_value import SecretValue

SYMBOLS = '~!@#$%^&*()_+`-={}|[]\\:"<>?,./'
DEFAULT_CHARACTERS, DEFAULT_SHARE = 24, 4  # one in four is a digit, and one in four a symbol
MAX_CHARACTERS = 65_536  # of all passwords of one refresh: more would take CPU from other tenants
MAX_ENCODED_BYTES = 8  # of one character: four in UTF-8, and two hex digits for each
dice = random.SystemRandom()


class PasswordSpec(Model):
    """Length, characters and keys of the passwords."""

    length: Annotated[int, RequiredWithDefault] = DEFAULT_CHARACTERS
    """Number of characters; 24 by default."""
    digits: int | None = None
    """Number of digits; a quarter by default."""
    symbols: int | None = None
    """Number of symbols; a quarter by default."""
    symbol_characters: str | None = None
    """Symbols to choose from."""
    no_upper: Annotated[bool, RequiredWithDefault] = False
    """Whether passwords have no upper case letters."""
    allow_repeat: Annotated[bool, RequiredWithDefault] = False
    """Whether a character may appear twice."""
    secret_keys: Annotated[list[str], Field(min_length=1)] | None = None
    """Keys of the passwords; password by default."""
    encoding: Literal["base64", "base64url", "base32", "hex", "raw"] = "raw"
    """How the password is encoded."""


ENCODERS: Mapping[str, Callable[[bytes], bytes]] = MappingProxyType(
    {
        "base64": base64.b64encode,
        "base64url": base64.urlsafe_b64encode,
        "base32": base64.b32encode,
        "hex": lambda value: value.hex().encode(),
        "raw": lambda value: value,
    }
)


def generate(spec: PasswordSpec) -> Mapping[str, SecretValue]:
    """Return a password for each of `secretKeys`."""
    keys = spec.secret_keys or ["password"]
    if "" in keys or len(set(keys)) < len(keys):
        raise ProviderError("spec.secretKeys: each must have a name of its own")
    length = spec.length if spec.length > 0 else DEFAULT_CHARACTERS
    if length * len(keys) > MAX_CHARACTERS:
        raise ProviderError(f"spec.length: {MAX_CHARACTERS} characters at most, for all secretKeys together")
    return {key: SecretValue(ENCODERS[spec.encoding](_password(spec, length).encode())) for key in keys}


def weigh(spec: PasswordSpec) -> tuple[int, int]:
    """Return the number of passwords and their bytes in the longest encoding."""
    keys = spec.secret_keys or ["password"]
    return len(keys), len(keys) * max(spec.length, DEFAULT_CHARACTERS) * MAX_ENCODED_BYTES + sum(map(len, keys))


def _password(spec: PasswordSpec, length: int) -> str:
    digits = length // DEFAULT_SHARE if spec.digits is None else spec.digits
    symbols = length // DEFAULT_SHARE if spec.symbols is None else spec.symbols
    if min(digits, symbols) < 0:
        raise ProviderError("spec.digits and spec.symbols must not be negative")
    if digits + symbols > length:
        raise ProviderError("spec.digits and spec.symbols must not be more than spec.length together")
    letters = string.ascii_lowercase + ("" if spec.no_upper else string.ascii_uppercase)
    wanted = (
        ("letters", letters, length - digits - symbols),
        ("digits", string.digits, digits),
        ("symbols", spec.symbol_characters or SYMBOLS, symbols),
    )
    drawn: list[str] = []
    for what, characters, number in wanted:
        drawn += _some(what, characters, number, None if spec.allow_repeat else drawn)
    dice.shuffle(drawn)
    return "".join(drawn)


def _some(what: str, characters: str, number: int, taken: list[str] | None) -> list[str]:
    """Draw characters; if `taken` is given each at most once, and none of these."""
    if taken is None:
        return dice.choices(characters, k=number)
    free = sorted(set(characters) - set(taken))
    if number > len(free):
        text = f"{number} {what} are wanted and there are {len(free)}: ask for fewer, or set spec.allowRepeat"
        raise ProviderError(f"spec: {text}")
    return dice.sample(free, number)


PASSWORDS = GeneratorKind(
    resource=resource("passwords", "Password"),
    spec=PasswordSpec,
    generate=generate,
    embedded="passwordSpec",
    about="Random characters.",
    weigh=weigh,
    names=lambda spec: tuple(spec.secret_keys or ("password",)),
)

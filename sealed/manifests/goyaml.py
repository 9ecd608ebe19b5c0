"""Decide which texts need no quotes, and the order of keys, as the original's YAML writer does."""

import re
from functools import cmp_to_key

WORDS = frozenset(
    {"", "~", *(
        form
        for word in ("y", "yes", "true", "on", "n", "no", "false", "off", "null")
        for form in (word, word.capitalize(), word.upper())
    ), *(f"{sign}{word}" for word in (".inf", ".Inf", ".INF") for sign in ("", "+", "-")), ".nan", ".NaN", ".NAN"}
)  # fmt: skip
"""Words that YAML reads as booleans, null or numbers."""
INTEGER = re.compile(r"[-+]?(0[xX][0-9a-fA-F]+|0[bB][01]+|0[oO]?[0-7]+|[1-9][0-9]*|0)")
FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
BASE_60 = re.compile(r"[-+]?[0-9][0-9_]*(:[0-5]?[0-9])+(\.[0-9_]*)?")
TIMESTAMP = re.compile(
    r"[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}"
    r"([Tt][0-9]{1,2}:[0-9]{1,2}:[0-9]{1,2}(\.[0-9]+)?(Z|[-+][0-9]{2}:[0-9]{2})"
    r"| +[0-9]{1,2}:[0-9]{1,2}:[0-9]{1,2}(\.[0-9]+)?)?"
)


def is_text(text: str) -> bool:
    """Return True if a reader takes a text without quotes for a text."""
    if text in WORDS:
        return False
    if text[0] not in "+-.0123456789":
        return True
    digits = text.replace("_", "")
    if text[0] == ".":
        return not (FLOAT.fullmatch(text) and _finite(text))
    if TIMESTAMP.fullmatch(text) or BASE_60.fullmatch(text):
        return False
    if INTEGER.fullmatch(digits) and _in_64_bits(digits):
        return False
    return not (FLOAT.fullmatch(digits) and _finite(digits))


def _finite(text: str) -> bool:
    return abs(float(text)) != float("inf")


def _in_64_bits(text: str) -> bool:
    plain = text.lstrip("+-")
    octal = len(plain) > 1 and plain[0] == "0" and plain.isdecimal()
    value = int(plain, 8) if octal else int(plain, 0)
    return value <= (1 << 63 if text[0] == "-" else (1 << 64) - 1)


def _compared(left: str, right: str) -> int:
    """Compare two keys: letters come last, and digits compare as numbers."""
    for at, (a, b) in enumerate(zip(left, right, strict=False)):
        if a == b:
            continue
        if a.isalpha() and b.isalpha():
            return -1 if a < b else 1
        if a.isalpha() or b.isalpha():
            return -1 if b.isalpha() else 1
        return _numbers(left, right, at)
    return len(left) - len(right)


def _numbers(left: str, right: str, at: int) -> int:
    before = ""
    if "0" in (left[at], right[at]):
        run = re.search("[0-9]*$", left[:at])
        before = "1" if run and run.group().strip("0") else ""
    a, b = (_leading(text[at:]) for text in (left, right))
    first, second = int(before + a or "0"), int(before + b or "0")
    if first != second:
        return -1 if first < second else 1
    if len(a) != len(b):
        return len(a) - len(b)
    return -1 if left[at] < right[at] else 1


def _leading(text: str) -> str:
    found = re.match("[0-9]*", text)
    return found.group() if found else ""


in_order = cmp_to_key(_compared)
"""Sorts keys as the original writes them."""

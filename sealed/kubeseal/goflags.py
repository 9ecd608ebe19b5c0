"""Parse values of flags as Go's flag packages and klog do, and refuse what they refuse."""

import re
from collections.abc import Callable

import click

TRUE, FALSE = ("1", "t", "T", "true", "TRUE", "True"), ("0", "f", "F", "false", "FALSE", "False")
BOOLEANS = dict.fromkeys(TRUE, True) | dict.fromkeys(FALSE, False)
"""As strconv.ParseBool."""
SEVERITIES = frozenset({"INFO", "WARNING", "ERROR", "FATAL"})
INT32 = range(-(2**31), 2**31)
DECIMAL = re.compile(r"[+-]?[0-9]+", re.ASCII)
GROUPED = re.compile(r"0[xXbBoO]_?[0-9a-fA-F]+(_[0-9a-fA-F]+)*|[0-9]+(_[0-9]+)*", re.ASCII)


class GoValue(click.ParamType[object]):
    """A flag's value, parsed by one of the functions below."""

    def __init__(self, name: str, read: Callable[[str], object]) -> None:
        self.name = name
        self._read = read

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> object:
        """Return the value as Go parses it; otherwise raise a usage error."""
        if not isinstance(value, str):
            return value
        try:
            return self._read(value)
        except (ValueError, KeyError):
            self.fail(f"{value!r} is not a valid {self.name}", param, ctx)


def decimal(text: str) -> int:
    """Return a number as ParseInt(text, 10, 32). Raises ValueError."""
    if not DECIMAL.fullmatch(text) or int(text) not in INT32:
        raise ValueError
    return int(text)


def unsigned(text: str) -> int:
    """Return a number as ParseUint(text, 0, 64): the prefix gives the base. Raises ValueError."""
    if not GROUPED.fullmatch(text):
        raise ValueError
    digits = text.replace("_", "")
    octal = len(digits) > 1 and digits[0] == "0" and digits[1].isdecimal()
    number = int(digits, 8) if octal else int(digits, 0)
    if number >= 2**64:
        raise ValueError
    return number


def severity(text: str) -> str:
    """Check one of klog's severities, a name or a number. Raises ValueError."""
    if text.upper() not in SEVERITIES:
        decimal(text)
    return text


def trace_location(text: str) -> str:
    """Check `file.go:12`. Raises ValueError."""
    if text:
        file, line = text.split(":")
        if "." not in file or not DECIMAL.fullmatch(line) or int(line) <= 0:
            raise ValueError
    return text


def module_spec(text: str) -> str:
    """Check `pattern=2,other=3`. Raises ValueError."""
    for each in filter(None, text.split(",")):
        pattern, level = each.split("=")
        if not pattern or decimal(level) < 0:
            raise ValueError
    return text


BOOL = GoValue("boolean", BOOLEANS.__getitem__)
LEVEL = GoValue("level", decimal)
UNSIGNED = GoValue("number", unsigned)
SEVERITY = GoValue("severity", severity)
TRACE_LOCATION = GoValue("trace location", trace_location)
MODULE_SPEC = GoValue("module spec", module_spec)

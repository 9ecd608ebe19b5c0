"""Texts by which a tenant may try to control a terminal, or to inject markup, and what must never be printed."""

HOSTILE = (
    "\x1b[31mred\x1b[0m",
    "\x1b]0;title\x07",
    "\x1b]8;;https://evil.example\x07click\x1b]8;;\x07",
    "\x9b31m",
    "a\rb",
    "a\nb",
    "a\tb\x0b\x0c",
    "\x00\x08\x7f",
    "\u202eabc\u2066",
    "\u200b\ufeff\u00ad",
    "[bold red]x[/] [link=https://evil.example]y[/link]",
    ":skull: [/] [[x]]",
    "\u2028\u2029",
)
HARMFUL = frozenset("\x1b\x9b\x07\r\n\t\x00\x08\x7f\u202e\u2066\u200b\ufeff\u2028\u2029")
"""Characters that no output has, but for line breaks of its own."""

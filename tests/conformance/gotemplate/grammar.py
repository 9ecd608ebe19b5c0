"""Random templates: mostly of the right types, sometimes not, now and then not even well-formed."""

import json
import re
from collections import defaultdict
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Final, TypeVar

from hypothesis import strategies as st

from tests.conformance.gotemplate import atoms
from tests.conformance.gotemplate.rows import FOLDER, PROFILES, Row, fixture

if TYPE_CHECKING:
    from collections.abc import Callable

DATA: Final = {
    "user": b"alice",
    "pw": b"p@ss w/d+",
    "empty": b"",
    "n": b"1.9",
    "bytes": b"a\xff\x00\xc3\xa9",
    "a-b": b"dash",
    "json": atoms.DOCUMENTS[0].encode(),
    "yaml": b"a: 1\nb: [x, y]\n",
    "chain": fixture("chain(leaf,int,root)"),
    "pfx": fixture("pfx-pass-1234"),
}

# Different at each call, or slow, or without a public implementation, or of a map's order.
LEFT_OUT: Final = re.compile(
    r"now|ago|rand\w+|shuffle|uuidv4|bcrypt|htpasswd|gen\w+|encryptAES|derivePassword|keys|values|buildCustomCert|"
    r"\w*emTo\w+|\w+ToPKCS12\w*|rsaDecrypt|certSANs|hexdec|hello|env|expandenv|getHostByName"
)
# These make as much as they are told to: only small numbers.
GREEDY: Final = {"repeat", "until", "untilStep", "seq", "indent", "nindent", "wrap", "wrapWith", "chunk", "mustChunk"}
# Anything but a time or a number is the present to these.
DATED: Final = {"date", "dateInZone", "date_in_zone", "htmlDate", "htmlDateInZone", "durationRound"}
BUILTINS: Final = {
    "bool": [
        "not any",
        "eq any any",
        "ne any any",
        "lt any any",
        "le any any",
        "gt any any",
        "ge any any",
        "eq any any any",
    ],
    "string": ["print any any", "println any", "html any", "js any", "urlquery any", "printf format any"],
    "int": ["len any"],
    "any": ["and any any", "or any any", "index M string", "index list int", "slice list int int", "index any any"],
}
SIMPLE: Final = [".user", ".user", ".nope", ".user.x", "$.pw", "$.pw", "(dict).x", ".json | fromJson", "break"]
Item = TypeVar("Item")


@cache
def functions() -> dict[str, list[tuple[str, list[str]]]]:
    """Return names and parameter types of the functions by the type of their result."""
    found: dict[str, list[tuple[str, list[str]]]] = defaultdict(list)
    for line in (FOLDER / "signatures.txt").read_text().splitlines():
        match = re.fullmatch(r"\((.*?)\) (.+?) : (.+)", line)
        assert match, line
        parameters = match[1].split(", ") if match[1] else []
        for name in match[3].split(", "):
            if not LEFT_OUT.fullmatch(name):
                found[_general(match[2])].append((name, parameters))
    for result, calls in BUILTINS.items():
        found[result] += [(call.split()[0], call.split()[1:]) for call in calls]
    return found


def _general(result: str) -> str:
    """Return the type of a result without its error, lists of all kinds being one."""
    result = result.removeprefix("(").removesuffix(")").removesuffix(", error")
    if result.startswith("[]"):
        return "list"
    return {"int64": "int", "map[string]string": "any", "*semver.Version": "version"}.get(result, result)


@dataclass
class Writer:
    """Writes one template. `draw` makes every choice, so that hypothesis can shrink what it finds."""

    draw: st.DrawFn
    variables: list[str] = field(default_factory=list)

    def one(self, items: list[Item]) -> Item:
        """Choose."""
        return self.draw(st.sampled_from(items))

    def chance(self, of: int) -> bool:
        """Answer yes once in so many times."""
        return self.draw(st.integers(1, of)) == of

    def value(self, kind: str, depth: int) -> str:
        """Write an operand of a type; calls are in parentheses."""
        if self.chance(50):
            kind = self.one(["string", "int", "bool", "list", "M", "any", "nil", "float64"])
        if self.variables and self.chance(8):
            return self.one(self.variables)
        if depth > 0 and self.chance(2) and (choices := functions().get(kind)):
            return f"({self.call(self.one(choices), depth - 1)})"
        return self.atom(kind, depth)

    def call(self, function: tuple[str, list[str]], depth: int) -> str:
        """Write a function and its arguments."""
        name, kinds = function
        words = [name]
        for position, kind in enumerate(kinds):
            times = self.draw(st.integers(0, 3)) if kind.startswith("...") else 1
            words += [self.argument(name, position, kind.removeprefix("..."), depth) for _ in range(times)]
        if self.chance(150):
            words = words[:-1] if self.chance(2) else [*words, self.value("any", 0)]
        return " ".join(words)

    def argument(self, name: str, position: int, kind: str, depth: int) -> str:
        """Write an argument that suits the function, for some functions not just the type."""
        if name in GREEDY and kind == "int":
            return self.one(["0", "1", "2", "5", "-1", "12"])
        if name in DATED and kind == "any":
            return self.one([self.atom("Time", 0), "0", "1700000000"]) if name != "durationRound" else '"2h10m5s"'
        about = atoms.ABOUT.get(name, [])
        if position < len(about) and about[position] and not self.chance(5):
            return quoted(self.one(about[position]))
        return self.value("list" if kind == "[]any" else kind, depth)

    def atom(self, kind: str, depth: int) -> str:
        """Write a value without a call of a function that is under test."""
        if kind == "any":
            kind = self.one(
                ["string", "int", "bool", "list", "M", "float64", "Time", "number", "nil", "version", "dot"]
            )
        literals: dict[str, Callable[[], str]] = {
            "string": lambda: self.one(
                [quoted(self.one(atoms.STRINGS)), f".{self.one(['user', 'pw', 'bytes', 'n', 'json'])}"]
            ),
            "number": lambda: quoted(self.one(atoms.NUMBERS)),
            "int": lambda: self.one(atoms.LARGE if self.chance(12) else atoms.INTEGERS),
            "uint32": lambda: self.one(atoms.INTEGERS),
            "float64": lambda: self.one(atoms.FLOATS),
            "bool": lambda: self.one(["true", "false"]),
            "nil": lambda: "nil",
            "dot": lambda: self.one([".", "$", ".empty", '(index . "a-b")', "$.yaml", ".chain", ".pfx"]),
            "format": lambda: quoted(self.one(atoms.FORMATS)),
            "version": lambda: f"(semver {quoted(self.one(atoms.VERSIONS))})",
            "Time": lambda: f'(toDate "2006-01-02T15:04:05Z07:00" {quoted(self.one(atoms.DATES))})',
        }
        if kind in literals:
            return literals[kind]()
        items = [self.value("any", min(depth, 1) - 1) for _ in range(self.draw(st.integers(0, 3)))]
        if kind == "M":
            return f"(dict {' '.join(f'{quoted(key)} {item}' for key, item in zip(atoms.KEYS, items, strict=False))})"
        return f"(list {' '.join(items)})"

    def pipeline(self) -> str:
        """Write what stands in an action: a call, some of them piped into others."""
        kind = self.one(["string", "any", "list", "bool", "int", "float64", "M"])
        words = self.value(kind, 2)
        if words.startswith("(") and self.chance(2):
            words = words[1:-1]
        while self.chance(3):
            name, kinds = self.one(functions()[self.one(["string", "string", "any", "list", "bool"])])
            if kinds and name not in DATED | GREEDY:
                words += " | " + self.call((name, kinds[:-1]), 0)
        return words

    def nodes(self, depth: int) -> str:
        """Write a part of a template."""
        return "".join(self.node(depth) for _ in range(self.draw(st.integers(1, 3))))

    def node(self, depth: int) -> str:
        """Write one node."""
        shape = self.draw(st.integers(0, 15 if depth > 0 else 8))
        left, right = self.one(["{{", "{{ ", "{{- "]), self.one(["}}", " }}", " -}}"])
        if shape == 0:
            return self.one(["text", " \n ", "{", "}}", "é", "{{/* c */}}", "{{- /* c */ -}}"])
        if shape == 1:
            return f"{left}{self.one(SIMPLE)}{right}"
        if shape <= 8:
            return f"{left}{self.pipeline()}{right}"
        return self.block(shape, depth - 1)

    def block(self, shape: int, depth: int) -> str:
        """Write what ends with `end`, or declares a variable."""
        if shape <= 10:
            name = f"$v{len(self.variables)}"
            text = f"{{{{ {name} := {self.pipeline()} }}}}"
            self.variables.append(name)
            return text
        if shape == 11 and self.variables:
            return f"{{{{ {self.one(self.variables)} = {self.pipeline()} }}}}"
        if shape == 12:
            return f'{{{{ define "t" }}}}{self.closed(depth)}{{{{ end }}}}{{{{ template "t" {self.value("any", 1)} }}}}'
        word = self.one(["if", "if", "with", "range", "range"])
        head = self.pipeline() if word != "range" else self.value(self.one(["list", "M", "any"]), 1)
        if word == "range" and self.chance(2):
            head = f"$i, $e := {head}"
        middle = f"{{{{ else }}}}{self.closed(depth)}" if self.chance(3) else ""
        return f"{{{{ {word} {head} }}}}{self.closed(depth)}{middle}{{{{ end }}}}"

    def closed(self, depth: int) -> str:
        """Write a body; variables declared in it end with it."""
        before = len(self.variables)
        text = self.nodes(depth)
        del self.variables[before:]
        return text


def quoted(text: str) -> str:
    """Write a Go string literal."""
    return json.dumps(text, ensure_ascii=False)


@st.composite
def templates(draw: st.DrawFn, profiles: tuple[str, ...] = PROFILES) -> Row:
    """One template for one profile, with the same data each time."""
    writer = Writer(draw)
    source = writer.nodes(2)
    if writer.chance(30):
        place = draw(st.integers(0, len(source)))
        source = (
            source[:place] + writer.one(["", "{{", "}}", "(", ")", '"', "|", ".", "$", "end"]) + source[place + 1 :]
        )
    profile = writer.one(list(profiles))
    return Row("fuzz", profile, source, "k", DATA, ("{{", "}}"), "error" if profile == "eso" else "", "UTC")

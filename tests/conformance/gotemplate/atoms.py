"""The words of random templates: values where functions change their mind."""

from typing import Final

STRINGS: Final = [
    "",
    "a",
    "abc",
    "Hello World",
    "  x\t\n",
    "é漢字",
    "FirstName HTTPServer",
    "a-b_c.d",
    "a,b,c",
    "a$b$c",
    'it\'s "q"',
    "<a href='x'>&amp;",
    "50%",
    "%d%s%v",
    "\u2028\u0000\u001b",
    "x" * 30,
    "line1\nline2\n",
    "true",
    "null",
    "-",
    "YWJj",
    "YWJj=",
    "!!!",
    "MFRGG===",
    "616263",
    "zz",
]
NUMBERS: Final = [
    "0",
    "1",
    "-1",
    "42",
    "1.9",
    "-0.5",
    "1e3",
    "0x10",
    "010",
    "0b11",
    "0o17",
    "1_000",
    " 5",
    "+5",
    "007.0",
    "1.0",
    ".5",
    "9223372036854775807",
    "9223372036854775808",
    "-9223372036854775808",
    "1e400",
    "NaN",
    "inf",
    "1.",
    "5x",
    "0.1",
]
PATTERNS: Final = [
    "a",
    "[a-z]+",
    "(a|b)*",
    "^$",
    "",
    ".",
    r"\w+",
    r"(\w)(\w)",
    "(?P<n>a)(b)?",
    "(?i)A",
    "(",
    "a{1001}",
    r"(?=a)",
    r"\d{2,}",
    r"\pL+",
    "[",
    "a**",
    r"\bH",
    "(?s).+",
    "x*",
]
REPLACEMENTS: Final = ["", "-", "$1", "${1}x", "$1x", "$0$0", "$n", "${n}", "$$", "\\1"]
DOCUMENTS: Final = [
    '{"a":1,"b":[1,2.5,"s",null,true],"c":{"d":"e"}}',
    "[1,2,3]",
    '"text"',
    "1e21",
    "{",
    "null",
    '{"a":9007199254740993}',
    "a: 1\nb: [x, y]\nc:\n  d: e\n",
    "- 1\n- 2\n",
    "y: no\n1: on\n",
    "a: &x {b: 1}\nc: *x\n",
    "a: !!binary YQ==\n",
    "a: b: c",
    "x: |\n  two\n  lines\nz: 010\n",
    "? [a]\n: b\n",
    "a: 1\na: 2\n",
    "",
    "\t",
    "date: 2020-01-01\nf: 1_000\n",
]
VERSIONS: Final = ["1.2.3", "v1.2", "1", "1.2.3-beta.1+m", "01.2.3", "x", "", "0.0.1", "2.0.0-rc.1"]
CONSTRAINTS: Final = ["^1.2", "~1.2.3", ">=1.0 <2", "*", "1.x || 2.x", "!=1.0", "1.2 - 1.4", "bad", "", ">1.0-0"]
URLS: Final = [
    "https://u:p%40s@host:8080/a%20b/c?q=1&r=a+b#f",
    "mailto:a@b.c",
    "//h/p",
    ":bad",
    "http://[::1",
    "a/b",
    "/a/../b//",
    "",
]
LAYOUTS: Final = [
    "2006-01-02",
    "2006-01-02T15:04:05Z07:00",
    "Mon Jan _2 15:04:05 2006",
    "02/01/06 03:04PM -0700",
    "x",
    "",
    "Jan 2 MST",
]
DATES: Final = ["2024-02-29", "2024-02-30", "2024-02-29T13:04:05Z", "1999-12-31T23:59:59+05:30", "nope", ""]
DURATIONS: Final = ["1h", "-1.5h", "90s", "2400h10m5s", "bad", "", "1ns", "9000h"]
ZONES: Final = ["UTC", "America/New_York", "Asia/Seoul", "Nowhere/Bad", "Local", ""]
FORMATS: Final = [
    "%d",
    "%s",
    "%v",
    "%q",
    "%x",
    "%5.2f",
    "%T",
    "%+v",
    "%#v",
    "%t",
    "%c",
    "%08d",
    "%-6s|",
    "%%",
    "%!",
    "%s%s",
    "%U",
    "%e",
]
KINDS: Final = [
    "string",
    "int",
    "int64",
    "map",
    "slice",
    "float64",
    "bool",
    "ptr",
    "struct",
    "invalid",
    "*semver.Version",
]
KEYS: Final = ["a", "b", "c", "d", "user", "nope", "0"]
CHAINS: Final = ["leaf", "intermediate", "root", "bogus", "CERTIFICATE", "private key"]
INTEGERS: Final = ["0", "1", "2", "3", "5", "7", "-1", "-2", "10", "64", "'a'", "0x1F", "1_0", "0b1"]
LARGE: Final = ["9223372036854775807", "-9223372036854775808", "4294967296", "1000000000000", "18446744073709551615"]
FLOATS: Final = ["0.0", "1.5", "-2.5", "1e3", "1e21", "1e-7", "0.1", "2.675", "1e308", "-0.0", "123456789.123"]

# By function and position: what it is about, where the type alone says too little.
ABOUT: Final[dict[str, list[list[str]]]] = (
    {name: [PATTERNS, STRINGS] for name in ("regexMatch", "mustRegexMatch", "regexFind", "mustRegexFind")}
    | {name: [PATTERNS, STRINGS] for name in ("regexFindAll", "mustRegexFindAll", "regexSplit", "mustRegexSplit")}
    | {name: [PATTERNS, STRINGS, REPLACEMENTS] for name in ("regexReplaceAll", "mustRegexReplaceAll")}
    | {name: [PATTERNS, STRINGS, REPLACEMENTS] for name in ("regexReplaceAllLiteral", "mustRegexReplaceAllLiteral")}
    | {name: [DOCUMENTS] for name in ("fromJson", "mustFromJson", "fromYaml")}
    | {name: [LAYOUTS, DATES] for name in ("toDate", "mustToDate")}
    | {
        name: [DURATIONS]
        for name in ("dateModify", "date_modify", "mustDateModify", "must_date_modify", "durationRound")
    }
    | {name: [KINDS] for name in ("typeIs", "typeIsLike", "kindIs")}
    | {name: [CHAINS] for name in ("filterPEM", "filterCertChain")}
    | {
        "semver": [VERSIONS],
        "semverCompare": [CONSTRAINTS, VERSIONS],
        "urlParse": [URLS],
        "atoi": [NUMBERS],
        "get": [[], KEYS],
        "hasKey": [[], KEYS],
        "pluck": [KEYS],
        "duration": [NUMBERS],
        "toDecimal": [NUMBERS],
    }
)

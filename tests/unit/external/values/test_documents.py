"""Properties as gjson reads them: Python only answers where gjson gives the same answer."""

import json
import random
import threading
from collections.abc import AsyncIterator
from typing import Any

import pytest

from external.values import json_document
from external.values.documents import MAX_REMEMBERED_BYTES, MAX_REMEMBERED_PATHS, Documents
from external.values.json_document import Beyond, take
from external.values.namespace_lock import NamespaceLock
from manager.core.errors import TemplateLimit
from manager.core.secret_value import SecretValue
from manager.gotemplate.model import Limits
from manager.gotemplate.sandbox import JsonValue, Sandbox

NAMES = ("a", "b", "a.b", "0", "1", "-1", "_x", "db_url", "A", "", "é", 'q"', "\\", "a b", "name-1", "*", "#", "k*")
STEPS = ("a", "b", "0", "1", "2", "-1", "_x", "db_url", "A", "00", "01", "name-1", "4294967296", "99999999999999999999")
SIGNS = ("#", "*", "a*", "?", "@this", "@keys", "#.a", "[a,b]", "{a,b}", r"a\.b", "a|b", "!1", "..0", "#(a==1)#")
NUMBERS = ("0", "-0", "1", "1.0", "1.50", "-1.5e-7", "1e3", "1E+400", "12345678901234567890", "0.1e-400", "100000e22")
TEXTS = (
    '"plain"',
    '""',
    '"\\u00e4\\n\\"\\\\\\/"',
    '"\\ud83d"',
    '"\\ud83d\\ude00"',
    '"é"',
    '"a\\u0000b"',
    '"{\\"a\\":1}"',
)
SPACES = ("", "", " ", "\n", "\t ", "\r\n")


class Dice:
    """Draws documents and paths, the same ones for the same seed."""

    def __init__(self, seed: int) -> None:
        self._dice = random.Random(seed)

    def space(self) -> str:
        return self._dice.choice(SPACES)

    def value(self, depth: int = 0) -> str:
        kinds = ["number", "text", "word"] + (["object", "object", "array"] if depth < 4 else [])
        kind = "object" if depth == 0 and self._dice.random() < 0.8 else self._dice.choice(kinds)
        if kind == "number":
            return self._dice.choice(NUMBERS)
        if kind == "text":
            return self._dice.choice(TEXTS)
        if kind == "word":
            return self._dice.choice(("true", "false", "null"))
        items = [self.item(depth, named=kind == "object") for _ in range(self._dice.randrange(5))]
        inner = f"{self.space()},{self.space()}".join(items)
        left, right = "{}" if kind == "object" else "[]"
        return f"{left}{self.space()}{inner}{self.space()}{right}"

    def item(self, depth: int, *, named: bool) -> str:
        value = self.value(depth + 1)
        if not named:
            return value
        name = json.dumps(self._dice.choice(NAMES), ensure_ascii=self._dice.random() < 0.5)
        return f"{name}{self.space()}:{self.space()}{value}"

    def document(self) -> bytes:
        text = self.space() + self.value() + self.space()
        if self._dice.random() < 0.1:  # broken somewhere
            at = self._dice.randrange(len(text) + 1)
            text = text[:at] + self._dice.choice(("", "}", '"', ",", "NaN", "x")) + text[at + 1 :]
        return text.encode()

    def path(self) -> str:
        signs = SIGNS if self._dice.random() < 0.1 else ()
        return ".".join(self._dice.choice(STEPS + signs) for _ in range(self._dice.choice((1, 1, 2, 3))))


async def gjson(sandbox: Sandbox, document: bytes, path: str) -> bytes | None:
    """Ask as external-secrets does: with every dot escaped first."""
    for each in dict.fromkeys((path.replace(".", r"\."), path)):
        found = await sandbox.json_get("fuzz", SecretValue(document), each)
        if found is not None:
            return found.text.reveal()
    return None


async def compare(sandbox: Sandbox, seed: int, rounds: int) -> int:
    """Compare what Python answers with gjson; return how often it did."""
    dice, answered = Dice(seed), 0
    for _ in range(rounds):
        document, path = dice.document(), dice.path()
        try:
            mine = take(document, path)
        except Beyond:
            continue
        answered += 1
        assert (None if mine is None else mine.reveal()) == await gjson(sandbox, document, path), (document, path)
    return answered


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    made = Sandbox()
    yield made
    await made.close()


async def test_what_python_answers_is_what_gjson_answers(sandbox: Sandbox) -> None:
    assert await compare(sandbox, seed=20261, rounds=600) > 150, "too few of the cases are plain"


@pytest.mark.soak
async def test_what_python_answers_is_what_gjson_answers_for_long(sandbox: Sandbox) -> None:
    assert await compare(sandbox, seed=random.randrange(1 << 30), rounds=200_000) > 50_000


class NoSandbox:
    """Stands in for a sandbox that must not be loaded."""

    def __getattr__(self, name: str) -> Any:
        raise AssertionError(f"{name}: the sandbox is loaded")


async def test_a_plain_name_needs_no_sandbox() -> None:
    none: Any = NoSandbox()
    documents = Documents(none, NamespaceLock(), "ns")
    whole = SecretValue(b'{"user": "u", "db": {"port": 5432}, "a.b": "flat"}')

    found = [await documents.find(whole, path, natural=False) for path in ("user", "db.port", "a.b", "absent")]

    assert [each and each.reveal() for each in found] == [b"u", b"5432", b"flat", None]


async def test_a_document_is_parsed_once_a_large_one_in_a_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    parsed: list[int] = []
    real = json_document.Document.__init__

    def counted(document: json_document.Document, text: bytes) -> None:
        parsed.append(threading.get_ident())
        real(document, text)

    monkeypatch.setattr(json_document.Document, "__init__", counted)
    none: Any = NoSandbox()
    documents = Documents(none, NamespaceLock(), "ns")
    large = SecretValue(json.dumps({f"k{at}": "x" * 100 for at in range(2_000)}).encode())
    for document in (SecretValue(b'{"k1": "x"}'), large):
        for at in range(20):
            await documents.find(document, f"k{at % 2}", natural=False)
        assert await documents.members(document, natural=False)

    assert len(parsed) == 2
    assert parsed[0] == threading.get_ident() != parsed[1]


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("friends.1.first", b"Roger"),
        ("friends.#", b"3"),
        ("friends.#.first", b'["Dale","Roger","Jane"]'),
        ('friends.#(last=="Murphy").first', b"Dale"),
        ("friends.#(age>45)#.first", b'["Roger","Jane"]'),
        ("fav\\.movie", b"Deer Hunter"),
        ("fav.movie", b"Deer Hunter"),
        ("child*.2", b"Jack"),
        ("children|@reverse|0", b"Jack"),
        ("{n:name}", b'{"n":{"first":"Tom","last":"Anderson"}}'),
        ("{n:name.first}", b"{}"),  # the dot is escaped first, as external-secrets does
        ("absent.#", None),
    ],
)
async def test_query_syntax_is_gjsons(sandbox: Sandbox, path: str, value: bytes | None) -> None:
    document = {
        "name": {"first": "Tom", "last": "Anderson"},
        "children": ["Sara", "Alex", "Jack"],
        "fav.movie": "Deer Hunter",
        "friends": [
            {"first": "Dale", "last": "Murphy", "age": 44},
            {"first": "Roger", "last": "Craig", "age": 68},
            {"first": "Jane", "last": "Murphy", "age": 47},
        ],
    }
    whole = SecretValue(json.dumps(document, separators=(",", ":")).encode())

    found = await Documents(sandbox, NamespaceLock(), "ns").find(whole, path, natural=False)

    assert (found and found.reveal()) == value


async def test_a_natural_member_is_found_by_its_whole_name(sandbox: Sandbox) -> None:
    whole = SecretValue(b'{"a.#|x": "odd name", "lines": ["one", "two"], "l": [1, 2]}')
    documents = Documents(sandbox, NamespaceLock(), "ns")

    found = [await documents.find(whole, path, natural=True) for path in ("a.#|x", "lines", "l.#")]

    assert [each and each.reveal() for each in found] == [b"odd name", b"one\ntwo", b"2"]


async def test_names_are_made_by_a_template(sandbox: Sandbox) -> None:
    documents = Documents(sandbox, NamespaceLock(), "ns")

    assert await documents.renamed('{{ .value | upper | replace "/" "_" }}', ["a/b", "c"]) == ["A_B", "C"]


async def test_a_path_that_takes_too_much_is_a_limit() -> None:
    document = SecretValue(b"[" + b",".join(b"[%d]" % at for at in range(50_000)) + b"]")
    sandbox = Sandbox(Limits(deadline_seconds=0.1))

    with pytest.raises(TemplateLimit):
        await Documents(sandbox, NamespaceLock(), "ns").find(document, "@pretty|@ugly|" * 2000 + "0", natural=False)
    await sandbox.close()


class CountingSandbox:
    """Finds the path itself as often as it is asked; keeps each path."""

    def __init__(self, found: bytes | None) -> None:
        self.asked: list[str] = []
        self._found = found

    async def json_get(self, namespace: str, document: SecretValue, path: str) -> JsonValue | None:
        del namespace, document
        self.asked.append(path)
        return None if self._found is None else JsonValue(SecretValue(self._found), SecretValue(self._found))


@pytest.mark.parametrize("found", [b"found", None])
async def test_entries_with_one_path_ask_the_sandbox_once(found: bytes | None) -> None:
    counting: Any = CountingSandbox(found)
    documents = Documents(counting, NamespaceLock(), "ns")
    whole = SecretValue(b'{"a": [1, 2]}')

    answers = [await documents.find(whole, "a.#", natural=True) for _ in range(1_000)]
    await documents.find(SecretValue(b"[]"), "a.#", natural=True)

    assert {each and each.reveal() for each in answers} == {found}
    assert counting.asked == ["a.#"] * 2, "another document is another question"


async def test_only_small_values_of_a_few_paths_are_remembered() -> None:
    """A tenant chooses how many paths it names, and how long the values are."""
    for value, paths in ((b"x" * (MAX_REMEMBERED_BYTES + 1), 2), (b"x", 2 * MAX_REMEMBERED_PATHS)):
        counting: Any = CountingSandbox(value)
        documents = Documents(counting, NamespaceLock(), "ns")
        for number in range(paths):
            await documents.find(SecretValue(b"{}"), f"a.#.{number}", natural=True)

        kept = documents._found.values()
        assert len(kept) <= MAX_REMEMBERED_PATHS
        assert sum(len(each.raw) for each in kept if each) <= MAX_REMEMBERED_BYTES * MAX_REMEMBERED_PATHS
        assert bool(kept) == (value == b"x")

"""No error text carries a value, whatever a template did to it first."""

import base64
import hashlib
import string

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from manager.core.errors import TemplateInvalid
from manager.core.secret_value import SecretValue
from manager.gotemplate.model import SHOWN_ERROR_CHARACTERS, Template
from manager.gotemplate.redact import MARK, MIN_VALUE_BYTES, Redaction, _vocabulary
from manager.gotemplate.sandbox import Sandbox
from tests.unit.manager.gotemplate.conftest import eso

PLACE = 'template: k:1:3: executing "k" at <fail .pw>: '
ALPHABET = string.ascii_letters + string.digits + "-_!@#$%^&*/+= \"'<>:\n\té漢"


@given(st.text(ALPHABET, min_size=MIN_VALUE_BYTES), st.text(ALPHABET, max_size=20), st.text(ALPHABET, max_size=20))
@example("pass", " ", " ")
@example("***x", "", "")
def test_a_value_is_replaced_wherever_it_stands(value: str, before: str, after: str) -> None:
    text = f"{PLACE}error calling fail: {before}{value}{after}"

    shown = Redaction([SecretValue(value.encode())], "{{ fail .pw }}").applied(text, executed=True)

    assert value not in shown.replace(PLACE, "")


@given(st.text(string.ascii_letters + string.digits + "-_!@#$%", min_size=8), st.data())
def test_a_value_that_was_changed_first_does_not_get_through_either(value: str, data: st.DataObject) -> None:
    changes = [
        str.upper,
        str.lower,
        lambda text: text[1:],
        lambda text: text[: len(text) // 2 + 1],
        lambda text: base64.b64encode(text.encode()).decode(),
        lambda text: hashlib.sha256(text.encode()).hexdigest(),
        lambda text: text[::-1],
    ]
    changed = data.draw(st.sampled_from(changes))(value)
    assume(
        changed.strip(string.punctuation) not in _vocabulary()
        and len(changed.strip(string.punctuation)) >= MIN_VALUE_BYTES
    )

    text = f'{PLACE}error calling mustToDate: cannot parse "{changed}" as "2006"'
    shown = Redaction([SecretValue(value.encode())], "{{ fail .pw }}").applied(text, executed=True)

    assert changed not in shown
    assert shown.startswith(PLACE)


@pytest.mark.parametrize("value", ["Is-It-On", "a!a!a!a!", "time-out-of-range"])
def test_a_value_of_known_words_does_not_get_through_in_pieces(value: str) -> None:
    for changed in (value.lower(), value[1:], value[: len(value) // 2 + 1]):
        shown = Redaction([SecretValue(value.encode())], "").applied(f"{PLACE}error calling {changed}", executed=True)
        assert changed not in shown


def test_what_the_author_wrote_stays() -> None:
    source = '{{ if not .pw }}{{ fail "no password for alice: ask the DBA" }}{{ end }}'
    text = f"{PLACE}error calling fail: no password for alice: ask the DBA"

    assert Redaction([SecretValue(b"hunter2!")], source).applied(text, executed=True) == text


def test_words_of_the_engine_stay() -> None:
    for text in (
        f"{PLACE}range can't iterate over {{}}",
        f"{PLACE}wrong type for value; expected string; got map[string]interface {{}}",
        f"{PLACE}error calling pemToPkcs12: runtime error: invalid memory address or nil pointer dereference",
        f"{PLACE}error calling index: error indexing",
    ):
        shown = Redaction([], "").applied(text, executed=True)
        assert shown.count(MARK) <= 1


def test_a_number_of_three_digits_stays_and_a_longer_one_goes() -> None:
    text = f"{PLACE}error calling index: index out of range: 999 123456"

    assert Redaction([], "").applied(text, executed=True).endswith("range: 999 ***")


def test_pieces_of_a_value_do_not_pass_as_short_numbers() -> None:
    text = f"{PLACE}error calling fail: 12-345-678"

    assert Redaction([], "fail").applied(text, executed=True).endswith("fail: ***")


def test_a_text_without_a_place_is_filtered_whole() -> None:
    text = "error converting YAML to JSON: yaml: line 3: could not find expected ':' near hunter2"

    shown = Redaction([], "").applied(text, executed=True)

    assert shown == "error converting YAML to JSON: yaml: line 3: could not find expected ':' *** ***"


def test_an_error_of_parsing_quotes_the_template_alone() -> None:
    text = 'template: k:1: function "whatever" not defined'

    assert Redaction([SecretValue(b"secret")], "").applied(text, executed=False) == text


async def test_a_name_that_is_the_whole_source_is_shown_by_its_beginning(sandbox: Sandbox) -> None:
    """In the scope KeysAndValues: else the reason would stand behind the source, twice."""
    source = "key: {{ .a }}\n" + "other: text\n" * 1000 + '{{ fail "the reason" }}'
    with pytest.raises(TemplateInvalid) as caught:
        await sandbox.render_map("ns", Template.eso(source, source), {"a": SecretValue(b"1")})

    place = f"template: key: {{{{ .a }}}}:1002:3: executing {chr(34)}key: {{{{ .a }}}}{chr(34)} at "
    assert str(caught.value) == f'{place}<fail "the reason">: error calling fail: the reason'


def test_a_value_as_long_as_a_secret_may_be_is_replaced_too() -> None:
    value = "Ab1-" * 100_000
    shown = Redaction([SecretValue(value.encode())], "fail").applied(
        f"{PLACE}error calling fail: {value}", executed=True
    )

    assert shown == f"{PLACE}error calling fail: ***"


def test_a_long_text_is_cut() -> None:
    shown = Redaction([], "x" * 10_000).applied("template: k:1: " + "x" * 10_000, executed=False)

    assert len(shown) == SHOWN_ERROR_CHARACTERS
    assert shown.endswith("…")


def test_the_mark_is_shorter_than_what_it_replaces() -> None:
    assert len(MARK.encode()) < MIN_VALUE_BYTES


LEAKING = [
    "{{ fail .pw }}",
    "{{ fail (.pw | b64enc) }}",
    "{{ fail (.pw | upper) }}",
    '{{ fail (printf "%x" .pw) }}',
    "{{ fail (trunc 9 .pw) }}",
    "{{ range .pw }}{{ end }}",
    '{{ mustToDate "2006" .pw }}',
    '{{ urlParse (print "http://u:" .pw "@h:bad") }}',
    '{{ mustRegexMatch (print "(" .pw) "a" }}',
    '{{ semverCompare .pw "1.0.0" }}',
    '{{ genSelfSignedCert "x" (list .pw) nil 1 }}',
    "{{ mustFromJson .pw }}",
    '{{ index (dict) .pw "x" }}',
    "{{ template .pw }}",
    "{{ (dict .pw 1).x.y }}",
    '{{ printf "%d" .pw | fail }}',
    "{{ .pw | atoi | slice }}",
    '{{ dict "a" .pw | fail }}',
]


@pytest.mark.parametrize("source", LEAKING)
async def test_no_function_tells_it(sandbox: Sandbox, source: str) -> None:
    value = "S3cr3tCanary-Värde"
    with pytest.raises(TemplateInvalid) as caught:
        await eso(sandbox, source, pw=value)

    told = f"{caught.value!r} {caught.value.__cause__!r} {caught.value.__context__!r}".lower()
    hidden = [value, base64.b64encode(value.encode()).decode(), value.encode().hex(), value[:9], "canary", "s3cr3t"]
    assert [each for each in hidden if each.lower() in told] == []

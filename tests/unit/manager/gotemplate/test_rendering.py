"""What callers rely on besides the bytes: profiles, scopes, the mark of randomness, and the other Go functions."""

import json

import pytest

from manager.core.errors import TemplateInvalid
from manager.core.secret_value import SecretValue
from manager.gotemplate.model import Missing, Profile, Template
from manager.gotemplate.sandbox import Sandbox
from tests.unit.manager.gotemplate.conftest import eso, plain, sealed


async def test_a_missing_key_is_an_error_for_an_external_secret_and_printed_for_a_sealed_one(sandbox: Sandbox) -> None:
    with pytest.raises(TemplateInvalid, match='map has no entry for key "nope"'):
        await eso(sandbox, "{{ .nope }}")

    assert await sealed(sandbox, "{{ .nope }}") == "<no value>"


async def test_the_two_profiles_read_numbers_as_their_controllers_do(sandbox: Sandbox) -> None:
    assert (await eso(sandbox, '{{ int "1.9" }}'), await sealed(sandbox, '{{ int "1.9" }}')) == ("1", "0")


async def test_the_functions_of_external_secrets_are_unknown_to_a_sealed_secret(sandbox: Sandbox) -> None:
    with pytest.raises(TemplateInvalid, match='function "hexdec" not defined') as caught:
        await sealed(sandbox, '{{ hexdec "61" }}')

    assert caught.value.stage == "parse"


@pytest.mark.parametrize("name", ["env", "expandenv", "getHostByName"])
@pytest.mark.parametrize("render", [eso, sealed])
async def test_nothing_looks_outside_the_template(sandbox: Sandbox, name: str, render: object) -> None:
    assert callable(render)
    with pytest.raises(TemplateInvalid, match=f'function "{name}" not defined'):
        await render(sandbox, f'{{{{ {name} "HOME" }}}}')


async def test_a_rewrite_prints_a_missing_key(sandbox: Sandbox) -> None:
    template = Template.eso_lenient("transform", "{{ .value | upper }}{{ .nope }}")

    rendered = await sandbox.render("ns", template, plain(value="a"))

    assert rendered.value.reveal() == b"A<no value>"


async def test_delimiters_and_time_zone_are_the_templates(sandbox: Sandbox) -> None:
    source = '<< date "15:04 MST" 0 >> {{ x }}'
    template = Template(Profile.ESO, source, "k", Missing.ERROR, ("<<", ">>"), "Asia/Seoul")

    assert (await sandbox.render("ns", template, {})).value.reveal() == b"09:00 KST {{ x }}"
    assert await eso(sandbox, '{{ date "15:04 MST" 0 }}') == "00:00 UTC"


async def test_every_byte_of_the_data_passes_through(sandbox: Sandbox) -> None:
    everything = bytes(range(256)) * 16

    rendered = await sandbox.render("ns", Template.eso("k", "{{ .all }}"), plain(all=everything))

    assert rendered.value.reveal() == everything


async def test_the_webhooks_data_has_two_levels(sandbox: Sandbox) -> None:
    template = Template.eso_lenient("webhooktemplate", "{{ .auth.token }}/{{ .remoteRef.key }}/{{ .auth.nope }}")
    groups = {"auth": plain(token="t"), "remoteRef": plain(key="k")}

    assert (await sandbox.render("ns", template, groups)).value.reveal() == b"t/k/<no value>"


async def test_keys_and_values_are_read_from_the_output(sandbox: Sandbox) -> None:
    source = "{{ range $k, $v := . }}{{ $k }}-x: {{ $v | quote }}\n{{ end }}empty:\n"

    rendered = await sandbox.render_map("ns", Template.eso(source, source), plain(a="1", b="two: 2"))

    values = {key: value.reveal() for key, value in rendered.values.items()}
    assert values == {"a-x": b"1", "b-x": b"two: 2", "empty": b""}


@pytest.mark.parametrize("output", ["a: [1]", "a: {b: c}", "- a", "a: [", "just text"])
async def test_an_output_that_is_no_map_of_texts_is_an_error_of_its_own_stage(sandbox: Sandbox, output: str) -> None:
    with pytest.raises(TemplateInvalid) as caught:
        await sandbox.render_map("ns", Template.eso("k", output), {})

    assert caught.value.stage == "read"


async def test_a_free_path_takes_any_document(sandbox: Sandbox) -> None:
    template = Template.eso("k", "host: {{ .host }}\nports: [80, 9007199254740993]\non: true\n")

    rendered = await sandbox.render_document("ns", template, plain(host="h"))

    assert json.loads(rendered.value.reveal()) == {"host": "h", "ports": [80, 9007199254740993], "true": True}


RANDOM = [
    "{{ now }}",
    "{{ randAlphaNum 8 }}",
    "{{ uuidv4 }}",
    '{{ htpasswd "u" "p" "sha" }}',
    '{{ genPrivateKey "ed25519" }}',
    '{{ encryptAES "k" "x" }}',
    '{{ date "2006" "no date" }}',
    '{{ keys (dict "a" 1 "b" 2) | join "" }}',
    '{{ if eq .a "1" }}{{ uuidv4 }}{{ end }}',
]
SAME = [
    "{{ .a | upper }}",
    '{{ date "2006" 0 }}',
    '{{ keys (dict "a" 1) | join "" }}',
    '{{ if eq .a "2" }}{{ uuidv4 }}{{ end }}',
    '{{ sha256sum "x" }}',
    '{{ derivePassword 1 "pin" "p" "u" "s" }}',
]


@pytest.mark.parametrize(("source", "random"), [*((each, True) for each in RANDOM), *((each, False) for each in SAME)])
async def test_what_differs_from_time_to_time_is_marked(sandbox: Sandbox, source: str, random: bool) -> None:
    rendered = await sandbox.render("ns", Template.eso("k", source), plain(a="1"))
    again = await sandbox.render("ns", Template.eso("k", source), plain(a="1"))

    assert (rendered.random, again.random) == (random, random)
    assert random or rendered == again


async def test_a_json_path_finds_what_gjson_finds(sandbox: Sandbox) -> None:
    document = SecretValue(b'{"a":{"b.c":[1,{"d":"x\\u00e9"}]},"n":1.10,"z":null}')

    async def got(path: str) -> tuple[str, str] | None:
        found = await sandbox.json_get("ns", document, path)
        return found and (found.text.reveal().decode(), found.raw.reveal().decode())

    assert await got(r"a.b\.c.1.d") == ("xé", '"x\\u00e9"')
    assert await got(r"a.b\.c.#") == ("2", "2")
    assert await got("n") == ("1.1", "1.10")
    assert await got("z") == ("", "null")
    assert await got("nope") is None


async def test_a_json_path_is_set_as_sjson_sets_it(sandbox: Sandbox) -> None:
    document = SecretValue(b'{"a":1,"keep":  [1, 2]}')

    text = await sandbox.json_set("ns", document, "b.c", SecretValue(b'say "x"'))
    raw = await sandbox.json_set("ns", text, "a", SecretValue(b'{"x":[]}'), raw=True)

    assert text.reveal() == b'{"a":1,"keep":  [1, 2],"b":{"c":"say \\"x\\""}}'
    assert json.loads(raw.reveal())["a"] == {"x": []}


async def test_an_impossible_path_is_an_error_without_the_document(sandbox: Sandbox) -> None:
    with pytest.raises(TemplateInvalid) as caught:
        await sandbox.json_set("ns", SecretValue(b'{"secret":"CANARY-VALUE"}'), "", SecretValue(b"CANARY-OTHER"))

    assert "CANARY" not in str(caught.value)


async def test_texts_are_rewritten_by_gos_expressions(sandbox: Sandbox) -> None:
    texts = await sandbox.regex_replace("ns", r"^(?P<env>\w+)/(.*)$", "${2}_$env", ["dev/db", "plain", "é/ü"])

    assert texts == ["db_dev", "plain", "é/ü"]


async def test_an_expression_that_go_does_not_know_is_an_error(sandbox: Sandbox) -> None:
    with pytest.raises(TemplateInvalid, match="error parsing regexp: invalid or unsupported Perl syntax") as caught:
        await sandbox.regex_replace("ns", "(?=a)", "", ["a"])

    assert caught.value.stage == "parse"


@pytest.mark.parametrize(("written", "value"), [("1", b"1"), ("1.10", b"1.1"), ("yes", b"true"), ("010", b"8")])
async def test_a_scalar_becomes_the_text_that_external_secrets_makes_of_it(
    sandbox: Sandbox, written: str, value: bytes
) -> None:
    """Seen in external-secrets v0.16.2: its YAML library turns scalars into texts where a text is asked for."""
    rendered = await sandbox.render_map("ns", Template.eso("k", f"a: {written}"), {})

    assert rendered.values["a"].reveal() == value

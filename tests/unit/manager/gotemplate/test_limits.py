"""A hostile template ends with an error that names the limit, and harms nothing but itself."""

import pytest

from manager.core.errors import TemplateInvalid, TemplateLimit
from manager.core.secret_value import SecretValue
from manager.gotemplate.model import Template
from manager.gotemplate.sandbox import Sandbox
from tests.unit.manager.gotemplate.conftest import Make, eso

CYCLE = '{{ $d := dict }}{{ $_ := set $d "d" $d }}'

HOSTILE = {
    "a list of a billion": ("{{ range until 1000000000 }}{{ end }}", "memory"),
    "a text of a billion": ('{{ repeat 1000000000 "a" }}', "memory"),
    "a text that doubles": ('{{ $x := "a" }}{{ range until 100 }}{{ $x = print $x $x }}{{ end }}', "memory"),
    "a million nodes": ("{{1}}" * 200_000, "memory"),
    "a cyclic map printed": (CYCLE + "{{ $d }}", "depth"),
    "a cyclic map copied": (CYCLE + "{{ deepCopy $d }}", "deadline"),
    "a list that doubles": (
        "{{ $x := list }}{{ range until 100 }}{{ $x = list $x $x }}{{ end }}{{ $x }}",
        "deadline",
    ),
    "keys in a loop": ('{{ range until 1000 }}{{ genPrivateKey "rsa" }}{{ end }}', "deadline"),
    "hashes in a loop": ('{{ range until 1000 }}{{ bcrypt "x" }}{{ end }}', "deadline"),
    "a loop in a loop": ("{{ range until 100000 }}{{ range until 100000 }}{{ end }}{{ end }}", "deadline"),
    "an expression that is slow": (
        '{{ range until 1000 }}{{ $_ := regexMatch "(x+x+)+(x+x+)+y" (repeat 100000 "x") }}{{ end }}',
        "deadline",
    ),
    "output without end": ('{{ range until 100000 }}{{ repeat 1000 "a" }}{{ end }}', "output"),
    "a byte too much": ('{{ repeat 1048577 "a" }}', "output"),
    "a source too long": ("x" * (1024 * 1024 + 1), "source"),
}


@pytest.mark.parametrize("name", HOSTILE)
async def test_it_ends_at_its_limit_and_the_next_render_works(make: Make, name: str) -> None:
    source, limit = HOSTILE[name]
    sandbox = make(deadline_seconds=0.4 if limit == "deadline" else 10.0)

    with pytest.raises(TemplateLimit) as caught:
        await eso(sandbox, source)

    assert caught.value.limit == limit
    assert await eso(sandbox, "{{ .a | upper }}", a="fine") == "FINE"


HARMLESS = {
    "recursion without end": (
        '{{ define "x" }}{{ template "x" }}{{ end }}{{ template "x" }}',
        "maximum template depth",
    ),
    "an expression of parentheses": ("{{" + "(" * 200_000, "max expression depth exceeded"),
    "an expression that is too large": ('{{ mustRegexMatch "((a{1,1000}){1,1000}){1,1000}" "a" }}', "invalid repeat"),
    "a key that is none": ('{{ pemToPkcs12 "x" "y" }}', "nil pointer dereference"),
}


@pytest.mark.parametrize("name", HARMLESS)
async def test_go_itself_refuses(sandbox: Sandbox, name: str) -> None:
    source, reason = HARMLESS[name]
    with pytest.raises(TemplateInvalid, match=reason):
        await eso(sandbox, source)


async def test_what_is_just_within_the_limits_is_rendered(sandbox: Sandbox) -> None:
    assert len(await eso(sandbox, '{{ repeat 1048576 "a" }}')) == 1024 * 1024
    assert len(await eso(sandbox, "x" * (1024 * 1024))) == 1024 * 1024
    nested = "{{ if true }}" * 300 + "x" + "{{ end }}" * 300
    assert await eso(sandbox, nested) == "x"


async def test_memory_that_came_apart_is_no_reason_to_refuse(sandbox: Sandbox) -> None:
    """One derivation takes 32 MiB in one piece: in an instance with a past there may be none."""
    for _ in range(3):
        await eso(sandbox, "{{ $x := until 300000 }}{{ len $x }}")
        assert await eso(sandbox, '{{ derivePassword 1 "pin" "p" "u" "s" }}') == "2461"


async def test_the_error_names_the_size_and_the_cure(make: Make) -> None:
    sandbox = make(output_bytes=10, memory_bytes=32 << 20)

    with pytest.raises(TemplateLimit, match="more than 10 bytes; let the template make less"):
        await eso(sandbox, "12345678901")
    with pytest.raises(TemplateLimit, match="more than 32 MiB of memory"):
        await eso(sandbox, '{{ repeat 1000000000 "a" }}')


async def test_the_error_names_the_template(make: Make) -> None:
    sandbox = make(output_bytes=10)
    keys = "{{ range until 10 }}a: b\n{{ end }}" + "x" * 100

    with pytest.raises(TemplateLimit, match=r"^template tls\.crt: the output has more than"):
        await sandbox.render("ns", Template.eso("tls.crt", "12345678901"), {})
    with pytest.raises(TemplateLimit, match=r"^template \{\{ range until 10 \}\}a: b: the output"):
        await sandbox.render_map("ns", Template.eso(keys, keys), {})


async def test_a_limit_shows_nothing_of_the_data(make: Make) -> None:
    sandbox = make(deadline_seconds=0.2)
    for source in ("{{ range until 100000000 }}{{ end }}{{ .pw }}", "{{ repeat 100000000 .pw }}"):
        with pytest.raises(TemplateLimit) as caught:
            await eso(sandbox, source, pw="CANARY-VALUE")
        assert "CANARY" not in f"{caught.value!r}{caught.value.__cause__!r}{caught.value.__context__!r}"


async def test_many_templates_do_not_fill_the_instance(sandbox: Sandbox) -> None:
    for index in range(300):
        source = f"{{{{ .a }}}}{index}" + "x" * 5000
        assert (await eso(sandbox, source, a="1")).startswith(f"1{index}")


async def test_what_needs_more_than_usual_gets_it_and_nothing_of_it_is_kept(make: Make) -> None:
    sandbox = make(usual_bytes=12 << 20)
    large = Template.eso("k", "{{ len (repeat 3000000 .k) }}{{ len (repeat 9000000 .k) }}")

    found = await sandbox.render("ns", large, {"k": SecretValue(b"x")})

    assert found.value.reveal() == b"30000009000000"
    assert sandbox._pool.idle == ()

"""Settings come from flags, variables, the originals' variables and a file, in this order."""

import sys
from dataclasses import fields

import pytest
from click.testing import CliRunner

from manager.cli.main import main
from manager.core.errors import SettingsError
from manager.settings.load import documentation, load, option_names
from manager.settings.model import Settings
from manager.settings.predecessors import SEALED_SECRETS, SWITCHES, WITHOUT_EFFECT, variable


def test_without_anything_there_are_defaults() -> None:
    assert load({}) == Settings()


def test_the_first_source_wins() -> None:
    document = {"sealed": {"key_prefix": "file"}}
    original, ours = {"SEALED_SECRETS_KEY_PREFIX": "original"}, {"COFFER_SEALED_KEY_PREFIX": "ours"}
    flags = {"sealed_key_prefix": "flag"}

    assert load({}, {}, document).sealed.key_prefix == "file"
    assert load({}, original, document).sealed.key_prefix == "original"
    assert load({}, original | ours, document).sealed.key_prefix == "ours"
    assert load(flags, original | ours, document).sealed.key_prefix == "flag"


def test_an_empty_variable_counts_as_not_given() -> None:
    assert load({}, {"COFFER_SEALED_KEY_PREFIX": ""}).sealed.key_prefix == "sealed-secrets-key"


@pytest.mark.parametrize(
    "name", ["ES_Reflector__Watcher__ExcludedNamespaces", "Reflector__Watcher__ExcludedNamespaces"]
)
def test_reflectors_variable_is_read(name: str) -> None:
    assert load({}, {name: "a-*, b,"}).reflector.excluded_namespaces == ("a-*", "b")


@pytest.mark.parametrize(
    ("text", "value"), [("true", True), ("TRUE", True), ("1", True), ("no", False), ("false", False), (True, True)]
)
def test_booleans_are_read_as_people_write_them(text: object, value: bool) -> None:
    assert load({"modules_takeover": text}).modules.takeover is value


@pytest.mark.parametrize(
    ("flags", "environ", "document", "said"),
    [
        ({"sealed_key_size": "big"}, {}, None, "--sealed-key-size: cannot be read as int"),
        ({}, {"COFFER_LEASE_DURATION": "x"}, None, "COFFER_LEASE_DURATION: cannot be read as float"),
        ({}, {}, {"modules": {"sealed": "perhaps"}}, "modules.sealed: cannot be read as bool"),
        (
            {},
            {},
            {"modules": {"sealled": True}},
            "unknown setting in the settings file: modules.sealled; did you mean sealed?",
        ),
        ({}, {}, {"sealed": {"key_renew_perod": "1h"}}, "sealed.key_renew_perod; did you mean key_renew_period?"),
        ({}, {}, {"module": {}}, "unknown section in the settings file: module; did you mean modules?"),
        ({"process_listen": "99999"}, {}, None, "process.listen: '99999' has no port from 0 to 65535"),
        ({"process_listen_metrics": "nonsense"}, {}, None, "process.listen_metrics: 'nonsense' has no port"),
        ({"process_listen": "a b:80"}, {}, None, "process.listen: 'a b:80' names no host or address"),
        ({}, {}, {"modules": [1]}, "modules in the settings file must be a mapping"),
        ({}, {}, ["x"], "the settings file must be a mapping of sections"),
        ({"lease_duration": "5"}, {}, None, "retry < renew_deadline < duration"),
        ({"lease_retry": "11"}, {}, None, "retry < renew_deadline < duration"),
        ({"lease_retry": "0"}, {}, None, "lease.retry must be positive"),
        ({"process_metrics_cert_file": "c"}, {}, None, "set both"),
        ({"process_metrics_authorization": "true"}, {}, None, "needs process.metrics_cert_file"),
        ({"process_sweep_interval": "0"}, {}, None, "process.sweep_interval must be positive"),
        ({"process_sweep_interval": "nan"}, {}, None, "process.sweep_interval must be positive"),
        ({"sealed_concurrency": "0"}, {}, None, "sealed.concurrency must be positive"),
        ({"external_provider_threads": "-1"}, {}, None, "external.provider_threads must be positive"),
        ({"modules_deletes_per_minute": "-1"}, {}, None, "must not be negative"),
        (
            {"external_egress_allowed": "127.0.0.0.1"},
            {},
            None,
            "external.egress_allowed: '127.0.0.0.1' is not a network",
        ),
        ({"sealed_proxies": "10.0.0.0/8,foo"}, {}, None, "sealed.proxies: 'foo' is not a network"),
        ({"process_log_level": "handlers"}, {}, None, "DEBUG, INFO, WARNING, ERROR"),
        ({"sealed_key_size": "1024"}, {}, None, "at least 2048"),
        ({"reflector_provenance": "maybe"}, {}, None, "warn, deny or allow"),
        ({"process_log_format": "xml"}, {}, None, "json or text"),
        ({"process_request_timeout": "0"}, {}, None, "must be positive"),
        ({"external_ambient_namespaces": 5}, {}, None, "cannot be read as a list"),
        ({"modules_scope": "a,team-*"}, {}, None, "'team-*' is not the name of a namespace"),
        ({"modules_scope": "a", "sealed_additional_namespaces": "a,b"}, {}, None, "b is not in modules.scope"),
        ({"modules_scope": "a", "sealed_require_token": "true"}, {}, None, "sealed.require_token: tokens are reviewed"),
        (
            {"modules_scope": "a", "process_metrics_authorization": "true"},
            {},
            None,
            "metrics_authorization: tokens are",
        ),
    ],
)
def test_what_cannot_be_used_is_named(
    flags: dict[str, object], environ: dict[str, str], document: object, said: str
) -> None:
    with pytest.raises(SettingsError) as caught:
        load(flags, environ, document)

    assert said in str(caught.value)


def test_the_scope_is_every_namespace_unless_some_are_named() -> None:
    assert load({}).modules.namespaces is None
    assert load({"modules_scope": "b, a"}).modules.namespaces == frozenset({"a", "b"})
    off = {"modules_sealed": "false", "sealed_require_token": "true", "sealed_additional_namespaces": "b"}
    assert load({"modules_scope": "a", **off}).modules.namespaces == frozenset({"a"}), (
        "a module that is off asks for nothing"
    )


def test_a_list_may_be_a_list_in_the_file() -> None:
    document = {"external": {"ambient_namespaces": ["a", " b "]}}

    assert load({}, {}, document).external.ambient_namespaces == ("a", "b")


def test_every_setting_is_documented() -> None:
    for section in fields(Settings):
        kind = type(getattr(Settings(), section.name))
        assert set(documentation(kind)) == {each.name for each in fields(kind)}


def test_every_setting_has_a_flag_with_its_default_in_the_help() -> None:
    shown = " ".join(CliRunner().invoke(main, ["run", "--help"], terminal_width=10_000).output.split())

    for section, name, _, text in option_names():
        assert f"--{section}-{name}".replace("_", "-") in shown
        assert text in shown
    assert "[default: sealed-secrets-key]" in shown


def test_a_settings_file_that_cannot_be_read_is_named(tmp_path: object) -> None:
    result = CliRunner().invoke(main, ["run", "--config", f"{tmp_path}/none.yaml"])

    assert result.exit_code == 1
    assert "none.yaml: no such file or directory" in result.output


def test_what_goes_wrong_unexpectedly_is_named_without_its_words(monkeypatch: pytest.MonkeyPatch) -> None:
    async def failing(*_: object) -> None:
        raise ValueError("canary-value")

    monkeypatch.setattr("manager.app.run", failing)
    monkeypatch.setattr("manager.runtime.logging.setup", lambda *_: None)  # it is for the whole process

    result = CliRunner().invoke(main, ["run"])

    assert result.exit_code == 1
    assert "unexpected: ValueError at test_load.py" in result.output
    assert "canary" not in result.output


def test_where_only_kubeseal_is_installed_the_controller_says_what_it_lacks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "manager.app", None)
    monkeypatch.delattr("manager.app", raising=False)

    result = CliRunner().invoke(main, ["run"])

    assert result.exit_code == 1
    assert "its extra `controller`" in result.output


def test_a_wrong_flag_ends_with_its_name() -> None:
    result = CliRunner().invoke(main, ["run", "--sealed-key-size=big"])

    assert result.exit_code == 1
    assert "--sealed-key-size" in result.output


@pytest.mark.parametrize(("flag", "setting"), SEALED_SECRETS.items(), ids=list(SEALED_SECRETS))
def test_every_flag_and_variable_of_sealed_secrets_is_a_setting(
    flag: str, setting: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    section, name = setting
    kind = {(at, field): kind for at, field, kind, _ in option_names()}[setting]
    value: object
    text, value = {bool: ("false", False), int: ("4097", 4097), float: ("7", 7.0)}.get(kind, ("5h", "5h"))
    value = ("a=b",) if kind not in (bool, int, float, str) else value
    text = "a=b" if value == ("a=b",) else text
    if flag.startswith(("log-", "listen-")):
        formed = {"log-format": "text", "log-level": "DEBUG", "listen-addr": ":1", "listen-metrics-addr": ":2"}
        text = value = formed[flag]
    seen: list[Settings] = []

    async def run(settings: Settings, _end: object) -> None:
        seen.append(settings)

    monkeypatch.setattr("manager.app.run", run)
    monkeypatch.setattr("manager.runtime.logging.setup", lambda *_: None)

    assert getattr(getattr(load({}, {variable(flag): text}), section), name) == value
    result = CliRunner().invoke(main, ["run", f"--{flag}={text}"])
    assert result.exit_code == 0, result.output
    assert getattr(getattr(seen[0], section), name) == value


def test_flags_and_variables_without_effect_are_accepted_and_named_in_the_log(monkeypatch: pytest.MonkeyPatch) -> None:
    async def run(_settings: Settings, _end: object) -> None:
        pass

    monkeypatch.setattr("manager.app.run", run)
    arguments = [f"--{flag}=1" for flag in WITHOUT_EFFECT]

    result = CliRunner().invoke(main, ["run", *arguments], env={"SEALED_SECRETS_WRITE_TIMEOUT": "2m"})

    assert result.exit_code == 0, result.output
    assert all(f"--{flag}" in result.output for flag in WITHOUT_EFFECT)
    assert "SEALED_SECRETS_WRITE_TIMEOUT" in result.output


@pytest.mark.parametrize("switch", sorted(SWITCHES))
def test_a_switch_may_stand_alone_as_in_go(switch: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async def run(_settings: Settings, _end: object) -> None:
        pass

    monkeypatch.setattr("manager.app.run", run)
    monkeypatch.setattr("manager.runtime.logging.setup", lambda *_: None)

    result = CliRunner().invoke(main, ["run", f"--{switch}", "--sealed-my-cn=x"])

    assert result.exit_code == 0, result.output


@pytest.mark.parametrize("prefix", ["ES_", ""])
@pytest.mark.parametrize(
    ("given", "level"),
    [("Verbose", "DEBUG"), ("Debug", "DEBUG"), ("Information", "INFO"), ("Warning", "WARNING"), ("Fatal", "ERROR")],
)
def test_the_originals_log_levels_are_understood(prefix: str, given: str, level: str) -> None:
    assert load({}, {f"{prefix}Serilog__MinimumLevel__Default": given}).process.log_level == level


def test_the_original_prefers_its_prefixed_names_and_an_empty_one_is_the_default() -> None:
    name = "Reflector__Watcher__ExcludedNamespaces"

    assert load({}, {f"ES_{name}": "a", name: "b"}).reflector.excluded_namespaces == ("a",)
    assert load({}, {f"ES_{name}": "", "ES_Serilog__MinimumLevel__Default": ""}) == load({})
    assert load({}, {"ES_Ignite__KubernetesClient__SkipTlsVerify": "true"}).process.skip_tls_verify
    assert load({}, {"ES_Reflector__Watcher__Timeout": "120"}) == load({}), "watches need no such knob here"


def test_a_log_level_that_nobody_knows_is_named() -> None:
    with pytest.raises(SettingsError, match="log_level"):
        load({"process_log_level": "loud"})

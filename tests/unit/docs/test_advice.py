"""Whatever a condition, an error, an Event, the chart or a page tells people to use exists: commands, flags, settings,
chart values, annotations and metrics."""

import ast
import re
import shlex
from collections.abc import Iterator
from dataclasses import fields
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import click
import pytest
import yaml

from external.external_secrets.kept_values import GENERATE, KEEP_PREVIOUS
from external.external_secrets.view import ADOPT as EXTERNAL_ADOPT
from external.external_secrets.view import MADE_AT, PREVIOUS, REFRESH_BY
from external.generators.states import CLUSTER_GENERATOR, HELD
from external.module import build as external
from external.providers.aws.secretsmanager_settings import POLICY_TAG
from external.providers.support.pushing.marks import OWNER as PUSH_OWNER
from external.push_summaries import LEAVE
from manager.cli.main import main
from manager.cli.migrate.chart_values.translation import TABLES
from manager.runtime.metrics import Metrics
from manager.settings.model import Settings
from reflector.content import MIRROR_LABEL
from reflector.module import build as reflector
from reflector.rules.annotations import OURS_KNOWN
from reflector.view import ACCEPT_LABELS, REFUSE_PUSH
from sealed.kubeseal.cli import main as kubeseal
from sealed.module import build as sealed
from tests.builders.api_in_memory import Stage
from tests.command_tree import commands

ROOT = Path(__file__).parents[3]
PACKAGES = ("manager", "sealed", "external", "reflector")
PAGES = (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")), *sorted((ROOT / "charts").rglob("NOTES.txt")))
PROGRAMS = ("coffer", "kubeseal", "kubectl", "make")
KUBECTL = {
    "annotate": {"--overwrite", "-n"},
    "apply": {"-f"},
    "auth can-i": {"-A", "--as"},
    "delete": {"-f"},
    "create namespace": set(),
    "create secret": {"--from-file"},
    "create token": set(),
    "describe": set(),
    "edit": {"-n"},
    "events": {"--for", "-n"},
    "get": {"--raw", "-A", "-l", "-n", "-o"},
    "explain": set(),
    "logs": {"-f", "-l", "-n"},
    "port-forward": {"-n"},
    "rollout restart": set(),
    "scale deployment": {"-n", "--replicas"},
}
"""What of kubectl is named; a word or flag that is not here is looked up once, and added."""
SECTIONS = {each.name: getattr(Settings(), each.name) for each in fields(Settings)}
NO_SETTINGS = {
    "external.api",  # modules of ours, in the text of an import
    "external.commands",
    "sealed.commands",
    "reflector.coffer",  # the beginning of annotations
}


class Said(NamedTuple):
    """A text, and where it stands."""

    where: str
    text: str


@cache
def code_texts() -> tuple[Said, ...]:
    """Return every string of the product but docstrings; what is filled in becomes X."""
    return tuple(
        Said(f"{path.relative_to(ROOT)}:{line}", text)
        for package in PACKAGES
        for path in sorted((ROOT / package).rglob("*.py"))
        for line, text in strings(ast.parse(path.read_text()))
    )


def strings(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Yield the strings of a module, with their lines."""
    left = {id(each.value) for each in ast.walk(tree) if isinstance(each, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            left |= set(map(id, node.values))
            yield (
                node.lineno,
                "".join(str(each.value) if isinstance(each, ast.Constant) else "X" for each in node.values),
            )
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in left:
            yield node.lineno, node.value


@cache
def page_texts() -> tuple[Said, ...]:
    return tuple(
        Said(f"{path.relative_to(ROOT)}:{at}", line)
        for path in PAGES
        for at, line in enumerate(path.read_text().splitlines(), 1)
    )


@pytest.fixture(autouse=True, scope="module")
def texts() -> None:
    """Read all texts before the first test: the limit of one test is not for what they share."""
    code_texts()
    page_texts()
    metrics()


def everything() -> tuple[Said, ...]:
    return code_texts() + page_texts()


def found(pattern: str, texts: tuple[Said, ...]) -> list[tuple[str, str]]:
    return [(each, said.where) for said in texts for each in re.findall(pattern, said.text)]


def told() -> list[tuple[str, str]]:
    """Return the commands that people are told to run: between back-quotes, or a line of their own."""
    names = "|".join(PROGRAMS)
    quoted = found(rf"`((?:{names})(?: [^`]+)?)`", everything())
    return quoted + found(rf"^ *((?:{names}) [^#]+?) *(?:#.*)?$", page_texts())


def unknown(command: str) -> str:
    """Return what of a command does not exist; nothing where it would run."""
    command = re.sub(r"\{\{.*?\}\}", "", command).partition(" > ")[0]  # the chart fills in
    program, *words = shlex.split(command)
    if program == "make":
        targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
        return next((each for each in words if "=" not in each and each not in targets), "")
    if program == "kubectl":
        return _unknown_to_kubectl(words)
    return _unknown_option(kubeseal, words) if program == "kubeseal" else _unknown_to_coffer(words)


def _unknown_to_coffer(words: list[str]) -> str:
    if not words or words == ["version"] or words[0].startswith("-"):
        return ""
    known = dict(commands(main))
    for length in (2, 1):
        if " ".join(words[:length]) in known:
            return _unknown_option(known[" ".join(words[:length])], words[length:])
    alone = len(words) == 1 and any(name.startswith(f"{words[0]} ") for name in known)
    return "" if alone else " ".join(words[:2])


def _unknown_option(command: click.Command, words: list[str]) -> str:
    known = {"-h", "--help"} | {name for each in command.params for name in (*each.opts, *each.secondary_opts)}
    return next((each for each in words if re.match(r"--?[a-z]", each) and each.partition("=")[0] not in known), "")


def _unknown_to_kubectl(words: list[str]) -> str:
    if words[:1] == ["coffer"]:  # it is a plugin of kubectl too
        return _unknown_to_coffer(words[1:])
    while words[:1] == ["-n"]:
        words = words[2:]
    verb = next((each for each in KUBECTL if words[: len(each.split())] == each.split()), "")
    flags = [each.partition("=")[0] for each in words if re.match(r"--?[a-zA-Z]", each)]
    return next((each for each in flags if each not in KUBECTL[verb]), "") if verb else " ".join(words)


def test_every_command_that_is_told_exists() -> None:
    asked = told()

    assert len(asked) > 30, "the texts are looked through"
    assert {f"{where}: {command}": unknown(command) for command, where in asked if unknown(command)} == {}


@pytest.mark.parametrize(
    ("command", "wrong"),
    [
        ("coffer keys lost", "keys lost"),
        ("coffer keys list --everything", "--everything"),
        ("coffer keys", ""),
        ("coffer seal edit FILE --controller-namespace X", ""),
        ("coffer lost", "lost"),
        ("kubeseal --unseal-all", "--unseal-all"),
        ("kubeseal -f a -w b", ""),
        ("kubectl frob x", "frob x"),
        ("kubectl get secrets --everywhere", "--everywhere"),
        ("kubectl -n x logs -f", ""),
        ("make lost", "lost"),
        ("make bench ONLY=sealed", ""),
    ],
)
def test_a_command_that_does_not_exist_is_found(command: str, wrong: str) -> None:
    assert unknown(command) == wrong


def test_every_setting_that_is_told_exists() -> None:
    names = "|".join(SECTIONS)
    asked = found(rf"(?<![\w./-])((?:{names})\.[a-z][a-z_]+)\b(?!\()", code_texts())
    asked += found(rf"`((?:{names})\.[a-z][a-z_]+)(?:: [^`]*)?`", page_texts())

    assert len(asked) > 40
    wrong = {
        each: where
        for each, where in asked
        if each not in NO_SETTINGS and not hasattr(SECTIONS[each.partition(".")[0]], each.partition(".")[2])
    }
    assert wrong == {}


def test_every_value_of_the_chart_that_is_told_exists() -> None:
    values = yaml.safe_load((ROOT / "charts" / "coffer" / "values.yaml").read_text())
    theirs = {".".join(path.split(".")[:2]) for each in TABLES.values() for path in each.rules}
    asked = found(r"(?<![\w.])((?:rbac|image|service|modules)\.[a-z]\w*)\b(?![\w(]|\.py|\.k8s)", everything())
    wrong = {
        each: where
        for each, where in asked
        if each not in theirs
        and each.partition(".")[2] not in values.get(each.partition(".")[0], {})
        and not hasattr(SECTIONS.get(each.partition(".")[0]), each.partition(".")[2])
    }

    assert asked
    assert wrong == {}


PUSHED = {PUSH_OWNER, *POLICY_TAG, LEAVE}  # at providers, and on PushSecrets
ON_TARGETS = {REFRESH_BY, HELD, MADE_AT, PREVIOUS, CLUSTER_GENERATOR}
OPTIONS = {GENERATE, KEEP_PREVIOUS, EXTERNAL_ADOPT}
KNOWN = OURS_KNOWN | OPTIONS | ON_TARGETS | {MIRROR_LABEL, ACCEPT_LABELS, REFUSE_PUSH} | PUSHED
MARKS = {"coffer.dev/made-for", "coffer.dev/never-set"}  # written by us, and read by nobody else


def test_every_annotation_and_label_that_is_told_is_read() -> None:
    asked = found(r"(?<![\w.])((?:reflector\.)?coffer\.dev/[a-z][a-z-]*[a-z])", everything())

    assert asked
    assert {each: where for each, where in asked if each not in KNOWN | MARKS} == {}


def metrics() -> set[str]:
    """Return the names of all series that the process may have."""
    stages = [Stage() for _ in range(3)]
    for stage, build in zip(stages, (sealed, external, reflector), strict=True):
        build(stage.context)
    registries: list[Any] = [Metrics().registry, *(each.context.metrics.registry for each in stages)]
    described = {name for registry in registries for name in registry._names_to_collectors}
    declared = {said.text for said in code_texts() if re.fullmatch(r"coffer_[a-z_]+", said.text)}  # some need a key
    return described | declared | {family.name for registry in registries for family in registry.collect()}


def test_every_metric_that_is_told_exists() -> None:
    rules = tuple(
        Said(str(path.relative_to(ROOT)), path.read_text())
        for path in sorted((ROOT / "charts" / "coffer" / "templates").glob("*.yaml"))
    )
    names = found(r"(?<![\w./-])(coffer_[a-z_]+[a-z])\b", page_texts() + rules)

    assert len(names) > 15
    known = metrics()
    assert {each: where for each, where in names if each not in known} == {}

"""Rewrites the keys of fetched values: `dataFrom[].rewrite`. Pure."""

import json
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from itertools import chain
from typing import Any

from external.api.external_secret import Rewrite, RewriteMerge, RewriteRegexp
from external.api.regular_expressions import expression
from external.values.documents import Documents, beside
from external.values.json_document import Fail, to_map
from manager.core.documents import ANSWER, Unreadable, read_json
from manager.core.errors import TemplateError
from manager.core.secret_value import SecretValue

PLACE = re.compile(r"\$(?:\$|\{(\w+)\}|(\w+))", re.ASCII)


async def rewritten(
    data: Mapping[str, SecretValue], steps: Sequence[Rewrite], documents: Documents, fail: Fail
) -> dict[str, SecretValue]:
    """Apply all steps in order and return the result."""
    for at, step in enumerate(steps):
        failing = _placed(fail, f"error applying rewrite to keys: rewrite[{at}]")
        if step.transform is not None and step.merge is None and step.regexp is None:
            data = await _transformed(data, step.transform.template, documents, failing)
        else:
            size = sum(len(name) + len(value) for name, value in data.items())
            data = await beside(size, partial(_one, data, step, failing))
    return dict(data)


async def _transformed(
    data: Mapping[str, SecretValue], template: str, documents: Documents, fail: Fail
) -> Mapping[str, SecretValue]:
    names = sorted(data)
    try:
        made = dict(zip(names, await documents.renamed(template, names), strict=True))
    except TemplateError as error:
        raise fail(f"transform.template: {error}") from None
    return _renamed(data, made.__getitem__, fail)


def _placed(fail: Fail, at: str) -> Fail:
    return lambda text: fail(f"{at}: {text}")


def _one(data: Mapping[str, SecretValue], step: Rewrite, fail: Fail) -> Mapping[str, SecretValue]:
    if step.merge is not None:
        return _merged(data, step.merge, fail)
    if step.regexp is not None:
        return _renamed(data, _replacing(step.regexp, fail), fail)
    raise fail("regexp, transform or merge is missing")


def _renamed(data: Mapping[str, SecretValue], rename: Callable[[str], str], fail: Fail) -> dict[str, SecretValue]:
    """Rename every key. Raises if two become one: external-secrets keeps a random one of them."""
    found: dict[str, SecretValue] = {}
    for key in sorted(data):
        name = rename(key)
        if name in found:
            raise fail(f"two keys become {name}")
        found[name] = data[key]
    return found


def _replacing(step: RewriteRegexp, fail: Fail) -> Callable[[str], str]:
    try:
        pattern = expression(step.source)
    except ValueError:
        raise fail("regexp.source is no RE2 expression") from None
    return lambda key: replace_all(pattern, step.target, key)


def replace_all(pattern: Any, target: str, text: str) -> str:
    """Replace as Go's `Regexp.ReplaceAllString` does: no empty match after a match; `$1`, `${name}`, `$$`."""
    parts, end, at = [], 0, 0
    while at <= len(text):
        found = pattern.search(text, at)
        if found is None:
            break
        parts.append(text[end : found.start()])
        if found.end() > end or found.start() == 0:
            parts.append(_expanded(target, found))
        end = found.end()
        at = end if end > at else at + 1
    return "".join(parts) + text[end:]


def _expanded(target: str, found: Any) -> str:
    return PLACE.sub(lambda place: _group(found, place), target)


def _group(found: Any, place: re.Match[str]) -> str:
    name = place[1] or place[2]
    if name is None:
        return "$"
    if name.isdecimal():
        return (found[int(name)] or "") if int(name) <= found.re.groups else ""
    return found.groupdict().get(name) or ""


def _merged(data: Mapping[str, SecretValue], step: RewriteMerge, fail: Fail) -> Mapping[str, SecretValue]:
    """Merge the members of all values; of a repeated name the later one wins, if the conflict policy allows it."""
    members = {key: to_map(value.reveal(), decimals=True) for key, value in data.items()}
    for key, found in members.items():
        if found is None:
            raise fail(f"merge: the value of {key} is no JSON object")
    missing = [key for key in step.priority or () if key not in data]
    if missing and step.priority_policy == "Strict":
        raise fail(f"merge: priority names {', '.join(missing)}, which is not there")
    last = [key for key in step.priority or () if key in data]
    order = [*sorted(set(data) - set(last)), *last]
    twice = sorted(name for name, times in Counter(chain(*(members[key] or () for key in order))).items() if times > 1)
    if twice and step.conflict_policy != "Ignore":
        raise fail(f"merge: more than one value has {', '.join(twice)}")
    if step.strategy == "Extract":
        return {name: value for key in order for name, value in (members[key] or {}).items()}
    if not step.into:
        raise fail("merge: strategy JSON needs into")
    try:
        whole = {name: value for key in order for name, value in read_json(data[key].reveal(), ANSWER).items()}
    except Unreadable as error:
        raise fail(f"merge: a value cannot be taken in ({error}), or one of its numbers has too many digits") from None
    text = json.dumps(whole, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return {**data, step.into: SecretValue(text.encode())}

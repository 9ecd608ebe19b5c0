"""The expectations: written by `make conformance`, read by the test."""

import base64
import json
from functools import cache
from typing import Any

from tests.conformance.gotemplate.independent import INDEPENDENT
from tests.conformance.gotemplate.native import Outcome, render_all, versions
from tests.conformance.gotemplate.rows import FOLDER, PROFILES, rows

PLACE = FOLDER / "expected"
NAMED = ("go", "sprig", "cast", "mergo", "semver", "yaml", "jwx", "pkcs12", "external-secrets")


@cache
def expected() -> dict[str, Outcome]:
    """Return what each row must give, by its key."""
    return {key: outcome for profile in PROFILES for key, outcome in _read(profile).items()}


def measured(profile: str) -> str:
    """Return the content of a profile's file, from the native program and the independent implementations."""
    wanted = [row for row in rows() if row.profile == profile]
    found = render_all(wanted)
    built = versions(profile)
    head = {name: version for name, version in built.items() if any(word in name for word in NAMED)}
    lines = [json.dumps({"built from": head}, sort_keys=True)]
    for row in wanted:
        independent = INDEPENDENT.get(row.id) if profile == "eso" else None
        outcome = independent() if independent else found[row.key]
        if b"NOT-PUBLIC" in outcome.text:
            raise LookupError(f"{row.key} needs an entry in independent.py: no public module has the function")
        line: dict[str, Any] = {"id": row.id, "verdict": outcome.verdict, **_written(outcome.text)}
        lines.append(json.dumps(line | ({"by": "independent"} if independent else {}), ensure_ascii=False))
    return "\n".join(lines) + "\n"


def _written(content: bytes) -> dict[str, str]:
    try:
        return {"text": content.decode()}
    except UnicodeDecodeError:
        return {"bytes": base64.b64encode(content).decode()}


def _read(profile: str) -> dict[str, Outcome]:
    lines = [json.loads(line) for line in (PLACE / f"{profile}.jsonl").read_text().splitlines()[1:]]
    return {
        f"{profile}:{line['id']}": Outcome(
            line["verdict"], line["text"].encode() if "text" in line else base64.b64decode(line["bytes"])
        )
        for line in lines
    }

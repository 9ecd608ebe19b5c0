"""The audit log returns the requests since a position."""

import json
from pathlib import Path

from tests.cluster.audit import AuditLog


def audit_line(verb: str, code: int = 200, **about: str) -> str:
    event = {"user": {"username": "me"}, "userAgent": "agent/1", "verb": verb, "stage": "ResponseComplete"}
    more = {"responseStatus": {"code": code}, "requestReceivedTimestamp": "2026-01-01T00:00:00Z", "requestURI": "/api"}
    return json.dumps(event | more | {"objectRef": about})


def test_the_audit_log_is_read_from_a_mark(tmp_path: Path) -> None:
    """The line that is being written is left out."""
    log = AuditLog(tmp_path / "audit.log")
    log.path.write_text(audit_line("get", resource="secrets", name="old") + "\n")
    mark = log.mark()
    with log.path.open("a") as file:
        file.write(audit_line("patch", resource="secrets", subresource="status", name="new") + "\n")
        file.write(audit_line("delete", resource="secrets")[:30])
    assert [each.name for each in log.requests()] == ["old", "new"]
    assert [(each.verb, each.subresource) for each in log.requests(mark)] == [("patch", "status")]
    assert log.requests(mark, user="somebody") == log.requests(mark, agent="other") == []


def test_only_accepted_changes_count_as_writes(tmp_path: Path) -> None:
    log = AuditLog(tmp_path / "audit.log")
    lines = [
        audit_line("watch", resource="secrets"),
        audit_line("create", 403, resource="secrets"),
        audit_line("update", resource="leases"),
        audit_line("post"),
        audit_line("create", 201, resource="events"),
        audit_line("delete", resource="secrets"),
    ]
    log.path.write_text("\n".join(lines) + "\n")
    assert [each.resource for each in log.writes()] == ["leases", "events", "secrets"]
    assert [each.verb for each in log.writes(ignoring=["leases", "events"])] == ["delete"]


def test_a_line_that_is_half_written_at_a_mark_comes_after_it(tmp_path: Path) -> None:
    log = AuditLog(tmp_path / "audit.log")
    line = audit_line("get", resource="secrets", name="late")
    log.path.write_text(audit_line("get", resource="secrets", name="old") + "\n" + line[:30])
    mark = log.mark()
    with log.path.open("a") as file:
        file.write(line[30:] + "\n")
    assert [each.name for each in log.requests(mark)] == ["late"]

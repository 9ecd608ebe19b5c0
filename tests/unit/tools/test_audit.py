"""`make audit` tells a vulnerability from a database that does not answer."""

import subprocess

import pytest

from tools import audit


def done(code: int, out: str = "", err: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.CompletedProcess([], code, out, err)


def test_nothing_known_is_a_success() -> None:
    assert audit.judged(done(0, "No vulnerabilities found."), found=False) == ("No vulnerabilities found.", 0)


def test_a_vulnerability_fails_whatever_its_text_says() -> None:
    verdict = audit.judged(done(1, "idna 3.6 CVE-1: a connection may hang", "Found 1 known vulnerability"), found=True)

    assert verdict.code == 1
    assert "CVE-1" in verdict.text


@pytest.mark.parametrize(
    "error",
    [
        "requests.exceptions.ConnectionError: Failed to resolve 'api.osv.dev'",
        'fetching vulnerabilities: Get "https://vuln.go.dev/": dial tcp: lookup vuln.go.dev: no such host',
    ],
)
def test_no_answer_is_neither_good_nor_bad(error: str) -> None:
    verdict = audit.judged(done(1, "", f"Traceback\n{error}"), found=False)

    assert verdict.code == 2
    assert verdict.text == f"NOT CHECKED, the database does not answer: {error}"


def test_a_tool_that_fails_is_no_success() -> None:
    assert audit.judged(done(1, "", "no such option: --frob"), found=False).code == 1


def test_both_are_asked_and_the_worse_counts(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(audit, "python_packages", lambda: audit.Verdict("no answer", 2))
    monkeypatch.setattr(audit, "go_module", lambda: audit.Verdict("GO-1", 1))

    assert audit.main() == 1
    assert capsys.readouterr().out == "requirements.lock: no answer\nmanager/gotemplate/go: GO-1\n"

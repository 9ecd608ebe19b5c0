"""Looks for known vulnerabilities in what is shipped: `make audit`.

Exits with 1 if one is known or a tool fails, with 2 if a database does not answer.

pip-audit looks Python packages up in the OSV database; govulncheck looks the Go module of the template sandbox up in
Go's database, and tells whether our code calls the function concerned. Both tools live in .venv/audit: the controller
needs neither.
"""

import os
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

from tools.generated import ROOT
from tools.golang import BuildFailed, compile_package, toolchain
from tools.template import SOURCES, TARGET

HOME = ROOT / ".venv" / "audit"
LOCK = ROOT / "tools" / "audit.lock"
GOVULNCHECK = ROOT / "tools" / "govulncheck"
NO_ANSWER = ("connection", "could not connect", "dial tcp", "no such host", "resolve", "timed out", "max retries")
FOUND_BY_GOVULNCHECK = 3


class Verdict(NamedTuple):
    """What one tool found."""

    text: str
    code: int
    """0 nothing, 1 a vulnerability, or a tool that failed, 2 no answer."""


def python_packages() -> Verdict:
    """Look up every package of requirements.lock."""
    uv = str(Path(sys.executable).parent / "uv")
    subprocess.run([uv, "venv", "--quiet", "--allow-existing", str(HOME)], check=True)
    install = [uv, "pip", "sync", "--quiet", "--python", str(HOME / "bin" / "python"), "--require-hashes", str(LOCK)]
    subprocess.run(install, check=True)
    options = ["--disable-pip", "--require-hashes", "--vulnerability-service", "osv", "--progress-spinner", "off"]
    command = [str(HOME / "bin" / "pip-audit"), *options, "--requirement", str(ROOT / "requirements.lock")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return judged(done, found=bool(done.stdout.strip()))  # its table; an error leaves only a traceback on stderr


def go_module() -> Verdict:
    """Look up the Go standard library and every module that the sandbox is made of."""
    program = HOME / "bin" / "govulncheck"
    go = toolchain(SOURCES, SOURCES / "go.txt", same_release=True)
    package = ["-o", str(program), "golang.org/x/vuln/cmd/govulncheck"]
    compile_package("govulncheck", go, package, GOVULNCHECK, HOME / "govulncheck.log")
    path = f"{go.parent}{os.pathsep}{os.environ.get('PATH', '')}"
    environment = {**os.environ, **TARGET, "PATH": path, "GOTOOLCHAIN": "local"}
    command = [str(program), "-C", str(SOURCES), "./..."]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    return judged(done, found=done.returncode == FOUND_BY_GOVULNCHECK)


def judged(done: subprocess.CompletedProcess[str], *, found: bool) -> Verdict:
    """Tell a vulnerability from a database that does not answer."""
    text = f"{done.stdout}{done.stderr}".strip()
    if not done.returncode:
        return Verdict(text, 0)
    if not found and any(each in text.lower() for each in NO_ANSWER):
        return Verdict(f"NOT CHECKED, the database does not answer: {text.splitlines()[-1]}", 2)
    return Verdict(text, 1)


def main() -> int:
    """Run both, whatever the first one found; returns the exit code."""
    codes = []
    for name, check in {"requirements.lock": python_packages, "manager/gotemplate/go": go_module}.items():
        try:
            verdict = check()
        except (BuildFailed, subprocess.CalledProcessError) as error:
            verdict = Verdict(str(error), 2)
        sys.stdout.write(f"{name}: {verdict.text or 'no known vulnerability'}\n")
        codes.append(verdict.code)
    return 1 if 1 in codes else max(codes)


if __name__ == "__main__":
    sys.exit(main())

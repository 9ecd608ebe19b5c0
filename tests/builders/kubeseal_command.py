"""Runs kubeseal as a user does, and checks its result."""

import yaml
from click.testing import CliRunner, Result

from sealed.crypto.wire_format import decode_blob, label, scope_of, unseal
from sealed.kubeseal.cli import main
from tests.builders.sealed_vectors import certificate, private_key

CERTIFICATE = certificate(private_key())
SECRET = "metadata: {name: a, namespace: ns}\nstringData: {password: canary-11d0}\n"
TWO = SECRET + "---\n" + SECRET.replace("name: a", "name: b")
NAMELESS = SECRET.replace(", namespace: ns", "")


def kubeseal(*arguments: str, stdin: str | bytes = "", env: dict[str, str] | None = None) -> Result:
    """Run kubeseal in this process, with a shell's arguments."""
    return CliRunner().invoke(main, arguments, input=stdin, env=env, catch_exceptions=False)


def sealing(*arguments: str, stdin: str | bytes = SECRET, env: dict[str, str] | None = None) -> Result:
    """Run kubeseal with the certificate of the working directory."""
    return kubeseal("--cert", "cert.pem", *arguments, stdin=stdin, env=env)


def opened(text: str) -> dict[str, str]:
    """Open a SealedSecret as the controller does; return the values by key."""
    document = yaml.safe_load(text)
    meta = document["metadata"]
    bound_to = label(scope_of(meta.get("annotations", {})), meta.get("namespace", ""), meta["name"])
    items = document["spec"]["encryptedData"].items()
    return {name: unseal(private_key(), decode_blob(value), bound_to).reveal().decode() for name, value in items}


def refused(result: Result, problem: str) -> None:
    """Check that there is one line of error and no output."""
    assert result.exit_code == 1
    assert result.stderr == f"error: {problem}\n"
    assert result.stdout == ""

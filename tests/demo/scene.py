"""What `make demo KEEP=1` leaves running: shell variables, programs, and commands to begin with."""

import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

PUT_SECRET = """#!{python}
import sys
import boto3
name, value = sys.argv[1:]
boto3.client("secretsmanager", region_name="{region}").put_secret_value(SecretId=name, SecretString=value)
"""
"""A replacement for the aws command, which this machine may not have."""


@dataclass(frozen=True)
class Scene:
    """A running demo, for a user in another shell.

    Args:
        folder: the files of the story.
        programs: a folder with kubectl, kubeseal, coffer, helm and put-secret.
        variables: direct the programs to the cluster, the controller and its AWS.
        log: the controller's log.
    """

    folder: Path
    programs: Path
    variables: Mapping[str, str]
    log: Path

    @property
    def file(self) -> Path:
        """The file that the shell sources."""
        return self.folder / "env"

    def write(self) -> None:
        """Write the file."""
        lines = [f"export {name}={shlex.quote(value)}" for name, value in sorted(self.variables.items())]
        lines += [f"export PATH={shlex.quote(str(self.programs))}:$PATH"]
        self.file.write_text("\n".join(lines) + "\n")

    def commands(self, remote: str) -> tuple[str, ...]:
        """Return commands that work, in this order, after the file is sourced."""
        secret = shlex.quote(str(self.folder / "my-secret.yaml"))
        return (
            "kubectl get sealedsecret,secretstore,externalsecret -A",
            f"sed 's/name: my-secret/name: another/' {secret} | kubeseal -o yaml | kubectl apply -f -",
            "kubectl -n app get secrets",
            f"""put-secret {remote} '{{"url": "postgres://app:third@db/main"}}'""",
            'kubectl -n app annotate externalsecret database-credentials force-sync="$(date +%s)" --overwrite',
            "kubectl -n app events --for externalsecret/database-credentials",
            "coffer mirrors",
            "coffer cost",
            'coffer keys list -n "$COFFER_NAMESPACE"',
            'curl -s "$COFFER_URL/readyz"',
            'curl -s "$COFFER_METRICS_URL/metrics" | grep ^coffer_synced',
            f"tail -n 3 {shlex.quote(str(self.log))}",
        )

    def told(self, remote: str) -> str:
        """Return the printed text: every line that begins with two spaces can be pasted."""
        lines = ["Still running. In another shell:", f"  . {shlex.quote(str(self.file))}", "Then, for example:"]
        return "\n".join([*lines, *(f"  {each}" for each in self.commands(remote)), "Ctrl-C here ends it."])

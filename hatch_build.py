"""Puts the compiled template sandbox into a wheel."""

import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class TemplateSandbox(BuildHookInterface[Any]):
    """Compiles the Go module before a wheel is packed; an editable install leaves that to `make template`."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Build the artefact and add it: it is not in version control, so the builder would leave it out."""
        if version == "editable":
            return
        sys.path.insert(0, self.root)
        from tools.template import build

        build_data["artifacts"].append(str(build().relative_to(Path(self.root))))

"""The project and environment of a store: its id, and which folders it has."""

from urllib.parse import quote

from external.api.providers.infisical import InfisicalSecretsScope
from external.providers.infisical.connection import InfisicalConnection, Missing
from external.providers.protocol import ProviderDenied, ProviderUnavailable

FOLDERS = "ListFolders"


class Project:
    """Tells what a list of secrets cannot: whether a folder exists."""

    def __init__(self, scope: InfisicalSecretsScope, connection: InfisicalConnection) -> None:
        self._scope = scope
        self._connection = connection
        self._id = ""

    def id(self) -> str:
        """Return the project's id; it is asked for once. Raises ProviderError."""
        if not self._id:
            slug = quote(self._scope.project_slug, safe="")
            try:
                body = self._connection.ask("GetProject", "GET", f"v1/projects/slug/{slug}")
            except Missing:
                body = self._connection.ask("GetProject", "GET", f"v1/workspace/slug/{slug}")
            inner = body.get("project")
            found = (inner if isinstance(inner, dict) else body).get("id")
            if not isinstance(found, str) or not found:
                raise ProviderUnavailable("GetProject: the answer holds no id")
            self._id = found
        return self._id

    def require_folder(self, folder: str) -> None:
        """Raise ProviderError unless the folder above lists a folder: Infisical lists a missing one as an empty one."""
        parent, _, name = folder.rpartition("/")
        params = {"workspaceId": self.id(), "environment": self._scope.environment_slug, "path": parent or "/"}
        listed = self._connection.ask(FOLDERS, "GET", "v1/folders", params=params).get("folders")
        if not isinstance(listed, list):
            raise ProviderUnavailable(f"{FOLDERS}: the answer is no list of folders")
        if name and not any(isinstance(each, dict) and each.get("name") == name for each in listed):
            where = f"environment {self._scope.environment_slug} of project {self._scope.project_slug}"
            raise ProviderDenied(f"{where} has no folder {folder}, or the identity may not see it")

"""What `coffer cost` asks of the API server."""

from typing import Any

import pytest
from click.testing import CliRunner

from external.commands import cost
from manager.core.errors import Forbidden
from tests.builders.api_in_memory import MemoryApi

LISTS = ["secretstores", "clustersecretstores", "externalsecrets", "pushsecrets"]


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> MemoryApi:
    found: Any = MemoryApi()

    async def nothing(*_: object) -> None: ...

    found.close = nothing
    monkeypatch.setattr("manager.kube.connection.connect", nothing)
    monkeypatch.setattr("manager.kube.client.KubeClient", lambda *_: found)
    memory: MemoryApi = found
    return memory


@pytest.mark.parametrize(
    ("arguments", "asked", "says"),
    [
        ([], LISTS, "No resources found\n"),
        (
            ["-n", "app"],
            ["app/secretstores", LISTS[1], "app/externalsecrets", "app/pushsecrets"],
            "No resources found in namespace app\n",
        ),
    ],
    ids=["everywhere", "one namespace"],
)
def test_the_rights_in_a_namespace_suffice_for_its_cost(
    api: MemoryApi, arguments: list[str], asked: list[str], says: str
) -> None:
    result = CliRunner().invoke(cost, arguments)

    assert [place for _, place in api.calls] == asked
    assert (result.stdout, result.stderr, result.exit_code) == ("", says, 0)


def test_a_missing_right_is_told_for_the_namespace(api: MemoryApi) -> None:
    api.fail("list", Forbidden(403, "Forbidden", "list secretstores in namespace app"))

    result = CliRunner().invoke(cost, ["-n", "app"])

    assert "`kubectl auth can-i list secretstores.external-secrets.io -n app`" in result.stderr

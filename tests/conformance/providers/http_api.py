"""The subject of the webhook provider: a small API that keeps values by name, as people write them."""

from collections.abc import Mapping
from typing import Any, ClassVar
from urllib.parse import unquote

from aiohttp import web

from tests.cluster.serving import Served
from tests.conformance.providers.subject import Subject

TOKEN = "token-of-api"
NO_LIST = "HTTP has no common way to list"
NO_COMMON_WAY = "what the API has for it is the API's own"


class WebhookSubject(Subject):
    """Values by name at GET, PUT and DELETE, for whoever shows the token."""

    NAME = LABEL = "Webhook"
    KIND = "webhook"
    SERVER = "an HTTP API of the tests"
    NO_PUSHES = "every push is a write of the API's own: the unit tests of the provider have them"
    without = frozenset({"find"})
    SPARED: ClassVar[Mapping[str, str]] = {
        "test_a_version_is_read": NO_COMMON_WAY,
        "test_a_disabled_version_is_not_absent": NO_COMMON_WAY,
        "test_tags_are_read_as_metadata": NO_COMMON_WAY,
        "test_a_search_by_name": NO_LIST,
        "test_a_search_by_tags": NO_LIST,
        "test_a_search_below_a_path": NO_LIST,
        "test_a_search_goes_through_all_pages": NO_LIST,
        "test_a_search_that_finds_nothing_is_empty": NO_LIST,
        "test_a_search_by_a_broken_expression_is_refused": NO_LIST,
        "test_an_answer_of_another_form_is_no_answer": "the answer is the value",
        "test_garbage_is_no_answer": "the answer is the value",
        "test_a_property_is_read": "the API gets the property",
        "test_a_nested_property_is_read": "the API gets the property",
        "test_a_name_with_dots_wins_over_the_path": "the API gets the property",
        "test_an_escaped_dot_belongs_to_the_name": "the API gets the property",
        "test_an_item_of_a_list_is_read": "the API gets the property",
        "test_a_property_that_is_missing_is_named": "the API gets the property",
        "test_null_numbers_and_booleans_are_texts": "the API gets the property",
        "test_an_unknown_authority_is_not_trusted": "the API speaks plain HTTP",
    }

    def __init__(self) -> None:
        super().__init__()
        self._values: dict[str, bytes] = {}
        self._served = Served(self._handle)
        self._url = self._served.start()

    def stop(self) -> None:
        self._served.stop()

    def spec(self, url: str = "") -> Mapping[str, Any]:
        return {
            "url": (url or self._url) + "/{{ .remoteRef.key }}",
            "headers": {"Authorization": "Bearer {{ .login.token }}"},
            "secrets": [{"name": "login", "secretRef": {"name": "login"}}],
        }

    def secrets(self) -> Mapping[str, Mapping[str, bytes]]:
        return {"login": {"token": TOKEN.encode()}}

    def wrong_secrets(self) -> Mapping[str, Mapping[str, bytes]]:
        return {"login": {"token": b"wrong"}}

    def put(self, key: str, content: bytes, marks: Mapping[str, str] | None) -> None:
        del marks
        self._values[key] = content

    def remove(self, key: str) -> None:
        del self._values[key]

    def content(self, key: str) -> bytes | None:
        return self._values.get(key)

    async def _handle(self, asked: web.Request) -> web.Response:
        if asked.headers.get("Authorization") != f"Bearer {TOKEN}":
            return web.Response(status=401)
        found = self._values.get(unquote(asked.path.removeprefix("/")))
        return web.Response(status=404) if found is None else web.Response(body=found)

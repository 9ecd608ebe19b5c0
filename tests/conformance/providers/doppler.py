"""The subject of Doppler, on a double."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, ClassVar
from unittest.mock import patch

from tests.conformance.providers.subject import Subject
from tests.doubles.doppler import Doppler


class DopplerSubject(Subject):
    """One config; an administrator's variable leads to it."""

    NAME = LABEL = "Doppler"
    KIND = "doppler"
    SERVER = "a double; never run against Doppler"
    NO_PUSHES = "external-secrets calls it ReadOnly"
    SPARED: ClassVar[Mapping[str, str]] = {
        "test_a_version_is_read": "a config has one version",
        "test_a_disabled_version_is_not_absent": "a config has one version",
        "test_tags_are_read_as_metadata": "it has no tags",
        "test_a_search_by_tags": "it has no tags",
        "test_a_search_goes_through_all_pages": "a config comes whole",
        "test_an_unknown_authority_is_not_trusted": "a store names no authority",
        "test_bytes_that_are_no_text_are_read": "its values are text",
    }
    denied = (403, {"messages": ["This token does not have access"], "success": False})
    throttled = (429, {"messages": ["Rate limit exceeded"], "success": False})

    def __init__(self) -> None:
        super().__init__()
        self.server = Doppler()
        self.server.__enter__()

    def stop(self) -> None:
        self.server.__exit__()

    def spec(self, url: str = "") -> Mapping[str, Any]:
        del url
        return {"auth": {"secretRef": {"dopplerToken": {"name": "doppler", "key": "token"}}}}

    @contextmanager
    def directed(self, url: str) -> Iterator[None]:
        with patch.dict(os.environ, {"DOPPLER_BASE_URL": url or self.server.url}):
            yield

    def secrets(self) -> Mapping[str, Mapping[str, bytes]]:
        return {"doppler": {"token": self.server.token.encode()}}

    def wrong_secrets(self) -> Mapping[str, Mapping[str, bytes]]:
        return {"doppler": {"token": b"wrong-token"}}

    def put(self, key: str, content: bytes, marks: Mapping[str, str] | None) -> None:
        del marks
        self.server.secrets[key] = content.decode()

    def remove(self, key: str) -> None:
        del self.server.secrets[key]

    def content(self, key: str) -> bytes | None:
        found = self.server.secrets.get(key)
        return None if found is None else found.encode()

"""The subject of GitHub Actions, on a double."""

import base64
from collections.abc import Mapping
from typing import Any, ClassVar

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from external.providers.github.connection import LABEL
from tests.conformance.providers.subject import Subject
from tests.doubles.github.actions import Actions

RECORD = "it has no place for a mark: the record of a push tells what is ours"
NO_VALUES = "it shows no value"


class ActionsSubject(Subject):
    """The secrets of one repository, for whoever has the App's key."""

    NAME = "GitHub Actions"
    KIND = "github"
    LABEL = LABEL
    SERVER = "a double; never run against GitHub"
    NO_READS = "it shows no value"
    WRITES = frozenset({"CreateOrUpdateSecret", "DeleteSecret"})
    without = frozenset({"read", "find"})
    SPARED: ClassVar[Mapping[str, str]] = {
        "test_a_record_alone_takes_nothing_over": RECORD,
        "test_a_value_that_was_changed_remotely_is_written_back": RECORD,
        "test_what_is_not_marked_is_not_written": RECORD,
        "test_what_another_push_secret_has_written_is_not_written": RECORD,
        "test_what_external_secrets_has_pushed_is_taken_over": RECORD,
        "test_a_user_hands_a_secret_from_one_push_secret_to_another": RECORD,
        "test_an_unknown_authority_is_not_trusted": "a store names no authority",
        "test_a_refused_credential_is_denied_until_it_is_rotated": NO_VALUES,
        "test_a_closed_client_does_not_raise": NO_VALUES,
        "test_askers_share_a_read": NO_VALUES,
        "test_identities_share_nothing": NO_VALUES,
        "test_an_answer_without_end_is_cut": NO_VALUES,
    }
    denied = (403, {"message": "Resource not accessible by integration"})
    throttled = (429, {"message": "API rate limit exceeded"})
    other_forms = ('{"token":"t"}', '{"token":"t","expires_at":"soon"}')
    documents = False
    marks = False
    takes_property = False
    whole_is_text = False
    max_bytes = 48 << 10

    def __init__(self) -> None:
        super().__init__()
        self.double = Actions()
        self.double.__enter__()

    def stop(self) -> None:
        self.double.__exit__()

    def spec(self, url: str = "") -> Mapping[str, Any]:
        return {
            "url": url or self.double.url,
            "appID": int(self.double.app),
            "installationID": int(self.double.installation),
            "organization": self.double.organization,
            "repository": self.double.repository,
            "auth": {"privateKey": {"name": "login", "key": "pem"}},
        }

    def secrets(self) -> Mapping[str, Mapping[str, bytes]]:
        return {"login": {"pem": self.double.private_key.encode()}}

    def wrong_secrets(self) -> Mapping[str, Mapping[str, bytes]]:
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        return {"login": {"pem": key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())}}

    def remote_key(self, key: str) -> str:
        return key.upper().replace("-", "_")

    def in_whole(self, value: bytes) -> str:
        return base64.b64encode(value).decode()

    def put(self, key: str, content: bytes, marks: Mapping[str, str] | None) -> None:
        del marks
        self.double.put(self.double.of_repository, self.remote_key(key), content)

    def content(self, key: str) -> bytes | None:
        found = self.double.of_repository.get(self.remote_key(key))
        return None if found is None else found.value

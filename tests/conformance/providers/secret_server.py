"""The subject of Delinea Secret Server, on a double."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar

from external.providers.push import RemoteRef
from external.providers.secretserver.connection import LABEL
from tests.conformance.providers.on_a_double import NO_SEARCH, SEARCHES, DoubleSubject, spared
from tests.conformance.providers.subject import metadata
from tests.doubles.delinea.secret_server import TEMPLATE, SecretServer

RECORD = "it has no place for a mark: the record of a push tells what is ours"
UNTOLD = "it does not tell a secret that is not there from one that the user may not see"
NO_VERSIONS = "it shows no versions"
FIELDS = "its properties are fields, which the template fixes: the unit tests have them"


class SecretServerSubject(DoubleSubject):
    """One user; keys are names in the folder 73, values the first field."""

    NAME = "Delinea Secret Server"
    DOUBLE = SecretServer
    KIND = "secretserver"
    LABEL = LABEL
    SERVER = "a double; never run against Delinea"
    WRITES = frozenset({"CreateSecret", "UpdateSecretField", "DeleteSecret"})
    without = frozenset({"find"})
    SPARED: ClassVar[Mapping[str, str]] = {
        "test_a_record_alone_takes_nothing_over": RECORD,
        "test_an_absent_secret_is_proven_absent": UNTOLD,
        "test_one_absent_secret_does_not_hide_the_others": UNTOLD,
        "test_a_version_is_read": NO_VERSIONS,
        "test_a_disabled_version_is_not_absent": NO_VERSIONS,
        "test_tags_are_read_as_metadata": "its secrets have no tags",
        "test_bytes_that_are_no_text_are_read": "its fields hold text; the unit tests have attached files",
        **spared(SEARCHES, NO_SEARCH),
        "test_a_value_that_was_changed_remotely_is_written_back": RECORD,
        "test_what_is_not_marked_is_not_written": RECORD,
        "test_what_another_push_secret_has_written_is_not_written": RECORD,
        "test_what_external_secrets_has_pushed_is_taken_over": RECORD,
        "test_a_user_hands_a_secret_from_one_push_secret_to_another": RECORD,
        "test_a_property_joins_a_document_and_keeps_the_rest": FIELDS,
        "test_a_property_of_a_new_secret_makes_a_document": FIELDS,
        "test_deleting_properties_leaves_the_others": FIELDS,
        "test_text_comes_back_as_it_was": FIELDS,
        "test_bytes_that_are_no_text_are_kept_or_refused": FIELDS,
        "test_metadata_of_a_wrong_form_is_refused": "its settings are numbers: the unit tests have them",
        "test_versions_tell_whether_a_secret_changed": NO_VERSIONS,
        "test_an_unknown_authority_is_not_trusted": "the double speaks plain HTTP",
    }
    denied = (400, {"errorCode": "API_AccessDenied", "message": "Access Denied"})
    throttled = (429, {"message": "Too many requests"})
    other_forms = ('{"records":[],"access_token":"t"}', '{"records":[5],"access_token":"t","expires_in":1200}')
    documents = False
    marks = False
    binary = False
    some_metadata: ClassVar[Mapping[str, Any]] = {"folderId": 73, "secretTemplateId": TEMPLATE}

    def spec(self, url: str = "") -> Mapping[str, Any]:
        return {
            "serverURL": url or self.double.url,
            "domain": self.double.domain,
            "username": {"secretRef": {"name": "login", "key": "user"}},
            "password": {"secretRef": {"name": "login", "key": "password"}},
        }

    def secrets(self) -> Mapping[str, Mapping[str, bytes]]:
        return {"login": {"user": self.double.user.encode(), "password": self.double.password.encode()}}

    def wrong_secrets(self) -> Mapping[str, Mapping[str, bytes]]:
        return {"login": {"user": self.double.user.encode(), "password": b"wrong-password"}}

    def client(self, **given: Any) -> Any:
        """Return a client that names the template for pushes that do not: the server makes no secret without one."""
        made = super().client(**given)
        push = made.push
        template = metadata(**self.some_metadata)
        made.push = lambda asked: push(asked if asked.metadata is not None else replace(asked, metadata=template))
        return made

    def remote_key(self, key: str) -> str:
        return f"folderId:73/{key}"

    def ref(self, key: str, name: str = "") -> RemoteRef:
        return RemoteRef(self.remote_key(key), name or "data")

    def put(self, key: str, content: bytes, marks: Mapping[str, str] | None) -> None:
        del marks
        self.double.put(key, data=content.decode())

    def remove(self, key: str) -> None:
        [found] = [each for each in self.double.secrets if each.name == key and each.active]
        found.active = False

    def content(self, key: str) -> bytes | None:
        found = next((each for each in self.double.secrets if each.name == key and each.active), None)
        return None if found is None else found.values["data"].encode()

"""Pushes to AWS Secrets Manager."""

import re
from collections.abc import Mapping
from typing import Any, NamedTuple
from uuid import uuid4

from external.api.providers.aws import AwsSecretsManager
from external.api.push_metadata.aws import SecretsManagerPushSpec
from external.providers.aws.push_calls import PushCalls, require_own, tag_list, tags_of
from external.providers.aws.secretsmanager_settings import (
    SecretSettings,
    marks_of,
    policy_of,
    replicas,
    settings_of,
    source_of,
)
from external.providers.protocol import ProviderDenied, SecretAbsent
from external.providers.push import Pushed, PushRefused, PushRequest, ReferencedObject, RemoteRef
from external.providers.support.pushing.json_text import document_with, document_without, has_property
from external.providers.support.pushing.marks import MANAGED
from external.providers.support.pushing.metadata import AT
from external.providers.support.pushing.payload import payload, payload_text

CURRENT = "AWSCURRENT"
DESCRIPTION = "secret 'managed-by:external-secrets'"
DEFAULT_KEY = "alias/aws/secretsmanager"
MAX_VALUE_BYTES = 65_536
MAX_FILTER_NAMES = 10  # of one ListSecrets
MAX_PAGE_SECRETS = 100  # the maximum of ListSecrets
MAX_PAGES = 3  # of one ListSecrets: names are compared as beginnings, and thousands may have the same
NAME = re.compile(r"[A-Za-z0-9/_+=.@-]{1,512}")
"""A name that AWS takes in a filter: one that it refuses would fail the call for the others."""
NEGATION = "!"  # in front of a value it negates a filter of ListSecrets


class CurrentValue(NamedTuple):
    """The current version of a secret."""

    content: bytes
    binary: bool
    version: str


class SecretsManagerPush:
    """Pushes to one account and region.

    Args:
        deletion: how secrets are deleted.
    """

    deletes_property = True

    def __init__(self, calls: PushCalls, prefix: str, deletion: AwsSecretsManager | None) -> None:
        self._calls = calls
        self._settings = SecretSettings(calls)
        self._prefix = prefix
        self._deletion = deletion

    def references(self, metadata: object) -> tuple[ReferencedObject, ...]:
        """Return the object that holds the resource policy. Raises PushRefused for metadata of a wrong form."""
        policy = settings_of(metadata).resource_policy
        return () if policy is None else (source_of(policy.policy_source_ref),)

    def push(self, request: PushRequest) -> Pushed:
        """Create the secret, or bring marks, value and settings to what the entry says. Raises ProviderError.

        Each part is compared by itself: a push that failed half-way is completed by the next one.
        """
        spec = settings_of(request.metadata)
        policy = policy_of(spec.resource_policy, request)
        told = self._described(request.ref.key)
        if told is None:
            return self._created(request, spec, policy)
        _require_alive(told)
        require_own(tags_of(told.get("Tags")), request.owners)
        current = self._current(told["ARN"])
        content = _content(current, request)
        kept = current if current is not None and _same(current, content, spec) else None
        field = _field(content, binary=_binary(spec, current)) if kept is None else {}
        marked = self._settings.mark(told, spec, request.owner)
        version = kept.version if kept is not None else self._put(told["ARN"], field)
        settled = self._settings.bring(told, spec, policy)
        return Pushed(written=marked or settled or kept is None, version=version)

    def exists(self, ref: RemoteRef, metadata: object = None) -> bool:
        """Return True if the secret has a current version, with the property if one is asked for."""
        del metadata
        current = self._current(self._prefix + ref.key)
        return current is not None and (not ref.property or has_property(current.content, ref.property))

    def delete(self, ref: RemoteRef, owner: str, metadata: object = None) -> bool:
        """Delete the secret, or one property; with the last property the secret goes too. Raises ProviderError."""
        del metadata
        told = self._described(ref.key)
        if told is None or told.get("DeletedDate"):
            return False
        require_own(tags_of(told.get("Tags")), (owner,))
        if ref.property:
            current = self._current(told["ARN"])
            rest = document_without(current.content, ref.property) if current is not None else None
            if current is None or rest is None:
                return False
            if rest:
                self._put(told["ARN"], _field(rest, binary=current.binary))
                return True
        self._settings.remove_replicas(told)
        self._calls("DeleteSecret", SecretId=told["ARN"], **_deletion(self._deletion))
        return True

    def current_versions(self, keys: frozenset[str]) -> Mapping[str, str]:
        """Return the version ids of secrets that are marked; a few calls for ten keys each. Raises ProviderError."""
        names = {self._prefix + key: key for key in sorted(keys)}
        asked = [name for name in names if NAME.fullmatch(name)]
        found: dict[str, str] = {}
        for start in range(0, len(asked), MAX_FILTER_NAMES):
            found |= self._listed(asked[start : start + MAX_FILTER_NAMES])
        return {names[name]: version for name, version in found.items()}

    def _listed(self, names: list[str]) -> dict[str, str]:
        filters = [{"Key": "name", "Values": names}]
        filters += [{"Key": f"tag-{part}", "Values": list(texts)} for part, texts in _MARK_FILTERS]
        arguments: dict[str, Any] = {"Filters": filters, "MaxResults": MAX_PAGE_SECRETS}
        found: dict[str, str] = {}
        for _ in range(MAX_PAGES):
            page = self._calls("ListSecrets", **arguments)
            for each in page.get("SecretList") or ():
                stages = (each.get("SecretVersionsToStages") or {}).items()
                version = next((version for version, given in stages if CURRENT in given), "")
                if each["Name"] in names and version and MANAGED.items() <= tags_of(each.get("Tags")).items():
                    found[each["Name"]] = version
            if len(found) == len(names) or not page.get("NextToken"):
                break
            arguments["NextToken"] = page["NextToken"]
        return found

    def _described(self, key: str) -> Any:
        """Return what AWS tells of a secret, None if there is none."""
        try:
            return self._calls("DescribeSecret", SecretId=self._prefix + key)
        except SecretAbsent:
            return None

    def _current(self, secret: str) -> CurrentValue | None:
        try:
            answer = self._calls("GetSecretValue", SecretId=secret, VersionStage=CURRENT)
        except SecretAbsent:
            return None  # it does not exist, is to be deleted, or has no version yet
        version = str(answer.get("VersionId") or "")
        if answer.get("SecretString") is not None:
            return CurrentValue(answer["SecretString"].encode(), binary=False, version=version)
        return CurrentValue(answer.get("SecretBinary") or b"", binary=True, version=version)

    def _created(self, request: PushRequest, spec: SecretsManagerPushSpec, policy: str | None) -> Pushed:
        description = DESCRIPTION if spec.description is None else spec.description
        regions, tags = (
            spec.replication_locations or [],
            tag_list({**(spec.tags or {}), **marks_of(spec, request.owner)}),
        )
        answer = self._calls(
            "CreateSecret",
            Name=self._prefix + request.ref.key,
            Description=description,
            KmsKeyId=spec.kms_key_id or DEFAULT_KEY,
            Tags=tags,
            **_token(),
            **_field(_content(None, request), binary=_binary(spec, None)),
            **({"AddReplicaRegions": replicas(regions)} if regions else {}),
        )
        if policy is not None:
            told = {"ARN": answer["ARN"], "Tags": tags, "Description": description}
            self._settings.bring(told | {"ReplicationStatus": replicas(regions)}, spec, policy)
        return Pushed(written=True, version=str(answer.get("VersionId") or ""))

    def _put(self, arn: str, field: Mapping[str, bytes | str]) -> str:
        return str(self._calls("PutSecretValue", SecretId=arn, **_token(), **field).get("VersionId") or "")


_MARK_FILTERS = (("key", tuple(MANAGED)), ("value", tuple(MANAGED.values())))


def _content(current: CurrentValue | None, request: PushRequest) -> bytes:
    """Return the value that the secret has to have. Raises PushRefused."""
    if not request.ref.property:
        return payload(request).reveal()
    return document_with(current.content if current else b"", request.ref.property, payload_text(request))


def _same(current: CurrentValue, content: bytes, spec: SecretsManagerPushSpec) -> bool:
    """Return True if a secret has a value, in the format that the entry names if it names one."""
    formats = (None, "binary" if current.binary else "string")
    return current.content == content and spec.secret_push_format in formats


def _binary(spec: SecretsManagerPushSpec, current: CurrentValue | None) -> bool:
    """Return True to write bytes: as the entry says, else as the secret is, for whoever reads it without Coffer."""
    if spec.secret_push_format is not None or current is None:
        return spec.secret_push_format != "string"
    return current.binary


def _field(content: bytes, *, binary: bool) -> dict[str, bytes | str]:
    """Return the argument that holds a value. Raises PushRefused for one that AWS does not take."""
    if not content:
        raise PushRefused("AWS Secrets Manager takes no empty value: remove the entry, or push a value")
    if len(content) > MAX_VALUE_BYTES:
        raise PushRefused(f"the value has {len(content)} bytes, and AWS Secrets Manager takes {MAX_VALUE_BYTES}")
    if binary:
        return {"SecretBinary": content}
    try:
        return {"SecretString": content.decode()}
    except UnicodeDecodeError:
        raise PushRefused(f"{AT}.spec.secretPushFormat: the value is not UTF-8; push it as binary") from None


def _token() -> dict[str, str]:
    """Return the token by which AWS knows the SDK's second attempt at the same write.

    It is not made from the value: it becomes the id of the version, which more may see than the value.
    """
    return {"ClientRequestToken": str(uuid4())}


def _deletion(given: AwsSecretsManager | None) -> dict[str, Any]:
    if given is not None and given.force_delete_without_recovery:
        return {"ForceDeleteWithoutRecovery": True}
    days = given.recovery_window_in_days if given is not None else None
    return {"RecoveryWindowInDays": days} if days else {}


def _require_alive(told: Any) -> None:
    if told.get("DeletedDate"):
        text = "the secret is scheduled for deletion"
        raise ProviderDenied(f"{text}: restore it, wait until it is gone, or push to another remoteKey")

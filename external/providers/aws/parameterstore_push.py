"""Pushes to AWS Parameter Store."""

import base64
import re
from collections.abc import Mapping
from typing import Any

from external.api.push_metadata.aws import ParameterStorePushSpec
from external.providers.aws.push_calls import (
    PushCalls,
    own_marks,
    require_free,
    require_own,
    tag_changes,
    tag_list,
    tags_of,
)
from external.providers.protocol import SecretAbsent
from external.providers.push import Pushed, PushRefused, PushRequest, ReferencedObject, RemoteRef
from external.providers.support.amazon.session import Forbidden
from external.providers.support.pushing.metadata import metadata_spec
from external.providers.support.pushing.payload import json_text, single, text_of, whole_text
from manager.core.documents import Unreadable, read_json

DEFAULT_KEY = "alias/aws/ssm"
MAX_VALUE_BYTES = 8_192  # of an advanced parameter; AWS itself refuses more than 4,096 for a standard one
MAX_DESCRIBED_PARAMETERS = 50  # the maximum of DescribeParameters
SECURE = "SecureString"
DESCRIBE = "DescribeParameter"  # the original's name of the call in its metric
NAME = re.compile(r"[A-Za-z0-9/_.-]{1,1011}")
"""A name that AWS takes in a filter: one that it refuses would fail the call for the others."""
PROPERTY = "data[].match.remoteRef.property"


class ParameterStorePush:
    """Pushes to one account and region."""

    deletes_property = False

    def __init__(self, calls: PushCalls, prefix: str) -> None:
        self._calls = calls
        self._prefix = prefix

    def references(self, metadata: object) -> tuple[ReferencedObject, ...]:
        """Return nothing: the metadata names no objects. Raises PushRefused for metadata of a wrong form."""
        _settings(metadata)
        return ()

    def push(self, request: PushRequest) -> Pushed:
        """Create the parameter, or bring tags, value and settings to what the entry says. Raises ProviderError."""
        spec, name = _settings(request.metadata), self._name(request.ref)
        value = _value(request, spec)
        found = self._found(name, decrypted=True)
        if found is None:
            marked = tag_list({**(spec.tags or {}), **own_marks(request.owner)})
            self._calls("PutParameter", Name=name, Value=value, Tags=marked, Overwrite=False, **_options(spec, {}, {}))
            return Pushed(written=True)
        tags = self._tags(name)
        require_own(tags, request.owners)
        told = self._told(name) if spec.tier is not None or spec.description is not None else {}
        differs = found["Value"] != value or _settings_differ(spec, found, told)
        tagged = self._mark(name, tags, spec, request.owner)
        if differs:
            options = _options(spec, found, told or self._told(name))
            self._calls("PutParameter", Name=name, Value=value, Overwrite=True, **options)
        # PutParameter does not tell when it wrote, which is a part of the version: the next push learns it.
        return Pushed(written=tagged or differs, version="" if differs else stamp(found))

    def exists(self, ref: RemoteRef, metadata: object = None) -> bool:
        """Return True if the parameter exists. Raises ProviderError."""
        del metadata
        return self._found(self._name(ref), decrypted=False) is not None

    def delete(self, ref: RemoteRef, owner: str, metadata: object = None) -> bool:
        """Delete the parameter. Raises ProviderError."""
        del metadata
        name = self._name(ref)
        if self._found(name, decrypted=False) is None:
            return False
        require_own(self._tags(name), (owner,))
        try:
            self._calls("DeleteParameter", Name=name)
        except SecretAbsent:
            return False
        return True

    def current_versions(self, keys: frozenset[str]) -> Mapping[str, str]:
        """Return the versions of parameters, fifty in a call. Raises ProviderError."""
        names = {self._prefix + key: key for key in sorted(keys)}
        asked, found = [name for name in names if NAME.fullmatch(name)], dict[str, str]()
        for start in range(0, len(asked), MAX_DESCRIBED_PARAMETERS):
            found |= {
                each["Name"]: stamp(each) for each in self._listed(asked[start : start + MAX_DESCRIBED_PARAMETERS])
            }
        return {names[name]: version for name, version in found.items() if name in names}

    def _name(self, ref: RemoteRef) -> str:
        if ref.property:
            text = "Parameter Store holds one text, and several properties would overwrite each other"
            raise PushRefused(f"{PROPERTY}: {text}: remove it, or push each to a remoteKey of its own")
        return self._prefix + ref.key

    def _found(self, name: str, *, decrypted: bool) -> Any:
        """Return a parameter, None if there is none."""
        try:
            return self._calls("GetParameter", Name=name, WithDecryption=decrypted)["Parameter"]
        except SecretAbsent:
            return None

    def _tags(self, name: str) -> dict[str, str]:
        answer = self._calls("ListTagsForResource", ResourceType="Parameter", ResourceId=name)
        return tags_of(answer.get("TagList"))

    def _told(self, name: str) -> Mapping[str, Any]:
        """Return what AWS tells of a parameter beside its value; nothing if the identity may not list."""
        try:
            return next((each for each in self._listed([name]) if each["Name"] == name), {})
        except Forbidden:
            return {}  # the original never lists, so its IAM policies need not allow it

    def _listed(self, names: list[str]) -> list[Mapping[str, Any]]:
        filters = [{"Key": "Name", "Option": "Equals", "Values": names}]
        arguments: dict[str, Any] = {"ParameterFilters": filters, "MaxResults": MAX_DESCRIBED_PARAMETERS}
        found: list[Mapping[str, Any]] = []
        while True:
            page = self._calls("DescribeParameters", DESCRIBE, **arguments)
            found += page.get("Parameters") or ()
            if not page.get("NextToken"):
                return found
            arguments["NextToken"] = page["NextToken"]

    def _mark(self, name: str, tags: Mapping[str, str], spec: ParameterStorePushSpec, owner: str) -> bool:
        added, removed = tag_changes(tags, spec.tags, own_marks(owner))
        place = {"ResourceType": "Parameter", "ResourceId": name}
        if added:
            self._calls("AddTagsToResource", **place, Tags=tag_list(added))
        if removed:
            self._calls("RemoveTagsFromResource", **place, TagKeys=removed)
        return bool(added or removed)


def stamp(parameter: Any) -> str:
    """Return version and time: a parameter that is deleted and created again starts at version 1."""
    return f"{parameter.get('Version')}@{parameter.get('LastModifiedDate')}"


def _settings(metadata: object) -> ParameterStorePushSpec:
    spec = metadata_spec(ParameterStorePushSpec, metadata)
    require_free(spec.tags)
    _policies(spec)
    return spec


def _value(request: PushRequest, spec: ParameterStorePushSpec) -> str:
    """Return the text that the parameter has to have. Raises PushRefused."""
    if request.secret_key:
        value = text_of(single(request), request.secret_key)
    elif spec.encode_as_decoded:
        value = whole_text(request.values)
    else:
        value = json_text({name: base64.b64encode(each.reveal()).decode() for name, each in request.values.items()})
    if not value:
        raise PushRefused("AWS Parameter Store takes no empty value: remove the entry, or push a value")
    size = len(value.encode())
    if size > MAX_VALUE_BYTES:
        raise PushRefused(f"the value has {size} bytes, and AWS Parameter Store takes {MAX_VALUE_BYTES}")
    return value


def _settings_differ(spec: ParameterStorePushSpec, found: Any, told: Mapping[str, Any]) -> bool:
    """Return True if the entry names a setting that the parameter has not; what AWS does not tell counts as equal."""
    if spec.secret_type not in (None, found.get("Type")):
        return True
    if not told:
        return False
    tier = spec.tier.type if spec.tier is not None else None
    policies = _policies(spec)
    return (
        spec.description not in (None, told.get("Description") or "")
        or (tier == "Advanced" and told.get("Tier") != tier)
        or (policies is not None and policies != _told(told, policies))
    )


def _options(spec: ParameterStorePushSpec, found: Any, told: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings of a write: those of the entry, and what AWS tells where it names none."""
    kind = spec.secret_type or found.get("Type") or "String"
    options: dict[str, Any] = {"Type": kind, "Description": spec.description or told.get("Description")}
    options["KeyId"] = (spec.kms_key_id or told.get("KeyId") or DEFAULT_KEY) if kind == SECURE else None
    options["Tier"] = _tier(spec, told)
    policies = _policies(spec)
    options["Policies"] = json_text(policies) if policies is not None else None
    return {name: value for name, value in options.items() if value}


def _tier(spec: ParameterStorePushSpec, told: Mapping[str, Any]) -> str | None:
    if told.get("Tier") == "Advanced":
        return "Advanced"  # AWS makes none a standard one again
    return spec.tier.type if spec.tier is not None else None


def _policies(spec: ParameterStorePushSpec) -> object:
    """Return the policies of an entry as a list; they may be given as its text. Raises PushRefused."""
    policies = spec.tier.policies if spec.tier is not None else None
    if policies is None:
        return None
    try:
        found = read_json(policies) if isinstance(policies, str) else policies
    except Unreadable:
        found = None
    if not isinstance(found, list):
        raise PushRefused("data[].metadata.spec.tier.policies: it is no JSON list of policies")
    return found


def _told(told: Mapping[str, Any], otherwise: object) -> object:
    """Return the policies that AWS tells; something else where their texts cannot be read."""
    try:
        return [read_json(each["PolicyText"]) for each in told.get("Policies") or ()]
    except (Unreadable, KeyError):
        return otherwise

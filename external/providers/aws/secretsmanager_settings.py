"""What a pushed secret of Secrets Manager has beside its value: tags, description, resource policy, replicas."""

import json
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from external.api.push_metadata.aws import PolicySourceRef, ResourcePolicy, SecretsManagerPushSpec
from external.providers.aws.push_calls import PushCalls, own_marks, require_free, tag_changes, tag_list, tags_of
from external.providers.push import PushRefused, PushRequest, ReferencedObject
from external.providers.support.pushing.metadata import AT, metadata_spec
from manager.core.documents import OBJECT, Unreadable, read_json

POLICY_TAG: Mapping[str, str] = MappingProxyType({"coffer.dev/resource-policy": "pushed"})
"""Says that the policy came by a push: another one is not removed when no entry names one."""
POLICY = f"{AT}.spec.resourcePolicy.policySourceRef"


def settings_of(metadata: object) -> SecretsManagerPushSpec:
    """Return the settings of an entry. Raises PushRefused."""
    spec = metadata_spec(SecretsManagerPushSpec, metadata)
    require_free(spec.tags)
    return spec


def marks_of(spec: SecretsManagerPushSpec, owner: str) -> dict[str, str]:
    """Return the tags that Coffer sets itself."""
    return own_marks(owner) | (dict(POLICY_TAG) if spec.resource_policy is not None else {})


def source_of(reference: PolicySourceRef) -> ReferencedObject:
    """Return the object that holds a policy."""
    return ReferencedObject(reference.kind, reference.name, reference.key)


def policy_of(policy: ResourcePolicy | None, request: PushRequest) -> str | None:
    """Return the text of an entry's policy, None if it has none. Raises PushRefused if it is missing or no policy."""
    if policy is None:
        return None
    source = source_of(policy.policy_source_ref)
    value = request.referenced.get(source)
    if value is None:
        raise PushRefused(f'{POLICY}: there is no {source.kind} "{source.name}" with the key "{source.key}"')
    try:
        if isinstance(read_json(value.reveal()), dict):
            return value.reveal().decode()
    except (Unreadable, UnicodeDecodeError):
        pass
    raise PushRefused(f"{POLICY}: what it leads to is no JSON object, and so no policy")


class SecretSettings:
    """Brings what a secret has beside its value to what an entry says."""

    def __init__(self, calls: PushCalls) -> None:
        self._calls = calls

    def mark(self, told: Any, spec: SecretsManagerPushSpec, owner: str) -> bool:
        """Set tags; return True if that took a call. Raises ProviderError.

        Before the value: a secret must not have ours without the name of who may overwrite it.
        """
        added, removed = tag_changes(tags_of(told.get("Tags")), spec.tags, marks_of(spec, owner))
        if added:
            self._calls("TagResource", SecretId=told["ARN"], Tags=tag_list(added))
        if removed:
            self._calls("UntagResource", SecretId=told["ARN"], TagKeys=removed)
        return bool(added or removed)

    def bring(self, told: Any, spec: SecretsManagerPushSpec, policy: str | None) -> bool:
        """Set the rest; return True if that took a write. Raises ProviderError."""
        arn = told["ARN"]
        described = spec.description not in (None, told.get("Description"))
        if described:
            self._calls("UpdateSecret", SecretId=arn, Description=spec.description)
        if policy is None:
            policed = self._unpoliced(arn, tags_of(told.get("Tags")))
        else:
            policed = self._policed(arn, policy, spec.resource_policy)
        return self._replicated(told, spec.replication_locations) or described or policed

    def remove_replicas(self, told: Any) -> None:
        """Remove all replicas: AWS deletes no secret that has any. Raises ProviderError."""
        self._replicated(told, [])

    def _policed(self, arn: str, policy: str, settings: ResourcePolicy | None) -> bool:
        there = self._calls("GetResourcePolicy", SecretId=arn).get("ResourcePolicy")
        if there and _parsed(there) == _parsed(policy):
            return False
        block = settings.block_public_policy if settings is not None else None
        options = {} if block is None else {"BlockPublicPolicy": block}
        self._calls("PutResourcePolicy", SecretId=arn, ResourcePolicy=policy, **options)
        return True

    def _unpoliced(self, arn: str, tags: Mapping[str, str]) -> bool:
        """Remove a policy that a push has set."""
        if not POLICY_TAG.items() <= tags.items():
            return False
        self._calls("DeleteResourcePolicy", SecretId=arn)
        self._calls("UntagResource", SecretId=arn, TagKeys=list(POLICY_TAG))
        return True

    def _replicated(self, told: Any, wanted: list[str] | None) -> bool:
        if wanted is None:
            return False
        there = {each["Region"] for each in told.get("ReplicationStatus") or ()}
        removed, added = sorted(there - set(wanted)), sorted(set(wanted) - there)
        if removed:
            self._calls("RemoveRegionsFromReplication", SecretId=told["ARN"], RemoveReplicaRegions=removed)
        if added:
            self._calls("ReplicateSecretToRegions", SecretId=told["ARN"], AddReplicaRegions=replicas(added))
        return bool(removed or added)


def replicas(regions: list[str]) -> list[dict[str, str]]:
    """Return regions as AWS takes them."""
    return [{"Region": each} for each in regions]


def _parsed(policy: str) -> object:
    try:
        return json.dumps(read_json(policy, OBJECT), sort_keys=True)
    except Unreadable:
        return None

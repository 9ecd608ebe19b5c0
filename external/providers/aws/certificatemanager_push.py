"""Pushes certificates to AWS Certificate Manager, where tags tell which one a remote key means."""

from collections.abc import Mapping
from typing import NamedTuple

from external.api.push_metadata.aws import CertificateManagerPushSpec
from external.providers.aws.certificates import CertificateBundle, bundle_of, is_held
from external.providers.aws.push_calls import (
    MAX_TAG_CHARACTERS,
    REMOTE_KEY,
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
from external.providers.support.pushing.marks import MANAGED
from external.providers.support.pushing.metadata import metadata_spec

MAX_KNOWN_ARNS = 512


class Imported(NamedTuple):
    """A certificate that a push has imported."""

    arn: str
    tags: Mapping[str, str]


class CertificateManagerPush:
    """Pushes to one account and region.

    Args:
        calls: of Certificate Manager.
        tagging: of the service that finds resources by their tags.
    """

    deletes_property = False

    def __init__(self, calls: PushCalls, tagging: PushCalls, prefix: str) -> None:
        self._calls = calls
        self._tagging = tagging
        self._prefix = prefix
        self._arns: dict[str, str] = {}
        """Certificates by remote key: tags are found some seconds after they were set, and a second push within
        these would import a second certificate."""

    def references(self, metadata: object) -> tuple[ReferencedObject, ...]:
        """Return nothing: the metadata names no objects. Raises PushRefused for metadata of a wrong form."""
        _settings(metadata)
        return ()

    def push(self, request: PushRequest) -> Pushed:
        """Import the certificate, or bring it and its tags to what the entry says. Raises ProviderError."""
        spec, name = _settings(request.metadata), self._name(request.ref)
        if request.secret_key:
            raise PushRefused("data[].match.secretKey: a certificate is pushed with its key: remove secretKey")
        bundle, marks = bundle_of(request.values), own_marks(request.owner) | {REMOTE_KEY: name}
        found = self._found(name)
        if found is None:
            self._remember(name, self._import(bundle, Tags=tag_list({**(spec.tags or {}), **marks})))
            return Pushed(written=True)
        require_own(found.tags, request.owners)
        there = self._calls("GetCertificate", CertificateArn=found.arn)
        held = is_held(bundle, str(there.get("Certificate") or ""), str(there.get("CertificateChain") or ""))
        tagged = self._tag(found, spec, marks)
        if not held:
            self._import(bundle, CertificateArn=found.arn)
        return Pushed(written=tagged or not held)

    def exists(self, ref: RemoteRef, metadata: object = None) -> bool:
        """Return True if a push has imported a certificate for this key. Raises ProviderError."""
        del metadata
        return self._found(self._name(ref)) is not None

    def delete(self, ref: RemoteRef, owner: str, metadata: object = None) -> bool:
        """Delete the certificate. Raises ProviderError, also if a load balancer still uses it."""
        del metadata
        name = self._name(ref)
        found = self._found(name)
        if found is None:
            return False
        require_own(found.tags, (owner,))
        try:
            self._calls("DeleteCertificate", CertificateArn=found.arn)
        except SecretAbsent:
            return False
        finally:
            self._arns.pop(name, None)
        return True

    def _name(self, ref: RemoteRef) -> str:
        if ref.property:
            raise PushRefused("data[].match.remoteRef.property: a certificate has no properties: remove it")
        name = self._prefix + ref.key
        if len(name) > MAX_TAG_CHARACTERS:
            text = f"with the store's prefix it has more than {MAX_TAG_CHARACTERS} characters"
            raise PushRefused(f"data[].match.remoteRef.remoteKey: {text}, which a tag cannot hold")
        return name

    def _found(self, name: str) -> Imported | None:
        return self._known(name) or self._searched(name)

    def _known(self, name: str) -> Imported | None:
        """Return the certificate of a key that is remembered, unless it is gone or has other tags now."""
        arn = self._arns.get(name)
        if arn is None:
            return None
        try:
            tags = tags_of(self._calls("ListTagsForCertificate", CertificateArn=arn).get("Tags"))
        except SecretAbsent:
            tags = {}
        if tags.get(REMOTE_KEY) == name and MANAGED.items() <= tags.items():
            return Imported(arn, tags)
        del self._arns[name]
        return None

    def _searched(self, name: str) -> Imported | None:
        """Return the certificate with the tags of a key; of several that with the first ARN."""
        wanted = {**MANAGED, REMOTE_KEY: name}
        filters = [{"Key": key, "Values": [value]} for key, value in wanted.items()]
        arguments = {"TagFilters": filters, "ResourceTypeFilters": ["acm:certificate"]}
        found: list[Imported] = []
        while True:
            page = self._tagging("GetResources", **arguments)
            listed = page.get("ResourceTagMappingList") or ()
            found += [Imported(str(each["ResourceARN"]), tags_of(each.get("Tags"))) for each in listed]
            if not page.get("PaginationToken"):
                break
            arguments["PaginationToken"] = page["PaginationToken"]
        matching = [each for each in found if wanted.items() <= each.tags.items()]
        first = min(matching, default=None, key=lambda each: each.arn)
        if first is not None:
            self._remember(name, first.arn)
        return first

    def _remember(self, name: str, arn: str) -> None:
        if len(self._arns) >= MAX_KNOWN_ARNS:
            self._arns.clear()
        self._arns[name] = arn

    def _import(self, bundle: CertificateBundle, **more: object) -> str:
        chain = {"CertificateChain": bundle.chain} if bundle.chain else {}
        key = bundle.key.reveal()  # the service has to hold it
        answer = self._calls("ImportCertificate", Certificate=bundle.leaf, PrivateKey=key, **chain, **more)
        return str(answer["CertificateArn"])

    def _tag(self, found: Imported, spec: CertificateManagerPushSpec, marks: Mapping[str, str]) -> bool:
        added, removed = tag_changes(found.tags, spec.tags, marks)
        if added:
            self._calls("AddTagsToCertificate", CertificateArn=found.arn, Tags=tag_list(added))
        if removed:
            gone = [{"Key": name} for name in removed]
            self._calls("RemoveTagsFromCertificate", CertificateArn=found.arn, Tags=gone)
        return bool(added or removed)


def _settings(metadata: object) -> CertificateManagerPushSpec:
    spec = metadata_spec(CertificateManagerPushSpec, metadata)
    require_free(spec.tags)
    return spec

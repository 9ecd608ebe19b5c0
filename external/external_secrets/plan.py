"""The decision: from the view and the fetched data to what is written. One for Secrets and all other kinds. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from external.api.hashes import metadata_hash
from external.errors import FAILED
from external.external_secrets.kept_values import NO_NEEDS, Needs
from external.external_secrets.targets.generic import GenericTarget
from external.external_secrets.targets.protocol import Target
from external.external_secrets.targets.secret import SecretTarget
from external.external_secrets.view import (
    ADOPT,
    DATA_HASH,
    ORPHANED_GENERIC_OWNERSHIP,
    SECRET_OWNERSHIP,
    View,
    proves,
)
from external.values.templates import UPDATE_FAILED, Content
from manager.core.errors import NeedsHuman
from manager.core.secret_value import SecretValue
from manager.kube.resources import EXTERNAL_SECRETS, SECRETS, Body, Key, Resource
from manager.kube.writer import Action, Create, Delete, Update


@dataclass(frozen=True, slots=True)
class Plan:
    """What to write, and what the condition says after the write."""

    action: Action | None = None
    reason: str = "SecretSynced"
    message: str = "secret synced"
    random: bool = False
    """Whether the same decision may produce another Secret next time, because a template or generator is random."""


def plan(
    view: View,
    data: Mapping[str, SecretValue] | None,
    rendered: Content | None = None,
    needs: Needs = NO_NEEDS,
) -> Plan:
    """Decide what to write for one ExternalSecret.

    Args:
        view: what was observed.
        data: the fetched data; None if the provider says that nothing has changed.
        rendered: what the template makes of the data; None without a template.
        needs: what the target says of generated values.

    Raises:
        NeedsHuman: a foreign or immutable object is in the way, or the data do not fit the kind.

    """
    target = target_of(view, templated=rendered is not None)
    if data is None or view.policy == "None":
        return Plan(reason=f"{target.word}Synced")
    if not data and view.spec.target.deletion_policy != "Merge":
        return _without_data(view, target.word)
    source = view.external_secret
    content = rendered or Content(data, source.inherited_labels, source.inherited_annotations)
    content = replace(
        content, refresh_by=needs.refresh_by, held=needs.held, previous=needs.previous, made_at=needs.made_at
    )
    target.require_fit(content)
    if view.present is None and view.policy == "Merge":
        message = f"{target.word.lower()} will not be created due to CreationPolicy=Merge"
        return Plan(None, f"{target.word}Missing", message)
    if view.present is not None:
        require_ours(view, target)
    wanted = target.wanted(content)
    synced = Plan(reason=f"{target.word}Synced", random=content.random)
    if view.present is None:
        return replace(synced, action=Create(view.target, wanted))
    unwritten = target.unwritten(wanted)
    if unwritten:
        return replace(synced, message=unwritten, random=False)
    return replace(synced, action=Update(view.target, wanted))


def orphan(view: View, body: Body, resource: Resource = SECRETS) -> Delete | None:
    """Return the deletion of an earlier target that the spec no longer names; None if it is not proven ours."""
    earlier = replace(view, present=body, resource=resource)
    meta = body["metadata"]
    key = Key(resource, view.key.namespace, meta["name"])
    checks = SECRET_OWNERSHIP if resource is SECRETS else ORPHANED_GENERIC_OWNERSHIP
    if key == view.target or not proves(checks, earlier):
        return None
    return Delete(key, meta["uid"], meta["resourceVersion"], "its ExternalSecret has another target now")


def write_fingerprint(action: Create | Update, decided: Plan) -> tuple[str, str]:
    """Fingerprint a write, without values, for loop detection. Random content has one constant fingerprint."""
    meta = action.body["metadata"]
    if decided.random:
        return "random", ""
    return str(meta["annotations"][DATA_HASH]), metadata_hash(meta["labels"], meta["annotations"])


def _without_data(view: View, word: str) -> Plan:
    """Decide for a provider that has proven every entry absent."""
    if view.spec.target.deletion_policy == "Retain":
        return Plan(None, f"{word}Synced", "secret retained due to DeletionPolicy=Retain")
    if view.policy != "Owner":
        text = f"could not delete {word.lower()}: creationPolicy={view.policy} is not Owner"
        raise NeedsHuman(FAILED, text)
    action = None
    if view.present is not None and view.ours:
        meta = view.present["metadata"]
        action = Delete(view.target, meta["uid"], meta["resourceVersion"], "every entry is absent at the provider")
    return Plan(action, f"{word}Deleted", "secret deleted due to DeletionPolicy=Delete")


def target_of(view: View, *, templated: bool) -> Target:
    """Return the rules of a target's kind."""
    return GenericTarget(view, templated=templated) if view.generic else SecretTarget(view)


def require_ours(view: View, target: Target) -> None:
    """Raise NeedsHuman unless the target is ours, or someone with rights to it has agreed that it is written."""
    owner = view.owner
    if owner is not None and owner.kind == EXTERNAL_SECRETS.kind and target.other_external_secret(owner):
        text = f"target is owned by another ExternalSecret: {owner.name}"
        raise NeedsHuman(FAILED, text, event=UPDATE_FAILED)
    if view.policy in ("Merge", "CreateOrMerge") or view.ours or target.yields:
        return
    if owner is None and (view.adopt_foreign or view.annotations.get(ADOPT) == "true"):
        return
    text = f'a {view.target.resource.kind} "{view.target.name}" exists that is not this ExternalSecret\'s'
    it = "the Secret" if not view.generic else "it"
    cure = f'rename the target, use creationPolicy Merge, or hand {it} over with the annotation {ADOPT}: "true"'
    raise NeedsHuman(FAILED, f"could not update {target.word.lower()}: {text}; {cure}", event=UPDATE_FAILED)

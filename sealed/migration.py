"""Say what becomes of the SealedSecrets that sealed-secrets left, by the module's own plan. Pure; decrypts nothing.

Secrets are known by their metadata. The names of their keys come from `managedFields`, and every value is replaced by
the same empty one, so that the plan compares names, labels, annotations and owners.
"""

from collections.abc import Mapping
from typing import Any

from manager.core.errors import NeedsHuman, WaitFor
from manager.core.secret_value import SecretValue
from manager.findings import ObjectFinding, Verdict, other_writers
from manager.kube.managed_fields import owned_keys
from manager.kube.resources import SEALED_SECRETS, SECRETS, Body, Key, key_of
from manager.kube.writer import Create, Update
from manager.settings.model import SealedSettings
from sealed.crypto.unseal import mapping
from sealed.diagnosis import malformed
from sealed.plan import MANAGER, View, mark_of, misplaced, overruled, plan
from sealed.selection import Selection

ORIGINAL_MANAGER = "controller"
"""The field manager of sealed-secrets: the name of its program."""
WRITERS = frozenset({ORIGINAL_MANAGER, MANAGER})
NO_VALUE = SecretValue(b"")


def finding(sealed: Body, secret: Body | None, selection: Selection, settings: SealedSettings) -> ObjectFinding:
    """Return what Coffer does with a SealedSecret.

    Args:
        sealed: the SealedSecret.
        secret: the metadata of the Secret of its name; None if there is none.
        selection: which SealedSecrets this release unseals.
        settings: of the module.

    """
    key, meta = key_of(SEALED_SECRETS, sealed), sealed["metadata"]
    if not selection.includes(key.namespace, meta.get("labels") or {}):
        text = "it is outside of the namespaces and labels that settings.sealed selects"
        return ObjectFinding("sealed", key, Verdict.UNSERVED, text)
    verdict, why, blocks = _decided(key, sealed, secret, settings)
    notes = [misplaced(mapping(meta.get("annotations"))), overruled(sealed), malformed(sealed)]
    if any(notes) and verdict is Verdict.NOTHING:
        verdict = Verdict.DIFFERS
    target = Key(SECRETS, key.namespace, key.name) if secret is not None else None
    return ObjectFinding("sealed", key, verdict, "; ".join(filter(None, [why, *notes])), blocks, target=target)


def _decided(key: Key, sealed: Body, secret: Body | None, settings: SealedSettings) -> tuple[Verdict, str, bool]:
    worked = mark_of(sealed).synced
    spec = mapping(sealed.get("spec"))
    if spec.get("data") and not settings.accept_deprecated_v1_data:
        return Verdict.UNSERVED, "spec.data: settings.sealed.accept_deprecated_v1_data refuses it", worked
    if spec.get("data"):
        return Verdict.NOTHING, "spec.data is decrypted and compared at the first pass", False
    wanted = _placeholders(spec)
    present = None if secret is None else _assembled(secret, spec, wanted)
    try:
        action = plan(View(key, sealed, present, wanted)).action
    except (NeedsHuman, WaitFor) as error:
        return Verdict.DIFFERS, error.message, worked
    if isinstance(action, Create):
        failed = mark_of(sealed).condition < 0
        text = "Coffer tries again what failed; the condition says why it did" if failed else "Coffer creates it"
        return Verdict.DIFFERS, f"its Secret does not exist: {text}", False
    if isinstance(action, Update) and present is not None:
        return _written(present, action.body)
    return Verdict.NOTHING, _compared(secret), False


def _placeholders(spec: Mapping[str, Any]) -> dict[str, SecretValue]:
    names = {*mapping(spec.get("encryptedData")), *mapping(mapping(spec.get("template")).get("data"))}
    return {str(name): NO_VALUE for name in sorted(names, key=str)}


def _assembled(secret: Body, spec: Mapping[str, Any], wanted: Mapping[str, SecretValue]) -> Body:
    """Return a Secret with its own metadata and placeholders for the values; a type cannot be known here."""
    meta = secret["metadata"]
    managers = {str(each.get("manager", "")) for each in meta.get("managedFields") or ()}
    names = frozenset[str]().union(*(owned_keys(meta, each, "data") for each in managers))
    body: Body = {"apiVersion": "v1", "kind": "Secret", "metadata": meta}
    body["data"] = dict.fromkeys(sorted(names) or wanted, "")
    template = mapping(spec.get("template"))
    return body | {name: template[name] for name in ("type", "immutable") if template.get(name)}


def _written(before: Body, after: Body) -> tuple[Verdict, str, bool]:
    changed = [f"metadata.{name}" for name in sorted(after["metadata"]) if _differs(before, after, name)]
    changed += ["data"] if (before.get("data") or {}) != after.get("data") else []
    if "metadata.ownerReferences" in changed:
        return Verdict.ADOPT, "an annotation of the Secret hands it over: Coffer becomes its owner and writes it", False
    return Verdict.DIFFERS, f"the Secret is written once: {', '.join(changed)} is not what the SealedSecret says", False


def _differs(before: Body, after: Body, name: str) -> bool:
    return bool(before["metadata"].get(name) != after["metadata"][name])


def _compared(secret: Body | None) -> str:
    others = other_writers(secret["metadata"], WRITERS) if secret is not None else ""
    return f"written by {others} too: other values than the sealed ones are replaced at the first pass" * bool(others)

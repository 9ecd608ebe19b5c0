"""Whether Coffer would write a Secret for a manifest, by the modules' own rules. Pure."""

from external.api.external_secret import ExternalSecretSpec
from external.api.fields import parse
from external.external_secrets.plan import require_ours, target_of
from external.external_secrets.view import ExternalSecret
from external.external_secrets.view import View as ExternalView
from external.migration import needs_data
from manager.cli.manifests.reading import Manifest
from manager.core.errors import NeedsHuman, WaitFor
from manager.kube.resources import EXTERNAL_SECRETS, SEALED_SECRETS, Body, Key
from sealed.plan import View as SealedView
from sealed.plan import plan


def refusal(manifest: Manifest, live: Body | None, secret: Body | None, *, adopt_foreign: bool) -> str:
    """Return why Coffer would not write the Secret; empty if it would.

    Args:
        manifest: a SealedSecret or an ExternalSecret that has passed the rules.
        live: the object of its name in the cluster, from which its uid is taken.
        secret: the metadata of its Secret.
        adopt_foreign: the administrator's setting.

    """
    if secret is None:
        return ""
    body = _joined(manifest, live)
    try:
        if manifest.kind == "SealedSecret":
            key = Key(SEALED_SECRETS, manifest.namespace, manifest.name)
            plan(SealedView(key, body, {"apiVersion": "v1", "kind": "Secret", **secret}, None))
        elif not needs_data(body, secret):
            _require_ours(body, secret, adopt_foreign=adopt_foreign)
    except NeedsHuman as error:
        return error.message
    except WaitFor:
        return ""  # it is about to go by itself
    return ""


def _require_ours(body: Body, secret: Body, *, adopt_foreign: bool) -> None:
    spec = parse(ExternalSecretSpec, body.get("spec"), reason="Invalid")
    meta = body["metadata"]
    key = Key(EXTERNAL_SECRETS, meta["namespace"], meta["name"])
    view = ExternalView(ExternalSecret(key, body), spec, secret, adopt_foreign=adopt_foreign)
    require_ours(view, target_of(view, templated=spec.target.template is not None))


def _joined(manifest: Manifest, live: Body | None) -> Body:
    """Return the manifest with the identity of the live object."""
    known = {"uid": "", "generation": 0} if live is None else live["metadata"]
    identity = {name: known.get(name, "") for name in ("uid", "generation")}
    given = manifest.body.get("metadata")
    meta = given if isinstance(given, dict) else {}
    return {**manifest.body, "metadata": {**meta, "namespace": manifest.namespace, "name": manifest.name, **identity}}
